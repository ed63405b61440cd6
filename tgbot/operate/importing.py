"""The command `users.import`: what a file knows of users, merged into the memory of the running bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Final

from pydantic import Field

from tgbot.operate.control import Command, Say
from tgbot.store.peerbook import PeerBook
from tgbot.store.registry import Registry
from tgbot.store.transfer.entries import Entry
from tgbot.store.transfer.fields import EntryError
from tgbot.store.transfer.merging import merge_users
from tgbot.store.transfer.relay import PeerRow, UserObject, from_rows, from_user

#: How many users and peers a request may hold.
MOST: Final = 50
#: How many are read, or their peers merged, between two turns of the event loop.
_SLICE: Final = 20

Users = Annotated[Sequence[UserObject], Field(max_length=MOST)]
Rows = Annotated[Sequence[PeerRow], Field(max_length=MOST)]


def commands(
    registry: Registry, book: PeerBook, clock: Callable[[], float], bot_id: int
) -> dict[str, Command]:
    """Return the command by its name; `clock` is Telegram's."""

    async def take_in(say: Say, users: Users, peers: Rows = (), partial: bool = False) -> object:
        now = int(clock())
        entries: list[Entry] = []
        refused: list[tuple[int, str]] = []
        for number, each in enumerate(users):
            try:
                entries.append(from_user(each, partial=partial, now=now, bot_id=bot_id))
            except EntryError as error:
                refused.append((number, str(error)))
            if number % _SLICE == 0:
                await asyncio.sleep(0)  # others have their turn
        # A user comes before their peer: whom the bot keeps is in the registry by then.
        outcomes = await merge_users(registry, entries, now)
        found = from_rows(peers) | {one.id: one.peer for one in entries if one.peer is not None}
        stored, marked = 0, list(found)
        for start in range(0, len(marked), _SLICE):
            stored += await book.merge({each: found[each] for each in marked[start : start + _SLICE]})
            await asyncio.sleep(0)
        return {"outcomes": outcomes, "peers": stored, "refused": refused}

    return {"users.import": take_in}
