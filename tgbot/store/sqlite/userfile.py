"""The users in one SQLite file: the rows of a registry, and the registry on them.

Table `users` has the form that sqlitedict gives its tables: key = user id as text, value = JSON text, so that
`SqliteDict(path, "users", encode=json.dumps, decode=json.loads)` opens it as a mapping. Table `meta` in the
same file holds the schema version and the counts, table `parked` the parked updates, and `plannedrows` and
`broadcastrows` have their tables there, so that one commit holds all of them.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias

from tgbot.core.access import Access
from tgbot.core.errors import NeverRunError, RegistryDamagedError, RegistryTooOldError
from tgbot.store.base import Broadcasts, Parked, ParkedUpdates, Reason
from tgbot.store.broadcast_rows import BroadcastRows
from tgbot.store.broadcasts import StoredBroadcasts
from tgbot.store.counts import PASSING, PASSING_END
from tgbot.store.files import OpenFile, make_private
from tgbot.store.json_text import dumps
from tgbot.store.loaded import CACHED_USERS
from tgbot.store.lock import instance_lock
from tgbot.store.parked import PARKED_UPDATES, ParkingLot, Place
from tgbot.store.planned import PlannedRows
from tgbot.store.registry import Registry
from tgbot.store.sqlite import broadcastrows, plannedrows, userschema
from tgbot.store.sqlite.broadcastrows import SqliteBroadcastRows
from tgbot.store.sqlite.connection import connect, connect_durable, sqlite_errors, transaction
from tgbot.store.sqlite.locks import LockWait, patiently
from tgbot.store.sqlite.plannedrows import SqlitePlannedRows
from tgbot.store.sqlite.rows import write_rows
from tgbot.store.sqlite.worker import DiskWorker
from tgbot.store.stored import Changes, StoredUsers

_PAGE: Final = 200  # users read at once by `after`
#: Up to so many users are read one by one: a list for SQLite to take apart costs more.
_FEW: Final = 2
_ONE: Final = "SELECT value FROM users WHERE key = ?"
_MANY: Final = "SELECT CAST(key AS INTEGER), value FROM users WHERE key IN (SELECT value FROM json_each(?))"
_AFTER: Final = """
    SELECT CAST(key AS INTEGER), value
    FROM users WHERE CAST(key AS INTEGER) > :above ORDER BY CAST(key AS INTEGER) LIMIT :page"""
#: Each part is limited, so that neither is read to its end for one page. The notes are a range of the key.
_AFTER_OF: Final = f"""
    SELECT listed.user, value FROM (
        SELECT * FROM (
            SELECT user FROM users_by_access WHERE access = :access AND user > :above
            ORDER BY user LIMIT :page)
        UNION SELECT * FROM (
            SELECT CAST(substr(key, {len(PASSING) + 1}) AS INTEGER) AS user FROM meta
            WHERE key >= '{PASSING}' AND key < '{PASSING_END}' AND user > :above
            ORDER BY user LIMIT :page)
        ORDER BY user LIMIT :page) AS listed
    JOIN users ON key = CAST(listed.user AS TEXT) ORDER BY listed.user"""
_RECOUNT: Final = "SELECT access, count(*) FROM users_by_access GROUP BY access"
#: As plain texts: sqlite3 looks for an adapter for each value of any other class.
_NAMES: Final = {access: access.value for access in Access}
_LIST: Final = "INSERT OR IGNORE INTO users_by_access (access, user) VALUES"
_UNLIST: Final = "DELETE FROM users_by_access WHERE access = ? AND user = ?"
_DECLINE: Final = "INSERT OR IGNORE INTO users_declining (user) VALUES (?)"
_ALLOW: Final = "DELETE FROM users_declining WHERE user = ?"
# An upsert leaves the indexes alone, unlike REPLACE.
_SAVE: Final = (
    "INSERT INTO users (key, value) VALUES",
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
)
_DELETE: Final = "DELETE FROM users WHERE key IN (SELECT value FROM json_each(?))"
_DROP_NOTE: Final = "DELETE FROM meta WHERE key = ?"
_HAS_PARKED: Final = "SELECT 1 FROM sqlite_master WHERE name = 'parked'"
_PLACES: Final = "SELECT key, dialog, user, reason, parked_at, retry_at FROM parked"
#: The columns are in the order of the fields of `Parked`.
_PARKED: Final = "SELECT * FROM parked WHERE key IN (SELECT value FROM json_each(?))"
_PARK: Final = "REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_VALUES: Final = attrgetter(*(one.name for one in fields(Parked)))
_DROP: Final = "DELETE FROM parked WHERE key = ?"

_Row: TypeAlias = tuple[int, str | None]


class ReadOnlyUserRows:
    """The rows of an existing file, for reading (see `UserRows`); one connection, used on the event loop."""

    def __init__(self, path: Path) -> None:
        self.path, self.place = path, str(path)
        with self._errors():
            self._reader = connect(path)
        self.broadcasts: BroadcastRows = SqliteBroadcastRows(path, self._reader)
        self.plans: PlannedRows = SqlitePlannedRows(path, self._reader)

    def one(self, user_id: int) -> str | None:
        try:
            row = self._reader.execute(_ONE, (str(user_id),)).fetchone()
        except sqlite3.Error:
            # Read again to map the error: entering `sqlite_errors` costs as much as the read itself.
            with self._errors():
                row = self._reader.execute(_ONE, (str(user_id),)).fetchone()
        return row[0] if row is not None else None

    async def many(self, user_ids: Collection[int]) -> Mapping[int, str]:
        if len(user_ids) <= _FEW:
            return {user_id: text for user_id in user_ids if (text := self.one(user_id)) is not None}
        with self._errors():
            return dict(self._reader.execute(_MANY, (_keys(user_ids),)).fetchall())

    def after(self, user_id: int, access: Access | None) -> Iterator[_Row]:
        query = _AFTER if access is None else _AFTER_OF
        wanted = {"above": user_id, "access": access, "page": _PAGE}
        while True:
            with self._errors():
                page = self._reader.execute(query, wanted).fetchall()
            yield from page
            if len(page) < _PAGE:
                return
            wanted["above"] = page[-1][0]

    def notes(self) -> Mapping[str, str]:
        with self._errors():
            return dict(self._reader.execute("SELECT key, value FROM meta").fetchall())

    def recount(self) -> Mapping[str, int]:
        with self._errors():
            return dict(self._reader.execute(_RECOUNT).fetchall())

    def places(self) -> Mapping[str, Place]:
        with self._errors():
            if not self._reader.execute(_HAS_PARKED).fetchone():
                return {}  # an older version made the file
            rows = self._reader.execute(_PLACES).fetchall()
            return {key: Place(to, who, Reason(why), *times) for key, to, who, why, *times in rows}

    def parked(self, keys: Collection[str]) -> Mapping[str, Parked]:
        if not keys:
            return {}
        with self._errors():
            rows = self._reader.execute(_PARKED, (json.dumps(list(keys)),)).fetchall()
            return {key: Parked(key, to, who, Reason(why), *rest) for key, to, who, why, *rest in rows}

    async def write(self, changes: Changes) -> None:
        raise TypeError("these rows are open for reading only")

    def close(self) -> None:
        self._reader.close()

    def _errors(self) -> AbstractContextManager[None]:
        return sqlite_errors(self.path, damaged=RegistryDamagedError)


class SqliteUserRows(ReadOnlyUserRows):
    """The rows of a file, which is made if there is none (mode 0600); writes run in a thread of their own.

    A file of an older schema is upgraded, and a copy of it kept; a newer or damaged one is refused and left
    as it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            if os.path.lexists(path):
                make_private(path)
            userschema.prepare(path)
            self._writer = connect_durable(path)
        try:
            #: The file as it was opened.
            self.file = OpenFile(path, database=True)
            super().__init__(path)
        except BaseException:
            self._writer.close()
            raise
        self._lock = LockWait(path)
        self.worker = DiskWorker(path, held_up=lambda: self._lock.waiting)

    async def write(self, changes: Changes) -> None:
        await self.worker.run(lambda: self._write(changes))

    def close(self) -> None:
        super().close()
        self.worker.close(self._writer.close)

    def _write(self, changes: Changes) -> None:
        before, after = _SAVE
        notes, parked = changes.notes, changes.parked
        with self._errors(), transaction(self._writer, self._lock) as cursor:
            users = [(str(user_id), text) for user_id, text in changes.users.items()]
            write_rows(cursor, before, users, after)
            if changes.gone:
                cursor.execute(_DELETE, (_keys(changes.gone),))
            cursor.executemany(userschema.NOTE, [note for note in notes.items() if note[1] is not None])
            cursor.executemany(_DROP_NOTE, [(name,) for name, text in notes.items() if text is None])
            cursor.executemany(_PARK, [_VALUES(one) for one in parked.values() if one is not None])
            cursor.executemany(_DROP, [(key,) for key, one in parked.items() if one is None])
            _list(cursor, changes)
            plannedrows.write(cursor, changes.planned)
            broadcastrows.write(cursor, changes.broadcasts)


