"""The bot's SQLite files as plain tables (see `store.tables`)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Final

from tgbot.core.errors import NeverRunError, RegistryDamagedError, RegistryTooOldError, SessionDamagedError
from tgbot.store.base import Parked, Planned
from tgbot.store.broadcast_rows import ChunkRow
from tgbot.store.json_text import dumps
from tgbot.store.peers import Peer, PeerChanges
from tgbot.store.sqlite import sessionfile, userschema
from tgbot.store.sqlite.connection import connect, connect_durable, sqlite_errors, transaction
from tgbot.store.sqlite.logins import UsedLogins
from tgbot.store.sqlite.peers import Peers
from tgbot.store.sqlite.plannedrows import READ, entry_of
from tgbot.store.sqlite.rows import write_rows
from tgbot.store.sqlite.session import DurableSession
from tgbot.store.tables import BOT, KEY_VALUES, OWN_NOTES, Key, Row, Table

_CHUNK: Final = ", ".join(ChunkRow._fields)
_PARKED: Final = ", ".join(f'"{one.name}"' for one in fields(Parked))
_PLANNED: Final = ", ".join(one.name for one in fields(Planned))
_OF_PLANNED: Final = attrgetter(*(one.name for one in fields(Planned)))

#: Long table → its columns and its rows, by its key.
_LONG: Final = {
    Table.USERS: ("CAST(key AS INTEGER), value", "users", "CAST(key AS INTEGER)"),
    Table.DELIVERIES: (_CHUNK, "deliveries", "broadcast, number"),
    Table.PARKED: (_PARKED, "parked", "key"),
    Table.PLANNED: (_PLANNED, "planned", "key"),
}
_ADD: Final = {
    Table.DELIVERIES: f"INSERT INTO deliveries ({_CHUNK}) VALUES",
    Table.PARKED: f"INSERT INTO parked ({_PARKED}) VALUES",
    Table.PLANNED: f"INSERT INTO planned ({_PLANNED}) VALUES",
}
_BROADCASTS: Final = (
    "SELECT id, broadcasts.value, tallies.value FROM broadcasts JOIN tallies ON broadcast = id"
)
#: Short table → the file it is in; the others are in the session.
_FILES: Final = {
    Table.BROADCASTS: "users",
    Table.NUMBERS: "users",
    Table.NOTES: "users",
    Table.LOGINS: "logins",
}
_LOGINS: Final = "SELECT key, value FROM logins ORDER BY rowid"
#: As an older version kept them.
_OLD_LOGINS: Final = "SELECT lower(hex(digest)), CAST(until AS TEXT) FROM used ORDER BY rowid"
_OF_KEY: Final = ", ".join(f"'{name}'" for name in sorted(KEY_VALUES))


class SqliteTables:
    """The files of one bot, which no process has open; `make` makes those that are missing, for writing.

    Raise NeverRunError if there are no users, RegistryTooOldError for files of an older version, and what
    the opening of files raises.
    """

    def __init__(self, session: Path, registry: Path, logins: Path, node: str, *, make: bool = False) -> None:
        self.place, self.only_node = str(registry.parent.resolve()), node
        self._paths = {"users": registry, "session": session, "logins": logins}
        self.damaged = 0
        self._stack = ExitStack()
        with ExitStack() as on_error:
            on_error.callback(self._stack.close)
            if make:
                self._make()
            if not registry.exists():
                raise NeverRunError(registry)
            with self._errors("users"):
                if (found := userschema.schema_of(registry)) < userschema.SCHEMA:
                    raise RegistryTooOldError(registry, found, userschema.SCHEMA)
            self._open = {
                name: self._stack.enter_context(closing((connect_durable if make else connect)(path)))
                for name, path in self._paths.items()
                if path.exists()
            }
            self._peers = self._stack.enter_context(Peers(session)) if "session" in self._open else None
            #: Marked id → usernames that belong to others by now.
            self._lost = self._peers.lost() if self._peers is not None else {}
            #: Whether a bot has opened the session before, and not only plain Telethon.
            self._ours = self._has("session", "tgbot_values")
            #: An older version did not make it.
            self._has_parked = self._has("users", "parked")
            on_error.pop_all()

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    # ---- long tables ---------------------------------------------------------------------------

    def count(self, table: Table) -> int:
        if table is Table.PEERS:
            return self._peers.count() if self._peers is not None else 0
        if table is Table.PARKED and not self._has_parked:
            return 0
        if table is Table.PLANNED:
            with self._errors("users"):
                found = [entry_of(row) is None for row in self._open["users"].execute(READ)]
            self.damaged = sum(found)
            return len(found) - self.damaged
        if table in _LONG:
            return int(self._select("users", f"SELECT count(*) FROM {_LONG[table][1]}")[0][0])
        return len(self.whole(table))

    def portion(self, table: Table, after: Key | None, most: int) -> Sequence[Row]:
        if table is Table.PEERS:
            if self._peers is None:
                return ()
            return [self._row(peer) for peer in self._peers.portion(_above(after), most)]
        if table is Table.PARKED and not self._has_parked:
            return ()
        if table is Table.PLANNED:
            return self._planned(None if after is None else str(after[0]), most)
        columns, rows, key = _LONG[table]
        query = f"SELECT {columns} FROM {rows}"
        if after is None:
            return self._select("users", f"{query} ORDER BY {key} LIMIT ?", most)
        places = ", ".join("?" * len(after))
        return self._select(
            "users", f"{query} WHERE ({key}) > ({places}) ORDER BY {key} LIMIT ?", *after, most
        )

    def _planned(self, place: str | bytes | None, most: int) -> Sequence[Row]:
        """Return the next planned entries that can be read; others are passed over, as by a bot."""
        found: list[Row] = []
        while True:
            above = "" if place is None else " WHERE key > CAST(? AS TEXT)"
            values = (most,) if place is None else (place, most)
            rows = self._select("users", f"{READ}{above} ORDER BY key LIMIT ?", *values)
            found += [_OF_PLANNED(entry) for row in rows if (entry := entry_of(row)) is not None]
            if len(found) >= most or len(rows) < most:
                return found[:most]
            place = rows[-1][0]

    def last(self, table: Table) -> Key | None:
        if table is Table.PEERS:
            found = self._select("session", "SELECT max(id) FROM entities WHERE id <> 0")
            return None if not found or found[0][0] is None else (found[0][0],)
        _, rows, key = _LONG[table]
        backwards = ", ".join(f"{column} DESC" for column in key.split(", "))
        found = self._select("users", f"SELECT {key} FROM {rows} ORDER BY {backwards} LIMIT 1")
        return found[0] if found else None

    def some(self, table: Table, keys: Collection[Key]) -> Sequence[Row]:
        if table is Table.PEERS:
            got = {} if self._peers is None else self._peers.get([int(key[0]) for key in keys])
            return [self._row(peer) for peer in got.items()]
        columns, rows, key = _LONG[table]
        places = " AND ".join(f"{column} = ?" for column in key.split(", "))
        query = f"SELECT {columns} FROM {rows} WHERE {places}"
        return [row for one in keys for row in self._select("users", query, *one)]

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        if table is Table.PEERS:
            peers = {row[0]: Peer(*row[1:]) for row in rows}
            owners: dict[str, int | None] = {name: one for one, peer in peers.items() for name in peer.names}
            with self._transaction("session") as cursor:
                sessionfile.write(cursor, PeerChanges(peers, owners, unknown=True), None)
            return
        with self._transaction("users") as cursor:
            if table is Table.USERS:
                texts = [(str(user_id), text) for user_id, text in rows]
                write_rows(cursor, "INSERT INTO users (key, value) VALUES", texts)
            else:
                write_rows(cursor, _ADD[table], rows)

    # ---- short tables --------------------------------------------------------------------------

    def whole(self, table: Table) -> Sequence[Row]:
        return list(self._whole(table))

    def _whole(self, table: Table) -> Iterable[Row]:
        match table:
            case Table.BROADCASTS:
                return self._select("users", _BROADCASTS)
            case Table.NUMBERS:
                return self._select(
                    "users", "SELECT seq FROM sqlite_sequence WHERE name = 'broadcasts' AND seq > 0"
                )
            case Table.NOTES:
                notes = self._select("users", "SELECT key, value FROM meta ORDER BY key")
                return [note for note in notes if note[0] not in OWN_NOTES]
            case Table.STATES:
                states = self._select(
                    "session", "SELECT id, pts, qts, date, seq FROM update_state ORDER BY id"
                )
                return _known([tuple(int(value or 0) for value in row) for row in states])
            case Table.RESOLVES:
                return (
                    self._select("session", "SELECT at FROM tgbot_resolves ORDER BY at") if self._ours else ()
                )
            case Table.VALUES:
                bot = self._select("session", "SELECT hash FROM entities WHERE id = 0")
                values = [row for row in self._values() if row[0] not in KEY_VALUES]
                return sorted([*((BOT, row[0]) for row in bot), *values])
            case Table.LOGINS:
                query = _LOGINS if self._has("logins", "logins") else _OLD_LOGINS
                logins = self._select("logins", query)
                return [_login(str(digest), str(value)) for digest, value in logins]
            case _:
                return self._keys()

    def replace(self, table: Table, rows: Sequence[Row]) -> None:
        if table is Table.LOGINS and "logins" not in self._open:
            if not rows:
                return
            UsedLogins(self._paths["logins"]).close()
            self._open["logins"] = self._stack.enter_context(closing(connect_durable(self._paths["logins"])))
        with self._transaction(_FILES.get(table, "session")) as cursor:
            for statement, values in _replacing(table, rows):
                cursor.executemany(statement, values)

    def note(self, name: str, text: str | None) -> None:
        with self._transaction("users") as cursor:
            cursor.execute("DELETE FROM meta WHERE key = ?", (name,))
            if text is not None:
                cursor.execute(userschema.NOTE, (name, text))

    def noted(self, name: str) -> str | None:
        found = self._select("users", "SELECT value FROM meta WHERE key = ?", name)
        return found[0][0] if found else None

    def finish(self) -> None:
        with self._transaction("users") as cursor:
            for statement in userschema.LIST_USERS:
                cursor.execute(statement)

    # ---- inside --------------------------------------------------------------------------------

    def _make(self) -> None:
        DurableSession(self._paths["session"]).close()
        with self._errors("users"):
            userschema.prepare(self._paths["users"])

    def _keys(self) -> list[Row]:
        keys = self._select("session", "SELECT dc_id, server_address, port, auth_key FROM sessions")
        values = dumps({name: value for name, value in self._values() if name in KEY_VALUES})
        return [
            (self.only_node, dc_id, address or "", port or 0, key, values)
            for dc_id, address, port, key in keys
            if key
        ]

    def _values(self) -> list[tuple[str, str | int]]:
        query = "SELECT name, value FROM tgbot_values ORDER BY name"
        return self._select("session", query) if self._ours else []

    def _has(self, file: str, table: str) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return bool(self._select(file, query, table))

    def _row(self, found: tuple[int, Peer]) -> Row:
        marked, peer = found
        names = peer.names
        if gone := self._lost.get(marked):
            names = tuple(name for name in names if name not in gone)
        phone = None if peer.phone is None else str(peer.phone)
        return marked, peer.access_hash, names, phone, peer.title, peer.seen

    def _select(self, file: str, query: str, *values: str | bytes | int) -> list[Row]:
        connection = self._open.get(file)
        if connection is None:
            return []
        with self._errors(file):
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self, file: str) -> Iterator[sqlite3.Cursor]:
        with self._errors(file), transaction(self._open[file]) as cursor:
            yield cursor

    def _errors(self, file: str) -> AbstractContextManager[None]:
        damaged = SessionDamagedError if file == "session" else RegistryDamagedError
        return sqlite_errors(self._paths[file], damaged=damaged)


def _above(after: Key | None) -> int:
    return -(2**63) if after is None else int(after[0])


def _login(digest: str, text: str) -> Row:
    value = json.loads(text)
    until, user_id, language = value if isinstance(value, list) else (value, None, None)
    return bytes.fromhex(digest), until, user_id, language


def _replacing(table: Table, rows: Sequence[Row]) -> Iterator[tuple[str, Sequence[Sequence[object]]]]:
    """Yield the statements that put these rows in the place of all that are there, with their values."""
    once: Final = [()]
    match table:
        case Table.BROADCASTS:
            yield "DELETE FROM broadcasts", once
            yield "DELETE FROM tallies", once
            yield "INSERT INTO broadcasts (id, value) VALUES (?, ?)", [row[:2] for row in rows]
            yield "INSERT INTO tallies (broadcast, value) VALUES (?, ?)", [(row[0], row[2]) for row in rows]
        case Table.NUMBERS:
            yield "DELETE FROM sqlite_sequence WHERE name = 'broadcasts'", once
            yield "INSERT INTO sqlite_sequence (name, seq) VALUES ('broadcasts', ?)", rows
        case Table.NOTES:
            own = ", ".join(f"'{name}'" for name in OWN_NOTES)
            yield f"DELETE FROM meta WHERE key NOT IN ({own})", once
            yield userschema.NOTE, rows
        case Table.STATES:
            yield "DELETE FROM update_state", once
            yield "INSERT INTO update_state (id, pts, qts, date, seq) VALUES (?, ?, ?, ?, ?)", rows
        case Table.RESOLVES:
            yield "DELETE FROM tgbot_resolves", once
            yield "INSERT INTO tgbot_resolves VALUES (?)", rows
        case Table.VALUES:
            yield f"DELETE FROM tgbot_values WHERE name NOT IN ({_OF_KEY})", once
            yield "DELETE FROM entities WHERE id = 0", once
            yield "INSERT INTO tgbot_values VALUES (?, ?)", [row for row in rows if row[0] != BOT]
            bot = [row[1:] for row in rows if row[0] == BOT]
            yield "INSERT INTO entities (id, hash, date) VALUES (0, ?, 0)", bot
        case Table.LOGINS:
            yield "DELETE FROM logins", once
            yield "INSERT INTO logins (key, value) VALUES (?, ?)", list(map(_text_of_login, rows))
        case _:
            yield "DELETE FROM sessions", once
            yield f"DELETE FROM tgbot_values WHERE name IN ({_OF_KEY})", once
            add = "INSERT INTO sessions (dc_id, server_address, port, auth_key) VALUES (?, ?, ?, ?)"
            yield add, [row[1:5] for row in rows]
            for row in rows:
                yield "INSERT INTO tgbot_values VALUES (?, ?)", list(json.loads(str(row[5])).items())


def _text_of_login(row: Row) -> tuple[str, str]:
    digest, until, *owed = row
    return digest.hex(), dumps(until if owed[0] is None else [until, *owed])


def _known(states: list[tuple[int, ...]]) -> list[Row]:
    """Return what a session knows of the update state: nothing where plain Telethon wrote zeros."""
    if not any(one[0] == 0 and (one[1] or one[3] > 1) for one in states):
        return []
    return [one for one in states if one[0] == 0 or one[1]]
