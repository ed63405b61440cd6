"""All commands of the running bot: those that need no login, and those that do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tgbot.messaging.rebuild.rebuild import Rebuild
from tgbot.operate import (
    broadcasts,
    finding,
    importing,
    jobs,
    levels,
    nodes,
    parked,
    people,
    rebuilding,
    status,
    sweeping,
    work,
)
from tgbot.operate.control import Command
from tgbot.plugins.parts import Parts
from tgbot.store.opened import OpenStore
from tgbot.telegram import BotClient


def before_login(
    client: BotClient,
    store: OpenStore,
    clock: Callable[[], float],
    trouble: Callable[[], Awaitable[str | None]],
    node: nodes.Node | None = None,
) -> dict[str, Command]:
    """Return the commands that a bot carries out while it still tries to log in."""
    users = store.users
    return {
        "status": status.command(client, trouble, users, store.parked, store.broadcasts, node),
        **people.commands(users, clock, store.planned.about),
        **levels.commands(),
        "checkpoint": work.checkpoint(client.checkpoint),
    }


def after_login(parts: Parts, store: OpenStore, rebuild: Rebuild) -> dict[str, Command]:
    """Return the commands that need Telegram, or updates that are handled."""
    client = parts.client
    return {
        **finding.commands(parts.peers, parts.sender, parts.users),
        **importing.commands(store.users, store.session, parts.clock, client.me.id),
        **rebuilding.commands(rebuild),
        **sweeping.commands(parts.sweep),
        **broadcasts.live_commands(parts.broadcasts, parts.peers),
        **jobs.commands(parts.jobs),
        **parked.commands(store.parked, client.parking.retry, client.checkpoint),
        "drain": work.drain(client.drain, client.checkpoint),
    }
