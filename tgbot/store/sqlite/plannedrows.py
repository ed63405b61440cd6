"""The planned entries, in the file of the users."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias

from tgbot.core.errors import RegistryDamagedError
from tgbot.store.base import Planned
from tgbot.store.planned import PlannedChanges
from tgbot.store.sqlite.connection import sqlite_errors
from tgbot.store.sqlite.rows import write_rows

logger = logging.getLogger(__name__)

#: A row as it is read: texts as bytes, because one damaged text would fail the reading of all rows.
PlannedRow: TypeAlias = tuple[bytes, int, bytes, int, bytes, int]

#: The columns are in the order of the fields of `Planned`.
_VALUES: Final = attrgetter(*(one.name for one in fields(Planned)))
#: All rows, as `entry_of` takes them.
READ: Final = """
    SELECT CAST(key AS BLOB), at, CAST(name AS BLOB), user, CAST(data AS BLOB), attempts FROM planned"""
_ONE: Final = f"{READ} WHERE key = ?"
_UNTIL: Final = f"{READ} WHERE at <= ? ORDER BY at, key LIMIT ?"
_BEHIND: Final = f"{READ} WHERE at <= ? AND (at, key) > (?, CAST(? AS TEXT)) ORDER BY at, key LIMIT ?"
#: The index has no entries that are about nobody.
_ABOUT: Final = f"{READ} WHERE user = ? AND user <> 0"
_PLAN: Final = "REPLACE INTO planned VALUES"
_DROP: Final = "DELETE FROM planned WHERE key = ?"
_FORGET: Final = "DELETE FROM planned WHERE user = ? AND user <> 0"


class SqlitePlannedRows:
    """The planned entries in the file `path` (see `PlannedRows`), read on the event loop by `reader`."""

    def __init__(self, path: Path, reader: sqlite3.Connection) -> None:
        self._path = path
        self._reader = reader
        #: Unreadable entries of which the log tells already.
        self._logged: set[bytes] = set()

    async def planned(self, key: str) -> Planned | None:
        rows = self._rows(_ONE, key)
        found = self._readable(rows)
        if rows and not found:
            raise RegistryDamagedError(self._path, "a planned entry cannot be read")
        return found[0] if found else None

    async def planned_until(
        self, until: float, limit: int, after: tuple[int, str] | None = None
    ) -> Collection[Planned]:
        found: list[Planned] = []
        place: tuple[int, str | bytes] | None = after
        while True:
            rows = (
                self._rows(_UNTIL, until, limit)
                if place is None
                else self._rows(_BEHIND, until, *place, limit)
            )
            found += self._readable(rows)
            if len(found) >= limit or len(rows) < limit:
                return found[:limit]
            place = rows[-1][1], rows[-1][0]

    async def planned_about(self, user_id: int) -> Collection[Planned]:
        return self._readable(self._rows(_ABOUT, user_id))

    def _rows(self, query: str, *values: float | str | bytes) -> list[PlannedRow]:
        with self._errors():
            return self._reader.execute(query, values).fetchall()

    def _readable(self, rows: Collection[PlannedRow]) -> list[Planned]:
        """Return the entries in these rows; of those that cannot be read, the log tells once."""
        found = []
        for row in rows:
            entry = entry_of(row)
            if entry is not None:
                found.append(entry)
            elif row[0] not in self._logged:
                self._logged.add(row[0])
                logger.error("a planned entry in %s is damaged: it will not be carried out", self._path)
        return found

    def _errors(self) -> AbstractContextManager[None]:
        return sqlite_errors(self._path, damaged=RegistryDamagedError)


def entry_of(row: PlannedRow) -> Planned | None:
    """Return the entry in a row, None if it cannot be read."""
    key, at, name, user, data, attempts = row
    if not type(at) is type(user) is type(attempts) is int:
        return None
    try:
        return Planned(key.decode(), at, name.decode(), user, data.decode(), attempts)
    except UnicodeDecodeError:
        return None


def write(cursor: sqlite3.Cursor, changes: PlannedChanges) -> None:
    """Write changes of planned entries inside a transaction."""
    entries = changes.entries
    cursor.executemany(_FORGET, [(user_id,) for user_id in changes.forgotten])
    cursor.executemany(_DROP, [(key,) for key, entry in entries.items() if entry is None])
    write_rows(cursor, _PLAN, [_VALUES(entry) for entry in entries.values() if entry is not None])
