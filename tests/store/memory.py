"""A store that lives as long as the process, for tests and experiments."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from tgbot.core.access import Access
from tgbot.core.broadcasts import Audience
from tgbot.core.deliveries import Wanted
from tgbot.core.users import User
from tgbot.store.base import Broadcasts, Parked, ParkedUpdates, Planned, PlannedRuns, Survey, UpdateState
from tgbot.store.broadcast_rows import BroadcastChanges, ChunkRow
from tgbot.store.counts import PASSING
from tgbot.store.parked import PARKED_UPDATES, Place
from tgbot.store.planned import PlannedChanges
from tgbot.store.registry import Registry
from tgbot.store.stored import Changes
from tgbot.store.user_json import unpack


class MemoryRows:
    """The data of a store in memory, in place of files: the rows of a registry, and the update state.

    A store that is opened on the rows of a closed store finds what that store wrote at its checkpoints.
    """

    place = "memory"

    def __init__(self) -> None:
        self.state: UpdateState | None = None
        self._users: dict[int, str] = {}
        self._notes: dict[str, str] = {}
        self._parked: dict[str, Parked] = {}
        self.broadcasts = MemoryBroadcasts(self._users)
        self.plans = MemoryPlans()

    def one(self, user_id: int) -> str | None:
        return self._users.get(user_id)

    async def many(self, user_ids: Collection[int]) -> Mapping[int, str]:
        return {i: self._users[i] for i in user_ids if i in self._users}

    def after(self, user_id: int, access: Access | None) -> Iterator[tuple[int, str | None]]:
        ids = sorted(self._users)
        for i in ids[bisect_right(ids, user_id) :]:
            text = self._users.get(i)
            if text is not None and access is not None and f"{PASSING}{i}" not in self._notes:
                text = text if _access(text) == access else None
            yield i, text

    def notes(self) -> Mapping[str, str]:
        return self._notes

    def recount(self) -> Mapping[str, int]:
        return Counter(access for text in self._users.values() if (access := _access(text)))

    def places(self) -> Mapping[str, Place]:
        return {key: Place.of(entry) for key, entry in self._parked.items()}

    def parked(self, keys: Collection[str]) -> Mapping[str, Parked]:
        return {key: self._parked[key] for key in keys if key in self._parked}

    async def write(self, changes: Changes) -> None:
        self._users.update(changes.users)
        for user_id in changes.gone:
            self._users.pop(user_id, None)
        _merge(self._notes, changes.notes)
        _merge(self._parked, changes.parked)
        self.plans.write(changes.planned)
        self.broadcasts.write(changes.broadcasts, changes.declining)

    def close(self) -> None:
        """Return at once; the rows can be used again."""


class MemoryPlans:
    """Planned entries in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, Planned] = {}

    async def planned(self, key: str) -> Planned | None:
        await asyncio.sleep(0)  # as a store that is far away: others run meanwhile
        return self._kept.get(key)

    async def planned_until(
        self, until: float, limit: int, after: tuple[int, str] | None = None
    ) -> Collection[Planned]:
        found = sorted(self._kept.values(), key=lambda one: (one.at, one.key))
        behind = [one for one in found if one.at <= until and (after is None or (one.at, one.key) > after)]
        await asyncio.sleep(0)
        return behind[:limit]

    async def planned_about(self, user_id: int) -> Collection[Planned]:
        found = [one for one in self._kept.values() if one.user == user_id]
        await asyncio.sleep(0)
        return found

    def write(self, changes: PlannedChanges) -> None:
        for key, entry in tuple(self._kept.items()):
            if entry.user in changes.forgotten and entry.user:
                del self._kept[key]
        _merge(self._kept, changes.entries)


