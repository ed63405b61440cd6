"""The planned entries, in the database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from tgbot.store.base import Planned
from tgbot.store.planned import PlannedChanges, whole_seconds
from tgbot.store.postgres.database import Cursor, Database

#: The columns are in the order of the fields of `Planned`.
_READ: Final = 'SELECT key, at, name, "user", data, attempts FROM tgbot.planned'
_ONE: Final = f"{_READ} WHERE key = %s"
_UNTIL: Final = f"{_READ} WHERE at <= %s ORDER BY at, key LIMIT %s"
_BEHIND: Final = f"{_READ} WHERE at <= %s AND (at, key) > (%s, %s) ORDER BY at, key LIMIT %s"
#: The index has no entries that are about nobody.
_ABOUT: Final = f'{_READ} WHERE "user" = %s AND "user" <> 0'
_PLAN: Final = """
    INSERT INTO tgbot.planned (key, at, name, "user", data, attempts)
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bigint[])
    ON CONFLICT (key) DO UPDATE SET at = excluded.at, name = excluded.name, "user" = excluded."user",
        data = excluded.data, attempts = excluded.attempts"""
_DROP: Final = "DELETE FROM tgbot.planned WHERE key = ANY(%s::text[])"
_FORGET: Final = 'DELETE FROM tgbot.planned WHERE "user" = ANY(%s::bigint[]) AND "user" <> 0'


class PostgresPlannedRows:
    """The planned entries in a database (see `PlannedRows`), read in threads.

    The types of its columns see to it that each entry can be read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def planned(self, key: str) -> Planned | None:
        rows = await self._database.read_aside(_ONE, (key,))
        return Planned(*rows[0]) if rows else None

    async def planned_until(
        self, until: float, limit: int, after: tuple[int, str] | None = None
    ) -> Collection[Planned]:
        last = whole_seconds(until)  # compared with a fraction, no index would find the times
        if after is None:
            rows = await self._database.read_aside(_UNTIL, (last, limit))
        else:
            rows = await self._database.read_aside(_BEHIND, (last, *after, limit))
        return [Planned(*row) for row in rows]

    async def planned_about(self, user_id: int) -> Collection[Planned]:
        return [Planned(*row) for row in await self._database.read_aside(_ABOUT, (user_id,))]


def write(cursor: Cursor, changes: PlannedChanges) -> None:
    """Write changes of planned entries inside a transaction."""
    if changes.forgotten:
        cursor.execute(_FORGET, ([*changes.forgotten],))
    if dropped := [key for key, entry in changes.entries.items() if entry is None]:
        cursor.execute(_DROP, (dropped,))
    if kept := [entry for entry in changes.entries.values() if entry is not None]:
        rows = [(one.key, one.at, one.name, one.user, one.data, one.attempts) for one in kept]
        cursor.execute(_PLAN, [[*column] for column in zip(*rows, strict=True)])
