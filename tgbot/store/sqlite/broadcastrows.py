"""The broadcasts and their deliveries, in the file of the users."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from tgbot.core.broadcasts import Audience
from tgbot.core.deliveries import Wanted
from tgbot.core.errors import RegistryDamagedError
from tgbot.store.base import Survey
from tgbot.store.broadcast_rows import BroadcastChanges, ChunkRow
from tgbot.store.sqlite import audiences
from tgbot.store.sqlite.connection import sqlite_errors
from tgbot.store.sqlite.rows import write_rows
from tgbot.store.sqlite.worker import run_aside

_ALL: Final = "SELECT id, broadcasts.value, tallies.value FROM broadcasts JOIN tallies ON broadcast = id"
_LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'broadcasts'"
_CHUNK: Final = "SELECT value FROM deliveries WHERE broadcast = ? AND number = ?"
_CHUNK_OF: Final = """
    SELECT number FROM deliveries WHERE broadcast = ? AND first <= ? ORDER BY first DESC LIMIT 1"""
#: Each with the round as its parameter.
_CONDITIONS: Final = {
    Wanted.WAITING: "waiting > 0 AND ? IS NOT NULL",
    Wanted.LATE: "late > 0 AND ? IS NOT NULL",
    Wanted.UNCORRECTED: "sent > iif(round = ?, corrected, 0)",
}
_NEXT: Final = {
    wanted: f"""
        SELECT number FROM deliveries
        WHERE broadcast = ? AND number > ? AND {condition} ORDER BY number LIMIT 1"""
    for wanted, condition in _CONDITIONS.items()
}

_DEFINE: Final = (
    "INSERT INTO broadcasts (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value"
)
_COUNT: Final = "REPLACE INTO tallies (broadcast, value) VALUES (?, ?)"
_COLUMNS: Final = ", ".join(ChunkRow._fields)
_SAVE: Final = (
    f"INSERT INTO deliveries ({_COLUMNS}) VALUES",
    f"""ON CONFLICT (broadcast, number) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in ChunkRow._fields[2:])}""",
)
_EMPTY: Final = "DELETE FROM deliveries WHERE broadcast = ?"
_REMOVE: Final = (
    _EMPTY,
    "DELETE FROM tallies WHERE broadcast = ?",
    "DELETE FROM broadcasts WHERE id = ?",
)


class SqliteBroadcastRows:
    """The broadcasts in the file `path` (see `BroadcastRows`), read on the event loop by `reader`.

    Who the recipients are is found in a thread, on a connection of its own.
    """

    def __init__(self, path: Path, reader: sqlite3.Connection) -> None:
        self._path, self.place = path, str(path)
        self._reader = reader

    def definitions(self) -> Mapping[int, tuple[str, str]]:
        with self._errors():
            rows = self._reader.execute(_ALL).fetchall()
        return {number: (definition, tally) for number, definition, tally in rows}

    def last_number(self) -> int:
        return self._number(_LAST) or 0

    async def chunk(self, broadcast_id: int, number: int) -> bytes | None:
        with self._errors():
            row = self._reader.execute(_CHUNK, (broadcast_id, number)).fetchone()
        return None if row is None else row[0]

    async def next_chunk(self, broadcast_id: int, after: int, wanted: Wanted, round: int) -> int | None:
        return self._number(_NEXT[wanted], broadcast_id, after, round)

    async def chunk_of(self, broadcast_id: int, user_id: int) -> int | None:
        return self._number(_CHUNK_OF, broadcast_id, user_id)

    async def audience(self, audience: Audience, now: float) -> array[int]:
        return await run_aside(lambda: audiences.recipients(self._path, audience, now))

    async def survey(self, audience: Audience, now: float) -> Survey:
        return await run_aside(lambda: audiences.survey(self._path, audience, now))

    def _number(self, query: str, *values: int) -> int | None:
        with self._errors():
            row = self._reader.execute(query, values).fetchone()
        return None if row is None else int(row[0])

    def _errors(self) -> AbstractContextManager[None]:
        return sqlite_errors(self._path, damaged=RegistryDamagedError)


def write(cursor: sqlite3.Cursor, changes: BroadcastChanges) -> None:
    """Write changes of broadcasts inside a transaction."""
    for number, definition in changes.definitions.items():
        if definition is None:
            for statement in _REMOVE:
                cursor.execute(statement, (number,))
        else:
            cursor.execute(_DEFINE, (number, definition))
    for tally in changes.tallies.items():
        cursor.execute(_COUNT, tally)
    cursor.executemany(_EMPTY, [(number,) for number in changes.anew])
    before, after = _SAVE
    write_rows(cursor, before, changes.chunks, after)
