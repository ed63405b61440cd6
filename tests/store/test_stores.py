"""The contract suite, run against every store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.store.broadcasting import BroadcastContract
from tests.store.contracts import Clock, Home, OpenStore, StoreContract
from tests.store.keeping import KeepContract
from tests.store.memory import MemoryRows, MemoryStore
from tests.store.planning import PlanContract
from tgbot.core.errors import StorageFailedError
from tgbot.store.parked import PARKED_UPDATES
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.stored import Changes


class BreakableRows(MemoryRows):
    broken = False

    async def write(self, changes: Changes) -> None:
        if self.broken:
            raise StorageFailedError(self.place, "it is broken")
        await super().write(changes)


class MemoryHome:
    def __init__(self, directory: Path, clock: Clock) -> None:
        self._clock = clock
        self._rows = BreakableRows()

    def open(self, *, parked: int = PARKED_UPDATES) -> OpenStore:
        return MemoryStore(self._clock, self._rows, parked=parked)

    @contextmanager
    def broken(self) -> Iterator[None]:
        self._rows.broken = True
        yield
        self._rows.broken = False


class SqliteHome:
    def __init__(self, directory: Path, clock: Clock) -> None:
        self._clock = clock
        self._session, self._users = directory / "bot.session", directory / "users.sqlite"
        tables = ("users", "planned", "broadcasts", "tallies", "deliveries")
        self._writes = [
            (self._users, f"{how} ON {table}") for how in ("INSERT", "DELETE") for table in tables
        ]
        self._writes.append((self._session, "INSERT ON update_state"))

    def open(self, *, parked: int = PARKED_UPDATES) -> OpenStore:
        return SqliteStore(self._session, self._users, clock=self._clock, parked=parked)

    @contextmanager
    def broken(self) -> Iterator[None]:
        with ExitStack() as stack:
            files = {
                path: stack.enter_context(closing(sqlite3.connect(path)))
                for path in (self._session, self._users)
            }
            refuse = "BEGIN SELECT RAISE(ABORT, 'it is broken'); END"
            for number, (path, write) in enumerate(self._writes):
                files[path].execute(f"CREATE TRIGGER broken_{number} BEFORE {write} {refuse}")
            yield
            for number, (path, _) in enumerate(self._writes):
                files[path].execute(f"DROP TRIGGER broken_{number}")


HOMES: Final[tuple[Callable[[Path, Clock], Home], ...]] = (MemoryHome, SqliteHome)


class Homes:
    @pytest.fixture(params=(*HOMES, "PostgresHome"))
    def home(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Home]:
        if request.param == "PostgresHome":
            from tests.store.postgres.home import PostgresHome  # late: psycopg takes a tenth of a second

            with closing(PostgresHome(request.getfixturevalue("bot_url"), clock)) as home:
                yield home
        else:
            yield request.param(tmp_path, clock)


class TestStores(Homes, StoreContract):
    """Users, update state and parked updates."""


class TestKept(Homes, KeepContract):
    """Data of plugins and talks."""


class TestPlans(Homes, PlanContract):
    """What is planned for later moments."""


class TestBroadcasts(Homes, BroadcastContract):
    """Broadcasts and their deliveries."""
