"""The rules of what is planned for later moments; where its entries are kept is behind `PlannedRows`."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from tgbot.core.users import DATA_BYTES
from tgbot.store.base import Planned
from tgbot.store.json_text import escaped
from tgbot.store.writes import Writes

#: Key → the entry to be written, None for one to be deleted.
Entries: TypeAlias = Mapping[str, Planned | None]

#: The longest key of an entry: an index of PostgreSQL holds no text of more than about 2,700 bytes.
KEY_BYTES: Final = 1_000

_MOST: Final = 2**63 - 1
_LATEST: Final = 253_402_300_799  # the end of the year 9999: nobody could show a later moment
_SPARE: Final = 100  # entries read beyond those asked for, at most, because memory may hide some of them


@dataclass(frozen=True, slots=True)
class PlannedChanges:
    """What is to be written of planned entries."""

    entries: Entries
    #: Users about whom all on disk is deleted first, also what cannot be read.
    forgotten: Collection[int]


NO_PLANS: Final = PlannedChanges({}, ())


@dataclass(frozen=True, slots=True)
class Ahead:
    """What some planned entries come to."""

    #: How many there are.
    count: int
    #: What carries them out.
    names: Sequence[str]
    #: When the first is due, in unix seconds of Telegram's clock.
    next: int

    @classmethod
    def of(cls, entries: Collection[Planned]) -> Ahead | None:
        """Sum up entries; None if there are none."""
        if not entries:
            return None
        return cls(len(entries), sorted({one.name for one in entries}), min(one.at for one in entries))


class PlannedRows(Protocol):
    """Where planned entries are kept. Each method raises a StorageError where they cannot be read.

    An entry that cannot be read keeps nobody else's entry waiting: only `planned` tells of it.
    """

    async def planned(self, key: str) -> Planned | None:
        """Return an entry, None if there is none; RegistryDamagedError if it cannot be read."""

    async def planned_until(
        self, until: float, limit: int, after: tuple[int, str] | None = None
    ) -> Collection[Planned]:
        """Return the first entries up to a time, in the order of time and key, behind a place in it."""

    async def planned_about(self, user_id: int) -> Collection[Planned]:
        """Return the entries about a user in any order."""


class KeptPlans:
    """`PlannedRuns` on some rows: in memory are only the entries that wait to be written."""

    def __init__(self, rows: PlannedRows) -> None:
        self._rows = rows
        #: Changed since they were written, and being written now; None for an entry that was dropped.
        self._changes: dict[str, Planned | None] = {}
        self._writing: Entries = {}
        self._forgotten: set[int] = set()
        self._writes = Writes()

    @property
    def changed(self) -> bool:
        return bool(self._changes or self._forgotten)

    def plan(self, entry: Planned) -> None:
        self._changes[entry.key] = _checked(entry)

    def drop(self, key: str) -> None:
        if _is_key(key):
            self._changes[key] = None

    async def get(self, key: str) -> Planned | None:
        if not _is_key(key):
            return None
        stored = await self._writes.apart(lambda: self._rows.planned(key)) if not self._hides(key) else None
        return self._changes[key] if key in self._changes else self._writing.get(key, stored)

    async def due(self, now: float, *, limit: int = 100) -> list[Planned]:
        stored = await self._first(now, limit)
        return _in_order([*stored, *(one for one in self._unsaved() if one.at <= now)])[:limit]

    async def next_due(self) -> int | None:
        stored = await self._first(_MOST, 1)
        return min((one.at for one in (*stored, *self._unsaved())), default=None)

    async def about(self, user_id: int) -> list[Planned]:
        if not user_id:
            return []
        stored = await self._writes.apart(lambda: self._rows.planned_about(user_id))
        found = [one for one in stored if not self._hides(one.key)]
        return _in_order([*found, *(one for one in self._unsaved() if one.user == user_id)])

    async def forget(self, user_id: int) -> None:
        for entry in await self.about(user_id):
            self.drop(entry.key)
        self._forgotten.add(user_id)

    @contextmanager
    def saving(self) -> Iterator[PlannedChanges]:
        """Give the changes to a block that writes them; if it raises, they wait for the next one."""
        self._writing, self._changes = self._changes, {}
        forgotten, self._forgotten = self._forgotten, set()
        try:
            yield PlannedChanges(self._writing, forgotten)
        except BaseException:
            self._changes = {**self._writing, **self._changes}
            self._forgotten |= forgotten
            raise
        finally:
            self._writing = {}
            self._writes.ended += 1

    def _hides(self, key: str) -> bool:
        """Return whether what is on disk under a key is not what holds."""
        return key in self._changes or key in self._writing

    def _unsaved(self) -> Iterator[Planned]:
        changes = self._changes
        writing = (one for key, one in self._writing.items() if key not in changes)
        return (one for one in (*changes.values(), *writing) if one is not None)

    async def _first(self, until: float, limit: int) -> list[Planned]:
        """Return the first entries on disk up to a time, without those that memory hides."""
        found: list[Planned] = []
        after: tuple[int, str] | None = None
        while True:
            size = limit + min(len(self._changes) + len(self._writing), _SPARE)
            ended = self._writes.ended
            page = list(await self._rows.planned_until(until, size, after))
            if ended != self._writes.ended:
                found, after = [], None
                continue
            found += page
            shown = [one for one in found if not self._hides(one.key)]
            if len(shown) >= limit or len(page) < size:
                return shown[:limit]
            after = page[-1].at, page[-1].key


def whole_seconds(until: float) -> int:
    """Return the last whole second up to a time, as a number of 64 bits."""
    return math.floor(min(max(until, -1), _MOST))


def _checked(entry: Planned) -> Planned:
    """Return the entry as a store can write it; ValueError if none can, because all would wait for it."""
    if not 0 <= entry.at <= _LATEST:
        raise ValueError("a planned entry is due at a moment that no calendar has")
    if not all(-_MOST <= number <= _MOST for number in (entry.user, entry.attempts)):
        raise ValueError("a planned entry has a number that is longer than 64 bits")
    if not _is_key(entry.key) or escaped(entry.name) != entry.name:
        raise ValueError(
            "key and name of a planned entry have to be texts that UTF-8 can hold, without a NUL, "
            f"and the key may have {KEY_BYTES} bytes"
        )
    entry = replace(entry, data=escaped(entry.data))
    if (length := len(entry.data.encode())) > DATA_BYTES:
        raise ValueError(f"a planned entry has {length} bytes of data, and {DATA_BYTES} is the most")
    return entry


def _is_key(key: str) -> bool:
    """Return whether an entry may have this key."""
    return escaped(key) == key and len(key.encode()) <= KEY_BYTES


def _in_order(entries: list[Planned]) -> list[Planned]:
    return sorted(entries, key=lambda one: (one.at, one.key))
