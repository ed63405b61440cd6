"""Used logins in a PostgreSQL database: what one node let in, no other lets in again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tgbot.store.logins import REMEMBERED, Owed
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.peerrows import storable
from tgbot.store.postgres.writes import write_again

_HAS: Final = "SELECT FROM tgbot.logins WHERE digest = %s"
_ADD: Final = """
    INSERT INTO tgbot.logins (digest, until, "user", language) VALUES (%s, %s, %s, %s)
    ON CONFLICT (digest) DO UPDATE SET until = excluded.until, "user" = excluded."user",
        language = excluded.language"""
_DROP_OLD: Final = "DELETE FROM tgbot.logins WHERE until < %s"
_SETTLE: Final = 'UPDATE tgbot.logins SET "user" = NULL, language = NULL WHERE digest = %s'
_OWED: Final = """
    SELECT digest, until, "user", language FROM tgbot.logins WHERE "user" IS NOT NULL ORDER BY used, digest"""


class PostgresLogins:
    """The `Logins` of a bot; `fence` is called last in each transaction, and raises LeaseLostError.

    The database has to have its tables, and stays open.
    """

    def __init__(self, database: Database, fence: Callable[[Cursor], None]) -> None:
        self._database = database
        self._fence = fence

    async def has(self, digest: bytes) -> bool:
        return bool(await self._database.read_aside(_HAS, (digest,)))

    async def add(self, digest: bytes, signed: int, now: float, owed: tuple[int, str] | None = None) -> None:
        user_id, language = owed or (None, None)
        words = None if language is None else storable([language])[0]

        def change(cursor: Cursor) -> None:
            cursor.execute(_DROP_OLD, (int(now),))
            cursor.execute(_ADD, (digest, signed + REMEMBERED, user_id, words))
            self._fence(cursor)

        await self._write(change)

    async def settle(self, digest: bytes) -> None:
        def change(cursor: Cursor) -> None:
            cursor.execute(_SETTLE, (digest,))
            self._fence(cursor)

        await self._write(change)

    async def owed(self) -> list[Owed]:
        rows = await self._database.read_aside(_OWED)
        return [Owed(digest, until - REMEMBERED, *who) for digest, until, *who in rows]

    def close(self) -> None:
        """Close nothing: the database belongs to the store."""

    async def _write(self, change: Callable[[Cursor], None]) -> None:
        await self._database.aside(lambda: write_again(self._database, change))
