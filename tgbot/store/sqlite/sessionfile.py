"""What a session file holds on disk: Telethon's tables, ours beside them, how they are read and written."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from telethon.sessions.sqlite import CURRENT_VERSION

from tgbot.core.errors import SessionDamagedError, SessionTooNewError
from tgbot.store.base import UpdateState
from tgbot.store.json_text import dumps
from tgbot.store.peers import Peer, PeerChanges
from tgbot.store.sqlite.connection import connect, is_cut_short, sqlite_errors, what_is_wrong
from tgbot.store.sqlite.rows import write_rows
from tgbot.store.sqlite.upgrade import keep_before_upgrade

OUR_TABLES = """
CREATE TABLE IF NOT EXISTS tgbot_usernames (
    username TEXT PRIMARY KEY, id INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tgbot_usernames_id ON tgbot_usernames (id);
CREATE TABLE IF NOT EXISTS tgbot_resolves (at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tgbot_values (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tgbot_entities_username ON entities (username) WHERE username IS NOT NULL;
CREATE INDEX IF NOT EXISTS tgbot_entities_name ON entities (name) WHERE name IS NOT NULL;
CREATE INDEX IF NOT EXISTS tgbot_entities_phone ON entities (phone) WHERE phone IS NOT NULL;
"""
_STOCK_TABLES = frozenset({"sessions", "entities", "sent_files", "update_state"})
#: A file of up to this many bytes is checked page by page before it is opened, which takes 30 ms or less.
_CHECKED_WHOLE = 16 * 1024 * 1024

#: A row as sqlite3 gives it.
Row: TypeAlias = tuple[Any, ...]

#: Whose a username is, which is named twice; what plain Telethon wrote comes last.
BY_USERNAME = """
    SELECT id, seen FROM tgbot_usernames WHERE username = ?
    UNION ALL SELECT id, date FROM entities WHERE username = ?"""
BY_ID = "SELECT hash FROM entities WHERE id = ?"
_PEERS = """
    SELECT id, hash, username, phone, name, date,
        (SELECT json_group_array(username) FROM tgbot_usernames WHERE tgbot_usernames.id = entities.id)
    FROM entities WHERE id <> 0 AND"""
#: A peer with all its usernames, and those of a JSON list of marked ids.
PEER = f"{_PEERS} id = ?"
PEERS = f"{_PEERS} id IN (SELECT value FROM json_each(?))"

_DROP_NAMES = "DELETE FROM tgbot_usernames WHERE id IN (SELECT value FROM json_each(?))"
#: Takes names from whoever has them; their owners are among the peers that are written next.
_TAKE_NAMES = "UPDATE entities SET username = NULL WHERE username IN (SELECT value FROM json_each(?))"
_ADD_NAMES = "INSERT OR REPLACE INTO tgbot_usernames VALUES"
_ADD_ENTITIES = "INSERT OR REPLACE INTO entities VALUES"


def write(cursor: sqlite3.Cursor, changes: PeerChanges, state: UpdateState | None) -> None:
    """Write changes, and the update state if one is given, inside a transaction."""
    gone = [(name,) for name, owner in changes.names.items() if owner is None]
    if gone:
        cursor.executemany("DELETE FROM tgbot_usernames WHERE username = ?", gone)
        cursor.executemany("UPDATE entities SET username = NULL WHERE username = ?", gone)
    claims = [(name, owner) for name, owner in changes.claims.items() if name not in changes.names]
    if claims:
        cursor.executemany("DELETE FROM tgbot_usernames WHERE username = ? AND id <> ?", claims)
        cursor.executemany("UPDATE entities SET username = NULL WHERE username = ? AND id <> ?", claims)
    if changes.peers:
        _write_peers(cursor, changes)
    if changes.resolves is not None:
        cursor.execute("DELETE FROM tgbot_resolves")
        rows = [(resolved_at,) for resolved_at in changes.resolves]
        cursor.executemany("INSERT INTO tgbot_resolves VALUES (?)", rows)
    if state is not None:
        states = [(0, state.pts, state.qts, state.date, state.seq)]
        states += [(channel, pts, 0, state.date, 0) for channel, pts in state.channels.items()]
        cursor.executemany("INSERT OR REPLACE INTO update_state VALUES (?, ?, ?, ?, ?)", states)


def _write_peers(cursor: sqlite3.Cursor, changes: PeerChanges) -> None:
    peers, owners = changes.peers, changes.names
    # A name that went from one of these peers to another belongs to the one that had it last.
    rows, entities = [], []
    for marked, peer in peers.items():
        first = None
        for name in peer.names:
            if owners.get(name) == marked:
                rows.append((name, marked, peer.seen))
                first = first or name
        entities.append((marked, peer.access_hash, first, peer.phone, peer.title, peer.seen))
    if not changes.unknown:
        cursor.execute(_DROP_NAMES, (dumps(list(peers)),))
        cursor.execute(_TAKE_NAMES, (dumps([row[0] for row in rows]),))
    write_rows(cursor, _ADD_NAMES, rows)
    write_rows(cursor, _ADD_ENTITIES, entities)


def stored_peer(row: Row) -> tuple[int, Peer]:
    """Return marked id and peer of a row of `PEERS`; the first username is the one in Telethon's table."""
    marked, access_hash, username, phone, title, seen, names = row
    first = username.lower() if username else None
    ordered = [first] if first else []
    if names not in ("[]", f'["{first}"]'):  # as those of nearly everyone are
        ordered = list(dict.fromkeys(ordered + sorted(json.loads(names))))
    return marked, Peer(access_hash, tuple(ordered), phone, title, int(seen or 0))


def check_before_opening(path: Path) -> None:
    """Raise for a damaged or a newer file; keep a copy of one of an older version, which opening upgrades."""
    version = version_of(path)
    if version is not None and version < CURRENT_VERSION:
        with sqlite_errors(path):
            keep_before_upgrade(path, version, CURRENT_VERSION)


def check_whole(path: Path) -> int | None:
    """Read all of a session, and return the id of the bot that it belongs to, None if it does not say.

    Raise SessionDamagedError, also for a file that holds nothing, or SessionTooNewError.
    """
    if version_of(path, whole=True) is None:
        raise SessionDamagedError(path, "it holds no session")
    return bot_in(path)


def bot_in(path: Path) -> int | None:
    """Return the id of the bot that an existing session belongs to, None if it does not say."""
    return _number_in(path, "SELECT hash FROM entities WHERE id = 0")


def resolves_in(path: Path, since: int) -> int:
    """Return how many usernames were looked up at Telegram since a time in unix seconds."""
    return _number_in(path, "SELECT count(*) FROM tgbot_resolves WHERE at > ?", since) or 0


def _number_in(path: Path, query: str, *values: int) -> int | None:
    with sqlite_errors(path, damaged=SessionDamagedError, opening=True), closing(connect(path)) as connection:
        row = connection.execute(query, values).fetchone()
    return int(row[0]) if row else None


def version_of(path: Path, *, whole: bool = False) -> int | None:
    """Return the version of a session file, None for a file that is missing or holds nothing.

    Raise SessionDamagedError or SessionTooNewError. A large file is read from end to end only if `whole`.
    """
    if not path.exists() or not (size := path.stat().st_size):
        return None
    # What a killed Telethon was writing has to be rolled back first, which a reader may not do.
    hot = path.with_name(path.name + "-journal").exists()
    with (
        sqlite_errors(path, damaged=SessionDamagedError, opening=True),
        closing(connect(path, "rw" if hot else "ro")) as connection,
    ):
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if "version" not in tables:
            if tables:
                raise SessionDamagedError(path, "it is an SQLite file, but not a Telethon session")
            return None
        if is_cut_short(connection, path):
            raise SessionDamagedError(path, "its end is missing")
        (version,) = connection.execute("SELECT version FROM version").fetchone() or (0,)
        for table in tables & _STOCK_TABLES:
            connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
        if (whole or size <= _CHECKED_WHOLE) and (said := what_is_wrong(connection)) is not None:
            raise SessionDamagedError(path, said)
        if version > CURRENT_VERSION:
            raise SessionTooNewError(path, version, CURRENT_VERSION)
    return int(version)
