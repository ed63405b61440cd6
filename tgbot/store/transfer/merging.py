"""What a file says of users, merged into what is known of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from tgbot.store.registry import Registry
from tgbot.store.transfer.entries import Entry

#: Entries merged between two turns of the event loop.
_SLICE: Final = 20


async def merge_users(users: Registry, chunk: Sequence[Entry], now: int) -> list[bool | None]:
    """Merge the users of a chunk, and return what came of each of them (see `Registry.merge`).

    The event loop has a turn after every few of them.
    """
    entries = [(entry, user) for entry in chunk if (user := entry.user) is not None]
    await users.load({entry.id for entry, _ in entries})
    outcomes: dict[int, bool | None] = {}
    for number, (entry, fields) in enumerate(entries, 1):
        changed = users.merge(fields, partial=entry.partial, now=now)
        if users.imported(entry.id, now):
            changed = None if changed is None else True
        if outcomes.get(entry.id, False) is False:
            outcomes[entry.id] = changed
        if number % _SLICE == 0:
            await asyncio.sleep(0)
    return list(outcomes.values())
