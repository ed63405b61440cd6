"""Which login data has been used: on disk, so that neither a restart nor `/forget` lets it in again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tgbot.core.errors import StorageFailedError, StorageFullError

#: How long a used login is remembered, in seconds. Longer than `[login] max_age` may be, so that raising it
#: does not let old ones in again.
REMEMBERED: Final = 8 * 24 * 3600

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS used (digest BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_until ON used (until);
"""


class UsedLogins:
    """The digests of used logins in an SQLite file; each is forgotten once its login is too old anyway.

    Raises StorageFullError or StorageFailedError where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._rows = sqlite3.connect(path, check_same_thread=False, timeout=5)
            try:
                self._rows.execute("PRAGMA journal_mode=WAL")
                self._rows.execute("PRAGMA synchronous=FULL")
                self._rows.executescript(_SCHEMA)
            except BaseException:
                self._rows.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise self._explained(error) from error
        # One thread, so one statement after another: a commit waits for the disk.
        self._thread = ThreadPoolExecutor(1, "used-logins")

    async def has(self, digest: bytes) -> bool:
        """Whether this login was used."""
        return bool(await self._run(("SELECT 1 FROM used WHERE digest = ?", (digest,))))

    async def add(self, digest: bytes, signed: int, now: float) -> None:
        """This login, signed then, is used: on disk when this returns."""
        await self._run(
            ("DELETE FROM used WHERE until < ?", (int(now),)),
            ("INSERT OR IGNORE INTO used VALUES (?, ?)", (digest, signed + REMEMBERED)),
        )

    def close(self) -> None:
        """Let go of the file, once what is under way is written."""
        self._thread.shutdown()
        self._rows.close()

    async def _run(self, *statements: tuple[str, tuple[object, ...]]) -> list[object]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._execute, statements)

    def _execute(self, statements: Iterable[tuple[str, tuple[object, ...]]]) -> list[object]:
        found: list[object] = []
        try:
            with self._rows:
                for statement, values in statements:
                    found = self._rows.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from error
        return found

    def _explained(self, error: OSError | sqlite3.Error) -> StorageFullError | StorageFailedError:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return StorageFullError(self._path)
        return StorageFailedError(self._path, str(error))
