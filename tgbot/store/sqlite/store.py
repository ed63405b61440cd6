"""The store in SQLite files: the session and the users, written in a fixed order at each checkpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from tgbot.core.users import Keep
from tgbot.store.base import Account, Broadcasts, ParkedUpdates, PlannedRuns, UpdateState
from tgbot.store.completion import to_the_end
from tgbot.store.files import OpenFile
from tgbot.store.loaded import CACHED_USERS
from tgbot.store.parked import PARKED_UPDATES
from tgbot.store.sqlite.session import DurableSession
from tgbot.store.sqlite.userfile import SqliteRegistry
from tgbot.store.sqlite.worker import DiskWorker

#: After how many seconds without a checkpoint one is wanted, to see that the files are still there.
IDLE_SECONDS: Final = 10.0


class SqliteStore:
    """A `Store` in two files: Telethon's session, with peers and update state, and the users.

    The files are made if there are none (mode 0600). With `Keep.PRIVATE` the session gets only those users
    who came to the bot, at the checkpoint after they did. Raise a StorageError for a file that cannot be
    used; it is left as it is.
    """

    def __init__(
        self,
        session: Path,
        users: Path,
        *,
        clock: Callable[[], float],
        cached_users: int = CACHED_USERS,
        parked: int = PARKED_UPDATES,
        keep: Keep = Keep.ALL,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = DurableSession(session, clock, keep)
        try:
            self.users = SqliteRegistry(
                users, clock=clock, cached_users=cached_users, parked=parked, came=self.session.keep
            )
        except BaseException:
            self.session.close()
            raise
        #: The updates that could not be finished; they are in the file of the users.
        self.parked: ParkedUpdates = self.users.parked
        #: What is planned for later moments, there as well.
        self.planned: PlannedRuns = self.users.planned
        #: The broadcasts and their deliveries, there as well.
        self.broadcasts: Broadcasts = self.users.broadcasts
        self._one_at_a_time = asyncio.Lock()
        self._watched: list[OpenFile] = []
        self._watcher = DiskWorker(session)
        self._monotonic = monotonic
        self._looked_at = monotonic()

    @property
    def changed(self) -> bool:
        """Whether anything waits to be written, or the files were not looked at for `IDLE_SECONDS`."""
        idle = self._monotonic() - self._looked_at >= IDLE_SECONDS
        return idle or self.users.changed or self.session.changed

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return self.users.loaded(ids) and self.session.loaded(ids)

    async def load(self, ids: Iterable[int]) -> None:
        wanted = list(ids)
        await self.users.load(wanted)
        await self.session.load(wanted)

    async def checkpoint(self, state: UpdateState | None) -> None:
        await to_the_end(self._checkpoint(state))

    async def forget(self, user_id: int) -> None:
        """Delete all about a user, but a block that stands and which message was finished last.

        Off the disk on return, together with the access hash, usernames, parked updates, planned entries and
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
        """Return the update state on disk; None if no checkpoint has written one."""
        return self.session.update_state()

    def close(self) -> None:
        """Close both files; what no checkpoint has written is dropped."""
        self._watcher.close(lambda: None)
        self.users.close()
        self.session.close()

    async def _checkpoint(self, state: UpdateState | None) -> None:
        async with self._one_at_a_time:
            # Users that are ahead of the update state are harmless: what comes again changes nothing.
            await self.users.flush()
            await self._watcher.run(self._look)  # users that nobody can find again are not safe
            await self.session.checkpoint(state)
            await self._watcher.run(self._look)
            self._looked_at = self._monotonic()

    def _look(self) -> None:
        """Raise StorageGoneError if a file that is open was deleted or replaced."""
        for file in self._watched:
            file.check()
        self.users.check_files()
        self.session.check_files()

    async def _forget(self, user_id: int) -> None:
        async with self._one_at_a_time:
            await asyncio.to_thread(self.session.forget, user_id)  # it waits for the disk
            await self.users.flush()
