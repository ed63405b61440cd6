# ruff: noqa: ASYNC220, ASYNC221, ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlitedict import SqliteDict

from tests.contracts import Clock, UserRegistryContract, counted, ids, recounted
from tgbot.access import Access, Evidence, Kind
from tgbot.errors import (
    RegistryDamagedError,
    RegistryTooNewError,
    RegistryTooOldError,
    StorageError,
    StorageFailedError,
    StorageFullError,
)
from tgbot.storage.sqlite import SqliteReader, SqliteRegistry, open_readonly
from tgbot.users import Profile, UserRegistry


class TestSqliteRegistry(UserRegistryContract):
    @pytest.fixture
    def registry(self, clock: Clock, tmp_path: Path) -> Iterator[UserRegistry]:
        self.open = [SqliteRegistry(tmp_path / "users.sqlite", clock=clock)]
        yield self.open[0]
        for registry in self.open:
            registry.close()

    async def reopened(self, registry: UserRegistry) -> UserRegistry:
        assert isinstance(registry, SqliteRegistry)
        await registry.flush()
        registry.close()
        again = SqliteRegistry(registry.path, clock=registry._clock)
        self.open.append(again)
        return again


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.sqlite"


def meet(registry: SqliteRegistry, *user_ids: int, at: int = 100, name: str = "somebody") -> None:
    for user_id in user_ids:
        registry.seen(Profile(user_id, name), at, "message")
        registry.record(user_id, Evidence(Kind.MESSAGE, at))
        registry.finished(user_id, at)


async def filled(path: Path, users: int = 500) -> bytes:
    registry = SqliteRegistry(path)
    meet(registry, *range(1, users + 1))
    await registry.flush()
    registry.close()
    return path.read_bytes()


def told(script: str, *args: object) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(script), *map(str, args)]


# --- the file


async def test_only_the_owner_may_read_the_files(path: Path) -> None:
    old = os.umask(0)
    try:
        registry = SqliteRegistry(path)
        meet(registry, 1)
        await registry.flush()
        names = ("users.sqlite", "users.sqlite-wal", "users.sqlite-shm")
        assert [stat.S_IMODE((path.parent / name).stat().st_mode) for name in names] == [0o600] * 3
        assert sorted(file.name for file in path.parent.iterdir()) == sorted(names)
        registry.close()
    finally:
        os.umask(old)


