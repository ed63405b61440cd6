"""A bot's database, opened by the command line: for reading beside a running bot, or with its lease."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tgbot.core.errors import NeverRunError, RegistryTooNewError, RegistryTooOldError, StorageFailedError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.schema import found_in, steps


@contextmanager
def connected(address: str) -> Iterator[Database]:
    """Give the database of an address, with or without tables; raise StorageFailedError for a wrong one."""
    try:
        database = Database(Address(address))
    except ValueError as error:
        raise StorageFailedError("[storage] url", str(error)) from None
    try:
        yield database
    finally:
        database.close()


@contextmanager
def existing(address: str) -> Iterator[Database]:
    """Give a database that has the tables of this program.

    Raise NeverRunError if it has none, RegistryTooOldError or RegistryTooNewError for another version's.
    """
    with connected(address) as database:
        if not has_tables(database):
            raise NeverRunError(database.place)
        yield database


def has_tables(database: Database) -> bool:
    """Return whether there are tables; raise as `existing` does for those of another version."""
    found, known = found_in(database), max(steps())
    if found > known:
        raise RegistryTooNewError(database.place, found, known)
    if 0 < found < known:
        raise RegistryTooOldError(database.place, found, known)
    return found > 0
