"""The command `status`: whether the bot is ready, and how it is."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable

from tgbot import __version__
from tgbot.core.broadcasts import State
from tgbot.core.deliveries import Outcome
from tgbot.core.names import usernames_of
from tgbot.core.users import UserReader
from tgbot.operate.control import Command, Say
from tgbot.operate.nodes import Node, described
from tgbot.store.base import Broadcasts, ParkedUpdates, Reason
from tgbot.telegram import BotClient


def command(
    client: BotClient,
    trouble: Callable[[], Awaitable[str | None]],
    users: UserReader,
    parked: ParkedUpdates,
    broadcasts: Broadcasts,
    node: Node | None = None,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Command:
    """Return the command; the time that the bot is up counts from this call."""
    began = monotonic()

    def open_broadcasts() -> list[dict[str, object]]:
        return [
            {
                "id": one.id,
                "name": one.name,
                "state": one.state.value,
                "audience": one.size,
                "waiting": None if one.size is None else broadcasts.tally(one.id).count(Outcome.WAITING),
            }
            for one in broadcasts.all()
            if one.state in (State.SCHEDULED, State.RUNNING, State.PAUSED)
        ]

    async def status(say: Say) -> object:
        wrong = await trouble()
        now, counts, me = client.figures.read(), users.count(), client.me
        return {
            "ready": wrong is None,
            "trouble": None if wrong is None else str(wrong),
            "draining": client.drain.begun,
            "left": client.drain.left,
            "version": __version__,
            "pid": os.getpid(),
            "node": None if node is None else described(node),
            "id": None if me is None else me.id,
            "username": None if me is None else next(iter(usernames_of(me)), None),
            "uptime": round(monotonic() - began, 3),
            "connected": now.link_up,
            "logged_in": now.logged_in,
            "reconnects": max(now.links - 1, 0),
            "proof_age": round(now.proof_age, 3),
            "pts": now.pts,
            "pts_behind": now.pts_behind,
            "qts_behind": now.qts_behind,
            "unfinished": now.unfinished,
            "running": now.running,
            "checkpoint_age": round(now.checkpoint_age, 3),
            "broadcasts": open_broadcasts(),
            "parked": {reason.value: parked.by_reason[reason] for reason in Reason},
            "handler_errors": client.handler_errors,
            "flood_waits": now.waits,
            "longest_flood_wait": round(now.longest_wait, 3),
            "losses": dict(now.losses),
            "unreadable": now.unreadable,
            "users": {"total": counts.total} | {access.value: n for access, n in counts.by.items()},
        }

    return status