async def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    await filled(path)
    path.chmod(0o644)
    SqliteRegistry(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_commit_is_on_the_disk_before_it_returns(path: Path) -> None:
    registry = SqliteRegistry(path)
    assert registry._store.conn.select_one("PRAGMA synchronous") == (2,)
    assert registry._store.conn.select_one("PRAGMA journal_mode") == ("wal",)
    registry.close()


async def test_sqlitedict_and_sql_read_the_users(path: Path) -> None:
    await filled(path, 2)
    with SqliteDict(str(path), tablename="users", flag="r", journal_mode="WAL", decode=json.loads) as users:
        assert users["1"]["first_name"] == "somebody"
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT json_extract(value, '$.access') FROM users").fetchall()
    assert rows == [("reachable",), ("reachable",)]


async def test_users_are_found_by_index(path: Path) -> None:
    registry = SqliteRegistry(path)
    plans: list[str] = []

    def planned(sql: str) -> None:
        if sql.startswith("SELECT"):
            plans.append("; ".join(row[-1] for row in copy.execute("EXPLAIN QUERY PLAN " + sql)))

    with closing(sqlite3.connect(path)) as copy:
        registry._rows._connection.set_trace_callback(planned)
        assert registry.get(5) is None
        assert list(registry.iterate(5)) == []
        registry._rows._connection.set_trace_callback(None)
    registry.close()
    assert len(plans) == 2
    assert "sqlite_autoindex_users_1" in plans[0]
    assert "USING INDEX users_by_id" in plans[1]
    assert not any("SCAN users" in plan or "TEMP B-TREE" in plan for plan in plans)


async def test_an_update_of_a_user_leaves_the_indexes_alone(path: Path) -> None:
    registry = SqliteRegistry(path)
    meet(registry, 1)
    await registry.flush()
    before = registry._store.conn.select_one("SELECT rowid FROM users")
    meet(registry, 2)
    meet(registry, 1, at=200)
    await registry.flush()
    assert registry._store.conn.select_one("SELECT rowid FROM users WHERE key = '1'") == before
    registry.close()


# --- flushing


async def test_a_flush_lets_the_loop_run_between_small_slices(path: Path) -> None:
    registry = SqliteRegistry(path)
    meet(registry, *range(1, 5_001))
    turns = 0
    done = asyncio.ensure_future(registry.flush())
    while not done.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 5_000 / 50
    registry.close()


async def test_two_flushes_at_once_each_keep_their_promise(path: Path) -> None:
    registry = SqliteRegistry(path)
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
    registry = SqliteRegistry(path)
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


async def test_memory_holds_the_recent_users_and_those_not_saved(path: Path) -> None:
    registry = SqliteRegistry(path, cached_users=10)
    meet(registry, *range(1, 101))
    assert len(registry._recent) == 100
    await registry.flush()
    assert list(registry._recent) == list(range(91, 101))
    assert registry.get(5) is not None
    meet(registry, 7, at=200)
    for user_id in range(20, 60):
        registry.get(user_id)
        registry.last_finished(1_000 + user_id)
    assert len(registry._recent) <= 12
    user = registry.get(7)
    assert user is not None
    assert user.last_seen == 200
    assert registry.last_finished(7) == 200
    registry.close()


async def test_what_was_not_flushed_is_dropped_by_closing(path: Path) -> None:
    registry = SqliteRegistry(path)
    meet(registry, 1)
    await registry.flush()
    meet(registry, 2)
    registry.close()
    with closing(SqliteRegistry(path)) as again:
        assert [user.id for user in again.iterate()] == [1]
        assert again.count().total == 1


# --- reading beside a running bot


async def test_a_reader_sees_what_was_flushed_while_the_bot_runs(path: Path) -> None:
    registry = SqliteRegistry(path)
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
    with closing(open_readonly(path)) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._rows._connection.execute("DELETE FROM users")
    assert path.read_bytes() == before


async def test_there_is_nothing_to_read_where_no_file_is(path: Path) -> None:
    with pytest.raises(StorageFailedError, match=r"users\.sqlite cannot be read"):
        open_readonly(path)
    assert not path.exists()


# --- damage


def refused(path: Path, *, keep: bytes | None) -> None:
    for opening in (SqliteRegistry, SqliteReader):
        with pytest.raises(RegistryDamagedError) as caught:
            opening(path)
        assert str(path) in str(caught.value)
        assert "backup" in str(caught.value)
    if keep is not None:
        assert path.read_bytes() == keep


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.2, 0.5, 0.9, 0.99])
async def test_a_truncated_registry_is_refused_and_left_as_it_is(path: Path, kept: float) -> None:
    whole = await filled(path)
    part = whole[: int(len(whole) * kept)]
    path.write_bytes(part)
    refused(path, keep=part)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 8192, random.Random(1).randbytes(100_000)])
async def test_what_is_no_database_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, keep=content)


async def test_another_database_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE users (id, name)")
    refused(path, keep=path.read_bytes())


async def test_a_registry_without_schema_is_refused(path: Path) -> None:
    await filled(path, 2)
    for change in ("UPDATE meta SET value = 'new' WHERE key = 'schema'", "DELETE FROM meta"):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(change)
        refused(path, keep=None)


async def test_a_log_without_its_registry_is_refused(path: Path) -> None:
    registry = SqliteRegistry(path)
    meet(registry, 1)
    await registry.flush()
    log = path.with_name(path.name + "-wal")
    content = log.read_bytes()
    registry.close()
    path.unlink()
    log.write_bytes(content)
    with pytest.raises(RegistryDamagedError, match=r"users\.sqlite-wal"):
        SqliteRegistry(path)
    assert not path.exists()
    assert log.read_bytes() == content


async def test_a_record_that_is_none_is_told_with_the_user_s_id(path: Path) -> None:
    await filled(path, 3)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE users SET value = '{\"id\":2,' WHERE key = '2'")
    registry = SqliteRegistry(path)
    assert registry.get(1) is not None
    with pytest.raises(RegistryDamagedError, match="the record of user 2"):
        registry.get(2)
    registry.close()


@pytest.mark.parametrize("seed", range(40))
async def test_random_damage_is_noticed_or_harmless(path: Path, seed: int) -> None:
    content = bytearray(await filled(path, 200))
    source = random.Random(seed)
    start = source.randrange(len(content))
    length = source.choice([1, 100, 4096, 40_000])
    content[start : start + length] = source.randbytes(min(length, len(content) - start))
    path.write_bytes(content)
    try:
        registry = SqliteRegistry(path)
    except StorageError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right, and this is one of them
        assert path.read_bytes() == content
        return
    try:
        for user_id in range(1, 201):
            registry.get(user_id)
        meet(registry, *range(1, 300), at=500)
        await registry.flush()
    except StorageError as error:
        assert str(path) in str(error)  # noqa: PT017 - as above
    finally:
        registry.close()


