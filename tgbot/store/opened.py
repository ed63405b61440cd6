"""A store as the bot has it open, wherever it keeps things."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from tgbot.store.base import Account, Broadcasts, ParkedUpdates, PlannedRuns, UpdateState
from tgbot.store.completion import to_the_end
from tgbot.store.files import OpenFile
from tgbot.store.registry import Registry
from tgbot.store.session import BotSession

#: After how many seconds without a checkpoint one is wanted, to see that what was written is still there.
IDLE_SECONDS: Final = 10.0


class OpenStore(ABC):
    """All that the bot keeps: its session, its users, and what goes with them; a `Store`."""

    def __init__(self, session: BotSession, users: Registry, monotonic: Callable[[], float]) -> None:
        #: Auth key, peers, and what belongs to them.
        self.session = session
        self.users = users
        #: The updates that could not be finished, kept with the users.
        self.parked: ParkedUpdates = users.parked
        #: What is planned for later moments, there as well.
        self.planned: PlannedRuns = users.planned
        #: The broadcasts and their deliveries, there as well.
        self.broadcasts: Broadcasts = users.broadcasts
        self._one_at_a_time = asyncio.Lock()
        self._watched: list[OpenFile] = []
        self._monotonic = monotonic
        self._looked_at = monotonic()

    @property
    def changed(self) -> bool:
        """Whether anything waits to be written, or nothing was written for `IDLE_SECONDS`."""
        idle = self._monotonic() - self._looked_at >= IDLE_SECONDS
        return idle or self.users.changed or self.session.changed

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return self.users.loaded(ids) and self.session.loaded(ids)

    @abstractmethod
    async def load(self, ids: Iterable[int]) -> None:
        """See `Store.load`."""

    async def checkpoint(self, state: UpdateState | None) -> None:
        await to_the_end(self._checkpoint(state))

    async def forget(self, user_id: int) -> None:
        """Delete all about a user, but a block that stands and which message was finished last.

        Nowhere kept on return, together with the access hash, usernames, parked updates, planned entries and
        deliveries. Raise a StorageError if that cannot be done.
        """
        self.users.forget(user_id)
        await self.planned.forget(user_id)
        await self.broadcasts.forget(user_id)
        await to_the_end(self._forget(user_id))

    def watch(self, path: Path) -> None:
        """Have checkpoints fail once another file of the bot was deleted or replaced."""
        self._watched.append(OpenFile(path))

    def belongs_to(self, account: Account) -> None:
        """Note whose users these are: a restore can tell then whether two files fit together."""
        self.users.belongs_to(account)

    def update_state(self) -> UpdateState | None:
        """Return the update state that a checkpoint wrote last; None if none has."""
        return self.session.update_state()

    def close(self) -> None:
        """Close everything; what no checkpoint has written is dropped."""
        self.users.close()
        self.session.close()

    async def _checkpoint(self, state: UpdateState | None) -> None:
        async with self._one_at_a_time:
            await self._write(state)
            self._looked_at = self._monotonic()

    async def _forget(self, user_id: int) -> None:
        async with self._one_at_a_time:
            await self._write_without(user_id)

    @abstractmethod
    async def _write(self, state: UpdateState | None) -> None:
        """Write all that has changed; raise a StorageError if what is open is not the bot's any more."""

    @abstractmethod
    async def _write_without(self, user_id: int) -> None:
        """Write all that has changed, and leave nothing of a user among the peers."""

    def _look(self) -> None:
        """Raise StorageGoneError if a file that is watched was deleted or replaced."""
        for file in self._watched:
            file.check()