class MemoryBroadcasts:
    """Broadcasts and their deliveries in memory; `users` are the texts of users by id."""

    place = "memory"

    def __init__(self, users: Mapping[int, str]) -> None:
        self._users = users
        self._declining: set[int] = set()
        self._last = 0
        self._definitions: dict[int, str] = {}
        self._tallies: dict[int, str] = {}
        self._chunks: dict[tuple[int, int], ChunkRow] = {}

    def definitions(self) -> Mapping[int, tuple[str, str]]:
        return {one: (text, self._tallies[one]) for one, text in self._definitions.items()}

    def last_number(self) -> int:
        return self._last

    async def chunk(self, broadcast_id: int, number: int) -> bytes | None:
        row = self._chunks.get((broadcast_id, number))
        await asyncio.sleep(0)
        return None if row is None else row.value

    async def next_chunk(self, broadcast_id: int, after: int, wanted: Wanted, round: int) -> int | None:
        found = (row for row in self._of(broadcast_id) if row.number > after and row.has(wanted, round))
        number = min((row.number for row in found), default=None)
        await asyncio.sleep(0)
        return number

    async def chunk_of(self, broadcast_id: int, user_id: int) -> int | None:
        found = [row for row in self._of(broadcast_id) if row.first <= user_id]
        await asyncio.sleep(0)
        return max(found, key=lambda row: row.first).number if found else None

    async def audience(self, audience: Audience, now: float) -> array[int]:
        return array("q", [user.id for user in self._recipients(audience, now)])

    async def survey(self, audience: Audience, now: float) -> Survey:
        chosen = self._users.keys() if audience.ids is None else {*audience.ids}
        reachable = {user_id for user_id in self._users.keys() & chosen if self._is_reachable(user_id, now)}
        languages = Counter(user.spoken or "" for user in self._recipients(audience, now))
        return Survey(languages, len(reachable & self._declining))

    def write(self, changes: BroadcastChanges, declining: Mapping[int, bool]) -> None:
        for user_id, declines in declining.items():
            (self._declining.add if declines else self._declining.discard)(user_id)
        _merge(self._definitions, changes.definitions)
        self._last = max(self._last, *changes.definitions, 0)
        self._tallies.update(changes.tallies)
        gone = {one for one, text in changes.definitions.items() if text is None}.union(changes.anew)
        self._chunks = {place: row for place, row in self._chunks.items() if place[0] not in gone}
        self._chunks.update({row[:2]: row for row in changes.chunks})

    def _of(self, broadcast_id: int) -> Iterator[ChunkRow]:
        return (row for row in self._chunks.values() if row.broadcast == broadcast_id)

    def _recipients(self, audience: Audience, now: float) -> Iterator[User]:
        for user_id in sorted(self._users.keys() - self._declining):
            user = unpack(self._users[user_id]).user
            wanted = audience.ids is None or user_id in audience.ids
            if wanted and self._is_reachable(user_id, now) and audience.includes(user):
                yield user

    def _is_reachable(self, user_id: int, now: float) -> bool:
        return unpack(self._users[user_id]).user.verdict(now).access is Access.REACHABLE


class MemoryStore:
    """A `Store` in memory: users and update state, without a session."""

    def __init__(
        self, clock: Callable[[], float], rows: MemoryRows | None = None, *, parked: int = PARKED_UPDATES
    ) -> None:
        self._rows = MemoryRows() if rows is None else rows
        self.users = Registry(self._rows, clock, parked=parked)
        self.parked: ParkedUpdates = self.users.parked
        self.planned: PlannedRuns = self.users.planned
        self.broadcasts: Broadcasts = self.users.broadcasts

    @property
    def changed(self) -> bool:
        return self.users.changed

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return self.users.loaded(ids)

    async def load(self, ids: Iterable[int]) -> None:
        await self.users.load(ids)

    async def forget(self, user_id: int) -> None:
        """Delete everything about a user, except a current block and the id of the last finished message."""
        self.users.forget(user_id)
        await self.planned.forget(user_id)
        await self.broadcasts.forget(user_id)
        await self.users.flush()

    async def checkpoint(self, state: UpdateState | None) -> None:
        await self.users.flush()
        if state is not None:
            self._rows.state = state

    def update_state(self) -> UpdateState | None:
        """Return the update state of the last checkpoint that had one."""
        return self._rows.state

    def close(self) -> None:
        self.users.close()


class MemoryRegistry(Registry):
    """A registry in memory."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(MemoryRows(), clock)


K = TypeVar("K")
T = TypeVar("T")


def _merge(kept: dict[K, T], changes: Mapping[K, T | None]) -> None:
    for key, value in changes.items():
        kept.pop(key, None)
        if value is not None:
            kept[key] = value


def _access(text: str) -> str | None:
    access: str | None = json.loads(text).get("access")
    return access
