"""The session file: Telethon's SQLite format, made durable and quick to look names up in."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from telethon import utils
from telethon.sessions.sqlite import SQLiteSession
from telethon.tl import TLObject, types

from tgbot.core.errors import SessionDamagedError, StorageLockedError
from tgbot.core.ids import marked_channel, marked_chat
from tgbot.core.users import Keep
from tgbot.store.base import UpdateState
from tgbot.store.files import OpenFile, make_private
from tgbot.store.peers import RESOLVES_A_DAY, Peer, UsernameRow
from tgbot.store.sqlite.connection import connect, connect_durable, sqlite_errors, transaction
from tgbot.store.sqlite.locks import LockWait, holder
from tgbot.store.sqlite.peerbook import PeerBook
from tgbot.store.sqlite.sessionfile import BY_ID, OUR_TABLES, Changes, Row, check_before_opening, write
from tgbot.store.sqlite.worker import DiskWorker

__all__ = ["RESOLVES_A_DAY", "DurableSession", "UsernameRow"]

#: How long what is written on the event loop waits for a checkpoint that a lock holds up, in seconds.
_ON_LOOP_SECONDS: Final = 5.0


class DurableSession(PeerBook, SQLiteSession):
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
        PeerBook.__init__(self, clock, keep)
        self.path = path
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

    def save(self) -> None:
        """Return at once: nothing is ever left uncommitted."""

    def close(self) -> None:
        """Close the file; peers not yet in a checkpoint stay in memory. The next use opens it again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._conn is not None:
            self._worker.close(self._conn.close)
            self._file = None
            self._conn, self._worker = None, self._new_worker()

    def set_update_state(self, entity_id: int, state: types.updates.State) -> None:
        """Return at once: only `checkpoint` writes update state."""

    def process_entities(self, tlo: TLObject | Sequence[TLObject]) -> None:
        if isinstance(tlo, (types.User, types.Chat, types.Channel)):
            self.remember((tlo,))
        elif utils.is_list_like(tlo):
            self.remember(tlo)
        else:
            self.remember((*(getattr(tlo, "users", None) or ()), *(getattr(tlo, "chats", None) or ())))

    def get_entity_rows_by_id(self, id: int, exact: bool = True) -> tuple[int, int] | None:
        for marked in (id,) if exact else (id, marked_chat(id), marked_channel(id)):
            access_hash = self.access_hash(marked)
            if access_hash is not None:
                return marked, access_hash
        return None

    def get_entity_rows_by_username(self, username: str) -> tuple[int, int] | None:
        row = self.username(username)
        return None if row is None else self.get_entity_rows_by_id(row.marked_id)

    # ---- peers ---------------------------------------------------------------------------------

    async def put(self, peers: Mapping[int, Peer], *, unknown: bool = False) -> None:
        """Store peers out of a file in the place of those here; on disk on return, written in a thread.

        A username that several of them have belongs to the one that was seen last. `unknown` says that this
        session has none of the peers, and nobody under their usernames.
        """
        owners: dict[str, int | None] = {
            name: marked for marked, peer in peers.items() for name in peer.names
        }
        if len(owners) < sum([len(peer.names) for peer in peers.values()]):
            for marked, peer in sorted(peers.items(), key=lambda item: item[1].seen):
                owners.update(dict.fromkeys(peer.names, marked))
        await self._worker.run(lambda: self._write(Changes(dict(peers), owners, None, unknown), None))
        self._reread(peers)
        self._give_away(owners)

    def forget(self, marked_id: int) -> None:
        """Delete a peer, its access hash and usernames; off the disk on return, which may take a while.

        Raise a StorageError if they cannot be deleted; the peer stays known then.
        """
        with self._write_lock:  # a checkpoint under way writes what is deleted here
            with self._transaction(patient=True) as cursor:
                cursor.execute("DELETE FROM entities WHERE id = ?", (marked_id,))
                cursor.execute("DELETE FROM tgbot_usernames WHERE id = ?", (marked_id,))
            self._drop(marked_id)

    # ---- the checkpoint ------------------------------------------------------------------------

    def bot_id(self) -> int | None:
        """Return the id of the bot whose session this is; None if it never logged in."""
        rows = self._read(BY_ID, 0)
        return rows[0][0] if rows else None

    def update_state(self) -> UpdateState | None:
        """Return the update state on disk; None if this session never had one."""
        rows = self._read("SELECT id, pts, qts, date, seq FROM update_state")
        account = next((row for row in rows if row[0] == 0), None)
        # A log may begin at pts 0; plain Telethon writes 0 with no date to speak of where it knows nothing.
        if account is None or not (account[1] or int(account[3] or 0) > 1):
            return None
        channels = {row[0]: row[1] for row in rows if row[0] != 0 and row[1]}
        return UpdateState(account[1] or 0, account[2] or 0, int(account[3] or 0), account[4] or 0, channels)

    def value(self, name: str) -> str | int | None:
        """Return a value stored with `set_value`, None if there is none."""
        rows = self._read("SELECT value FROM tgbot_values WHERE name = ?", name)
        return rows[0][0] if rows else None

    def set_value(self, name: str, value: str | int) -> None:
        """Store a value of this program beside the session; on disk on return."""
        with self._transaction() as cursor:
            cursor.execute("INSERT OR REPLACE INTO tgbot_values VALUES (?, ?)", (name, value))

    def set_bot_id(self, bot_id: int) -> None:
        """Store the id of the bot whose session this is, as Telethon does: as the access hash of peer 0."""
        with self._transaction() as cursor:
            row = (bot_id, int(self._clock()))
            cursor.execute("INSERT OR REPLACE INTO entities VALUES (0, ?, NULL, NULL, NULL, ?)", row)

    async def checkpoint(self, state: UpdateState | None) -> None:
        """Write changed peers, resolves, and the update state if one is given, in one transaction.

        On disk on return; the write runs in a thread. Raise a StorageError if it cannot be written: it is
        still in memory then, and the next checkpoint writes it.
        """
        with self._saving() as changes:
            await self._worker.run(lambda: self._write(changes, state))

    def check_files(self) -> None:
        """Raise StorageGoneError if the open file has not its name any more; it waits for the disk."""
        if (file := self._file) is not None:
            file.check()

    def _write(self, changes: Changes, state: UpdateState | None) -> None:
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

    def _read(self, query: str, *values: int | str) -> list[Row]:
        if self._reader is None:
            self._reader = connect(self.path)
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error:
            # Read again to map the error: entering `sqlite_errors` costs as much as the read itself.
            with self._errors():
                return self._reader.execute(query, values).fetchall()
