"""A copy of the bot's files, consistent in itself, taken while the bot runs or not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tgbot.core.errors import StorageFailedError, StorageFullError

#: Pages copied between two reports.
_PAGES = 4096


def backup(files: list[Path], target: Path, progress: Callable[[Path, float], None]) -> list[Path]:
    """Copy SQLite files into a directory, one after another in the order given, and return the copies.

    The session is to be given first: a registry that is ahead of the update state is harmless, the other way
    round is not. `progress` gets the file and the share of it that is copied. Each copy is of mode 0600 and
    appears under its name only when it is whole; a file that is there already is replaced by it. A file that
    does not exist is left out. StorageFailedError or StorageFullError if it cannot be done.
    """
    target.mkdir(parents=True, exist_ok=True)
    return [_copied(file, target / file.name, progress) for file in files if file.exists()]


def _copied(source: Path, target: Path, progress: Callable[[Path, float], None]) -> Path:
    if target.exists() and target.samefile(source):
        raise StorageFailedError(target, "it is the file to be copied")
    part = target.with_name(target.name + ".part")
    with _errors(part):
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            with (
                closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as original,
                closing(sqlite3.connect(part)) as copy,
            ):
                original.backup(
                    copy,
                    pages=_PAGES,
                    progress=lambda _, left, total: progress(source, 1 - left / total if total else 1.0),
                )
            _to_disk(part)
            # What lies beside an older copy belongs to that one.
            for beside in ("-wal", "-shm"):
                target.with_name(target.name + beside).unlink(missing_ok=True)
            part.rename(target)
            _to_disk(target.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return target


def _to_disk(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageFullError(path) from error
        raise StorageFailedError(path, str(error)) from error
    except OSError as error:
        raise StorageFailedError(path, error.strerror or str(error)) from error
