"""`tgbot users check`: have the running bot probe everybody, and show what it finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import Json, settings
from tgbot.core.access import Access
from tgbot.core.durations import seconds_of
from tgbot.core.plural import counted
from tgbot.core.sweeps import RATE, USUAL

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.operate.control import Command


#: Bots are never probed.
_PROBED = tuple(access for access in Access if access is not Access.BOT)


class Order(StrEnum):
    """What is to be done with a sweep in place of starting one."""

    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


def check_users(
    context: typer.Context,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Skip whom evidence younger than this has judged: 12h, 7d, 2w.",
            show_default="skip nobody",
        ),
    ] = None,
    access: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help=f"Only those with this access, with commas between, out of {', '.join(_PROBED)}.",
        ),
    ] = ",".join(USUAL),
    rate: Annotated[
        float,
        typer.Option(metavar="N", min=0.01, max=1000, help="The most probes a second, within [bot] pace."),
    ] = RATE,
    status: Annotated[bool, typer.Option("--status", help="Show the present or last sweep.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Have the sweep wait.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Have it go on.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End it.")] = False,
    json: Json = False,
) -> int:
    """Have the running bot ask Telegram for each user whether it may write to them: a sweep.

    It shows a chat action to each of them, records what Telegram answers, and says at the end what has
    changed. Nobody notices more than "typing…" in a chat. The sweep goes on when the bot was restarted, and
    after Ctrl-C, which ends the waiting only. Bots are never asked. Exit status 3: no bot runs, or there is
    no such sweep.
    """
    orders = [order for order, given in zip(Order, (status, pause, resume, cancel), strict=True) if given]
    if len(orders) > 1:
        named = " and ".join(f"--{order}" for order in orders)
        raise typer.BadParameter("give one of them", param_hint=named)
    chosen = _accesses(access)
    arguments: dict[str, Any] = {
        "access": chosen,
        "older_than": seconds_of(older_than) if older_than else 0,
        "rate": rate,
    }
    with Bot(settings(context), _for_reading if orders == [Order.STATUS] else None) as bot:
        if orders:
            return _show(bot.ask(f"sweep.{orders[0]}"), json)
        try:
            total = bot.ask("sweep.start", **arguments)["total"]
            with printed.progress("users", total) as done:
                found = bot.ask("sweep.watch", lambda progress: done(progress["looked_at"]))
        except KeyboardInterrupt:
            printed.complain("the sweep goes on in the bot; --status shows how far it is, --cancel ends it")
            return 130
    return _show(found, json)


def _accesses(text: str) -> list[Access]:
    """Return the accesses in a list with commas."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found or not set(found) <= set(_PROBED):
        problem = f"expected some of {', '.join(_PROBED)}, with commas between"
        raise typer.BadParameter(problem, param_hint="--access")
    return [Access(name) for name in found]


def _show(found: Mapping[str, Any], json: bool) -> int:
    """Print a sweep; return 3 where there was none."""
    if json:
        printed.as_json(found)
    else:
        for line in _lines(found):
            printed.line(line)
    return 3 if found["state"] is None else 0


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a person reads of a sweep."""
    if found["state"] is None:
        yield "There was no sweep yet."
        return
    began = printed.moment(found["started_at"])
    end = found["ended_at"]
    yield f"The sweep of {began} is {found['state']}" + (f" since {printed.moment(end)}." if end else ".")
    share = f"{found['looked_at']:,} of {counted(found['total'], 'user')}"
    yield f"looked at     {share}: {found['probed']:,} probed, {found['skipped']:,} skipped"
    for change in found["changes"]:
        yield f"changed       {_words(change['from'])} → {_words(change['to'])}: {change['users']:,}"
    if not found["changes"]:
        yield "changed       nobody"
    for name, number in found["errors"].items():
        yield f"no answer     {printed.clean(name)}: {number:,}"
    if found["floods"]:
        yield f"flood waits   {found['floods']:,}"


def _words(access: str) -> str:
    return access.replace("_", " ")


@asynccontextmanager
async def _for_reading(config: Config) -> AsyncIterator[Mapping[str, Command]]:
    from tgbot.messaging.sweep import kept
    from tgbot.operate import sweeping
    from tgbot.store.opening import kept_at

    with kept_at(config.storage).users() as users:
        yield {"sweep.status": sweeping.status(lambda: kept(users))}
