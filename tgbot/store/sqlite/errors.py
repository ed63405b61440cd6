"""What sqlite3 and the system say of a file, as this program's errors: one mapping for every file."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tgbot.core.errors import StorageError, StorageFailedError, StorageFullError

#: Errors of the disk, the system or another process, not of what the file holds.
_SYSTEM: Final = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_PERM")
_DAMAGE: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
#: With less room than this, in bytes, a failed write counts as one for want of room: some file systems
#: report an I/O error then.
_LEAST_ROOM: Final = 64 * 1024


@contextmanager
def sqlite_errors(
    path: Path, *, damaged: Callable[[Path, str], StorageError] | None = None, opening: bool = False
) -> Iterator[None]:
    """Map sqlite3.Error and OSError to a StorageError that names the file.

    StorageFullError where the disk has no room; `damaged(path, reason)` where SQLite finds the file corrupt,
    and, while `opening`, for every error that is not the system's; StorageFailedError for all others, and for
    damage where no `damaged` is given.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _mapped(path, error, damaged, opening) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(path) from error
        raise StorageFailedError(path, error.strerror or type(error).__name__) from error


def _mapped(
    path: Path, error: sqlite3.Error, damaged: Callable[[Path, str], StorageError] | None, opening: bool
) -> StorageError:
    name = getattr(error, "sqlite_errorname", None) or ""
    system = name.startswith(_SYSTEM)
    if name == "SQLITE_FULL" or (system and _room(path) < _LEAST_ROOM):
        return StorageFullError(path)
    if damaged is not None and (name.startswith(_DAMAGE) or (opening and not system)):
        return damaged(path, str(error))
    return StorageFailedError(path, str(error))


def _room(path: Path) -> int:
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return _LEAST_ROOM
    return disk.f_bavail * disk.f_frsize
