"""The store in a database: all that a bot keeps, written in one transaction at each checkpoint."""

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
from tgbot.store.postgres import loads, session, userrows
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.session import PostgresSession
from tgbot.store.postgres.userrows import Fence, PostgresUserRows
from tgbot.store.registry import Registry
from tgbot.store.sqlite.worker import DiskWorker

#: After how many seconds without a checkpoint one is wanted, to see that the database is still there.
IDLE_SECONDS: Final = 10.0
_PAGE: Final = 500  # ids that are asked for between two turns of the event loop


class PostgresStore:
    """A `Store` in a database whose tables are there, open on the node `node` while it has the lease.

    `fence` is called last in each transaction that writes. The database and the lease stay the caller's to
    close. With `Keep.PRIVATE` the database gets only those peers who came to the bot, in the checkpoint that
    writes them as users. Raise a StorageError for a database that cannot be used.
    """

    def __init__(
        self,
        database: Database,
        *,
        node: str,
        fence: Fence,
        clock: Callable[[], float],
        cached_users: int = CACHED_USERS,
        parked: int = PARKED_UPDATES,
        keep: Keep = Keep.ALL,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        with database.ahead([*session.questions(node), *userrows.QUESTIONS]):
            self.session = PostgresSession(database, node, fence, clock, keep)
            self.users = Registry(
                PostgresUserRows(database, fence, self.session.write),
                clock,
                cached_users=cached_users,
                parked=parked,
                came=self.session.keep,
            )
        #: The updates that could not be finished, in the same transactions as the users.
        self.parked: ParkedUpdates = self.users.parked
        #: What is planned for later moments.
        self.planned: PlannedRuns = self.users.planned
        #: The broadcasts and their deliveries.
        self.broadcasts: Broadcasts = self.users.broadcasts
        self._link = database.link
        self._one_at_a_time = asyncio.Lock()
        self._watched: list[OpenFile] = []
        self._watcher: DiskWorker | None = None
        self._monotonic = monotonic
        self._looked_at = monotonic()

    @property
    def changed(self) -> bool:
        """Whether anything waits to be written, or the database was not written for `IDLE_SECONDS`."""
        idle = self._monotonic() - self._looked_at >= IDLE_SECONDS
        return idle or self.users.changed or self.session.changed

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return self.users.loaded(ids) and self.session.loaded(ids)

    async def load(self, ids: Iterable[int]) -> None:
        users, book, wanted = self.users, self.session, [*ids]
        for start in range(0, len(wanted), _PAGE):
            if start:
                await asyncio.sleep(0)
            page = wanted[start : start + _PAGE]
            while (strangers := users.missing(page)) or book.missing(page):
                peers, written = book.missing(page), (users.written, book.written)
                texts, found = await loads.ask(self._link, strangers, peers)
                if written == (users.written, book.written):  # else that may not be as it is now
                    users.take_in(strangers, texts)
                    book.take_in(peers, found.items())
                    break

    async def checkpoint(self, state: UpdateState | None) -> None:
        await to_the_end(self._checkpoint(state))

    async def forget(self, user_id: int) -> None:
        """Delete all about a user, but a block that stands and which message was finished last.

        Deleted on return, together with the access hash, usernames, parked updates, planned entries and
        deliveries. Raise a StorageError if that cannot be done.
        """
        self.users.forget(user_id)
        await self.planned.forget(user_id)
        await self.broadcasts.forget(user_id)
        await to_the_end(self._forget(user_id))

    def watch(self, path: Path) -> None:
        """Have checkpoints fail once a file of this node was deleted or replaced."""
        self._watched.append(OpenFile(path))
        self._watcher = self._watcher or DiskWorker(path)

    def belongs_to(self, account: Account) -> None:
        """Note whose users these are."""
        self.users.belongs_to(account)

    def update_state(self) -> UpdateState | None:
        """Return the update state in the database; None if no checkpoint has written one."""
        return self.session.update_state()

    def close(self) -> None:
        """Close the store; what no checkpoint has written is dropped."""
        if self._watcher is not None:
            self._watcher.close(lambda: None)
        self.users.close()
        self.session.close()

    async def _checkpoint(self, state: UpdateState | None) -> None:
        async with self._one_at_a_time:
            if self._watcher is not None:
                await self._watcher.run(self._look)
            await self.users.flush(lambda: self.session.saving(state))
            self._looked_at = self._monotonic()

    async def _forget(self, user_id: int) -> None:
        async with self._one_at_a_time:
            await self.users.flush(lambda: self.session.forgetting(user_id))

    def _look(self) -> None:
        """Raise StorageGoneError if a file of this node was deleted or replaced."""
        for file in self._watched:
            file.check()
