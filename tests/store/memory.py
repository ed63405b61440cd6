"""A store that lives as long as the process, for tests and experiments."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from tgbot.core.access import Access
from tgbot.store.base import Parked, ParkedUpdates, UpdateState
from tgbot.store.counts import PASSING, Notes
from tgbot.store.parked import PARKED_UPDATES, ParkedChanges, Place
from tgbot.store.registry import Registry


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

    async def write(
        self, users: Mapping[int, str], gone: Collection[int], notes: Notes, parked: ParkedChanges
    ) -> None:
        self._users.update(users)
        for user_id in gone:
            self._users.pop(user_id, None)
        _merge(self._notes, notes)
        _merge(self._parked, parked)

    def close(self) -> None:
        """Return at once; the rows can be used again."""


class MemoryStore:
    """A `Store` in memory: users and update state, without a session."""

    def __init__(
        self, clock: Callable[[], float], rows: MemoryRows | None = None, *, parked: int = PARKED_UPDATES
    ) -> None:
        self._rows = MemoryRows() if rows is None else rows
        self.users = Registry(self._rows, clock, parked=parked)
        self.parked: ParkedUpdates = self.users.parked

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
        await self.users.flush()

    async def checkpoint(self, state: UpdateState | None, *, lease: int = 1) -> None:
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


T = TypeVar("T")


def _merge(kept: dict[str, T], changes: Mapping[str, T | None]) -> None:
    for key, value in changes.items():
        kept.pop(key, None)
        if value is not None:
            kept[key] = value


def _access(text: str) -> str | None:
    access: str | None = json.loads(text).get("access")
    return access
