"""The store in SQLite files: the session and the users, written in a fixed order at each checkpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tgbot.core.users import Keep
from tgbot.store.base import UpdateState
from tgbot.store.loaded import CACHED_USERS
from tgbot.store.opened import OpenStore
from tgbot.store.parked import PARKED_UPDATES
from tgbot.store.sqlite.session import DurableSession
from tgbot.store.sqlite.userfile import SqliteRegistry
from tgbot.store.sqlite.worker import DiskWorker


class SqliteStore(OpenStore):
    """A `Store` in two files: Telethon's session, with peers and update state, and the users.

    The files are made if there are none (mode 0600). With `Keep.PRIVATE` the session gets only those users
    who came to the bot, at the checkpoint after they did. Raise a StorageError for a file that cannot be
    used; it is left as it is.
    """

    session: DurableSession
    users: SqliteRegistry

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
        kept = DurableSession(session, clock, keep)
        try:
            registry = SqliteRegistry(
                users, clock=clock, cached_users=cached_users, parked=parked, came=kept.keep
            )
        except BaseException:
            kept.close()
            raise
        super().__init__(kept, registry, monotonic)
        self._watcher = DiskWorker(session)

    async def load(self, ids: Iterable[int]) -> None:
        wanted = list(ids)
        await self.users.load(wanted)
        await self.session.load(wanted)

    def close(self) -> None:
        self._watcher.close(lambda: None)
        super().close()

    async def _write(self, state: UpdateState | None) -> None:
        # Users that are ahead of the update state are harmless: what comes again changes nothing.
        await self.users.flush()
        await self._watcher.run(self._look)  # users that nobody can find again are not safe
        await self.session.checkpoint(state)
        await self._watcher.run(self._look)

    async def _write_without(self, user_id: int) -> None:
        await asyncio.to_thread(self.session.forget, user_id)  # it waits for the disk
        await self.users.flush()

    def _look(self) -> None:
        super()._look()
        self.users.check_files()
        self.session.check_files()
