"""The commands: arguments → one call → printed result.

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 the answer is no. Each expected error is
printed here, on standard error, without a traceback. A command imports what it needs when it runs, so that
`tgbot --help` is quick.
"""

from __future__ import annotations

import atexit
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, TextIO, cast

import typer

from tgbot import __version__
from tgbot.cli import (
    backup,
    doctor,
    jobs,
    link,
    loginkey,
    new,
    nodes,
    orders,
    parked,
    people,
    printed,
    restore,
    running,
    sandbox,
    service,
    store,
    texts,
    users,
)
from tgbot.cli.attached import Parent
from tgbot.cli.broadcast.commands import commands as broadcast
from tgbot.cli.invocation import Invocation, Json, examples, finish, settings
from tgbot.cli.paged import ANYWHERE, Page, Paged, place_of
from tgbot.cli.state import show_status
from tgbot.cli.stderr import QueuedStream, hide_texts
from tgbot.cli.usage import Usage, command_of
from tgbot.core.errors import TgbotError
from tgbot.core.secrets import without_secrets
from tgbot.signals import StopSignals

#: See `running`.
AGAIN: Final = running.AGAIN
#: How long the end of the bot waits for the reader of its last lines, in seconds.
FINISH_SECONDS: Final = 2.0

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="@name, t.me/name, tg://resolve?domain=name, or a user id.")
]

commands = typer.Typer(
    name="tgbot",
    help="A Telegram bot for private dialogs that never loses a user. To see it work: tgbot demo",
    epilog="Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 the answer is no.",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and one may be a token
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)


@commands.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings file.", show_default="./config.toml if it exists"),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    context.obj = replace(context.obj, config=config)
    if version:
        printed.line(f"tgbot {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.get_help()  # typer prints it
        raise typer.Exit(2)


commands.command(
    "run",
    cls=Paged,
    help=running.HELP,
    epilog=examples("run", "--config other.toml run", "run --sandbox --reload", "run --sandbox --page"),
)(running.run_bot)


@commands.command(cls=Paged, epilog=examples("demo", "demo --page 127.0.0.1:9000", "demo --once"))
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the story, without a prompt.")] = False,
    page: Page = None,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Serve no page to chat in; without this there is one.")
    ] = False,
) -> int:
    """Show the bot talking with people, on a Telegram server of its own: needs no token and no network.

    After the story you type messages, or chat on a page in the browser, whose address is printed first. Where
    there is no terminal, the story is all; with --page the bot goes on until SIGTERM.
    """
    from tgbot import demo

    if page is not None and (once or no_page):
        raise typer.BadParameter(
            f"it does not go with {'--once' if once else '--no-page'}", param_hint="--page"
        )
    prompt = not once and sys.stdin.isatty() and sys.stdout.isatty()
    place = place_of(ANYWHERE if page is None and prompt and not no_page else page)
    return finish(demo.play(prompt=prompt, program=printed.program(), page=place))


@commands.command(epilog=examples("resolve @durov", "resolve 5000000001 --json"))
def resolve(context: typer.Context, text: Name, json: Json = False) -> int:
    """Show who a name, a link or an id is, and whether the bot may write to them.

    The running bot is asked; where none runs, this logs in as the bot. Exit status 3: nobody was found.
    """
    return people.answer(settings(context), text, json, probe=False)


@commands.command(epilog=examples("check @durov", "check 5000000001 --json"))
def check(context: typer.Context, text: Name, json: Json = False) -> int:
    """Ask Telegram whether the bot may write to somebody, and record the answer.

    The running bot is asked; where none runs, this logs in as the bot. Exit status 3: it may not.
    """
    return people.answer(settings(context), text, json, probe=True)


commands.command("new", epilog=examples("new shop", "new bots/my-shop --name orders"))(new.new)
commands.command("backup", epilog=examples("backup copies", "backup backups --keep 14"))(backup.backup)
commands.command("doctor", epilog=examples("doctor", "doctor --offline --json", "doctor --as-service"))(
    doctor.doctor
)
commands.command("restore", epilog=examples("restore copies", "restore backups/2026-11-27T03-00-00Z"))(
    restore.restore
)
commands.command(
    "link",
    epilog=examples(
        "link start summer",
        "link startgroup --rights invite_users --bot the_bot",
        "link start 42 --sign --qr",
    ),
)(link.link)
commands.command("status", epilog=examples("status", "status --watch", "status --json"))(show_status)
commands.command("nodes", epilog=examples("nodes", "nodes --json"))(nodes.show_nodes)
commands.command("handover", epilog=examples("handover", "handover right"))(nodes.hand_over)
commands.command("log", epilog=examples("log DEBUG", "log DEBUG tgbot.telegram"))(orders.log)
commands.command("drain", epilog=examples("drain", "drain --undo"))(orders.drain)
commands.command("reload", epilog=examples("reload", "reload --json"))(orders.reload)
commands.command("login-key", epilog=examples("login-key"))(loginkey.login_key)
commands.command(
    "sandbox",
    cls=Paged,
    help=sandbox.HELP,
    epilog=examples("sandbox --page", "sandbox --users 5 --directory here --json"),
)(sandbox.sandbox)
commands.add_typer(broadcast, name="broadcast")
commands.add_typer(jobs.commands, name="jobs")
commands.add_typer(parked.commands, name="parked")
commands.add_typer(service.commands, name="service")
commands.add_typer(store.commands, name="store")
commands.add_typer(texts.commands, name="texts")
commands.add_typer(users.commands, name="users")


def main(arguments: list[str], signals: StopSignals | None, parent: Parent | None = None) -> int:
    """Run a command line of the script `tgbot` and return the exit status of the process.

    `signals` is given for `run`, and is entered already. `parent` is the process that `run` is a child of.
    """
    if signals is not None:
        stream = QueuedStream(sys.stderr.fileno())
        sys.stderr = cast(TextIO, stream)
        atexit.register(stream.finish, FINISH_SECONDS)
        hide_texts()
    code = status(arguments, signals, parent)
    try:
        sys.stdout.flush()
    except OSError as error:
        # The reader of the output is gone, or the disk is full; the rest of the output goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not code and not isinstance(error, BrokenPipeError):
            printed.complain(f"standard output: {error.strerror}")
        code = code or 1
    return code


def status(arguments: list[str], signals: StopSignals | None = None, parent: Parent | None = None) -> int:
    """Run a command line and return its exit status; print an expected error on standard error."""
    command = command_of(commands)
    usage = Usage(command, arguments)
    try:
        try:
            if problem := usage.doubtful():
                printed.complain(without_secrets(problem))
                return 2
            invocation = Invocation(None, signals, parent)
            result = command.main(arguments, "tgbot", standalone_mode=False, obj=invocation)
        finally:
            if signals is not None:
                signals.settle()
    except printed.OutputError as error:
        if error.reason:
            printed.complain(f"standard output: {error.reason}")
        return 1
    except TgbotError as error:
        printed.complain(str(error))
        return error.exit_status
    except typer.TyperException as error:
        printed.complain(without_secrets(usage.explained(error)))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            printed.complain(f"{error.filename}: {error.strerror}")
        else:
            printed.complain(printed.unexpected(error))
        return 1
    return result if isinstance(result, int) else 0
