"""The session file: Telethon's SQLite format, made durable and quick to look names up in."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from telethon import utils
from telethon.sessions.sqlite import SQLiteSession
from telethon.tl import types

from tgbot.core.errors import SessionDamagedError
from tgbot.store.base import UpdateState
from tgbot.store.peers import RESOLVES_A_DAY, Entity, Peer, Resolves, UsernameRow, peer_of
from tgbot.store.sqlite.connection import connect, connect_durable, make_private, transaction
from tgbot.store.sqlite.errors import sqlite_errors
from tgbot.store.sqlite.sessionfile import (
    BY_ID,
    BY_IDS,
    BY_STOCK_USERNAME,
    BY_USERNAME,
    OUR_TABLES,
    Changes,
    check_before_opening,
    stored_peer,
    write,
)
from tgbot.store.sqlite.worker import DiskWorker

__all__ = ["RESOLVES_A_DAY", "DurableSession", "UpdateState", "UsernameRow"]

#: A peer seen again within this many seconds is not written again only for its date.
SEEN_GRAIN = 600
#: How many peers stay in memory; each of the others costs one read by primary key.
KNOWN_LIMIT = 50_000
#: How many peers are read between two turns of the event loop.
_PAGE = 500
#: How many ids are remembered as unknown to the file, so that it is not read for them again.
ABSENT_LIMIT = 10_000


class DurableSession(SQLiteSession):
    """A Telethon session that keeps what it was given, through a kill or a power cut.

    The auth key and the data center are on disk when the assignment returns; peers, usernames and the
    update state when `checkpoint` returns, all in one transaction. Telethon's tables keep their columns,
    so plain Telethon opens the file again. `clock` says when a peer is seen, in unix seconds; a bot gives
    Telegram's. Raise SessionDamagedError or SessionTooNewError for a file that cannot be used, which is left
    as it is; a file of an older version is copied aside first.
    """

    _conn: sqlite3.Connection | None

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._worker = DiskWorker("session")
        self._write_lock = threading.RLock()
        self._reader: sqlite3.Connection | None = None
        self._known: OrderedDict[int, Peer] = OrderedDict()
        self._absent: dict[int, None] = {}
        #: What no checkpoint has begun to write, and what one is writing now.
        self._changes = Changes()
        self._writing = Changes()
        check_before_opening(path)
        make_private(path)
        with self._errors(opening=True):
            super().__init__(str(path))
            self._cursor().executescript(OUR_TABLES).close()
            rows = self._execute_all("SELECT at FROM tgbot_resolves ORDER BY at")
        self._resolves = Resolves(clock, (at for (at,) in rows))

    # ---- what Telethon asks of a session -------------------------------------------------------

    def _cursor(self) -> sqlite3.Cursor:
        return self._connection().cursor()

    def _connection(self) -> sqlite3.Connection:
        """Return the connection that writes, opened anew after `close`.

        It commits by itself but within `_transaction`, where Telethon's own holds one open for a minute.
        """
        if self._conn is None:
            self._conn = connect_durable(self.path)
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
            self._conn, self._worker = None, DiskWorker("session")

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

    def remember(self, peers: Iterable[Entity]) -> None:
        """Store users and chats as they arrive; min ones and those without access hash are left out.

        On disk at the next checkpoint, found by every look-up at once. A peer that has not changed and
        was seen within the last ten minutes costs one comparison and no write.
        """
        now = int(self._clock())
        for entity in peers:
            found = peer_of(entity, now)
            if found is not None:
                marked, new = found
                old = self._known.get(marked)
                if (
                    old is None
                    or old.access_hash != new.access_hash
                    or old.names != new.names
                    or old.title != new.title
                    or old.phone != new.phone
                    or now - old.seen >= SEEN_GRAIN
                ):
                    self._put(marked, new, old)

    def loaded(self, marked_ids: Iterable[int]) -> bool:
        """Return whether all of these peers, as far as there are any, are in memory."""
        return all(marked in self._known or self._knows(marked) for marked in marked_ids)

    async def load(self, marked_ids: Iterable[int]) -> None:
        """Read these peers into memory, those that are not there, many in one read."""
        wanted = iter([marked for marked in marked_ids if not self._knows(marked)])
        while page := list(islice(wanted, _PAGE)):
            self._load(page)
            await asyncio.sleep(0)

    def access_hash(self, marked_id: int) -> int | None:
        """Return the access hash of a peer (0 for a basic group), or None for one never met."""
        peer = self._in_memory(marked_id)
        if peer is not None:
            return peer.access_hash
        if marked_id in self._absent:
            return None
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

    def put(self, peers: Mapping[int, Peer]) -> None:
        """Store peers out of a file in the place of those here; on disk on return, which may take a while.

        A username that several of them have belongs to the one that was seen last.
        """
        owners: dict[str, int] = {}
        for marked, peer in sorted(peers.items(), key=lambda item: item[1].seen):
            owners.update(dict.fromkeys(peer.names, marked))
        self._write(Changes(dict(peers), owners), None)
        for marked in peers:
            self._known.pop(marked, None)
            self._absent.pop(marked, None)

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
        """Count one `contacts.resolveUsername` against the day's limit; on disk at the next checkpoint."""
        self._changes.resolves = self._resolves.add()

    def resolves_today(self) -> int:
        """Return how many usernames were resolved in the last 24 hours."""
        return self._resolves.today()

    def resolves_again_in(self) -> int:
        """Return after how many seconds the limit allows one more resolve, 0 if it does now."""
        return self._resolves.again_in()

    # ---- the checkpoint ------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        """Whether there are peers or counts that no checkpoint has written yet."""
        return bool(self._changes)

    def bot_id(self) -> int | None:
        """Return the id of the bot whose session this is; None if it never logged in."""
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
        """Return a value stored with `set_value`, None if there is none."""
        row = self._read_one("SELECT value FROM tgbot_values WHERE name = ?", name)
        return None if row is None else row[0]

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
        changes = self._writing = self._changes
        self._changes = Changes()
        try:
            await self._worker.run(self.path, self._write, changes, state)
        except BaseException:
            # A cancelled wait does not stop the thread: the rows may be written twice, which is harmless.
            changes.put_under(self._changes)
            raise
        finally:
            self._writing = Changes()

    def _write(self, changes: Changes, state: UpdateState | None) -> None:
        with self._transaction() as cursor:
            write(cursor, changes, state)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        """Open the one write transaction of this file; what the block writes is on disk when it ends."""
        with self._write_lock, self._errors(), transaction(self._connection()) as cursor:
            yield cursor

    def _errors(self, *, opening: bool = False) -> AbstractContextManager[None]:
        return sqlite_errors(self.path, damaged=SessionDamagedError, opening=opening)

    def _put(self, marked: int, new: Peer, old: Peer | None) -> None:
        """Store a peer in the place of the one in memory, and give it its usernames."""
        if old is not None:
            if old.names != new.names:
                self._release(marked, set(old.names).difference(new.names))
        else:
            self._absent.pop(marked, None)
            self._make_room()
        for name in new.names:
            if old is None or name not in old.names:
                self._take_from_others(name, marked)
            self._changes.names[name] = marked
        self._known[marked] = self._changes.peers[marked] = new

    def _load(self, marked_ids: Sequence[int]) -> None:
        """Read into memory those of these peers that are not there."""
        missing = [marked for marked in marked_ids if not self._knows(marked)]
        if not missing:
            return
        with self._errors():
            rows = self._read().execute(BY_IDS, (json.dumps(missing),)).fetchall()
        for marked in missing:
            self._absent[marked] = None
            if len(self._absent) > ABSENT_LIMIT:
                del self._absent[next(iter(self._absent))]
        for row in rows:
            self._absent.pop(row[0], None)
            self._make_room()
            peer = self._known[row[0]] = stored_peer(row)
            peer.names = tuple(name for name in peer.names if not self._is_lost(name, row[0]))

    def _is_lost(self, name: str, marked_id: int) -> bool:
        """Return whether a username went elsewhere since the file was written."""
        return any(
            name in changes.dropped or changes.names.get(name, marked_id) != marked_id
            for changes in (self._changes, self._writing)
        )

    def _make_room(self) -> None:
        if len(self._known) >= KNOWN_LIMIT:
            self._known.popitem(last=False)

    def _knows(self, marked_id: int) -> bool:
        """Return whether no read is needed for this peer."""
        return marked_id in self._absent or self._in_memory(marked_id) is not None

    def _release(self, marked_id: int, names: Iterable[str]) -> None:
        """Take usernames from a peer that no longer has them, unless somebody else has them by now."""
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
