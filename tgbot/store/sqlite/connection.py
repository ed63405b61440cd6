"""SQLite files: connections, write transactions, errors, and files that only their owner may read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal

from tgbot.core.errors import (
    StorageError,
    StorageFailedError,
    StorageFullError,
    StorageLockedError,
    system_reason,
)
from tgbot.store.files import beside, denied, disk_errors, sync
from tgbot.store.sqlite import locks
from tgbot.store.sqlite.locks import LockWait, holder, is_lock

#: Errors of the disk, the system or another process, not of what the file holds.
_SYSTEM: Final = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")
_DAMAGE: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
#: What is said of damaged text; Python's own error quotes it, and it may be a person's name.
UNREADABLE_TEXT: Final = "text in it is not UTF-8"
#: With less room than this, in bytes, a failed write counts as one for want of room: some file systems
#: report an I/O error then.
_LEAST_ROOM: Final = 64 * 1024


def connect(path: Path, mode: Literal["ro", "rw"] = "ro") -> sqlite3.Connection:
    """Open an existing SQLite file; sqlite3.Error if there is none.

    Each statement commits by itself, except in a `transaction`. Any one thread at a time may use it. A
    statement waits for another program's lock for `SAID_AFTER` seconds.
    """
    # Only SQLite opens the file: opening and closing it otherwise drops the locks this process has on it.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=locks.SAID_AFTER,
        isolation_level=None,
        check_same_thread=False,
    )


def connect_durable(path: Path) -> sqlite3.Connection:
    """Open an existing SQLite file for writing, with a write-ahead log; each commit waits for the disk."""
    connection = connect(path, "rw")
    try:
        connection.execute("PRAGMA journal_mode=WAL").close()
        connection.execute("PRAGMA synchronous=FULL").close()
        connection.execute("PRAGMA temp_store=MEMORY").close()  # a large commit needs no second file on disk
        connection.execute("PRAGMA secure_delete=ON").close()  # what was deleted may be the text of a message
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, wait: LockWait | None = None) -> Iterator[sqlite3.Cursor]:
    """Take the write lock, and commit what the block writes; roll it back if that or the block fails.

    With `wait`, locks of other programs are waited for as it says, else as long as any statement waits.
    """
    with closing(connection.cursor()) as cursor:
        if wait is None:
            cursor.execute("BEGIN IMMEDIATE")
        else:
            wait.begin(cursor)
        try:
            yield cursor
            cursor.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK").close()


def is_cut_short(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether the end of the file is missing; SQLite itself notices only missing pages."""
    sizes = connection.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    log = beside(path)[0]  # in which the end may still lie
    return path.stat().st_size < sizes.fetchone()[0] and not (log.exists() and log.stat().st_size)


def what_is_wrong(connection: sqlite3.Connection) -> str | None:
    """Read every page, and return the first damage; None if there is none. Indexes are not compared."""
    said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).splitlines()[-1]
    return None if said == "ok" else said


@contextmanager
def new_file(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to a new file, which only its owner may read, and which replaces an existing one.

    It gets its name when the block has ended and everything is on disk; if the block raises, it is deleted.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(connect(part, "rw")) as connection:
            yield connection
        sync(part)
        # What lies beside an older file of that name belongs to that one.
        for other in beside(path):
            other.unlink(missing_ok=True)
        part.replace(path)
        sync(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def sqlite_errors(
    path: Path, *, damaged: Callable[[Path, str], StorageError] | None = None, opening: bool = False
) -> Iterator[None]:
    """Map sqlite3.Error and OSError to a StorageError that names the file.

    StorageLockedError for another program's lock; StorageFullError where the disk has no room;
    `damaged(path, reason)` where SQLite finds the file corrupt, and, while `opening`, for every error that is
    not the system's; StorageFailedError for all others, and for damage where no `damaged` is given.
    """
    try:
        with disk_errors(path):
            yield
    except sqlite3.Error as error:
        raise _mapped(path, error, damaged, opening) from error


def is_unreadable(error: sqlite3.Error) -> bool:
    """Return whether a column holds text that is none: Python says so, not SQLite, and names no code."""
    return isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorname")


def _mapped(
    path: Path, error: sqlite3.Error, damaged: Callable[[Path, str], StorageError] | None, opening: bool
) -> StorageError:
    if is_lock(error):
        return StorageLockedError(path, holder(path))
    if is_unreadable(error):
        return (damaged or StorageFailedError)(path, UNREADABLE_TEXT)
    name = getattr(error, "sqlite_errorname", None) or ""
    system = name.startswith(_SYSTEM)
    if name == "SQLITE_FULL" or (system and _room(path) < _LEAST_ROOM):
        return StorageFullError(path)
    if damaged is not None and (name.startswith(_DAMAGE) or (opening and not system)):
        return damaged(path, str(error))
    return StorageFailedError(path, (denied(path) if system else None) or _refused(path, error, name))


def _refused(path: Path, error: sqlite3.Error, name: str) -> str:
    """Return SQLite's reason; where it cannot open a file, it does not say that no descriptor is left."""
    if name.startswith("SQLITE_CANTOPEN"):
        try:
            os.close(os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as refusal:
            return system_reason(refusal)
    return str(error)


def _room(path: Path) -> int:
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return _LEAST_ROOM
    return disk.f_bavail * disk.f_frsize
