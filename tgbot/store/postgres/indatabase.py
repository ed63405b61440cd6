"""All that is kept for a bot in a database (see `Kept`).

Modules that need Telethon are imported in the methods that use them: that halves the start of commands that
only read users.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING

from tgbot.store.base import Broadcasts, ParkedUpdates
from tgbot.store.postgres import openings
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.place import connected, existing, has_tables, leading, refuse_while_led
from tgbot.store.postgres.schema import prepare
from tgbot.store.postgres.tables import PostgresTables
from tgbot.store.postgres.userrows import ReadOnlyPostgresRows
from tgbot.store.registry import Registry
from tgbot.store.stored import StoredUsers, UserRows
from tgbot.store.tables import Tables

if TYPE_CHECKING:
    from tgbot.store.opened import OpenStore
    from tgbot.store.postgres.peers import PostgresPeers


class InDatabase:
    """What is kept in the database of an address, for the node `node`."""

    def __init__(self, address: str, node: str) -> None:
        self._address, self._node = address, node

    @property
    def name(self) -> str:
        return Address(self._address).place

    @contextmanager
    def users(self, *, clock: Callable[[], float] = time.time) -> Iterator[StoredUsers]:
        with (
            connected(self._address) as database,
            closing(openings.open_readonly(database, clock=clock)) as users,
        ):
            yield users

    @contextmanager
    def parked(self) -> Iterator[ParkedUpdates]:
        with connected(self._address) as database, openings.open_parked(database) as parked:
            yield parked

    @contextmanager
    def broadcasts(self) -> Iterator[Broadcasts]:
        with connected(self._address) as database, openings.open_broadcasts(database) as broadcasts:
            yield broadcasts

    @contextmanager
    def peers(self) -> Iterator[PostgresPeers | None]:
        from tgbot.store.postgres.peers import PostgresPeers

        with connected(self._address) as database:
            yield PostgresPeers(database) if has_tables(database) else None

    @contextmanager
    def rows(self) -> Iterator[UserRows | None]:
        with connected(self._address) as database:
            yield ReadOnlyPostgresRows(database) if has_tables(database) else None

    async def check_unled(self) -> None:
        with connected(self._address) as database:
            if await database.aside(lambda: has_tables(database)):
                await refuse_while_led(database, self._node)

    @asynccontextmanager
    async def registry(self, command: str) -> AsyncIterator[Registry]:
        with existing(self._address) as database:
            async with leading(database, self._node, command) as lease:
                with openings.open_for_changes(database, lease.fence) as users:
                    yield users

    @asynccontextmanager
    async def store(
        self, command: str, *, clock: Callable[[], float], cached_users: int
    ) -> AsyncIterator[OpenStore]:
        from tgbot.store.postgres.store import PostgresStore

        with connected(self._address) as database:
            await database.aside(lambda: prepare(database))
            async with leading(database, self._node, command) as lease:
                store = PostgresStore(
                    database, node=self._node, fence=lease.fence, clock=clock, cached_users=cached_users
                )
                with closing(store):
                    yield store

    @asynccontextmanager
    async def tables(self, command: str, *, make: bool) -> AsyncIterator[Tables]:
        with connected(self._address) as database:
            await database.aside(lambda: prepare(database) if make else openings.check(database))
            async with leading(database, self._node, command) as lease:
                yield PostgresTables(database, lease.fence)
