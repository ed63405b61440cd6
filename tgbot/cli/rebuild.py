"""`tgbot users rebuild`: the registry from what Telegram itself still has."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Annotated, Any, Final

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import Json, settings
from tgbot.core.plural import counted

#: By which part of all what is left has to fall to be told again where there is no terminal.
_STEP: Final = 0.1


def rebuild(
    context: typer.Context,
    probe: Annotated[
        bool, typer.Option("--probe", help="In the end ask Telegram whom the bot may write to.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Only tell how far it is.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Have it wait until it is started again.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give it up; what was found stays.")] = False,
    json: Json = False,
) -> int:
    """Have the running bot read users out of Telegram: for a lost registry, or a bot that moved here.

    All messages of private chats and basic groups are read by their ids, the newest first, and then blocks,
    requests to join and what else the log of updates has. Who is found becomes known with profile, language,
    start payload, first and last message; their access hashes are kept. Nobody is answered because of it.
    What was deleted does not come back: a dialog of which no message is left, and an unknown number of
    messages of the others. Who asked to be forgotten is found again if the registry that knew it is lost.

    The bot answers as usual meanwhile. Ctrl-C ends the waiting only: the bot goes on, after a restart too.
    The same command again shows how far it is, and goes on with one that was paused, cancelled or failed.
    Exit status 1: Telegram refuses the messages, or the reading was paused or cancelled. Exit status 3: no
    bot runs.
    """
    if status + pause + cancel > 1 or (probe and (status or pause or cancel)):
        raise typer.BadParameter("only one of --probe, --status, --pause and --cancel can be given")
    do = "status" if status else "pause" if pause else "cancel" if cancel else "start"
    with ExitStack() as stack:
        bot = stack.enter_context(Bot(settings(context)))
        try:
            done = bot.ask("users.rebuild", _Left(stack).told, do=do, probe=probe)
        except KeyboardInterrupt:
            printed.complain(
                "the bot goes on reading: tgbot users rebuild --status tells how far it is, --cancel ends it"
            )
            return 130
    if json:
        printed.as_json(done)
    else:
        _print(done)
    return 0 if do != "start" or done["state"] == "done" else 1


class _Left:
    """Shows how much is left: a bar on a terminal, else a line now and then."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._all = 0
        self._told = 0.0
        self._show: Callable[[float], None] | None = None

    def told(self, report: Mapping[str, Any]) -> None:
        left = report["messages"]["left"] + report["difference"]["left"]
        if left > self._all:
            self._all = left
        if not self._all:
            return  # it is not known yet
        if not sys.stderr.isatty():
            part = left / self._all
            if not self._told or part <= self._told - _STEP:
                self._told = part or _STEP
                sys.stderr.write(f"{counted(left, 'message')} and other updates left\n")
            return
        if self._show is None:
            self._show = self._stack.enter_context(printed.progress("rebuild", self._all))
        self._show(self._all - left)


def _print(report: Mapping[str, Any]) -> None:
    messages, difference = report["messages"], report["difference"]
    printed.result(
        {
            "state": report["state"],
            "trouble": report["trouble"],
            "message ids": f"{messages['scanned']:,} read, {messages['left']:,} left",
            "empty": f"{messages['empty']:,}: deleted messages, and ids that Telegram left out",
            "unreadable": messages["unreadable"],
            "updates": f"{difference['updates']:,} since pts {difference['from_pts']:,},"
            f" {difference['left']:,} left",
            "new people": f"{report['new']:,}, {report['without_hash']:,} of them without an access hash",
            "people": f"{report['people']:,} known to the bot now",
        },
        as_one_line=False,
    )
    if report["state"] == "done":
        printed.line("A dialog of which no message is left cannot come back.")
