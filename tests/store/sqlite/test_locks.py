"""Locks of other programs: waited for in a thread, told of with who has them, an error in the end."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.store.registries import meet, now
from tests.telegram.conftest import until
from tgbot.core.errors import StorageLockedError
from tgbot.store.base import UpdateState
from tgbot.store.sqlite import locks
from tgbot.store.sqlite.locks import holder, patiently
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.sqlite.worker import run_aside

HOLD = """
    import sqlite3, sys
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    connection.execute(sys.argv[2])
    print("held", flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that has a lock on a file until it is told to let go."""

    def __init__(self, path: Path, statement: str = "BEGIN IMMEDIATE") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLD), str(path), statement],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"
        self.pid = self._process.pid

    def let_go(self) -> None:
        self._process.communicate()


@contextmanager
def held(path: Path, statement: str = "BEGIN IMMEDIATE") -> Iterator[Holder]:
    other = Holder(path, statement)
    try:
        yield other
    finally:
        if other._process.poll() is None:
            other.let_go()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "bot.session", tmp_path / "users.sqlite"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "SAID_AFTER", 0.1)
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.5)
    monkeypatch.setattr(locks, "OPENING_SECONDS", 0.5)


def opened(files: tuple[Path, Path]) -> SqliteStore:
    return SqliteStore(*files, clock=now)


@pytest.mark.parametrize("which", [0, 1], ids=["session", "users"])
async def test_a_checkpoint_waits_for_a_lock_and_the_loop_goes_on(
    files: tuple[Path, Path], which: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", 60.0)
    caplog.set_level(logging.INFO)
    store = opened(files)
    meet(store.users, 1)
    with held(files[which]) as other:
        writing = asyncio.create_task(store.checkpoint(UpdateState(1, 1, 1, 1)))
        await until(lambda: caplog.records)
        assert not writing.done()
        assert store.users.get(1) is not None
        for _ in range(20):  # and it is said once, however long it takes
            await asyncio.sleep(0.01)
        await asyncio.to_thread(other.let_go)
        await writing
    store.close()
    first, last = [record.getMessage() for record in caplog.records]
    assert first.startswith(f"{files[which]} is locked by pid {other.pid} (")
    assert last == f"{files[which]} is free again"
    again = opened(files)
    assert again.update_state() == UpdateState(1, 1, 1, 1)
    again.close()


@pytest.mark.parametrize("which", [0, 1], ids=["session", "users"])
async def test_a_lock_that_stays_is_an_error_with_who_has_it_and_nothing_is_lost(
    files: tuple[Path, Path], which: int
) -> None:
    store = opened(files)
    meet(store.users, 1)
    with held(files[which]) as other:
        with pytest.raises(StorageLockedError, match=rf"is locked by pid {other.pid} \(") as caught:
            await store.checkpoint(UpdateState(1, 1, 1, 1))
        assert str(files[which]) in str(caught.value)
    await store.checkpoint(UpdateState(1, 1, 1, 1))
    store.close()
    again = opened(files)
    assert again.update_state() == UpdateState(1, 1, 1, 1)
    assert again.users.get(1) is not None
    again.close()


async def test_what_is_written_on_the_loop_does_not_wait_behind_a_checkpoint(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", 60.0)
    monkeypatch.setattr("tgbot.store.sqlite.session._ON_LOOP_SECONDS", 0.1)
    store = opened(files)
    with held(files[0]) as other:
        writing = asyncio.create_task(store.checkpoint(UpdateState(1, 1, 1, 1)))
        await until(lambda: caplog.records)
        with pytest.raises(StorageLockedError, match=f"pid {other.pid}"):
            store.session.set_value("a", 1)
        await asyncio.to_thread(other.let_go)
        await writing
    store.session.set_value("a", 1)
    store.close()


@pytest.mark.parametrize("which", [0, 1], ids=["session", "users"])
async def test_the_opening_waits_for_a_lock(
    files: tuple[Path, Path], which: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "OPENING_SECONDS", 60.0)
    without_log(files)
    with held(files[which], "BEGIN EXCLUSIVE") as other:
        opening = asyncio.create_task(run_aside(lambda: patiently(lambda: opened(files))))
        await until(lambda: caplog.records)
        assert not opening.done()
        await asyncio.to_thread(other.let_go)
        (await opening).close()
    (record,) = caplog.records
    assert f"{files[which]} is locked by pid {other.pid}" in record.getMessage()


async def test_a_lock_that_stays_ends_the_opening(files: tuple[Path, Path]) -> None:
    without_log(files)
    with (
        held(files[1], "BEGIN EXCLUSIVE") as other,
        pytest.raises(StorageLockedError, match=f"pid {other.pid}"),
    ):
        await run_aside(lambda: patiently(lambda: opened(files)))
    opened(files).close()


def without_log(files: tuple[Path, Path]) -> None:
    """Make both files as programs leave them that use no write-ahead log: a writer locks readers out."""
    opened(files).close()
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")


def test_without_a_lock_of_others_nobody_is_named(files: tuple[Path, Path]) -> None:
    store = opened(files)
    assert holder(files[0]) == "another program"
    assert holder(files[0].parent / "missing") == "another program"
    store.close()