def _list(cursor: sqlite3.Cursor, changes: Changes) -> None:
    """Write under which access users are now, of those for whom that changed, and who declines broadcasts."""
    unlisted = [(_NAMES[before], user_id) for user_id, before, _ in changes.moved if before is not None]
    listed = [(_NAMES[after], user_id) for user_id, _, after in changes.moved if after is not None]
    cursor.executemany(_UNLIST, unlisted)
    write_rows(cursor, _LIST, listed)
    for statement, declines in ((_DECLINE, True), (_ALLOW, False)):
        cursor.executemany(statement, [(one,) for one, no in changes.declining.items() if no is declines])


class SqliteRegistry(Registry):
    """A registry of users in the SQLite file `path` (see `SqliteUserRows`); `clock` is Telegram's."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float],
        cached_users: int = CACHED_USERS,
        parked: int = PARKED_UPDATES,
        came: Callable[[Collection[int]], None] = lambda user_ids: None,
    ) -> None:
        rows = SqliteUserRows(path)
        #: Raises StorageGoneError if the open file has not its name any more; it waits for the disk.
        self.check_files = rows.file.check
        try:
            super().__init__(rows, clock, cached_users=cached_users, parked=parked, came=came)
        except BaseException:
            rows.close()
            raise


def open_readonly(path: Path, *, clock: Callable[[], float] = time.time) -> StoredUsers:
    """Open a registry for reading; nothing in it changes, and a running bot is not disturbed.

    The host's clock judges permissions that end, unless another is given: only a login brings Telegram's.
    Raise NeverRunError if there is no file, or another StorageError if it cannot be used.
    """
    return StoredUsers(_readonly_rows(path), clock)


@contextmanager
def open_parked(path: Path) -> Iterator[ParkedUpdates]:
    """Open the parked updates of a registry for reading, as `open_readonly` opens the users."""
    with closing(_readonly_rows(path)) as rows:
        yield ParkingLot(rows, time.time)


@contextmanager
def open_broadcasts(path: Path) -> Iterator[Broadcasts]:
    """Open the broadcasts in a registry for reading, as `open_readonly` opens the users."""

    async def flush() -> None:
        if broadcasts.changed:
            raise TypeError("these broadcasts are open for reading only")

    with closing(_readonly_rows(path)) as rows:
        broadcasts = StoredBroadcasts(rows.broadcasts, flush)
        yield broadcasts


@contextmanager
def open_for_changes(session: Path, path: Path) -> Iterator[SqliteRegistry]:
    """Open the registry of a bot that does not run; only what is flushed within the block is kept.

    Raise NeverRunError if there is no file, SessionInUseError while a process uses the session, or another
    StorageError.
    """
    if not path.exists():
        raise NeverRunError(path)
    with (
        instance_lock(session),
        closing(patiently(lambda: SqliteRegistry(path, clock=time.time))) as registry,
    ):
        yield registry


def _readonly_rows(path: Path) -> ReadOnlyUserRows:
    with sqlite_errors(path, damaged=RegistryDamagedError):
        if not path.exists():
            raise NeverRunError(path)
        found = userschema.schema_of(path)
    if found < userschema.SCHEMA:
        raise RegistryTooOldError(path, found, userschema.SCHEMA)
    return ReadOnlyUserRows(path)


def _keys(user_ids: Iterable[int]) -> str:
    return dumps([str(user_id) for user_id in user_ids])
