"""All that is kept for a bot in files (see `Kept`).

Modules that need Telethon are imported in the methods that use them: that halves the start of commands that
only read users.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tgbot.core.errors import NeverRunError
from tgbot.store.base import Broadcasts, ParkedUpdates
from tgbot.store.files import give_to_owner
from tgbot.store.lock import instance_lock
from tgbot.store.registry import Registry
from tgbot.store.sqlite import userfile
from tgbot.store.sqlite.locks import patiently
from tgbot.store.stored import StoredUsers, UserRows
from tgbot.store.tables import Tables

if TYPE_CHECKING:
    from tgbot.store.opened import OpenStore
    from tgbot.store.sqlite.peers import Peers


class InFiles:
    """What is kept in a session file and beside it, of the node `node`."""

    def __init__(self, session: Path, registry: Path, logins: Path, node: str) -> None:
        self.name = session
        self._session, self._registry, self._logins, self._node = session, registry, logins, node

    def users(self, *, clock: Callable[[], float] = time.time) -> AbstractContextManager[StoredUsers]:
        return closing(userfile.open_readonly(self._registry, clock=clock))

    def parked(self) -> AbstractContextManager[ParkedUpdates]:
        return userfile.open_parked(self._registry)

    def broadcasts(self) -> AbstractContextManager[Broadcasts]:
        return userfile.open_broadcasts(self._registry)

    @contextmanager
    def peers(self) -> Iterator[Peers | None]:
        from tgbot.store.sqlite.peers import Peers

        if not self._session.exists():
            yield None
            return
        with Peers(self._session) as peers:
            yield peers

    @contextmanager
    def rows(self) -> Iterator[UserRows | None]:
        if not self._registry.exists():
            yield None
            return
        with closing(userfile.ReadOnlyUserRows(self._registry)) as rows:
            yield rows

    async def check_unled(self) -> None:
        """Return at once: no other machine uses these files."""

    @asynccontextmanager
    async def registry(self, command: str) -> AsyncIterator[Registry]:
        with self._left_to_owner(), userfile.open_for_changes(self._session, self._registry) as users:
            yield users

    @asynccontextmanager
    async def store(
        self, command: str, *, clock: Callable[[], float], cached_users: int
    ) -> AsyncIterator[OpenStore]:
        from tgbot.store.sqlite.store import SqliteStore

        def files() -> SqliteStore:
            return SqliteStore(self._session, self._registry, clock=clock, cached_users=cached_users)

        with self._left_to_owner(), instance_lock(self._session), closing(patiently(files)) as store:
            yield store

    @asynccontextmanager
    async def tables(self, command: str, *, make: bool) -> AsyncIterator[Tables]:
        from tgbot.store.sqlite.tables import SqliteTables

        if not make and not self._registry.exists():
            raise NeverRunError(self._registry)
        with self._left_to_owner(), instance_lock(self._session):
            tables = SqliteTables(self._session, self._registry, self._logins, self._node, make=make)
            with closing(tables):
                yield tables

    @contextmanager
    def _left_to_owner(self) -> Iterator[None]:
        """Let what root makes in the block in somebody's directory be theirs: the bot runs as its owner."""
        try:
            yield
        finally:
            if (directory := self._session.parent).exists():
                give_to_owner(directory)
