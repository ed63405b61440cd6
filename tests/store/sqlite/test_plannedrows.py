"""Planned entries in the file of the users."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.registries import meet, now, rows_of
from tgbot.core.errors import RegistryDamagedError, StorageFailedError
from tgbot.store.base import Planned
from tgbot.store.sqlite import plannedrows
from tgbot.store.sqlite.userfile import SqliteRegistry, open_readonly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.sqlite"


@pytest.fixture
def registry(path: Path) -> Iterator[SqliteRegistry]:
    with closing(SqliteRegistry(path, clock=now)) as registry:
        yield registry


@pytest.mark.parametrize(
    "damage",
    [
        "at = 7.5",
        "attempts = 'often'",
        "user = x'01'",
        "name = CAST(x'ff' AS TEXT)",
        "data = CAST(x'7bff7d' AS TEXT)",
        "key = CAST(x'ff' AS TEXT)",
    ],
)
async def test_a_damaged_entry_is_told_and_stops_no_other(
    registry: SqliteRegistry, path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    for number in range(1, 4):
        registry.planned.plan(Planned(f"{number}", number, "shop.remind", 1, '{"text":"Milk"}'))
    await registry.flush()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE planned SET {damage} WHERE key = '1'")
    for _ in range(2):
        assert [one.key for one in await registry.planned.due(10, limit=2)] == ["2", "3"]
        assert [one.key for one in await registry.planned.about(1)] == ["2", "3"]
        assert await registry.planned.next_due() == 2
    (told,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert str(path) in told.getMessage()
    assert "Milk" not in told.getMessage()
    if not damage.startswith("key"):
        with pytest.raises(RegistryDamagedError, match="planned entry"):
            await registry.planned.get("1")
    assert await registry.planned.get("2") is not None
    if not damage.startswith("user"):
        await registry.planned.forget(1)
        with closing(sqlite3.connect(path)) as connection:
            refuse = "BEFORE DELETE ON planned BEGIN SELECT RAISE(ABORT, 'no'); END"
            connection.execute(f"CREATE TRIGGER broken {refuse}")
            with pytest.raises(StorageFailedError):
                await registry.flush()
            connection.execute("DROP TRIGGER broken")
            await registry.flush()
            assert connection.execute("SELECT count(*) FROM planned").fetchone() == (0,)


async def test_no_read_looks_at_all_entries(registry: SqliteRegistry) -> None:
    for query, values in (
        (plannedrows._ONE, ("a",)),
        (plannedrows._UNTIL, (10, 10)),
        (plannedrows._BEHIND, (10, 5, b"a", 10)),
        (plannedrows._ABOUT, (1,)),
        (plannedrows._FORGET, (1,)),
    ):
        plan = rows_of(registry)._reader.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
        assert all("SEARCH" in step[3] and "USING INDEX" in step[3] for step in plan), plan


async def test_an_entry_that_cannot_be_written_keeps_its_user_from_the_disk_too(
    registry: SqliteRegistry, path: Path
) -> None:
    meet(registry, 1)
    registry.planned.plan(Planned("1", 1, "shop.remind", 1))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TRIGGER broken BEFORE INSERT ON planned BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(StorageFailedError):
        await registry.flush()
    with closing(open_readonly(path)) as reader:
        assert reader.get(1) is None
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TRIGGER broken")
    await registry.flush()
    with closing(open_readonly(path)) as reader:
        assert reader.get(1) is not None
        assert await reader.planned.due(10) == [Planned("1", 1, "shop.remind", 1)]
