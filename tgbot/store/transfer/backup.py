"""Copy the bot's files so that the copies agree with each other, while the bot runs or not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tgbot.core.errors import StorageFailedError
from tgbot.store.sqlite.connection import connect, new_file, sqlite_errors

#: Pages copied between two reports.
_PAGES = 4096


def backup(files: list[Path], target: Path, progress: Callable[[Path, float], None]) -> list[Path]:
    """Copy SQLite files into a directory, one after another in the order given, and return the copies.

    Give the session first: a registry ahead of the update state is harmless, one behind it is not. `progress`
    gets the file and the share of it that is copied. Each copy has mode 0600 and gets its name when it is
    complete; an existing file is replaced. Files that do not exist are skipped. Raise a StorageError if a
    copy cannot be made.
    """
    target.mkdir(parents=True, exist_ok=True)
    return [_copied(file, target / file.name, progress) for file in files if file.exists()]


def _copied(source: Path, target: Path, progress: Callable[[Path, float], None]) -> Path:
    if target.exists() and target.samefile(source):
        raise StorageFailedError(target, "it is the file to be copied")
    with sqlite_errors(target), new_file(target) as copy, closing(connect(source)) as original:
        original.backup(
            copy,
            pages=_PAGES,
            progress=lambda _, left, total: progress(source, 1 - left / total if total else 1.0),
        )
    return target
