"""The broadcasts and their deliveries, in the database."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from tgbot.core.broadcasts import Audience
from tgbot.core.deliveries import Wanted
from tgbot.store.base import Survey
from tgbot.store.broadcast_rows import BroadcastChanges, ChunkRow
from tgbot.store.postgres import audiences
from tgbot.store.postgres.database import Cursor, Database, Question

#: How many chunks one statement writes: each may have some ten kilobytes.
_CHUNKS: Final = 200

_ALL: Final = """
    SELECT id, broadcasts.value, tallies.value FROM tgbot.broadcasts JOIN tgbot.tallies ON broadcast = id"""
_LAST: Final = "SELECT broadcast FROM tgbot.numbers"
_CHUNK: Final = "SELECT value FROM tgbot.deliveries WHERE broadcast = %s AND number = %s"
_CHUNK_OF: Final = """
    SELECT number FROM tgbot.deliveries WHERE broadcast = %s AND first <= %s ORDER BY first DESC LIMIT 1"""
#: Each with the round as its parameter.
_CONDITIONS: Final = {
    Wanted.WAITING: "waiting > 0 AND %s IS NOT NULL",
    Wanted.LATE: "late > 0 AND %s IS NOT NULL",
    Wanted.UNCORRECTED: "sent > CASE round WHEN %s THEN corrected ELSE 0 END",
}
_NEXT: Final = {
    wanted: f"""
        SELECT number FROM tgbot.deliveries
        WHERE broadcast = %s AND number > %s AND {condition} ORDER BY number LIMIT 1"""
    for wanted, condition in _CONDITIONS.items()
}

_DEFINE: Final = """
    INSERT INTO tgbot.broadcasts (id, value) SELECT * FROM unnest(%s::bigint[], %s::text[])
    ON CONFLICT (id) DO UPDATE SET value = excluded.value"""
_NUMBER: Final = """
    INSERT INTO tgbot.numbers AS known (broadcast) VALUES (%s)
    ON CONFLICT (one) DO UPDATE SET broadcast = excluded.broadcast
    WHERE known.broadcast < excluded.broadcast"""
_COUNT: Final = """
    INSERT INTO tgbot.tallies (broadcast, value) SELECT * FROM unnest(%s::bigint[], %s::text[])
    ON CONFLICT (broadcast) DO UPDATE SET value = excluded.value"""
_SAVE: Final = f"""
    INSERT INTO tgbot.deliveries ({", ".join(ChunkRow._fields)})
    SELECT * FROM unnest({"%s::bigint[], " * (len(ChunkRow._fields) - 1)} %s::bytea[])
    ON CONFLICT (broadcast, number) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in ChunkRow._fields[2:])}"""
_EMPTY: Final = "DELETE FROM tgbot.deliveries WHERE broadcast = ANY(%s::bigint[])"
_REMOVE: Final = (
    "DELETE FROM tgbot.tallies WHERE broadcast = ANY(%s::bigint[])",
    "DELETE FROM tgbot.broadcasts WHERE id = ANY(%s::bigint[])",
)


#: What is asked when broadcasts are opened.
QUESTIONS: Final[Sequence[Question]] = ((_ALL, ()), (_LAST, ()))


class PostgresBroadcastRows:
    """The broadcasts in a database (see `BroadcastRows`), read in threads but for the definitions."""

    def __init__(self, database: Database) -> None:
        self._database, self.place = database, database.place

    def definitions(self) -> Mapping[int, tuple[str, str]]:
        return {number: (definition, tally) for number, definition, tally in self._database.read(_ALL)}

    def last_number(self) -> int:
        return max((int(row[0]) for row in self._database.read(_LAST)), default=0)

    async def chunk(self, broadcast_id: int, number: int) -> bytes | None:
        rows = await self._database.read_aside(_CHUNK, (broadcast_id, number))
        return rows[0][0] if rows else None

    async def next_chunk(self, broadcast_id: int, after: int, wanted: Wanted, round: int) -> int | None:
        return await self._number(_NEXT[wanted], broadcast_id, after, round)

    async def chunk_of(self, broadcast_id: int, user_id: int) -> int | None:
        return await self._number(_CHUNK_OF, broadcast_id, user_id)

    async def audience(self, audience: Audience, now: float) -> array[int]:
        return await audiences.recipients(self._database, audience, now)

    async def survey(self, audience: Audience, now: float) -> Survey:
        return await audiences.survey(self._database, audience, now)

    async def _number(self, query: str, *values: int) -> int | None:
        rows = await self._database.read_aside(query, values)
        return int(rows[0][0]) if rows else None


def write(cursor: Cursor, changes: BroadcastChanges) -> None:
    """Write changes of broadcasts inside a transaction."""
    gone = [number for number, text in changes.definitions.items() if text is None]
    kept = {number: text for number, text in changes.definitions.items() if text is not None}
    if empty := [*gone, *changes.anew]:
        cursor.execute(_EMPTY, (empty,))
    if gone:
        for statement in _REMOVE:
            cursor.execute(statement, (gone,))
    if kept:
        cursor.execute(_DEFINE, ([*kept], [*kept.values()]))
        cursor.execute(_NUMBER, (max(kept),))
    if tallies := changes.tallies:
        cursor.execute(_COUNT, ([*tallies], [*tallies.values()]))
    for start in range(0, len(changes.chunks), _CHUNKS):
        rows = changes.chunks[start : start + _CHUNKS]
        cursor.execute(_SAVE, [[*column] for column in zip(*rows, strict=True)])
