"""`tgbot new`: a project to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import Json


def new(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write it; made if missing, else it must be empty.")
    ],
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What the plugin's module is called.", show_default="made from DIR"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a project to begin with: a bot with a plugin of its own, and tests of it.

    Its two commands need no token and no network: "make test" runs the tests, "make dev" runs the bot on a
    Telegram server of its own and starts it again after each change. Nothing is replaced.
    """
    from tgbot.workshop.project import make_project, module_name

    module = module_name(directory.absolute().name if name is None else name)
    files = make_project(directory, module)
    if json:
        printed.as_json({"directory": str(directory.absolute()), "name": module, "files": [*map(str, files)]})
        return
    for file in files:
        printed.line(str(directory / file))
    printed.line("Go on with:")
    printed.line(f"  cd {shlex.quote(str(directory))}")
    printed.line("  make test    # the tests, with a Telegram server of their own")
    printed.line(f"  make dev     # the bot there: write to it, change {module}.py, write again")
