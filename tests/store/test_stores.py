"""The contract suite, run against every store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.store.contracts import Clock, Home, OpenStore, StoreContract
from tests.store.memory import MemoryRows, MemoryStore
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

    def open(self, *, parked: int = PARKED_UPDATES) -> OpenStore:
        return SqliteStore(self._session, self._users, clock=self._clock, parked=parked)

    @contextmanager
    def broken(self) -> Iterator[None]:
        tables = ((self._session, "update_state"), (self._users, "users"))
        with ExitStack() as stack:
            files = [(stack.enter_context(closing(sqlite3.connect(path))), table) for path, table in tables]
            refuse = "BEGIN SELECT RAISE(ABORT, 'it is broken'); END"
            for file, table in files:
                file.execute(f"CREATE TRIGGER broken BEFORE INSERT ON {table} {refuse}")
            yield
            for file, _ in files:
                file.execute("DROP TRIGGER broken")


HOMES: Final[tuple[Callable[[Path, Clock], Home], ...]] = (MemoryHome, SqliteHome)


class TestStores(StoreContract):
    @pytest.fixture(params=HOMES)
    def home(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Home:
        home: Home = request.param(tmp_path, clock)
        return home
