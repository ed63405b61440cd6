"""The store in a database: all that a bot keeps, written in one transaction at each checkpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tgbot.core.users import Keep
from tgbot.store.base import UpdateState
from tgbot.store.loaded import CACHED_USERS
from tgbot.store.opened import OpenStore
from tgbot.store.parked import PARKED_UPDATES
from tgbot.store.postgres import loads, userrows
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.session import PostgresSession, questions
from tgbot.store.postgres.userrows import Fence, PostgresUserRows
from tgbot.store.registry import Registry
from tgbot.store.sqlite.worker import DiskWorker

_PAGE: Final = 500  # ids that are asked for between two turns of the event loop


class PostgresStore(OpenStore):
    """A `Store` in a database whose tables are there, open on the node `node` while it has the lease.

    `fence` is called last in each transaction that writes. The database and the lease stay the caller's to
    close. With `Keep.PRIVATE` the database gets only those peers who came to the bot, in the checkpoint that
    writes them as users. Raise a StorageError for a database that cannot be used.
    """

    session: PostgresSession

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
        with database.ahead([*questions(node), *userrows.QUESTIONS]):
            session = PostgresSession(database, node, fence, clock, keep)
            users = Registry(
                PostgresUserRows(database, fence, session.write),
                clock,
                cached_users=cached_users,
                parked=parked,
                came=session.keep,
            )
        super().__init__(session, users, monotonic)
        self._link = database.link
        self._watcher: DiskWorker | None = None

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

    def watch(self, path: Path) -> None:
        super().watch(path)
        self._watcher = self._watcher or DiskWorker(path)

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close(lambda: None)
        super().close()

    async def _write(self, state: UpdateState | None) -> None:
        if self._watcher is not None:
            await self._watcher.run(self._look)
        await self.users.flush(lambda: self.session.saving(state))

    async def _write_without(self, user_id: int) -> None:
        await self.users.flush(lambda: self.session.forgetting(user_id))
