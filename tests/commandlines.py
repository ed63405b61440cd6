"""The commands of the command line, and whether a line that a page shows is one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from tgbot.cli.commandline import command_for
from tgbot.cli.usage import Command, Usage, subcommands

COMMAND = command_for("")


def leaves(command: Command = COMMAND, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and the object of every command that is no group."""
    for name, each in subcommands(command).items():
        if subcommands(each):
            yield from leaves(each, (*path, name))
        else:
            yield (*path, name), each


def parses(words: list[str]) -> bool:
    """Return whether a line that begins with `tgbot` has a command, and only options and arguments of it.

    Nothing is run. Raise typer.TyperException, with the reason, if the words cannot be parsed.
    """
    assert words[0].rpartition("/")[2] == "tgbot", words
    arguments = words[1:]
    if problem := Usage(COMMAND, arguments).doubtful():
        raise typer.TyperException(problem)
    command: Any = COMMAND
    while subcommands(command):
        context = command.make_context("tgbot", arguments)
        arguments = [*context._protected_args, *context.args]
        if not arguments:
            return bool(context.params.get("version"))
        _, command, arguments = command.resolve_command(context, arguments)
    command.make_context("tgbot", arguments)
    return True
