# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from sqlitedict import SqliteDict

from tests.store.registries import told
from tgbot.core.errors import StorageFailedError, StorageLockedError
from tgbot.store.logins import REMEMBERED
from tgbot.store.sqlite.logins import UsedLogins

NOW = 1_800_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "logins.sqlite"


async def test_the_file_is_for_the_owner_only(path: Path) -> None:
    with closing(UsedLogins(path)) as used:
        await used.add(b"one", NOW, NOW)
    assert path.stat().st_mode & 0o077 == 0


async def test_old_logins_are_forgotten_faster_than_new_ones_come(path: Path) -> None:
    with closing(UsedLogins(path)) as used:
        for number in range(10):
            await used.add(b"old%d" % number, NOW, NOW)
        later = NOW + REMEMBERED + 1
        for number in range(5):
            await used.add(b"new%d" % number, later, later)
    with SqliteDict(str(path), "logins", journal_mode="WAL", decode=json.loads) as kept:
        assert dict(kept) == {(b"new%d" % number).hex(): later + REMEMBERED for number in range(5)}


async def test_a_login_is_on_disk_before_it_counts_as_used(path: Path) -> None:
    with closing(UsedLogins(path)) as used:
        assert used._until.conn.select_one("PRAGMA synchronous") == (2,)
        assert used._until.conn.select_one("PRAGMA journal_mode") == ("wal",)
        await used.add(b"one", NOW, NOW)
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT key FROM logins").fetchall() == [(b"one".hex(),)]


async def test_the_logins_of_an_older_version_stay_used(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("CREATE TABLE used (digest BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID")
        old.execute("CREATE INDEX used_until ON used (until)")
        old.execute("INSERT INTO used VALUES (?, ?)", (b"\xff\x01", NOW + 5))
    for _ in range(2):
        with closing(UsedLogins(path)) as used:
            assert await used.has(b"\xff\x01")
            assert not await used.has(b"\xff\x02")
    with SqliteDict(str(path), "logins", journal_mode="WAL", decode=json.loads) as kept:
        assert dict(kept) == {"ff01": NOW + 5}


def test_a_file_that_is_no_database_is_refused_by_name(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageFailedError, match=r"logins\.sqlite cannot be read or written"):
        UsedLogins(path)


async def test_a_lock_of_another_process_is_an_error_in_the_end(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "sqlitedict")
    with closing(UsedLogins(path)) as used, closing(sqlite3.connect(path, isolation_level=None)) as other:
        used._until.conn.execute("PRAGMA busy_timeout=10")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageLockedError, match="locked"):
            await used.add(b"one", NOW, NOW)
        other.execute("ROLLBACK")
        assert not await used.has(b"one")
        await used.add(b"one", NOW, NOW)
        assert await used.has(b"one")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_of_sqlitedict_that_has_ended_is_noticed(path: Path) -> None:
    with closing(UsedLogins(path)) as used:
        thread = used._until.conn
        thread.reqs.put(None)  # not a request: it ends the thread
        thread.join()
        with pytest.raises(StorageFailedError, match="has ended"):
            await used.has(b"one")


FULL = """
    import asyncio, resource, sys
    from pathlib import Path
    from tgbot.core.errors import StorageError
    from tgbot.store.sqlite.logins import UsedLogins

    async def main():
        used = UsedLogins(Path(sys.argv[1]))
        await used.add(b"first", 1_800_000_000, 1_800_000_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
        added = 1
        try:
            while added < 10_000:
                await used.add(b"%d" % added, 1_800_000_000, 1_800_000_000)
                added += 1
        except StorageError as error:
            print("refused:", error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await used.add(b"last", 1_800_000_000, 1_800_000_000)
        used.close()
        used = UsedLogins(Path(sys.argv[1]))
        print([await used.has(name) for name in (b"first", b"%d" % (added - 1), b"%d" % added, b"last")])
        used.close()

    asyncio.run(main())
"""


def test_a_full_disk_refuses_a_login_and_takes_the_next(path: Path) -> None:
    ran = subprocess.run(told(FULL, path), capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    refused, found = ran.stdout.splitlines()
    assert refused.startswith(f"refused: {path} cannot be read or written")
    assert found == "[True, True, False, True]"
