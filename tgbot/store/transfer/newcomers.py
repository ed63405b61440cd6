"""Which users of an import need no merge, because the bot does not know them, or knows just the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tgbot.core.access import Access, Kind, Record
from tgbot.core.users import CAME, UserFields
from tgbot.core.verdicts import blocked_last, finally_judged, settled
from tgbot.store.transfer.entries import Entry
from tgbot.store.user_json import StoredUser, pack_new


class Known(Protocol):
    """Where the bot's users are stored."""

    async def texts(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """Return the packed text of those of these users that are stored."""


@dataclass(slots=True)
class Newcomers:
    """Users whom nothing is stored of, as packed text by id."""

    texts: dict[int, str] = field(default_factory=dict)
    #: Their access, which does not end by itself.
    accesses: dict[int, Access] = field(default_factory=dict)
    #: How many other users are stored just as the file has them.
    unchanged: int = 0


async def told_apart(known: Known, chunk: Sequence[Entry]) -> tuple[Newcomers, list[Entry]]:
    """Return the users of a chunk that need no merge, and the entries that do.

    All that is known has to be stored.
    """
    users = [entry for entry in chunk if entry.said is not None]
    ids = Counter([entry.id for entry in users])
    texts = await known.texts(ids)
    found = Newcomers()
    others: list[Entry] = []
    for entry in users:
        user_id = entry.id
        packed = entry.packed if ids[user_id] == 1 else None
        stored = texts.get(user_id)
        if packed is None or stored not in (None, packed[0]):
            others.append(entry)
        elif stored is None:
            found.texts[user_id], found.accesses[user_id] = packed
        else:
            found.unchanged += 1
    return found, others


def pack_as_new(entries: Iterable[Entry], now: int) -> None:
    """Pack the users as they are stored if nothing is stored of them yet; `now` is when they came in.

    Those that another process read were packed there.
    """
    for entry in entries:
        if entry.said is not None and not isinstance(entry.said, bytes):
            entry.packed = _packed_as_new(entry.said, now)


def comes_by_import(user: UserFields | StoredUser) -> bool:
    """Return whether the bot knows a user by nothing else than an import."""
    return CAME.isdisjoint(user.known_by)


def _packed_as_new(user: UserFields | StoredUser, now: int) -> tuple[str, Access] | None:
    """Return text and access of a user of whom nothing is stored; None if more follows from what is known."""
    if user.preferences:
        return None  # with whether they want broadcasts
    spans = user.spans() if isinstance(user, StoredUser) else user.evidence.spans
    access = settled(spans)
    if access is None:
        if Kind.JOIN_REQUEST in spans:
            return None  # the access may end by itself
        record = Record(spans)
        # Most of these are judged in a fraction of the time.
        access = Access.BLOCKED if blocked_last(record) else finally_judged(record).access
    return pack_new(user, spans, access, now if comes_by_import(user) else 0), access
