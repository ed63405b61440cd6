"""Used logins, and who is still to be greeted for one, in an SQLite file."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from sqlitedict import SqliteDict

from tgbot.core.errors import StorageFailedError
from tgbot.store.files import make_private
from tgbot.store.logins import REMEMBERED, Owed
from tgbot.store.sqlite.connection import connect_durable, sqlite_errors, transaction
from tgbot.store.sqlite.worker import DiskWorker

T = TypeVar("T")

#: How long the disk may take for one login, in seconds.
_SECONDS: Final = 10.0
#: How many of the oldest logins are looked at whenever one is added; more than one, so that they get fewer.
_LOOKED_AT: Final = 2

_TABLE: Final = "logins"
#: What a file of an older version has in place of that table.
_OLD_TABLE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'used'"
_TAKE_OVER: Final = (
    f"CREATE TABLE IF NOT EXISTS {_TABLE} (key TEXT PRIMARY KEY, value BLOB)",
    f"INSERT OR IGNORE INTO {_TABLE} SELECT lower(hex(digest)), CAST(until AS TEXT) FROM used",
    "DROP TABLE used",
)


#: The rows whose value is a list.
_OWED: Final = f"SELECT key, value FROM {_TABLE} WHERE substr(value, 1, 1) = '[' ORDER BY rowid"


class UsedLogins:
    """The `Logins` in a durable map: digest, in hexadecimal → until when it is remembered (unix seconds).

    The value of a login whose user is still to be greeted is a list: this time, their id, and the language.
    Made if there is none (mode 0600). Raise a StorageError where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with sqlite_errors(path):
            make_private(path)
            _take_over(path)
            # It commits each change by itself: a commit apart that fails would end sqlitedict's thread, and
            # the caller would wait for ever.
            self._until = SqliteDict(
                str(path),
                _TABLE,
                autocommit=True,
                journal_mode="WAL",
                encode=json.dumps,
                decode=json.loads,
                outer_stack=False,
            )
            # sqlitedict opens every file with synchronous=OFF.
            self._until.conn.execute("PRAGMA synchronous=FULL")
        self._worker = DiskWorker(path, _SECONDS)

    async def has(self, digest: bytes) -> bool:
        return await self._run(lambda: digest.hex() in self._until)

    async def add(self, digest: bytes, signed: int, now: float, owed: tuple[int, str] | None = None) -> None:
        def change() -> None:
            for key, value in list(islice(self._until.items(), _LOOKED_AT)):
                if (value[0] if isinstance(value, list) else value) < now:
                    del self._until[key]
            until = signed + REMEMBERED
            self._until[digest.hex()] = until if owed is None else [until, *owed]

        await self._run(change)

    async def settle(self, digest: bytes) -> None:
        def change() -> None:
            if isinstance(value := self._until.get(digest.hex()), list):
                self._until[digest.hex()] = value[0]

        await self._run(change)

    async def owed(self) -> list[Owed]:
        def find() -> list[Owed]:
            rows = self._until.conn.select(_OWED)
            found = ((bytes.fromhex(key), *json.loads(value)) for key, value in rows)
            return [Owed(digest, until - REMEMBERED, *who) for digest, until, *who in found]

        return await self._run(find)

    def close(self) -> None:
        """Close the file, once the change under way is written."""
        self._worker.close(self._close)

    async def _run(self, function: Callable[[], T]) -> T:
        def run() -> T:
            # sqlitedict does not notice that its thread has ended, and would wait for its answer for ever.
            if not self._until.conn.is_alive():
                raise StorageFailedError(self._path, "the thread that writes it has ended")
            with sqlite_errors(self._path):
                return function()

        return await self._worker.run(run)

    def _close(self) -> None:
        if self._until.conn is not None and self._until.conn.is_alive():
            self._until.close(do_log=False)


def _take_over(path: Path) -> None:
    """Bring the logins of an older version into sqlitedict's form."""
    with closing(connect_durable(path)) as connection:
        if connection.execute(_OLD_TABLE).fetchone():
            with transaction(connection) as cursor:
                for statement in _TAKE_OVER:
                    cursor.execute(statement)
