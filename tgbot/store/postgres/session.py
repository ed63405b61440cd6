"""The session in a PostgreSQL database: peers for all nodes, and an auth key for each."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from telethon.crypto import AuthKey
from telethon.sessions import MemorySession

from tgbot.core.users import Keep
from tgbot.store.base import UpdateState
from tgbot.store.peers import Peer, PeerChanges, UsernameRow
from tgbot.store.postgres.database import Cursor, Database, Question, Row
from tgbot.store.postgres.peerrows import (
    BY_PHONE,
    BY_TITLE,
    HASH,
    OWNERS,
    PEERS,
    RESOLVES,
    STATES,
    forget,
    storable,
    stored_owner,
    stored_peer,
    stored_state,
    write,
)
from tgbot.store.postgres.writes import write_again
from tgbot.store.session import BotSession
from tgbot.store.stored import SessionChanges

_NODE: Final = "SELECT dc_id, address, port, auth_key, notes FROM tgbot.nodes WHERE name = %s"
_PUT_LOGIN: Final = """
    INSERT INTO tgbot.nodes (name, dc_id, address, port, auth_key) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (name) DO UPDATE SET dc_id = excluded.dc_id, address = excluded.address,
        port = excluded.port, auth_key = excluded.auth_key"""
_PUT_NOTE: Final = """
    INSERT INTO tgbot.nodes (name, notes) VALUES (%s, %s::jsonb)
    ON CONFLICT (name) DO UPDATE SET notes = nodes.notes || excluded.notes"""
#: Values of the bot are among the notes of the store, under names with this beginning.
_OURS: Final = "session/"
_VALUES: Final = "SELECT key, value FROM tgbot.meta WHERE key >= 'session/' AND key < 'session0'"
_PUT_VALUE: Final = """
    INSERT INTO tgbot.meta (key, value) VALUES (%s, %s)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
_BOT: Final = "bot"


#: Ids of the database are from minus this number on, and below it.
_IDS: Final = 2**63


def questions(node: str) -> list[Question]:
    """Return what a session asks when it is opened."""
    return [(_NODE, (node,)), (_VALUES, ()), (RESOLVES, ()), (STATES, ())]