# --- schemas


def set_schema(path: Path, schema: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(schema),))


async def test_a_newer_registry_is_refused_and_left_as_it_is(path: Path) -> None:
    await filled(path)
    set_schema(path, 99)
    before = path.read_bytes()
    for opening in (SqliteRegistry, SqliteReader):
        with pytest.raises(RegistryTooNewError, match="99"):
            opening(path)
    assert path.read_bytes() == before


def make_names_loud(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE users SET value = json_set(value, '$.first_name', 'LOUD')")


def block_everyone(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE users SET value = json_set(value, '$.access', 'blocked')")
    connection.execute("DELETE FROM meta WHERE key = 'counts'")


async def test_an_older_registry_is_copied_aside_and_upgraded(path: Path) -> None:
    before = await filled(path, 3)
    steps = {1: make_names_loud, 2: block_everyone}
    registry = SqliteRegistry(path, schema=3, migrations=steps)
    user = registry.get(1)
    assert user is not None
    assert user.first_name == "LOUD"
    assert counted(registry) == {"blocked": 3}
    registry.close()
    aside = path.with_name("users.sqlite.schema-1")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert len(aside.read_bytes()) == len(before)
    with closing(SqliteRegistry(aside)) as old:
        assert [user.first_name for user in old.iterate()] == ["somebody"] * 3
    with pytest.raises(RegistryTooNewError):
        SqliteRegistry(path)
    SqliteRegistry(path, schema=3, migrations={}).close()


async def test_a_failed_upgrade_leaves_the_registry_as_it_was(path: Path) -> None:
    await filled(path, 3)

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT * FROM nowhere")

    with pytest.raises(StorageFailedError, match="nowhere"):
        SqliteRegistry(path, schema=3, migrations={1: make_names_loud, 2: fail})
    with closing(SqliteRegistry(path)) as registry:
        assert [user.first_name for user in registry.iterate()] == ["somebody"] * 3


async def test_a_registry_too_old_for_any_step_is_refused(path: Path) -> None:
    await filled(path)
    set_schema(path, 0)
    with pytest.raises(RegistryTooOldError):
        SqliteRegistry(path)
    with pytest.raises(RegistryTooOldError, match="start the bot once"):
        open_readonly(path)


async def test_lost_counts_are_counted_again(path: Path) -> None:
    registry = SqliteRegistry(path)
    meet(registry, 1, 2, 3)
    registry.record(3, Evidence(Kind.BOT_STOPPED, 150))
    registry.finished(-100, 5)
    await registry.flush()
    registry.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM meta WHERE key = 'counts'")
    with closing(SqliteRegistry(path)) as again:
        assert counted(again) == {"reachable": 2, "blocked": 1}


# --- disks and kills

FULL_DISK = """
    import asyncio, os, subprocess, sys
    from pathlib import Path
    from tgbot.access import Evidence, Kind
    from tgbot.errors import StorageFullError
    from tgbot.storage.sqlite import SqliteRegistry
    from tgbot.users import Profile

    directory = Path(sys.argv[1])
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", directory], capture_output=True)
    if made.returncode:
        sys.exit("no mount: " + made.stderr.decode())

    async def main():
        ballast = directory / "ballast"
        registry = SqliteRegistry(directory / "users.sqlite")
        registry.seen(Profile(1, "kept"), 1, "message")
        await registry.flush()
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        for user_id in range(2, 3000):
            registry.seen(Profile(user_id, "x"), 1, "message")
        for _ in range(3):
            try:
                await registry.flush()
            except StorageFullError as error:
                print("full:", error)
        assert registry.get(2500) is not None, "lost from memory"
        ballast.unlink()
        await registry.flush()
        registry.close()
        again = SqliteRegistry(directory / "users.sqlite")
        print("users:", again.count().total, sum(1 for _ in again.iterate()))
        again.close()

    asyncio.run(main())
"""


async def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare, to mount a small disk")
    command = [unshare, "--map-root-user", "--mount", *told(FULL_DISK, tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if ran.returncode and ("no mount" in ran.stderr or "unshare" in ran.stderr):
        pytest.skip("may not mount a small disk here: " + ran.stderr.strip())
    assert ran.returncode == 0, ran.stderr
    full = [line for line in ran.stdout.splitlines() if line.startswith("full: ")]
    assert len(full) == 3
    assert "make room" in full[0]
    assert ran.stdout.splitlines()[-1] == "users: 2999 2999"


FULL_QUOTA = """
    import asyncio, resource, sys
    from tgbot.errors import StorageError
    from tgbot.storage.sqlite import SqliteRegistry
    from tgbot.users import Profile

    async def main():
        registry = SqliteRegistry(sys.argv[1])
        registry.seen(Profile(1, "kept"), 1, "message")
        await registry.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
        for user_id in range(2, 3000):
            registry.seen(Profile(user_id, "x"), 1, "message")
        for _ in range(3):
            try:
                await registry.flush()
            except StorageError as error:
                print("told:", error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await registry.flush()
        print("users:", sum(1 for _ in registry.iterate()))
        registry.close()

    asyncio.run(main())
"""


async def test_a_refused_write_is_told_and_nothing_is_lost(path: Path) -> None:
    ran = subprocess.run(told(FULL_QUOTA, path), capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    assert [line.split(":")[0] for line in ran.stdout.splitlines()] == ["told"] * 3 + ["users"]
    assert str(path) in ran.stdout
    with closing(open_readonly(path)) as reader:
        assert counted(reader) == recounted(reader, 0) == {"unknown": 2_999}


async def test_a_disk_that_does_not_answer_is_not_waited_for(path: Path) -> None:
    registry = SqliteRegistry(path, flush_seconds=0.2)
    meet(registry, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailedError, match=r"did not answer for 0\.2 s"):
            await registry.flush()
        other.execute("ROLLBACK")
    registry._flush_seconds = 30
    await registry.flush()
    with closing(open_readonly(path)) as reader:
        assert reader.count().total == 1
    registry.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_dead_writer_is_noticed_at_once(path: Path) -> None:
    registry = SqliteRegistry(path)
    meet(registry, 1)
    registry._store.conn.reqs.put(None)  # no request at all: the thread ends on it
    with pytest.raises(StorageFailedError, match="has ended"):
        await registry.flush()
    assert registry.get(1) is not None
    registry.close()


async def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageFailedError, match="nowhere"):
        SqliteRegistry(tmp_path / "nowhere" / "users.sqlite")


async def test_full_disk_errors_say_what_to_do(path: Path) -> None:
    assert "make room" in str(StorageFullError(path))


STEADY = """
    import asyncio, sys
    from tgbot.access import Evidence, Kind
    from tgbot.storage.sqlite import SqliteRegistry
    from tgbot.users import Profile

    async def main():
        registry = SqliteRegistry(sys.argv[1])
        turn = int(sys.argv[2])
        while True:
            turn += 1
            for user_id in range(turn * 10, turn * 10 + 10):
                registry.seen(Profile(user_id, "x"), turn, "message")
                registry.record(user_id, Evidence(Kind.MESSAGE, turn))
                registry.finished(user_id, turn)
            registry.record(turn * 10 + 5, Evidence(Kind.BOT_STOPPED, turn))
            await registry.flush()
            print(turn, flush=True)

    asyncio.run(main())
"""


async def test_what_was_flushed_survives_a_kill(path: Path) -> None:
    source = random.Random(5)
    flushed: list[int] = []
    for _ in range(6):
        first = flushed[-1] + 2 if flushed else 1  # the one after the last may have been flushed unsaid
        with subprocess.Popen(told(STEADY, path, first), stdout=subprocess.PIPE, text=True) as bot:
            assert bot.stdout is not None
            lines = source.randrange(1, 40)
            for line in bot.stdout:
                flushed.append(int(line))
                lines -= 1
                if lines <= 0:  # what it said before the signal reached it counts, too
                    bot.send_signal(signal.SIGKILL)
        with closing(SqliteRegistry(path)) as registry:
            for turn in flushed:
                for user_id in range(turn * 10, turn * 10 + 10):
                    user = registry.get(user_id)
                    assert user is not None
                    assert user.last_finished_id == turn
                    assert user.verdict(1e9).access is (
                        Access.BLOCKED if user_id % 10 == 5 else Access.REACHABLE
                    )
            assert counted(registry) == recounted(registry, 1e9)
    assert len(flushed) > 6
