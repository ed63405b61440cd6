"""The users in a database, opened by a command: for reading beside a bot, or for changes while none runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from tgbot.core.errors import RegistryTooNewError, RegistryTooOldError
from tgbot.core.storeerrors import NoTablesError
from tgbot.store.base import Broadcasts, ParkedUpdates
from tgbot.store.broadcasts import StoredBroadcasts
from tgbot.store.parked import ParkingLot
from tgbot.store.postgres import schema
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.userrows import Fence, PostgresUserRows, ReadOnlyPostgresRows
from tgbot.store.registry import Registry
from tgbot.store.stored import StoredUsers


def open_readonly(database: Database, *, clock: Callable[[], float] = time.time) -> StoredUsers:
    """Open a registry for reading; nothing in it changes, and a running bot is not disturbed.

    The host's clock judges permissions that end, unless another is given: only a login brings Telegram's. The
    database stays the caller's to close. Raise NoTablesError if it has no tables, or another StorageError if
    they cannot be used.
    """
    return StoredUsers(_readonly_rows(database), clock)


@contextmanager
def open_parked(database: Database) -> Iterator[ParkedUpdates]:
    """Open the parked updates of a registry for reading, as `open_readonly` opens the users."""
    yield ParkingLot(_readonly_rows(database), time.time)


@contextmanager
def open_broadcasts(database: Database) -> Iterator[Broadcasts]:
    """Open the broadcasts in a registry for reading, as `open_readonly` opens the users."""

    async def flush() -> None:
        if broadcasts.changed:
            raise TypeError("these broadcasts are open for reading only")

    broadcasts = StoredBroadcasts(_readonly_rows(database).broadcasts, flush)
    yield broadcasts


@contextmanager
def open_for_changes(database: Database, fence: Fence) -> Iterator[Registry]:
    """Open the registry of a bot that does not run; only what is flushed within the block is kept.

    `fence` is that of the lease, which the caller holds. Raise NoTablesError if there are no tables, or
    another StorageError.
    """
    check(database)
    with closing(Registry(PostgresUserRows(database, fence), time.time)) as registry:
        yield registry


def check(database: Database) -> None:
    """Raise NoTablesError for a database without tables, RegistryTooOldError or RegistryTooNewError."""
    found, known = schema.found_in(database), max(schema.steps())
    if not found:
        raise NoTablesError(database.place)
    if found < known:
        raise RegistryTooOldError(database.place, found, known)
    if found > known:
        raise RegistryTooNewError(database.place, found, known)


def _readonly_rows(database: Database) -> ReadOnlyPostgresRows:
    check(database)
    return ReadOnlyPostgresRows(database)