class PostgresSession(BotSession, MemorySession):
    """A Telethon session in a database that several nodes share.

    The data center, the auth key and the values that belong to it are those of `node`, everything else is the
    bot's. `fence` is called last in each transaction, and raises LeaseLostError once another node leads.
    What is asked of the session itself is in memory; peers are read when they are needed. `clock` and
    `keep` are those of DurableSession. The database has to have its tables, and stays open.
    """

    def __init__(
        self,
        database: Database,
        node: str,
        fence: Callable[[Cursor], None],
        clock: Callable[[], float] = time.time,
        keep: Keep = Keep.ALL,
    ) -> None:
        MemorySession.__init__(self)
        BotSession.__init__(self, clock, keep)
        self.place = database.place
        self._database = database
        self._node = node
        self._fence = fence
        # A transaction that deletes a peer waits for the one that writes it.
        self._write_lock = threading.RLock()
        self._key: Any = None  # Any: as `auth_key`
        self._notes: dict[str, str | int] = {}
        for dc_id, address, port, auth_key, notes in database.read(_NODE, (node,)):
            MemorySession.set_dc(self, dc_id, address or None, port or None)
            if auth_key is not None:
                self._key = AuthKey(data=auth_key)
            self._notes.update(notes)
        #: The login as it is kept.
        self._kept_login = self._login()
        rows = database.read(_VALUES)
        self._values: dict[str, str | int] = {
            key.removeprefix(_OURS): json.loads(value) for key, value in rows
        }
        self._resolves.extend(at for (at,) in database.read(RESOLVES))
        #: The update state as it was found, until it is asked for or written.
        self._found_state: list[Row] | None = database.read(STATES)

    # ---- the login -------------------------------------------------------------------------------

    def set_dc(self, dc_id: int, server_address: str, port: int) -> None:
        MemorySession.set_dc(self, dc_id, server_address, port)
        self._keep_login()

    @property
    def auth_key(self) -> AuthKey:  # None for none
        return self._key

    @auth_key.setter
    def auth_key(self, key: AuthKey) -> None:
        self._key = key
        self._keep_login()

    def _keep_login(self) -> None:
        """Write the login unless it is kept; if that fails, the next checkpoint writes it."""
        login = self._login()
        if login != self._kept_login:
            self._transact(self._write_login)
            self._kept_login = login

    def _login(self) -> tuple[object, ...]:
        key = self._key.key if self._key else None
        return self.dc_id, self.server_address or "", self.port or 0, key

    # ---- values ----------------------------------------------------------------------------------

    def value(self, name: str) -> str | int | None:
        return self._notes.get(name)

    def set_value(self, name: str, value: str | int) -> None:
        if self._notes.get(name) != value:
            row = self._node, json.dumps({name: value})
            self._transact(lambda cursor: cursor.execute(_PUT_NOTE, row))
            self._notes[name] = value

    def bot_value(self, name: str) -> str | int | None:
        return self._values.get(name)

    def set_bot_value(self, name: str, value: str | int) -> None:
        if self._values.get(name) != value:
            row = _OURS + name, json.dumps(value)
            self._transact(lambda cursor: cursor.execute(_PUT_VALUE, row))
            self._values[name] = value

    def bot_id(self) -> int | None:
        bot_id = self._values.get(_BOT)
        return None if bot_id is None else int(bot_id)

    def set_bot_id(self, bot_id: int) -> None:
        self.set_bot_value(_BOT, bot_id)

    # ---- the checkpoint --------------------------------------------------------------------------

    def update_state(self) -> UpdateState | None:
        found, self._found_state = self._found_state, None
        return stored_state(self._database.read(STATES) if found is None else found)

    @contextmanager
    def saving(self, state: UpdateState | None) -> Iterator[SessionChanges]:
        """Give all changes to a block that writes them with `write`; if it raises, they wait for the next."""
        login, self._found_state = self._login(), None
        with self._saving() as changes:
            yield SessionChanges(changes, state)
        self._kept_login = login

    @contextmanager
    def forgetting(self, marked_id: int) -> Iterator[SessionChanges]:
        """Give what deletes a peer to a block that does so with `write`; the peer stays if it raises."""
        yield SessionChanges(forgotten=(marked_id,))
        self._drop(marked_id)

    def write(self, cursor: Cursor, changes: SessionChanges) -> None:
        """Write such changes inside a transaction, which the fence has to end; it may be done twice."""
        if changes.peers is not None:
            self._write_login(cursor)
            write(cursor, changes.peers, changes.state)
        for marked_id in changes.forgotten:
            forget(cursor, marked_id)

    async def checkpoint(self, state: UpdateState | None) -> None:
        with self.saving(state) as changes:
            await self._database.aside(lambda: self._transact(lambda cursor: self.write(cursor, changes)))

    def forget(self, marked_id: int) -> None:
        # Within the lock: a transaction under way may write the peer.
        with self._write_lock, self.forgetting(marked_id) as changes:
            self._transact(lambda cursor: self.write(cursor, changes))

    async def _write_peers(self, changes: PeerChanges) -> None:
        def work(cursor: Cursor) -> None:
            self.write(cursor, SessionChanges(changes))

        await self._database.aside(lambda: self._transact(work))

    def _transact(self, work: Callable[[Cursor], object]) -> None:
        """Do what `work` does in a fenced transaction; again, if the link turns out to be lost."""

        def fenced(cursor: Cursor) -> None:
            work(cursor)
            self._fence(cursor)

        with self._write_lock:
            write_again(self._database, fenced)

    def _write_login(self, cursor: Cursor) -> None:
        if (login := self._login()) != self._kept_login:
            cursor.execute(_PUT_LOGIN, (self._node, *login))

    # ---- reading ---------------------------------------------------------------------------------

    def _stored(self, marked_ids: Sequence[int]) -> Iterable[tuple[int, Peer]]:
        return map(stored_peer, self._database.read(PEERS, (_possible(marked_ids),)))

    async def _fetched(self, marked_ids: Sequence[int]) -> Iterable[tuple[int, Peer]]:
        return map(stored_peer, await self._database.read_aside(PEERS, (_possible(marked_ids),)))

    def _stored_hash(self, marked_id: int) -> int | None:
        rows = self._database.read(HASH, (_possible((marked_id,)),))
        return rows[0][0] if rows else None

    def _stored_owners(self, name: str) -> Iterable[UsernameRow]:
        return [row for _, row in map(stored_owner, self._database.read(OWNERS, (storable([name]),)))]

    async def _fetched_owners(self, names: Sequence[str]) -> Mapping[str, Iterable[UsernameRow]]:
        rows = await self._database.read_aside(OWNERS, (storable(names),)) if names else ()
        owners = dict(map(stored_owner, rows))
        return {name: [owners[name]] if name in owners else [] for name in names}

    def get_entity_rows_by_phone(self, phone: str) -> tuple[int, int] | None:
        rows = self._database.read(BY_PHONE, {"phone": storable([phone])[0]})
        return (rows[0][0], rows[0][1]) if rows else None

    def get_entity_rows_by_name(self, name: str) -> tuple[int, int] | None:
        rows = self._database.read(BY_TITLE, {"title": storable([name])[0]})
        return (rows[0][0], rows[0][1]) if rows else None


def _possible(marked_ids: Iterable[int]) -> list[int]:
    return [one for one in marked_ids if -_IDS <= one < _IDS]
