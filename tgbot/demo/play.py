"""Start server, people and bot, play the story, and stop them in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
import tempfile
from collections import deque
from pathlib import Path

from telethon.crypto import rsa

from tgbot.demo import sums
from tgbot.demo.person import Person, sign_up_person
from tgbot.demo.process import BotProcess
from tgbot.demo.prompt import Prompt
from tgbot.demo.sendnames import SendNames
from tgbot.demo.stage import Stage, StoryError
from tgbot.demo.story import Story
from tgbot.sandbox.page.bot import ProgramError
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.page.place import PageError, Place
from tgbot.sandbox.page.records import Origin
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.stdin import typed_lines
from tgbot.sandbox.widget import Widget

#: Exit status of an interrupted story.
INTERRUPTED = 130
BOT = "storyteller_bot"
LANGUAGES = {"en": "English", "ru": "Russian"}


async def play(*, prompt: bool, program: str, page: Place | None = None) -> int:
    """Play the story, then read typed lines if `prompt`; return the exit status: 0, 1 or `INTERRUPTED`.

    `program` is how tgbot is typed here. With `page`, people can chat in the browser meanwhile; without a
    prompt the bot then goes on after the story.
    """
    stage = Stage()
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):  # asyncio.run cancels this task on Ctrl-C
        loop.add_signal_handler(number, task.cancel)
    with tempfile.TemporaryDirectory(prefix="tgbot-demo-") as directory:
        log: deque[str] = deque(maxlen=20)
        try:
            await _play(stage, Path(directory), log, prompt=prompt, place=page)
            stage.note(f"\nThe bot is stopped. Start your own with: {program} run")
        except (StoryError, ProgramError, PageError) as error:
            sys.stderr.write(f"tgbot: demo: {error}\n")
            for line in log:
                sys.stderr.write(f"  the bot's log: {line}\n")
            return 1
        except asyncio.CancelledError:
            with contextlib.suppress(StoryError):  # the terminal may be closed
                stage.note("\nInterrupted. The bot is stopped and its files are deleted.")
            return INTERRUPTED
    return 0


async def _play(stage: Stage, directory: Path, log: deque[str], *, prompt: bool, place: Place | None) -> None:
    """Start the server, the people and the bot, play the scenes, and stop all in reverse order."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(Sandbox())
        widget = await stack.enter_async_context(Widget(server.world))
        stage.note(f"A Telegram server for this demo listens on {server.host}:{server.port}.")
        account = server.new_bot(username=BOT, name="Storyteller")
        bot = BotProcess(directory, account.id, log)
        admins: list[int] = []

        def origin() -> Origin:
            marker = {
                "username": BOT,
                "name": "Storyteller",
                "plugins": [sums.__name__],
                "join_requests": {"approve": "after_start"},
            }
            return Origin(marker, frozenset(admins), "The bot of tgbot demo.")

        page = None
        if place is not None:
            page = Page(
                server,
                host=place.host,
                port=place.port,
                ports=place.ports,
                program=bot,
                origin=origin,
                names=SendNames([directory]),
            )
            await stack.enter_async_context(page)
            stage.note(f"To chat with the bot in the browser: {page.address}")

        async def person(name: str, language: str = "en") -> Person:
            username = f"{name.lower()}_demo"
            signing_up = sign_up_person(
                name, server, bot=BOT, stage=stage, username=username, language=language
            )
            made = await stack.enter_async_context(signing_up)
            stage.note(f"{name} signs up as @{username}, with an app in {LANGUAGES[language]}.")
            return made

        key = directory / "public_key.pem"
        key.write_text(server.public_key)
        rsa.add_key(server.public_key, old=False)
        widget.set_domain(account.id, "127.0.0.1")

        anna, boris = await person("Anna"), await person("Boris", "ru")
        admins.append(anna.id)
        address = f"127.0.0.1:{_free_port()}"
        plugin = Path(sums.__file__)
        shutil.copy(plugin, directory / plugin.name)
        bot.set_up(
            {
                "TGBOT_SERVER": f"{server.host}:{server.port}",
                "TGBOT_DC_ID": str(server.dc_id),
                "TGBOT_PUBLIC_KEY": str(key),
                "TGBOT_BOT_TOKEN": account.token,
                "TGBOT_ADMINS": str(anna.id),
                "TGBOT_PLUGINS": plugin.stem,
                "TGBOT_JOIN_REQUESTS_APPROVE": "after_start",
                "TGBOT_LOGIN_LISTEN": address,
                "TGBOT_LOGIN_WIDGET": widget.script,
                "TGBOT_STORAGE_DIRECTORY": str(directory / "sessions"),
                "TGBOT_LOG_LEVEL": "INFO",
            }
        )
        stack.push_async_callback(bot.stop)
        await bot.start()
        stage.note(f"The bot @{BOT} starts. Anna is its admin.")

        story = Story(stage, BOT)
        await story.acquaintance(anna, boris)
        await story.languages(boris)
        stage.note("")
        daria, clara = await person("Daria", "ru"), await person("Clara")
        await story.join_request(anna, daria)
        await story.login(clara, f"http://{address}")
        await story.crash([anna, boris], bot)
        bot.held = ""
        if page is not None:
            page.record_anew()
        if place is not None and not prompt:
            stage.note("The story is over, and the bot goes on for the page. Ctrl-C ends it.")
            await asyncio.Event().wait()
        if prompt:
            people = {one.name.lower(): one for one in (anna, boris, clara, daria)}
            stage.scene("Your turn: type, and the bot gets it as a message from Anna.")
            names = " ".join(f"!{name}" for name in people)
            stage.note(f"{names}: write as another person. !press LABEL: press a button.")
            stage.note("!block, !unblock: block the bot or not. !quit or Ctrl-D: end.")
            stage.note("Try /help, /privacy, 20 + 22, and as Anna /stats.")
            await Prompt(stage, people).chat(typed_lines())
        status = 0 if bot.pid is None else await bot.stop()
        if status:
            raise StoryError(f"the bot stopped with status {status} instead of 0")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
