"""The contract of sessions, run against each place where one is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.postgres import PostgresServer
from tests.store.session_contract import (
    Clock,
    Home,
    PassingContract,
    SessionContract,
    UsernamesContract,
    bench,
    session,
)
from tgbot.core.users import Keep
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Cursor, Database
from tgbot.store.postgres.session import PostgresSession
from tgbot.store.sqlite.session import DurableSession

__all__ = ["bench", "session"]


_EMPTY: Final = """
    PRAGMA synchronous=OFF; BEGIN; DELETE FROM entities; DELETE FROM tgbot_usernames;
    DELETE FROM update_state; COMMIT;"""
_PEERS: Final = """
    SELECT id, hash, (SELECT name FROM tgbot.usernames u WHERE u.id = p.id ORDER BY place LIMIT 1), title
    FROM tgbot.peers p ORDER BY id"""


_BREAK: Final = """
    CREATE FUNCTION tgbot.broken() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''it is broken''; END';
    CREATE TRIGGER broken BEFORE INSERT OR DELETE ON tgbot.peers EXECUTE FUNCTION tgbot.broken();
    CREATE TRIGGER broken BEFORE INSERT ON tgbot.states EXECUTE FUNCTION tgbot.broken();"""


def leading(cursor: Cursor) -> None:
    """Let a transaction pass, as the fence of a node that leads does."""
    cursor.execute("SELECT tgbot.fence(0)")


class SqliteHome:
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.clock = Clock()
        self._path: Path = request.getfixturevalue("tmp_path") / "bot.session"
        self._opened: list[DurableSession] = []

    def open(self, keep: Keep = Keep.ALL) -> DurableSession:
        opened = DurableSession(self._path, self.clock, keep)
        self._opened.append(opened)
        return opened

    def empty(self) -> None:
        if self._path.exists():  # a new file takes three times as long
            with closing(sqlite3.connect(self._path)) as file:
                file.executescript(_EMPTY)

    def peers(self) -> list[tuple[int, int, str | None, str | None]]:
        with closing(sqlite3.connect(self._path)) as file:
            return file.execute(
                "SELECT id, hash, username, name FROM entities WHERE id <> 0 ORDER BY id"
            ).fetchall()

    def names(self) -> list[tuple[str, int]]:
        with closing(sqlite3.connect(self._path)) as file:
            return file.execute("SELECT username, id FROM tgbot_usernames ORDER BY username").fetchall()

    @contextmanager
    def broken(self) -> Iterator[None]:
        refuse = "BEGIN SELECT RAISE(ABORT, 'it is broken'); END"
        writes = [
            f"{how} ON {table}" for how in ("INSERT", "DELETE") for table in ("entities", "update_state")
        ]
        with closing(sqlite3.connect(self._path)) as file:
            for number, write in enumerate(writes):
                file.execute(f"CREATE TRIGGER broken_{number} BEFORE {write} {refuse}")
            yield
            for number in range(len(writes)):
                file.execute(f"DROP TRIGGER broken_{number}")

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()


class PostgresHome:
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.clock = Clock()
        self._postgres: PostgresServer = request.getfixturevalue("postgres")
        self.url = self._postgres.bot_database()
        self.database = Database(Address(self.url))
        request.addfinalizer(self.database.close)

    def open(self, keep: Keep = Keep.ALL) -> PostgresSession:
        return PostgresSession(self.database, "one", leading, self.clock, keep)

    def empty(self) -> None:
        self._postgres.bot_database()

    def peers(self) -> list[tuple[int, int, str | None, str | None]]:
        return [(row[0], row[1], row[2], row[3]) for row in self.database.read(_PEERS)]

    def names(self) -> list[tuple[str, int]]:
        return [
            (row[0], row[1]) for row in self.database.read("SELECT name, id FROM tgbot.usernames ORDER BY 1")
        ]

    @contextmanager
    def broken(self) -> Iterator[None]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(_BREAK)
            yield
            connection.execute("DROP FUNCTION tgbot.broken CASCADE")

    def close(self) -> None:
        """Leave the connections for the next session."""


HOMES: Final[tuple[Callable[[pytest.FixtureRequest], Home], ...]] = (SqliteHome, PostgresHome)


class Homes:
    @pytest.fixture(params=HOMES)
    def home(self, request: pytest.FixtureRequest) -> Home:
        home: Home = request.param(request)
        return home


class TestSessions(Homes, SessionContract):
    """Peers, values and the update state."""


class TestPassing(Homes, PassingContract):
    """Users who are not kept."""


class TestUsernames(Homes, UsernamesContract):
    """Usernames in any order of events."""
