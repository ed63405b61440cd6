"""`tgbot run`: the bot itself, and for who works on it, on a sandbox or started again after each change."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import AGAIN, Invocation, find_plugins, finish, settings
from tgbot.cli.paged import Page, place_of
from tgbot.cli.sandbox import PORTS
from tgbot.core.errors import ConfigError, LeaseLostError, StorageUnreachableError
from tgbot.core.nodeerrors import HandedOverError
from tgbot.signals import StopSignals

if TYPE_CHECKING:
    from tgbot.sandbox.page.place import Place
    from tgbot.workshop.playground import Playground
    from tgbot.workshop.program import BotProgram

HELP: Final = """Run the bot until SIGTERM or Ctrl-C.

Credentials come from TGBOT_API_ID, TGBOT_API_HASH and TGBOT_BOT_TOKEN, or from secrets.toml.

With --sandbox the bot talks to a Telegram server of its own on this machine, and needs no credentials. Set
aside are [telegram], [storage], [bot] admins, and the pages and the webhook of [login] and [operate]. You
play the people: what you type goes to the bot as a message from Anna, its admin, and its answers are printed.
!as NAME writes as somebody else, !press 1 presses a button. Lines of a file or a pipe are taken the same way,
and their end does not end the bot. People, messages and the bot's files begin anew at each start. With --page
you also chat on a page in the browser, where the bot can be killed and Telegram made to fail.

With --reload the bot is stopped and started again when config.toml, secrets.toml, its texts or its plugins
change: .py and .ftl files in the directories of plugins and of modules that they import. Nothing is lost by
it. A bot that cannot use its files says why, and the one that runs goes on until that is mended. This is for
development: on a server, start the bot again yourself.
"""
#: The keys whose values do not count on a sandbox; [storage] directory has a value always.
SET_ASIDE: Final = (
    "[telegram] ",
    "[bot] admins",
    "[storage] url",
    "[login] listen",
    "[operate] listen",
    "[operate] webhook",
)


def run_bot(
    context: typer.Context,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="On a Telegram server of its own, without a token or a network.")
    ] = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the files of the bot on the sandbox go, to look at them; emptied at each start.",
            show_default="a temporary one, deleted at the end",
        ),
    ] = None,
    page: Page = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start the bot again when its configuration or a plugin changes.")
    ] = False,
) -> int:
    if directory is not None and not sandbox:
        raise typer.BadParameter("it goes with --sandbox", param_hint="--directory")
    if page is not None and not sandbox:
        raise typer.BadParameter("it goes with --sandbox", param_hint="--page")
    place = place_of(page)
    if not sandbox and not reload:
        return _serve(context)
    from tgbot.demo.stage import StoryError
    from tgbot.sandbox.page.place import PageError
    from tgbot.sandbox.server import SandboxError

    try:
        return finish(_develop(context, sandbox, directory, reload, place))
    except (SandboxError, StoryError, PageError) as error:
        printed.complain(str(error))
        return 1


def _serve(context: typer.Context) -> int:
    """Run the bot in this process."""
    from tgbot.operate.context import about_update
    from tgbot.operate.logs import log_to_stderr
    from tgbot.run import run

    invocation: Invocation = context.obj
    config = settings(context)
    config.telegram.credentials()
    find_plugins(invocation.config)
    log, read = config.log, partial(settings, context)
    log_to_stderr(log.level, levels=log.levels, as_json=log.format == "json", about=about_update)
    signals, parent = invocation.signals or StopSignals(), invocation.parent
    if parent is not None:
        parent.read(config)
    while True:
        try:
            return finish(run(config, signals, read, parent.up if parent is not None else lambda: None))
        except (LeaseLostError, HandedOverError, StorageUnreachableError) as error:
            if not config.storage.address or invocation.signals is None:
                raise
            if isinstance(error, StorageUnreachableError):
                if signals.received:
                    raise
                printed.complain(str(error))
            if parent is None:
                return AGAIN
            if signals.received:
                return 0
            # The parent holds the other end of a socket, which a new program would not know.


async def _develop(
    context: typer.Context, sandbox: bool, directory: Path | None, reload: bool, place: Place | None
) -> int:
    """Run the bot as a child of this process until a signal, or the end of the chat; return its status."""
    from tgbot.config.origins import SECRETS_FILE
    from tgbot.workshop.child import Child
    from tgbot.workshop.restarts import Restarts
    from tgbot.workshop.sources import Sources

    invocation: Invocation = context.obj
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    if invocation.signals is not None:
        invocation.signals.answer = lambda number: _tell(loop, stop)
    async with AsyncExitStack() as stack:
        environ, ground, up = dict(os.environ), None, asyncio.Event()
        if sandbox:
            from tgbot.workshop.playground import open_playground  # late: it takes half a second

            _say_what_is_set_aside(context)
            ground = await stack.enter_async_context(open_playground(directory, PORTS))
            environ = ground.environ(environ)
            ground.introduce(printed.program())
        program = None
        if ground is not None and place is not None:
            program = await _serve_page(stack, ground, place, _file(invocation).absolute().parent)
        heard = None if program is None else program.lines.append
        spawn = partial(Child.spawn, invocation.config, environ, heard)
        restarts = Restarts(spawn, up=up.set, say=printed.complain)
        if program is not None:
            program.restarts = restarts
        file = _file(invocation)
        if reload:
            running: Coroutine[Any, Any, int] = restarts.forever(Sources([file, file.parent / SECRETS_FILE]))
        else:
            running = restarts.once() if program is None else restarts.stay()
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(running), asyncio.create_task(stop.wait())]
        if ground is not None:
            tasks.append(asyncio.create_task(_chat(ground, up)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            status = await restarts.stop()
    return status


async def _serve_page(stack: AsyncExitStack, ground: Playground, place: Place, plugins: Path) -> BotProgram:
    """Serve the page until the stack is closed, print its address, and return what it kills and starts.

    `plugins` is the directory with the bot's plugins.
    """
    from tgbot.demo.sendnames import SendNames
    from tgbot.sandbox.page.page import Page as Served
    from tgbot.workshop.program import BotProgram

    program = BotProgram(ground.bot, ground.storage)
    served = Served(
        ground.server,
        host=place.host,
        port=place.port,
        ports=place.ports,
        program=program,
        origin=ground.origin,
        names=SendNames([plugins]),
    )
    await stack.enter_async_context(served)
    ground.announce(served.address)
    return program


def _tell(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


async def _chat(ground: Playground, up: asyncio.Event) -> None:
    """Let a person write to the bot once it is up. Without a terminal, the end of input ends nothing."""
    # Without this a background job that reads from its terminal would be stopped.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    await up.wait()
    if not await ground.chat() and not sys.stdin.isatty():
        await asyncio.Event().wait()


def _say_what_is_set_aside(context: typer.Context) -> None:
    """Name the keys that have a value which does not count on a sandbox."""
    from tgbot.config.changes import changes
    from tgbot.config.settings import Config

    try:
        config = settings(context, lambda warning: None)
    except ConfigError:
        return  # the bot says what is wrong
    aside = [key for key in changes(Config(), config) if key.startswith(SET_ASIDE)]
    if aside:
        printed.complain(f"on the sandbox these do not count: {', '.join(aside)}")


def _file(invocation: Invocation) -> Path:
    return invocation.config or Path("config.toml")
