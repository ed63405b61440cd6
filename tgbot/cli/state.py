"""`tgbot status`: whether the running bot is ready, and how it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import NO, Json, settings
from tgbot.core.errors import TgbotError
from tgbot.core.names import clean_name
from tgbot.core.plural import counted

#: How often `--watch` asks, in seconds.
WATCH_SECONDS: Final = 1.0
#: Makes a terminal empty, and begins at its top.
_CLEAR: Final = "\x1b[H\x1b[2J"


def show_status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Ask every second, until Ctrl-C.")] = False,
    json: Json = False,
) -> int:
    """Show whether the bot is ready, and how it is.

    Ready is: there is a proof that updates arrive, and everything can be put on disk. Numbers of events count
    from the start of the process. Exit status 1: a bot runs and is not ready. Exit status 3: no bot runs, or
    this node stands by while another one leads (tgbot nodes).
    """
    config = settings(context)
    with Bot(config) as bot:
        if not watch:
            return _show(bot.ask("status"), json)
        code = 0
        try:
            while True:
                if sys.stdout.isatty() and not json:
                    sys.stdout.write(_CLEAR)
                try:
                    code = _show(bot.ask("status"), json)
                except TgbotError as error:
                    code = error.exit_status
                    printed.as_json({"error": str(error)}) if json else printed.line(str(error))
                sys.stdout.flush()
                time.sleep(WATCH_SECONDS)
        except KeyboardInterrupt:
            return code


def _show(found: Mapping[str, Any], json: bool) -> int:
    """Print an answer and return the exit status: 0 for a bot that is ready."""
    if json:
        printed.as_json(found)
    else:
        for name, text in _lines(found):
            printed.line(f"{name:<13} {text}")
    if stands_by(found):
        return NO
    return 0 if found["ready"] else 1


def stands_by(found: Mapping[str, Any]) -> bool:
    """Return whether this is the answer of a node that waits for its turn to lead."""
    return found["node"] is not None and not found["node"]["leads"]


def _lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a person reads: a name and a sentence on each line."""
    node = found["node"]
    if stands_by(found):
        return [
            ("ready", f"no: {found['trouble']}"),
            ("node", f"{clean_name(node['name'])} (epoch {node['epoch']})"),
            ("bot", f"version {found['version']}, pid {found['pid']}"),
            ("up", _long(found["uptime"])),
        ]
    name = "not logged in yet" if found["id"] is None else f"id {found['id']}"
    if found["username"]:
        name = f"@{clean_name(found['username'])} ({name})"
    link = "connected" if found["connected"] else "not connected"
    login = "logged in" if found["logged_in"] else "not logged in"
    reconnects = counted(found["reconnects"], "reconnect")
    behind = f"{found['pts_behind']} behind Telegram's"
    if found["qts_behind"]:
        behind += f", {found['qts_behind']} in qts"
    floods = "none"
    if found["flood_waits"]:
        floods = f"{found['flood_waits']}, the longest for {found['longest_flood_wait']:.0f} s more"
    users = dict(found["users"])
    total = users.pop("total")
    lines = [
        ("ready", "yes" if found["ready"] else f"no: {found['trouble']}"),
        ("bot", f"{name}, version {found['version']}, pid {found['pid']}"),
        ("up", _long(found["uptime"])),
        ("link", f"{link}, {login}, {reconnects}; updates proved {_long(found['proof_age'])} ago"),
        ("log", f"pts {found['pts']}, {behind}"),
        ("updates", f"{found['unfinished']} not finished, {found['running']} of them in handlers"),
        ("checkpoint", f"{_long(found['checkpoint_age'])} ago"),
        ("parked", _numbers(found["parked"])),
        ("errors", f"{found['handler_errors']} of handlers"),
        ("broadcasts", _broadcasts(found["broadcasts"])),
        ("flood waits", floods),
        ("lost", _numbers(found["losses"]) or "nothing"),
        ("unreadable", str(found["unreadable"])),
        ("users", f"{total:,}: {_numbers(users)}"),
    ]
    if node is not None:
        holds = "its lease lasts" if node["holds"] else "its lease is over: it sends nothing"
        lines.insert(1, ("node", f"{clean_name(node['name'])} leads (epoch {node['epoch']}); {holds}"))
    if found["draining"]:
        lines.insert(1, ("drain", f"nothing new is taken; {counted(found['left'], 'update')} left"))
    return lines


def _numbers(by: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in by.items())


def _broadcasts(found: Sequence[Mapping[str, Any]]) -> str:
    shown: list[str] = []
    for one in found:
        name = f" {clean_name(one['name'])}" if one["name"] else ""
        left = f", {one['waiting']:,} of {one['audience']:,} waiting" if one["audience"] is not None else ""
        shown.append(f"{one['id']}{name} {one['state']}{left}")
    return "; ".join(shown) or "none open"


def _long(seconds: float) -> str:
    """Return a duration as people read it: 0.6 s, or 2 days, 3:04:05."""
    return f"{seconds:.1f} s" if seconds < 100 else str(timedelta(seconds=int(seconds)))
