"""The session file: Telethon's SQLite format, made durable and quick to look names up in."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from telethon.sessions.sqlite import SQLiteSession

from tgbot.core.errors import SessionDamagedError, StorageLockedError
from tgbot.core.users import Keep
from tgbot.store.base import UpdateState
from tgbot.store.files import OpenFile, make_private
from tgbot.store.json_text import dumps
from tgbot.store.peers import RESOLVES_A_DAY, Peer, PeerChanges, UsernameRow
from tgbot.store.session import BotSession
from tgbot.store.sqlite.connection import connect, connect_durable, sqlite_errors, transaction
from tgbot.store.sqlite.locks import LockWait, holder
from tgbot.store.sqlite.sessionfile import (
    BY_ID,
    BY_USERNAME,
    OUR_TABLES,
    PEER,
    PEERS,
    Row,
    check_before_opening,
    stored_peer,
    write,
)
from tgbot.store.sqlite.worker import DiskWorker

__all__ = ["RESOLVES_A_DAY", "DurableSession", "UsernameRow"]

#: Up to so many peers are read one by one: a list for SQLite to take apart costs more.
_FEW: Final = 2
#: How long what is written on the event loop waits for a checkpoint that a lock holds up, in seconds.
_ON_LOOP_SECONDS: Final = 5.0


class DurableSession(BotSession, SQLiteSession):
    """A Telethon session that keeps what it was given, through a kill or a power cut.

    The auth key and the data center are on disk when the assignment returns; peers, usernames and the
    update state when `checkpoint` returns. Plain Telethon can open the file again. `clock` says when a peer
    is seen, in unix seconds; a bot gives Telegram's. With `Keep.PRIVATE` the file gets only those users whom
    `keep` names; the others are in memory only. Raise SessionDamagedError or SessionTooNewError for a
    file that cannot be used, which is left as it is; of a file of an older version a copy is kept.
    """

    _conn: sqlite3.Connection | None

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        keep: Keep = Keep.ALL,
    ) -> None:
        BotSession.__init__(self, clock, keep)
        self.path, self.place = path, str(path)
        self._file: OpenFile | None = None
        self._lock_wait = LockWait(path)
        self._worker = self._new_worker()
        self._write_lock = threading.RLock()
        self._reader: sqlite3.Connection | None = None
        make_private(path)
        check_before_opening(path)
        with self._errors(opening=True):
            SQLiteSession.__init__(self, str(path))
            self._cursor().executescript(OUR_TABLES).close()
            rows = self._read("SELECT at FROM tgbot_resolves ORDER BY at")
        self._resolves.extend(at for (at,) in rows)

    # ---- what Telethon asks of a session -------------------------------------------------------

    def _cursor(self) -> sqlite3.Cursor:
        return self._connection().cursor()

    def _connection(self) -> sqlite3.Connection:
        """Return the connection that writes, opened anew after `close`.

        It commits by itself but within `_transaction`, where Telethon's own holds one open for a minute.
        """
        if self._conn is None:
            self._conn = connect_durable(self.path)
            self._file = OpenFile(self.path, database=True)
        return self._conn

    def _update_session_table(self) -> None:
        with self._transaction():
            super()._update_session_table()

    def close(self) -> None:
        """Close the file; peers not yet in a checkpoint stay in memory. The next use opens it again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._conn is not None:
            self._worker.close(self._conn.close)
            self._file = None
            self._conn, self._worker = None, self._new_worker()

    # ---- peers ---------------------------------------------------------------------------------

    def forget(self, marked_id: int) -> None:
        with self._write_lock:  # a checkpoint under way writes what is deleted here
            with self._transaction(patient=True) as cursor:
                cursor.execute("DELETE FROM entities WHERE id = ?", (marked_id,))
                cursor.execute("DELETE FROM tgbot_usernames WHERE id = ?", (marked_id,))
            self._drop(marked_id)

    # ---- the checkpoint ------------------------------------------------------------------------

    def bot_id(self) -> int | None:
        rows = self._read(BY_ID, 0)
        return rows[0][0] if rows else None

    def update_state(self) -> UpdateState | None:
        rows = self._read("SELECT id, pts, qts, date, seq FROM update_state")
        account = next((row for row in rows if row[0] == 0), None)
        # A log may begin at pts 0; plain Telethon writes 0 with no date to speak of where it knows nothing.
        if account is None or not (account[1] or int(account[3] or 0) > 1):
            return None
        channels = {row[0]: row[1] for row in rows if row[0] != 0 and row[1]}
        return UpdateState(account[1] or 0, account[2] or 0, int(account[3] or 0), account[4] or 0, channels)

    def value(self, name: str) -> str | int | None:
        rows = self._read("SELECT value FROM tgbot_values WHERE name = ?", name)
        return rows[0][0] if rows else None

    def set_value(self, name: str, value: str | int) -> None:
        with self._transaction() as cursor:
            cursor.execute("INSERT OR REPLACE INTO tgbot_values VALUES (?, ?)", (name, value))

    # One file has one auth key, so the values of the bot are beside those of the key.
    def bot_value(self, name: str) -> str | int | None:
        return self.value(name)

    def set_bot_value(self, name: str, value: str | int) -> None:
        self.set_value(name, value)

    def set_bot_id(self, bot_id: int) -> None:
        # As Telethon does: as the access hash of peer 0.
        with self._transaction() as cursor:
            row = (bot_id, int(self._clock()))
            cursor.execute("INSERT OR REPLACE INTO entities VALUES (0, ?, NULL, NULL, NULL, ?)", row)

    async def checkpoint(self, state: UpdateState | None) -> None:
        with self._saving() as changes:
            await self._worker.run(lambda: self._write(changes, state))

    def check_files(self) -> None:
        """Raise StorageGoneError if the open file has not its name any more; it waits for the disk."""
        if (file := self._file) is not None:
            file.check()

    async def _write_peers(self, changes: PeerChanges) -> None:
        await self._worker.run(lambda: self._write(changes, None))

    def _write(self, changes: PeerChanges, state: UpdateState | None) -> None:
        with self._transaction(patient=True) as cursor:
            write(cursor, changes, state)

    @contextmanager
    def _transaction(self, *, patient: bool = False) -> Iterator[sqlite3.Cursor]:
        """Give a transaction; one that is not `patient` runs on the event loop, and waits for seconds."""
        if not self._write_lock.acquire(timeout=-1 if patient else _ON_LOOP_SECONDS):
            raise StorageLockedError(self.path, holder(self.path))
        try:
            wait = self._lock_wait if patient else None
            with self._errors(), transaction(self._connection(), wait) as cursor:
                yield cursor
        finally:
            self._write_lock.release()

    def _new_worker(self) -> DiskWorker:
        return DiskWorker(self.path, held_up=lambda: self._lock_wait.waiting)

    def _errors(self, *, opening: bool = False) -> AbstractContextManager[None]:
        return sqlite_errors(self.path, damaged=SessionDamagedError, opening=opening)

    # ---- reading -------------------------------------------------------------------------------

    def _stored(self, marked_ids: Sequence[int]) -> Iterable[tuple[int, Peer]]:
        if len(marked_ids) <= _FEW:
            rows = [row for marked in marked_ids for row in self._read(PEER, marked)]
        else:
            rows = self._read(PEERS, dumps(list(marked_ids)))
        return map(stored_peer, rows)

    def _stored_hash(self, marked_id: int) -> int | None:
        rows = self._read(BY_ID, marked_id)
        return rows[0][0] if rows else None

    def _stored_owners(self, name: str) -> Iterable[UsernameRow]:
        return [UsernameRow(marked, int(seen or 0)) for marked, seen in self._read(BY_USERNAME, name, name)]

    def _read(self, query: str, *values: int | str) -> list[Row]:
        if self._reader is None:
            self._reader = connect(self.path)
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error:
            # Read again to map the error: entering `sqlite_errors` costs as much as the read itself.
            with self._errors():
                return self._reader.execute(query, values).fetchall()
