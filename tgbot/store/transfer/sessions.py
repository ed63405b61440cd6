"""Telethon session files as tables of peers: read while the bot runs, taken from, added to, and made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from telethon.sessions.sqlite import SQLiteSession

from tgbot.core.errors import SessionDamagedError
from tgbot.store.sqlite.connection import connect, connect_durable, make_private, transaction
from tgbot.store.sqlite.errors import sqlite_errors
from tgbot.store.sqlite.session import DurableSession
from tgbot.store.sqlite.sessionfile import OUR_TABLES, Changes, Peer, write

_COLUMNS: Final = ("hash", "username", "phone", "name", "date")
_PAGE: Final = 5_000


class Peers:
    """The peers of a session file, for reading; nothing in it changes, and a running bot is not disturbed.

    What no checkpoint has written yet is not in it. A context manager. SessionDamagedError for a file that
    is no session.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            self._connection = connect(path)
        try:
            self._look()
        except BaseException:
            self._connection.close()
            raise

    def _errors(self) -> AbstractContextManager[None]:
        return sqlite_errors(self.path, damaged=SessionDamagedError, opening=True)

    def _look(self) -> None:
        with self._errors():
            rows = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            tables = {name for (name,) in rows}
            if not {"version", "entities"} <= tables:
                raise SessionDamagedError(self.path, "it is an SQLite file, but not a Telethon session")
            columns = {row[1] for row in self._connection.execute("PRAGMA table_info(entities)")}
        # Old versions have fewer columns.
        self._chosen = ", ".join(name if name in columns else "NULL" for name in _COLUMNS)
        self._has_names = "tgbot_usernames" in tables

    def __enter__(self) -> Peers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def bot_id(self) -> int | None:
        """Whose session it is; None if it does not say."""
        rows = self._select("SELECT hash FROM entities WHERE id = 0")
        return int(rows[0][0]) if rows else None

    def count(self) -> int:
        """How many rows `iterate` gives."""
        return int(self._select("SELECT count(*) FROM entities WHERE id <> 0")[0][0])

    def iterate(self, above: int = -(2**63)) -> Iterator[tuple[int, Peer]]:
        """Every peer with a greater marked id, in their order, a page at a time."""
        after = above
        while True:
            rows = self._select(
                f"SELECT id, {self._chosen} FROM entities WHERE id > ? AND id <> 0 ORDER BY id LIMIT ?",
                after,
                _PAGE,
            )
            if not rows:
                return
            yield from self._peers(rows, after, rows[-1][0])
            after = rows[-1][0]

    def get(self, ids: Iterable[int]) -> dict[int, Peer]:
        """The peers of these marked ids, as far as they are known."""
        wanted = json.dumps(list(ids))
        rows = self._select(
            f"SELECT id, {self._chosen} FROM entities WHERE id IN (SELECT value FROM json_each(?))", wanted
        )
        names: dict[int, list[str]] = {}
        if self._has_names:
            for marked, name in self._select(
                "SELECT id, username FROM tgbot_usernames WHERE id IN (SELECT value FROM json_each(?))",
                wanted,
            ):
                names.setdefault(marked, []).append(name)
        return {row[0]: _peer(row, names.get(row[0], [])) for row in rows}

    def owners(self, names: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Whose these usernames are, and since when that is known; those that are nobody's are left out."""
        wanted = json.dumps(list(names))
        found = {
            name: (marked, seen or 0)
            for name, marked, seen in self._select(
                "SELECT username, id, date FROM entities WHERE username IN (SELECT value FROM json_each(?))",
                wanted,
            )
        }
        if self._has_names:
            for name, marked, seen in self._select(
                "SELECT username, id, seen FROM tgbot_usernames"
                " WHERE username IN (SELECT value FROM json_each(?))",
                wanted,
            ):
                found[name] = (marked, seen)
        return found

    def _peers(self, rows: list[Any], above: int, upto: int) -> Iterator[tuple[int, Peer]]:
        names: dict[int, list[str]] = {}
        if self._has_names:
            for marked, name in self._select(
                "SELECT id, username FROM tgbot_usernames WHERE id > ? AND id <= ?", above, upto
            ):
                names.setdefault(marked, []).append(name)
        for row in rows:
            yield row[0], _peer(row, names.get(row[0], []))

    def _select(self, sql: str, *values: Any) -> list[Any]:
        with self._errors():
            return self._connection.execute(sql, values).fetchall()


class PeerWriter:
    """Adds peers to the bot's session, which is made if there is none; nothing else may have it open.

    Each `write` is one transaction, on disk when it returns. A context manager.
    """

    def __init__(self, path: Path, bot_id: int) -> None:
        session = DurableSession(path)
        try:
            if session.bot_id() is None:
                session.set_bot_id(bot_id)
            self._at = int(session.value("checkpoint_at") or 0)
        finally:
            session.close()
        self._path = path
        self._connection = connect_durable(path)

    def __enter__(self) -> PeerWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def write(self, peers: dict[int, Peer]) -> None:
        """Put these peers in the place of those there are."""
        owners: dict[str, int] = {}
        for marked, peer in sorted(peers.items(), key=lambda item: item[1].seen):
            owners.update(dict.fromkeys(peer.names, marked))
        with (
            sqlite_errors(self._path, damaged=SessionDamagedError),
            transaction(self._connection) as cursor,
        ):
            # The update state stays, and with it the time of the checkpoint it is of.
            write(cursor, Changes(peers, owners), None, self._at)


def make_session(path: Path, bot_id: int | None, peers: Iterable[tuple[int, Peer]]) -> int:
    """Make a Telethon session with these peers in it, and without a login; return how many there were.

    The name has to end in .session; the file is readable by its owner only.
    """
    make_private(path)
    stock = SQLiteSession(str(path))
    stock.close()
    count = 0
    with closing(connect(path, "rw")) as connection:
        connection.executescript(OUR_TABLES)
        connection.execute("BEGIN")
        connection.execute("DELETE FROM sessions")
        if bot_id is not None:
            connection.execute("INSERT INTO entities VALUES (0, ?, NULL, NULL, NULL, 0)", (bot_id,))
        for marked, peer in peers:
            count += 1
            username = peer.names[0] if peer.names else None
            row = (marked, peer.access_hash, username, peer.phone, peer.title, peer.seen)
            connection.execute("INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?)", row)
            connection.executemany(
                "INSERT OR REPLACE INTO tgbot_usernames VALUES (?, ?, ?)",
                [(name, marked, peer.seen) for name in peer.names],
            )
        connection.execute("COMMIT")
    return count


def _peer(row: tuple[Any, ...], names: list[str]) -> Peer:
    _, access_hash, username, phone, title, seen = row
    # The stock column names the first of them.
    ordered = dict.fromkeys(([username.lower()] if username else []) + sorted(names))
    return Peer(access_hash, tuple(ordered), phone, title, int(seen or 0))
