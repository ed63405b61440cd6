"""Errors of sqlite3 and of the system for a file, and the state after a failed transaction."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tgbot.core.errors import (
    RegistryDamagedError,
    SessionDamagedError,
    StorageFailedError,
    StorageFullError,
    StorageLockedError,
)
from tgbot.store.files import make_private
from tgbot.store.sqlite.connection import connect, connect_durable, sqlite_errors, transaction


class Failure(sqlite3.Error):
    """An error with a name, as sqlite3 raises it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"said {name}")
        self.sqlite_errorname = name


class Disk(NamedTuple):
    f_bavail: int
    f_frsize: int = 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file #1?.sqlite"


@pytest.mark.parametrize(
    ("name", "opening", "kind"),
    [
        ("SQLITE_FULL", False, StorageFullError),
        ("SQLITE_CORRUPT_INDEX", False, SessionDamagedError),
        ("SQLITE_NOTADB", False, SessionDamagedError),
        ("SQLITE_ERROR", False, StorageFailedError),
        ("SQLITE_ERROR", True, SessionDamagedError),
        ("SQLITE_BUSY", True, StorageLockedError),
        ("SQLITE_CANTOPEN", True, StorageFailedError),
        ("SQLITE_IOERR_WRITE", False, StorageFailedError),
    ],
)
def test_each_error_of_sqlite_has_one_meaning(path: Path, name: str, opening: bool, kind: type) -> None:
    with pytest.raises(kind) as caught, sqlite_errors(path, damaged=SessionDamagedError, opening=opening):
        raise Failure(name)
    assert type(caught.value) is kind
    assert str(path) in str(caught.value)


def test_damage_is_a_failure_where_no_better_error_is_known(path: Path) -> None:
    with pytest.raises(StorageFailedError, match="SQLITE_CORRUPT"), sqlite_errors(path):
        raise Failure("SQLITE_CORRUPT")


@pytest.mark.parametrize(("room", "kind"), [(65_535, StorageFullError), (65_536, StorageFailedError)])
def test_an_error_of_the_disk_without_room_is_a_full_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch, room: int, kind: type
) -> None:
    monkeypatch.setattr("tgbot.store.sqlite.connection.os.statvfs", lambda _: Disk(room))
    with pytest.raises(kind), sqlite_errors(path):
        raise Failure("SQLITE_IOERR_WRITE")


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StorageFullError), (errno.EACCES, StorageFailedError)]
)
def test_errors_of_the_system_are_mapped_as_well(path: Path, number: int, kind: type) -> None:
    with pytest.raises(kind), sqlite_errors(path):
        raise OSError(number, "the system says no")


def test_errors_of_this_program_pass_through(path: Path) -> None:
    with pytest.raises(RegistryDamagedError), sqlite_errors(path, damaged=SessionDamagedError):
        raise RegistryDamagedError(path, "it is")


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    path.touch()
    with closing(connect_durable(path)) as opened:
        opened.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
        yield opened


def test_a_transaction_is_written_as_a_whole_or_not_at_all(
    connection: sqlite3.Connection, path: Path
) -> None:
    def write(number: int, end: BaseException | None = None) -> None:
        with transaction(connection) as cursor:
            cursor.execute("INSERT INTO numbers VALUES (?)", (number,))
            if end is not None:
                raise end

    with pytest.raises(KeyboardInterrupt):
        write(1, KeyboardInterrupt())
    assert not connection.in_transaction
    write(3)
    with pytest.raises(sqlite3.IntegrityError):
        write(3)
    assert not connection.in_transaction
    with closing(connect(path)) as other:
        assert other.execute("SELECT number FROM numbers").fetchall() == [(3,)]


def test_a_commit_that_fails_leaves_no_transaction_open(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(
        "CREATE TABLE parts (number REFERENCES numbers (number) DEFERRABLE INITIALLY DEFERRED)"
    )
    with pytest.raises(sqlite3.IntegrityError), transaction(connection) as cursor:
        cursor.execute("INSERT INTO parts VALUES (7)")  # checked at the commit
    assert not connection.in_transaction


def test_a_connection_for_reading_does_not_make_a_file(path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect(path).execute("SELECT 1")
    assert not path.exists()


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let nothing be opened in the block."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("opens", [connect, make_private])
def test_no_descriptor_left_is_called_that(tmp_path: Path, opens: Callable[[Path], object]) -> None:
    path = tmp_path / "users.sqlite"
    make_private(path)
    said = r"no file descriptors are left.*ulimit"
    with no_descriptor_left(), pytest.raises(StorageFailedError, match=said), sqlite_errors(path):
        opens(path)
    with pytest.raises(StorageFailedError, match="unable to open"), sqlite_errors(path):
        connect(tmp_path / "absent.sqlite")
