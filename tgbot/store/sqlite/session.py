"""The session file: Telethon's SQLite format, made durable and quick to look names up in."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from telethon import utils
from telethon.sessions.sqlite import SQLiteSession
from telethon.tl import types

from tgbot.core.errors import SessionDamagedError
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.connection import connect, connect_durable, make_private, transaction
from tgbot.store.sqlite.errors import sqlite_errors
from tgbot.store.sqlite.sessionfile import (
    BY_ID,
    BY_STOCK_USERNAME,
    BY_USERNAME,
    OUR_TABLES,
    Changes,
    Peer,
    UsernameRow,
    active_names,
    refuse_what_cannot_be_opened,
    write,
)

__all__ = ["RESOLVES_A_DAY", "DurableSession", "UpdateState", "UsernameRow"]

#: A peer seen again within this many seconds is not written again only for its date.
SEEN_GRAIN = 600
#: How many peers stay in memory; the others cost one primary-key read.
KNOWN_LIMIT = 50_000
#: Telegram lets a bot resolve about this many usernames in any 24 hours (telegram-bot-api issue 521).
RESOLVES_A_DAY = 200

_DAY = 24 * 60 * 60


class DurableSession(SQLiteSession):
    """A Telethon session that keeps what it was given, through a kill or a power cut.

    The auth key and the data center are on disk when the assignment returns; peers, usernames and the
    update state when `checkpoint` returns, all in one transaction. The stock tables keep their columns,
    so plain Telethon opens the file again. Raises SessionDamagedError or SessionTooNewError for a file
    that it cannot use, which is left as it is; a file of an older version is copied aside first.
    """

    _conn: Any

    def __init__(self, path: Path) -> None:
        self.path = path
        self._write_lock = threading.RLock()
        self._reader: sqlite3.Connection | None = None
        self._known: OrderedDict[int, Peer] = OrderedDict()
        #: What no checkpoint has begun to write, and what one is writing now.
        self._changes = Changes()
        self._writing = Changes()
        self._resolved: deque[int] = deque()
        refuse_what_cannot_be_opened(path)
        make_private(path)
        with self._errors(opening=True):
            super().__init__(str(path))
            self._cursor().executescript(OUR_TABLES).close()
            rows = self._execute_all("SELECT at FROM tgbot_resolves ORDER BY at")
        self._resolved.extend(at for (at,) in rows)

    # ---- what Telethon asks of a session -------------------------------------------------------

    def _cursor(self) -> sqlite3.Cursor:
        if self._conn is None:
            # Autocommit: a transaction is open only between an explicit BEGIN and its COMMIT, never
            # for a minute as in the stock session.
            self._conn = connect_durable(self.path)
        cursor: sqlite3.Cursor = self._conn.cursor()
        return cursor

    def _update_session_table(self) -> None:
        with self._transaction():
            super()._update_session_table()

    def save(self) -> None:
        """Return at once: nothing is ever left uncommitted."""

    def close(self) -> None:
        """Close the file. Peers not yet in a checkpoint stay in memory only; the next use opens it again."""
        with self._write_lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            if self._conn is not None:
                self._conn.close()
                self._conn = None

    def set_update_state(self, entity_id: int, state: Any) -> None:
        """Return at once: only `checkpoint` writes update state."""

    def process_entities(self, tlo: Any) -> None:
        if isinstance(tlo, (types.User, types.Chat, types.Channel)):
            self.remember((tlo,))
        elif utils.is_list_like(tlo):
            self.remember(tlo)
        else:
            self.remember((*(getattr(tlo, "users", None) or ()), *(getattr(tlo, "chats", None) or ())))

    def get_entity_rows_by_id(self, id: int, exact: bool = True) -> tuple[int, int] | None:
        if exact:
            access_hash = self.access_hash(id)
            return None if access_hash is None else (id, access_hash)
        for peer in (types.PeerUser(id), types.PeerChat(id), types.PeerChannel(id)):
            marked = utils.get_peer_id(peer)
            access_hash = self.access_hash(marked)
            if access_hash is not None:
                return marked, access_hash
        return None

    def get_entity_rows_by_username(self, username: str) -> tuple[int, int] | None:
        row = self.username(username)
        if row is None:
            return None
        access_hash = self.access_hash(row.marked_id)
        return None if access_hash is None else (row.marked_id, access_hash)

    # ---- peers ---------------------------------------------------------------------------------

    def remember(self, peers: Iterable[Any]) -> None:
        """Take in users and chats as they arrive; min ones and those without access hash are left out.

        On disk at the next checkpoint, found by every look-up at once. A peer that has not changed and
        was seen within the last ten minutes costs one comparison and no write.
        """
        now = int(time.time())
        known, changes = self._known, self._changes
        for peer in peers:
            kind = type(peer)
            if kind is types.User:
                if peer.min or not peer.access_hash:
                    continue
                marked, access_hash, title = peer.id, peer.access_hash, peer.first_name
                if peer.last_name:
                    title = f"{title} {peer.last_name}" if title else peer.last_name
                phone = peer.phone
            elif kind is types.Channel:
                if peer.min or not peer.access_hash:
                    continue
                marked, access_hash = -1_000_000_000_000 - peer.id, peer.access_hash
                title, phone = peer.title, None
            elif kind is types.Chat:
                marked, access_hash, title, phone = -peer.id, 0, peer.title, None
            else:
                continue
            names = active_names(peer)
            old = known.get(marked)
            if old is not None:
                if (
                    old.access_hash == access_hash
                    and old.names == names
                    and old.title == title
                    and old.phone == phone
                    and now - old.seen < SEEN_GRAIN
                ):
                    continue
                if old.names != names:
                    self._release(marked, set(old.names).difference(names))
            elif len(known) >= KNOWN_LIMIT:
                known.popitem(last=False)
            for name in names:
                if old is None or name not in old.names:
                    self._take_from_others(name, marked)
                changes.names[name] = marked
            new = Peer(access_hash, names, phone, title or None, now)
            known[marked] = changes.peers[marked] = new

    def access_hash(self, marked_id: int) -> int | None:
        """Return the access hash of a peer (0 for a basic group), or None for one never met."""
        peer = self._in_memory(marked_id)
        if peer is not None:
            return peer.access_hash
        row = self._read_one(BY_ID, marked_id)
        return None if row is None else int(row[0])

    def username(self, name: str) -> UsernameRow | None:
        """Return whom Telegram last said a username belongs to, and when; None if that is not known.

        Two index look-ups at most, whatever the number of peers.
        """
        name = name.lower().lstrip("@")
        for changes in (self._changes, self._writing):
            marked = changes.names.get(name)
            if marked is not None:
                peer = changes.peers.get(marked)
                if peer is not None and name in peer.names:
                    return UsernameRow(marked, peer.seen)
            if name in changes.dropped:
                return None
        for query in (BY_USERNAME, BY_STOCK_USERNAME):
            row = self._read_one(query, name)
            if row is None:
                continue
            peer = self._in_memory(int(row[0]))
            if peer is None or name in peer.names:  # else they lost it since it was written
                return UsernameRow(int(row[0]), int(row[1] or 0))
        return None

    def usernames_of(self, marked_id: int) -> tuple[str, ...]:
        """Return all usernames that a peer was last seen with, lower-cased."""
        peer = self._in_memory(marked_id)
        if peer is not None:
            # A name may have gone to somebody else since this peer was seen.
            rows = ((name, self.username(name)) for name in peer.names)
            return tuple(name for name, row in rows if row is not None and row.marked_id == marked_id)
        names = self._read_all("SELECT username FROM tgbot_usernames WHERE id = ?", marked_id)
        if not names:
            names = self._read_all(
                "SELECT username FROM entities WHERE id = ? AND username IS NOT NULL", marked_id
            )
        return tuple(str(name) for (name,) in names)

    def drop_username(self, name: str) -> None:
        """Forget who a username belongs to: Telegram said that it is free, or somebody else's."""
        name = name.lower().lstrip("@")
        row = self.username(name)
        if row is not None and (peer := self._in_memory(row.marked_id)) is not None:
            peer.names = tuple(other for other in self.usernames_of(row.marked_id) if other != name)
            self._changes.peers.setdefault(row.marked_id, peer)
            for other in peer.names:
                self._changes.names.setdefault(other, row.marked_id)
        self._changes.names.pop(name, None)
        self._changes.dropped.add(name)

    def forget(self, marked_id: int) -> None:
        """Delete a peer, its access hash and usernames; off the disk on return, which may take a while.

        Raise a StorageError if they cannot be deleted; the peer stays known then.
        """
        with self._write_lock:  # a checkpoint under way writes what is deleted here
            with self._transaction() as cursor:
                cursor.execute("DELETE FROM entities WHERE id = ?", (marked_id,))
                cursor.execute("DELETE FROM tgbot_usernames WHERE id = ?", (marked_id,))
            self._known.pop(marked_id, None)
            for changes in (self._changes, self._writing):
                peer = changes.peers.pop(marked_id, None)
                for name in peer.names if peer else ():
                    changes.names.pop(name, None)

    # ---- resolves of usernames -----------------------------------------------------------------

    def count_resolve(self) -> None:
        """Count one `contacts.resolveUsername` against the day's budget; on disk at the next checkpoint."""
        self._resolved.append(int(time.time()))
        self._changes.resolves = tuple(self._resolved)

    def resolves_today(self) -> int:
        """Return how many usernames were resolved in the last 24 hours."""
        yesterday = int(time.time()) - _DAY
        while self._resolved and self._resolved[0] <= yesterday:
            self._resolved.popleft()
        return len(self._resolved)

    def resolves_again_in(self) -> int:
        """Return after how many seconds the budget allows one more resolve, 0 if it does now."""
        if self.resolves_today() < RESOLVES_A_DAY:
            return 0
        return max(1, self._resolved[-RESOLVES_A_DAY] + _DAY - int(time.time()))

    # ---- the checkpoint ------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        """Whether there are peers or counts that no checkpoint has written yet."""
        return bool(self._changes)

    def bot_id(self) -> int | None:
        """Return whose session this is, or None if it never logged in or was never told."""
        row = self._read_one(BY_ID, 0)
        return None if row is None else int(row[0])

    def update_state(self) -> UpdateState | None:
        """Return the update state on disk; None if this session never had one."""
        rows = self._execute_all("SELECT id, pts, qts, date, seq FROM update_state")
        account = next((row for row in rows if row[0] == 0), None)
        # A log may begin at pts 0; plain Telethon writes 0 with no date to speak of where it knows nothing.
        if account is None or not (account[1] or int(account[3] or 0) > 1):
            return None
        channels = {row[0]: row[1] for row in rows if row[0] != 0 and row[1]}
        return UpdateState(account[1] or 0, account[2] or 0, int(account[3] or 0), account[4] or 0, channels)

    def value(self, name: str) -> Any:
        """Return a value of our own kept beside the session (see `set_value`), or None."""
        row = self._read_one("SELECT value FROM tgbot_values WHERE name = ?", name)
        return None if row is None else row[0]

    def set_value(self, name: str, value: str | int) -> None:
        """Keep a value of our own; on disk when this returns."""
        with self._transaction() as cursor:
            cursor.execute("INSERT OR REPLACE INTO tgbot_values VALUES (?, ?)", (name, value))

    def set_bot_id(self, bot_id: int) -> None:
        """Write down whose session this is, as Telethon does: the peer 0 with the id in place of a hash."""
        with self._transaction() as cursor:
            row = (bot_id, int(time.time()))
            cursor.execute("INSERT OR REPLACE INTO entities VALUES (0, ?, NULL, NULL, NULL, ?)", row)

    async def checkpoint(self, state: UpdateState | None, at: int) -> None:
        """Write pending peers, resolve counts, the update state and the server time `at`, in one transaction.

        On disk when this returns. Runs in a worker thread. What could not be written stays to be written;
        StorageFullError or StorageFailedError says why it could not.
        """
        changes = self._writing = self._changes
        self._changes = Changes()
        try:
            await asyncio.to_thread(self._write, changes, state, at)
        except BaseException:
            # A cancelled wait does not stop the thread: the rows may be written twice, which is harmless.
            changes.put_under(self._changes)
            raise
        finally:
            self._writing = Changes()

    def write_state(self, state: UpdateState, at: int) -> None:
        """Write an update state now, for the first one of a session; on disk when this returns."""
        self._write(Changes(), state, at)

    def _write(self, changes: Changes, state: UpdateState | None, at: int) -> None:
        with self._transaction() as cursor:
            write(cursor, changes, state, at)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        """Open the one write transaction of this file; what the block writes is on disk when it ends."""
        with self._write_lock, self._errors():
            self._cursor().close()
            with transaction(self._conn) as cursor:
                yield cursor

    def _errors(self, *, opening: bool = False) -> AbstractContextManager[None]:
        return sqlite_errors(self.path, damaged=SessionDamagedError, opening=opening)

    def _release(self, marked_id: int, names: Iterable[str]) -> None:
        """Take usernames from a peer that no longer has them, unless they are somebody else's by now."""
        for name in names:
            row = self.username(name)
            if row is None or row.marked_id == marked_id:
                self._changes.names.pop(name, None)
                self._changes.dropped.add(name)

    def _take_from_others(self, name: str, marked_id: int) -> None:
        """Take a name from the peer in memory that had it, so that it is noticed if it goes back."""
        row = self.username(name)
        if row is not None and row.marked_id != marked_id and (peer := self._in_memory(row.marked_id)):
            peer.names = tuple(other for other in peer.names if other != name)

    def _in_memory(self, marked_id: int) -> Peer | None:
        return (
            self._known.get(marked_id)
            or self._changes.peers.get(marked_id)
            or self._writing.peers.get(marked_id)
        )

    # ---- reading -------------------------------------------------------------------------------

    def _read(self) -> sqlite3.Connection:
        if self._reader is None:
            self._cursor().close()  # the file must exist before it can be opened read-only
            self._reader = connect(self.path)
        return self._reader

    def _read_one(self, query: str, value: Any) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._read().execute(query, (value,)).fetchone()
        return row

    def _read_all(self, query: str, value: Any) -> list[tuple[Any, ...]]:
        return self._read().execute(query, (value,)).fetchall()

    def _execute_all(self, query: str) -> list[tuple[Any, ...]]:
        cursor = self._cursor()
        try:
            return cursor.execute(query).fetchall()
        finally:
            cursor.close()
