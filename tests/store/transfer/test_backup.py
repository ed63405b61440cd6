"""Copies of the bot's files."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tgbot.core.errors import StorageFailedError
from tgbot.store.transfer.backup import backup


def _quiet(file: Path, share: float) -> None:
    assert 0 <= share <= 1


def _new(path: Path, rows: int) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
    return path


def _count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def test_a_copy_is_whole_and_private(tmp_path: Path) -> None:
    source = _new(tmp_path / "bot.session", 1000)
    (copy,) = backup([source, tmp_path / "missing"], tmp_path / "copies", _quiet)
    assert copy == tmp_path / "copies" / "bot.session"
    assert _count(copy) == 1000
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in copy.parent.iterdir()] == ["bot.session"]


def test_a_copy_taken_while_somebody_writes_holds_whole_transactions(tmp_path: Path) -> None:
    source = _new(tmp_path / "users.sqlite", 0)
    ended = threading.Event()
    written = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(source, timeout=30)) as connection:
            while not ended.is_set():
                with connection:
                    connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(100)])
                written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        written.wait(10)
        counts = [_count(backup([source], tmp_path / f"copy{n}", _quiet)[0]) for n in range(5)]
    finally:
        ended.set()
        writer.join()
    assert all(count and count % 100 == 0 for count in counts)


def test_an_older_copy_is_replaced_and_what_lay_beside_it_goes(tmp_path: Path) -> None:
    target = tmp_path / "copies"
    target.mkdir()
    (target / "bot.session").write_bytes(b"old")
    (target / "bot.session-wal").write_bytes(b"old")
    (copy,) = backup([_new(tmp_path / "bot.session", 3)], target, _quiet)
    assert _count(copy) == 3


def test_a_file_is_never_copied_onto_itself(tmp_path: Path) -> None:
    source = _new(tmp_path / "bot.session", 3)
    with pytest.raises(StorageFailedError):
        backup([source], tmp_path, _quiet)
    assert _count(source) == 3


def test_a_source_that_is_no_database_says_so_and_leaves_no_copy(tmp_path: Path) -> None:
    source = tmp_path / "bot.session"
    source.write_bytes(b"nonsense" * 100)
    with pytest.raises(StorageFailedError, match=r"bot\.session"):
        backup([source], tmp_path / "copies", _quiet)
    assert list((tmp_path / "copies").iterdir()) == []
