"""Writes that are made again at once when the link to the database turns out to be lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from tgbot.core.errors import StorageError, StorageUnreachableError
from tgbot.store.postgres.database import Cursor, Database

T = TypeVar("T")


def write_again(database: Database, work: Callable[[Cursor], T]) -> T:
    """Return what `Database.write` does, at the second attempt if the first one finds no database.

    The link may have been lost long ago, without anybody having noticed. Where the second attempt is refused,
    the first may have been committed: the error is `in_doubt`.
    """
    with suppress(StorageUnreachableError):
        return database.write(work)
    try:
        return database.write(work)
    except StorageError as error:
        error.in_doubt = True
        raise
