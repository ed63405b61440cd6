"""`tgbot nodes` and `tgbot handover`: the machines that share a bot's database, and which of them leads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.invocation import Json, finish, settings
from tgbot.core.names import clean_name
from tgbot.core.nodeerrors import HandoverFailedError, NoDatabaseError
from tgbot.core.nodes import Other, State, is_ready, state_of

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.store.lease import Holder
    from tgbot.store.postgres.database import Database

#: How often it is looked whether the other node leads, in seconds, and for how long.
LOOK_SECONDS: Final = 0.05
HANDOVER_SECONDS: Final = 60.0


def show_nodes(context: typer.Context, json: Json = False) -> int:
    """Show the nodes that share the bot's database: which of them leads, since when, and how the others are.

    The database is asked, so this works on any machine with its address ([storage] url), whether or not a bot
    runs there. Exit status 3: no node leads.
    """
    with _database(settings(context)) as database:
        holder, nodes = _look(database)
    leader = holder.node if holder.leads else None
    if json:
        printed.as_json(
            {
                "leader": leader,
                "epoch": holder.epoch,
                "since": round(holder.since, 3) if leader else None,
                "left": round(holder.left, 3) if leader else None,
                "nodes": [_as_json(node, leader) for node in nodes],
            }
        )
    else:
        if leader is None:
            printed.line(f"No node leads (epoch {holder.epoch}).")
        else:
            since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.since))
            printed.line(f"{clean_name(leader)} leads since {since} (epoch {holder.epoch});"
                         f" its lease lasts {holder.left:.1f} s more")  # fmt: skip
        for node in nodes:
            seen = f"seen {node.seen:.1f} s ago" if node.seen < 100 else f"seen {node.seen / 60:.0f} min ago"
            state = _state(node, leader)
            printed.line(f"{clean_name(node.name):<24} {state:<24} {seen}, version {node.version or '?'}")
    return 0 if leader else 3


def hand_over(
    context: typer.Context,
    node: Annotated[
        str,
        typer.Argument(metavar="NODE", help="The node that leads then.", show_default="any that stands by"),
    ] = "",
    json: Json = False,
) -> int:
    """Have the bot on this machine finish what it has, and another node lead; this one stands by after that.

    Nothing is lost, and the bot is silent for a moment only. Give the command where the bot is led. Ends once
    the other node leads. Exit status 3: no bot runs here, this node stands by, or the other cannot lead now.
    """
    config = settings(context)
    with _database(config) as database:
        began = time.monotonic()
        with Bot(config) as bot:
            done: dict[str, Any] = bot.ask("handover", to=node)
        holder = _wait_for(database, done["to"], done["epoch"])
    seconds = time.monotonic() - began
    if json:
        printed.as_json({**done, "epoch": holder.epoch, "seconds": round(seconds, 3)})
    else:
        printed.line(f"{clean_name(done['to'])} leads (epoch {holder.epoch}), after {seconds:.1f} s")
    return 0


@contextmanager
def _database(config: Config) -> Iterator[Database]:
    """Open the database for reading; raise NoDatabaseError for a bot on files."""
    if not config.storage.address:
        raise NoDatabaseError
    from tgbot.store.postgres.place import existing

    with existing(config.storage.address) as database:
        yield database


def _look(database: Database) -> tuple[Holder, list[Any]]:  # Any: rows of the package that is imported late
    from tgbot.store.postgres.lease import look
    from tgbot.store.postgres.nodes import list_nodes

    async def both() -> tuple[Holder, list[Any]]:  # Any: as above
        return await look(database), list_nodes(database)

    return finish(both())


def _wait_for(database: Database, node: str, epoch: int) -> Holder:
    """Return the row of the lease once a node leads in a later epoch; raise HandoverFailedError."""
    end = time.monotonic() + HANDOVER_SECONDS
    while True:
        holder, nodes = _look(database)
        if holder.epoch > epoch and holder.leads and holder.node == node:
            return holder
        other = holder.epoch > epoch and holder.leads
        if other or time.monotonic() > end:
            found = next((state_of(one) for one in nodes if one.name == node), "unknown")
            state = f"{holder.node} does" if other else found
            raise HandoverFailedError(node, f"{HANDOVER_SECONDS:g}", state)
        time.sleep(LOOK_SECONDS)


def _state(node: Other, leader: str | None) -> str:
    if node.name == leader:
        return State.LEADS if node.state != State.STOPS else "leads, and stops"
    return state_of(node)


def _as_json(node: Any, leader: str | None) -> dict[str, object]:  # Any: a Node of the package imported late
    return {
        "name": node.name,
        "leads": node.name == leader,
        "state": _state(node, leader),
        "ready": is_ready(node),
        "version": node.version or None,
        "seen": round(node.seen, 3),
        "logged_in": node.logged_in,
    }
