"""The commands: arguments → one call → printed result.

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 the answer is no. Each expected error is
printed here, on standard error, without a traceback. Only the module of the command that is given is
imported, and it imports what it needs when the command runs, so that a start is short.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Container
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Final, TextIO, cast

import typer

from tgbot import __version__
from tgbot.cli import printed, word_of
from tgbot.cli.attached import Parent
from tgbot.cli.invocation import Invocation
from tgbot.cli.roster import ROSTER
from tgbot.cli.stderr import QueuedStream, hide_texts
from tgbot.cli.usage import Command, Usage, command_of
from tgbot.core.errors import TgbotError
from tgbot.core.secrets import without_secrets
from tgbot.signals import StopSignals

#: How long the end of the bot waits for the reader of its last lines, in seconds.
FINISH_SECONDS: Final = 2.0


def app_of(words: Container[str]) -> typer.Typer:
    """Return the application with the commands of these names."""
    app = typer.Typer(
        name="tgbot",
        help="A Telegram bot for private dialogs that never loses a user. To see it work: tgbot demo",
        epilog="Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 the answer is no.",
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,  # its tracebacks show local variables, and one may be a token
        context_settings={"help_option_names": ["-h", "--help"]},
        invoke_without_command=True,
    )
    app.callback()(options)
    for name, entry in ROSTER.items():
        if name in words:
            entry.join(app, name)
    return app


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


@cache
def command_for(word: str) -> Command:
    """Return the command line with only this command; with all commands if none has this name."""
    return command_of(app_of((word,) if word in ROSTER else ROSTER))


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
    command = command_for(word_of(arguments))
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
