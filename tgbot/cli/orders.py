"""`tgbot log`, `drain` and `reload`: what the running bot is told to do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import Json, settings
from tgbot.core.plural import counted


def log(
    context: typer.Context,
    level: Annotated[
        str, typer.Argument(metavar="LEVEL", help="One of DEBUG, INFO, WARNING, ERROR; in any case.")
    ],
    logger: Annotated[
        str,
        typer.Argument(
            metavar="LOGGER",
            help="A module of the bot or of a plugin, such as tgbot.telegram.",
            show_default="all without a level of their own",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Change from which level on the running bot logs, until it ends; print the level before.

    Exit status 3: no logger has that name, or no bot runs.
    """
    level = level.upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise typer.BadParameter(
            f"'{level}': expected one of DEBUG, INFO, WARNING, ERROR", param_hint="LEVEL"
        )
    with Bot(settings(context)) as bot:
        done = bot.ask("log", level=level, logger=logger)
    if json:
        printed.as_json(done)
    else:
        printed.line(f"{printed.clean(logger) or 'all'}: {done['level']}, before: {done['before']}")


def drain(
    context: typer.Context,
    undo: Annotated[bool, typer.Option("--undo", help="Take updates again, first all since then.")] = False,
    json: Json = False,
) -> int:
    """Have the running bot take nothing new and finish what it has; end when it may be stopped.

    Updates stay at Telegram, which hands them out after the next start, or after --undo. The bot stays up
    until it is stopped, and is not ready meanwhile. Ctrl-C ends the waiting only. Exit status 3: no bot runs.
    """
    left: int | None = None

    def told(progress: Mapping[str, Any]) -> None:
        nonlocal left
        if progress["left"] != left and not json:
            left = progress["left"]
            sys.stderr.write(f"{counted(left or 0, 'update')} left\n")

    with Bot(settings(context)) as bot:
        try:
            done = bot.ask("drain", told, undo=undo)
        except KeyboardInterrupt:
            printed.complain("the bot goes on finishing, and takes nothing new until: tgbot drain --undo")
            return 130
    if json:
        printed.as_json(done)
    elif undo:
        printed.line("Updates are taken again.")
    elif done["draining"]:
        printed.line("Everything is finished and on disk: the bot may be stopped.")
    else:
        printed.complain("somebody else has the bot take updates again")
    return 0 if done["draining"] is not undo else 1


def reload(context: typer.Context, json: Json = False) -> None:
    """Have the running bot read its configuration and its texts again, and put into effect what it can.

    That is [bot] admins, the texts, and [log] level where it changed. Each other key that changed is named:
    it takes effect at the next start. Where something is wrong nothing changes, and it is told as at a start.
    The environment is that with which the bot was started. Exit status 2: the configuration or the texts
    cannot be used. Exit status 3: no bot runs.
    """
    with Bot(settings(context)) as bot:
        done = bot.ask("reload")
    if json:
        printed.as_json(done)
        return
    for warning in (*done["warnings"], *done["mistakes"]):
        printed.complain(printed.clean(warning))
    printed.line(f"changed: {', '.join(done['changed']) or 'nothing'}")
    if done["restart"]:
        printed.line(f"needs a restart: {', '.join(done['restart'])}")
