"""The command line: arguments → one call → printed result.

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 a truthful "no". Every expected error is one
line on standard error. What a command needs is imported when it runs: `tgbot --help` is there at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tgbot.cli import backup, link, printed, sandbox, users
from tgbot.core.errors import TgbotError

if TYPE_CHECKING:
    from tgbot.config.settings import Config

T = TypeVar("T")

#: Exit status of a truthful "no": nobody of that name, may not be written to.
NO = 3

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line for each result.")]

commands = typer.Typer(
    name="tgbot",
    help="A Telegram bot for private dialogs that never loses a user. To see it work: tgbot demo",
    epilog="Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 a truthful no.",
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
        typer.Option("--config", metavar="FILE", help="Settings; without it ./config.toml if it exists."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    context.obj = config
    if version:
        from importlib.metadata import version as installed

        printed.line(f"tgbot {installed('tgbot')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.get_help()  # typer prints it
        raise typer.Exit(2)


def settings(context: typer.Context) -> Config:
    """The configuration that --config and the environment say."""
    from tgbot.config import loading as config

    return config.load(context.obj, os.environ)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end, on uvloop where it exists."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        with asyncio.Runner() as plain:
            return plain.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as fast:
        return fast.run(work)


@commands.command("run")
def run_bot(context: typer.Context) -> int:
    """Run the bot until SIGTERM or Ctrl-C.

    Credentials come from TGBOT_API_ID, TGBOT_API_HASH and TGBOT_BOT_TOKEN, or from secrets.toml.
    """
    from tgbot.run import end_at_a_signal, run

    end_at_a_signal()
    config = settings(context)
    config.telegram.credentials()
    # Plugins may lie beside the settings; last in the path they hide nothing.
    sys.path.append(str(Path(context.obj or "config.toml").resolve().parent))
    printed.log_to_stderr(config.log.level)
    return finish(run(config))


@commands.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the story instead of asking for input.")
    ] = False,
) -> int:
    """Show a bot and people talking, on a server of its own: no token, no network."""
    from tgbot import demo

    return finish(demo.play(prompt=not once and sys.stdin.isatty() and sys.stdout.isatty()))


@commands.command()
def resolve(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(metavar="NAME", help="@name, t.me/name, tg://resolve?domain=name or an id.")
    ],
    json: Json = False,
) -> int:
    """Find out who a name, a link or an id is, and whether the bot may write to them.

    Needs the bot's session: while the bot runs, send it /resolve instead. Exit status 3: nobody found.
    """
    from tgbot.cli import people

    return finish(people.resolve(settings(context), text, json))


@commands.command()
def check(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(metavar="NAME", help="@name, t.me/name, tg://resolve?domain=name or an id.")
    ],
    json: Json = False,
) -> int:
    """Ask Telegram whether the bot may write to somebody, and keep the answer.

    Needs the bot's session: while the bot runs, send it /check instead. Exit status 3: it may not.
    """
    from tgbot.cli import people

    return finish(people.check(settings(context), text, json))


commands.command("backup")(backup.backup)
commands.command("link")(link.link)
commands.command("sandbox")(sandbox.sandbox)
commands.add_typer(users.commands, name="users")


def main() -> None:
    """The script `tgbot`: ends the process with the command's exit status."""
    code = status(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        # Whoever read our output is gone, or has no room for it; what is left of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not code and not isinstance(error, BrokenPipeError):
            printed.complain(f"standard output: {error.strerror}")
        code = code or 1
    sys.exit(code)


def status(arguments: list[str]) -> int:
    """Runs a command line and returns its exit status; expected errors are one line on standard error."""
    try:
        result = commands(args=arguments, prog_name="tgbot", standalone_mode=False)
    except TgbotError as error:
        printed.complain(str(error))
        return error.exit_status
    except typer.TyperException as error:
        said = error.format_message()
        hint = "tgbot --config FILE COMMAND" if "--config" in said else "tgbot --help tells more"
        printed.complain(f"{said} ({hint})")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except OSError as error:
        if error.filename is None:
            raise  # nothing that a person could put right
        printed.complain(f"{error.filename}: {error.strerror}")
        return 1
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
