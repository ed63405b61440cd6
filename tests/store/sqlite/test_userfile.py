# ruff: noqa: ASYNC110, ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlitedict import SqliteDict

from tests.store.contracts import Clock, counted, ids, ids_of, parked, recounted
from tests.store.registries import filled, meet, now, rows_of
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.errors import NeverRunError, RegistryDamagedError, StorageFailedError
from tgbot.core.users import Profile, Way
from tgbot.store.parked import ParkingLot
from tgbot.store.sqlite.userfile import ReadOnlyUserRows, SqliteRegistry, open_readonly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.sqlite"


def on_disk(path: Path, query: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchone()


# --- the file


async def test_a_commit_is_on_the_disk_before_it_returns(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    writer = rows_of(registry)._writer
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    registry.close()


async def test_sqlitedict_and_sql_read_the_users(path: Path) -> None:
    await filled(path, 2)
    with SqliteDict(str(path), tablename="users", journal_mode="WAL", decode=json.loads) as users:
        assert users["1"]["first_name"] == "somebody"
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT json_extract(value, '$.access') FROM users").fetchall()
    assert rows == [("reachable",), ("reachable",)]


async def test_users_are_found_by_index(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    plans: list[str] = []

    def planned(sql: str) -> None:
        if sql.lstrip().startswith("SELECT"):
            plans.append("; ".join(row[-1] for row in copy.execute("EXPLAIN QUERY PLAN " + sql)))

    with closing(sqlite3.connect(path)) as copy:
        rows_of(registry)._reader.set_trace_callback(planned)
        assert registry.get(5) is None
        assert list(registry.iterate(5)) == []
        await registry.load([6, 7, 8])
        rows_of(registry)._reader.set_trace_callback(None)
    registry.close()
    assert len(plans) == 3
    assert "sqlite_autoindex_users_1" in plans[0]
    assert "USING INDEX users_by_id" in plans[1]
    assert "sqlite_autoindex_users_1" in plans[2]
    assert not any("SCAN users" in plan or "TEMP B-TREE" in plan for plan in plans)


async def test_looking_for_an_access_reads_pages_and_not_users(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now, cached_users=5)
    meet(registry, *range(1, 1_001))
    registry.record(700, Evidence(Kind.BOT_STOPPED, 150))
    await registry.flush()
    read: list[str] = []
    rows_of(registry)._reader.set_trace_callback(read.append)
    assert ids(registry, Access.BLOCKED) == [700]
    assert len(read) <= 6
    rows_of(registry)._reader.set_trace_callback(None)
    registry.close()


async def test_an_update_of_a_user_leaves_the_indexes_alone(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    meet(registry, 1)
    await registry.flush()
    before = on_disk(path, "SELECT rowid FROM users")
    meet(registry, 2)
    meet(registry, 1, at=200)
    await registry.flush()
    assert on_disk(path, "SELECT rowid FROM users WHERE key = '1'") == before
    registry.close()


# --- flushing


async def test_a_flush_lets_the_loop_run_between_small_slices(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = turns_before_writing = 0
    registry = SqliteRegistry(path, clock=now)
    rows = rows_of(registry)
    write = rows._write

    def watched(*values: Any) -> None:
        nonlocal turns_before_writing
        turns_before_writing = turns
        write(*values)

    monkeypatch.setattr(rows, "_write", watched)
    meet(registry, *range(1, 5_001))
    done = asyncio.ensure_future(registry.flush())
    while not done.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns_before_writing >= 5_000 / 50
    assert turns > turns_before_writing
    registry.close()


async def test_two_flushes_at_once_each_keep_their_promise(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    meet(registry, *range(1, 300))
    first = asyncio.ensure_future(registry.flush())
    await asyncio.sleep(0)
    meet(registry, 1_000)
    await registry.flush()
    with closing(open_readonly(path)) as reader:
        assert reader.get(1_000) is not None
        assert reader.count().total == 300
    await first
    registry.close()


async def test_a_cancelled_flush_leaves_the_counts_true(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    for turn in range(1, 30):
        meet(registry, *range(turn * 100, turn * 100 + 100))
        flush = asyncio.ensure_future(registry.flush())
        for _ in range(turn % 7):
            await asyncio.sleep(0)
        flush.cancel()
        await asyncio.wait([flush])
    await registry.flush()
    registry.close()
    with closing(open_readonly(path)) as reader:
        assert counted(reader) == recounted(reader, 1_000) == {"reachable": 2_900}


async def test_a_cancelled_flush_is_waited_for_by_the_next(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    meet(registry, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun: list[str] = []
        rows_of(registry)._writer.set_trace_callback(begun.append)
        flush = asyncio.ensure_future(registry.flush())
        while not begun:
            await asyncio.sleep(0)
        flush.cancel()
        await asyncio.wait([flush])
        assert flush.cancelled()
        assert registry._flushing.locked()  # the thread is still writing
        meet(registry, 2)
        other.execute("ROLLBACK")
        await registry.flush()
    with closing(open_readonly(path)) as reader:
        assert [user.id for user in reader.iterate()] == [1, 2]
    registry.close()


async def test_what_is_told_during_a_failed_flush_goes_before_what_failed(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    rows_of(registry).worker.seconds = 0.2
    meet(registry, 1, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        flush = asyncio.ensure_future(registry.flush())
        while not registry._saving:
            await asyncio.sleep(0)
        registry.forget(1)
        meet(registry, 3)
        with pytest.raises(StorageFailedError, match=r"did not answer for 0\.2 s"):
            await flush
        other.execute("ROLLBACK")
    rows_of(registry).worker.seconds = 30
    await registry.flush()
    registry.close()
    with closing(open_readonly(path)) as reader:
        assert [user.id for user in reader.iterate()] == [2, 3]
        assert counted(reader) == {"reachable": 2}


async def test_a_write_that_ends_after_its_time_leaves_the_counts_true(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    rows_of(registry).worker.seconds = 0.2
    meet(registry, 1, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailedError):
            await registry.flush()
        other.execute("ROLLBACK")
    while on_disk(path, "SELECT count(*) FROM users") != (2,):
        await asyncio.sleep(0)
    rows_of(registry).worker.seconds = 30
    registry.record(2, Evidence(Kind.BOT_STOPPED, 150))
    await registry.flush()
    registry.close()
    with closing(open_readonly(path)) as reader:
        assert counted(reader) == recounted(reader, 1_000) == {"reachable": 1, "blocked": 1}


async def test_many_users_are_loaded_in_one_read(path: Path) -> None:
    await filled(path, 100)
    registry = SqliteRegistry(path, clock=now)
    read: list[str] = []
    rows_of(registry)._reader.set_trace_callback(read.append)
    await registry.load([*range(1, 100, 3), 5_000, -100])
    assert len(read) == 1
    for user_id in (1, 4, 5_000):
        registry.get(user_id)
        registry.seen(Profile(user_id, "x"), 200, Way.MESSAGE)
        registry.last_finished(user_id)
    assert registry.last_finished(-100) == 0
    assert len(read) == 1
    rows_of(registry)._reader.set_trace_callback(None)
    registry.close()


async def test_a_user_who_was_absent_is_found_after_leaving_memory(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now, cached_users=0)
    await registry.load([1])
    meet(registry, 1)
    await registry.flush()
    assert 1 not in registry._records
    assert registry.get(1) is not None
    registry.close()


async def test_the_ids_known_as_absent_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tgbot.store.loaded.ABSENT_IDS", 10)
    registry = SqliteRegistry(path, clock=now)
    await registry.load(range(1, 101))
    assert not registry.loaded({1})
    assert registry.loaded({*range(91, 101)})
    registry.close()


async def test_memory_holds_the_recent_users_and_those_not_saved(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now, cached_users=10)
    meet(registry, *range(1, 101))
    assert len(registry._records) == 100
    await registry.flush()
    assert list(registry._records) == list(range(91, 101))
    assert registry.get(5) is not None
    meet(registry, 7, at=200)
    for user_id in range(20, 60):
        registry.get(user_id)
        registry.last_finished(1_000 + user_id)
    assert len(registry._records) <= 12
    user = registry.get(7)
    assert user is not None
    assert user.last_seen == 200
    assert registry.last_finished(7) == 200
    registry.close()


async def test_users_saved_and_let_go_of_during_an_iteration_are_in_it(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now, cached_users=5)
    meet(registry, *range(1, 301))
    seen = []
    for user in registry.iterate():
        seen.append(user.id)
        if user.id == 100:
            await registry.flush()
            meet(registry, *range(1_001, 1_020))
    assert seen == list(range(1, 301))
    registry.close()


async def test_what_was_not_flushed_is_dropped_by_closing(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    meet(registry, 1)
    await registry.flush()
    meet(registry, 2)
    registry.close()
    with closing(SqliteRegistry(path, clock=now)) as again:
        assert [user.id for user in again.iterate()] == [1]
        assert again.count().total == 1


# --- reading beside a running bot


async def test_a_reader_sees_what_was_flushed_while_the_bot_runs(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    meet(registry, 1, 2, 3)
    registry.record(2, Evidence(Kind.BOT_STOPPED, 150))
    await registry.flush()
    meet(registry, 4)
    with closing(open_readonly(path)) as reader:
        assert [user.id for user in reader.iterate()] == [1, 2, 3]
        assert [user.id for user in reader.iterate(1)] == [2, 3]
        assert ids(reader, Access.BLOCKED) == [2]
        assert counted(reader) == {"reachable": 2, "blocked": 1}
        assert reader.get(4) is None
        await registry.flush()
        assert reader.get(4) is not None
    meet(registry, 5)
    await registry.flush()
    registry.close()


async def test_a_reader_counts_windows_that_run_out(path: Path) -> None:
    clock = Clock(1_000)
    registry = SqliteRegistry(path, clock=clock)
    registry.record(1, Evidence(Kind.JOIN_REQUEST, 900, until=1_200))
    await registry.flush()
    with closing(open_readonly(path, clock=clock)) as reader:
        assert counted(reader) == {"reachable": 1}
        assert ids(reader, Access.REACHABLE) == [1]
        clock.now = 1_200
        assert counted(reader) == {"not_allowed": 1}
        assert ids(reader, Access.REACHABLE) == []
    registry.close()


async def test_a_reader_changes_nothing(path: Path) -> None:
    before = await filled(path)
    with closing(open_readonly(path)) as reader:
        rows = reader._rows
        assert isinstance(rows, ReadOnlyUserRows)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            rows._reader.execute("DELETE FROM users")
    assert path.read_bytes() == before


async def test_there_is_nothing_to_read_where_no_file_is(path: Path) -> None:
    with pytest.raises(NeverRunError, match=r"users\.sqlite: it has not run"):
        open_readonly(path)
    assert not path.exists()


async def test_a_record_that_is_none_is_told_with_the_user_s_id(path: Path) -> None:
    await filled(path, 3)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE users SET value = '{\"id\":2,' WHERE key = '2'")
    registry = SqliteRegistry(path, clock=now)
    assert registry.get(1) is not None
    with pytest.raises(RegistryDamagedError, match="the record of user 2"):
        registry.get(2)
    registry.close()


async def test_lost_counts_are_counted_again(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    meet(registry, 1, 2, 3)
    registry.record(3, Evidence(Kind.BOT_STOPPED, 150))
    registry.finished(-100, 5)
    await registry.flush()
    registry.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM meta WHERE key = 'counts'")
    with closing(SqliteRegistry(path, clock=now)) as again:
        assert counted(again) == {"reachable": 2, "blocked": 1}


async def test_a_file_that_was_made_before_updates_were_parked_gets_their_table(path: Path) -> None:
    await filled(path, 3)
    with closing(sqlite3.connect(path)) as older, older:
        older.execute("DROP TABLE parked")
    with closing(ReadOnlyUserRows(path)) as rows:
        assert rows.places() == {}
    registry = SqliteRegistry(path, clock=now)
    registry.parked.park(parked("m1:1"))
    await registry.flush()
    registry.close()
    with closing(ReadOnlyUserRows(path)) as rows:
        assert list(ParkingLot(rows, now).entries()) == [parked("m1:1")]
    with closing(open_readonly(path)) as reader:
        assert ids_of(reader) == [1, 2, 3]


async def test_the_bytes_of_a_parked_update_leave_memory_once_they_are_written(path: Path) -> None:
    registry = SqliteRegistry(path, clock=now)
    update = bytes(1_000)
    before = sys.getrefcount(update)
    for number in range(100):
        registry.parked.park(parked(f"m1:{number}", update=update))
    assert sys.getrefcount(update) >= before + 100
    await registry.flush()
    gc.collect()
    assert sys.getrefcount(update) < before + 10
    assert registry.parked.get("m1:7") == parked("m1:7", update=update)
    registry.close()
