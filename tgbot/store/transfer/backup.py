"""Copy the bot's files so that the copies agree with each other, while the bot runs or not."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tgbot.core.errors import BackupTargetError
from tgbot.store.files import disk_errors, sync
from tgbot.store.sqlite.connection import connect, new_file, sqlite_errors

#: Pages copied between two reports.
_PAGES: Final = 4096
#: What a directory with an earlier backup may hold; anything else is somebody's own and is never deleted.
_COPIES: Final = re.compile(r"(bot\.session|users\.sqlite|logins\.sqlite)(-wal|-shm|-journal|\.part)?")
#: How the directory of a dated backup is named, in UTC.
_STAMP: Final = "%Y-%m-%dT%H-%M-%SZ"
_DATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")
#: What an interrupted dated backup leaves.
_LEFT: Final = re.compile(rf"\.{_DATED.pattern}\.(part|old)")
#: How `renameat2` exchanges two names, on Linux.
_EXCHANGE: Final = 2
_AT_FDCWD: Final = -100


def backup(files: list[Path], target: Path, progress: Callable[[Path, float], None]) -> list[Path]:
    """Copy SQLite files, one after another in the order given, to a directory; return the copies.

    Give the session first: a registry ahead of the update state is harmless, one behind it is not. `progress`
    gets the file and the share of it that is copied. Files that do not exist are skipped.

    The directory appears whole and on disk, in the place of one with an earlier backup: interrupted at any
    instant, either of them is there, and the next backup clears what was left. Only its owner may enter it
    (mode 0700). Raise BackupTargetError if the target has other files or cannot be replaced as a whole, and
    any StorageError if a copy cannot be made.
    """
    sources, place = [file for file in files if file.exists()], target.resolve()
    if any(place.exists() and file.parent.samefile(place) for file in sources):
        raise BackupTargetError(target, "it is the bot's own directory", "name another one")
    part, old = place.with_name(f".{place.name}.part"), place.with_name(f".{place.name}.old")
    with disk_errors(target):
        place.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(place.parent, target):
        try:
            with disk_errors(target):
                _delete(part)
                if old.exists() and not place.exists():
                    old.rename(place)  # a backup was interrupted where names cannot be exchanged
                _delete(old)
                _check(place)
                part.mkdir(mode=0o700)
            for source in sources:
                with sqlite_errors(target / source.name):
                    _copy(source, part / source.name, progress)
            with disk_errors(target):
                sync(part)
                _put_in_place(part, place, old)
                sync(place.parent)
        finally:
            with suppress(OSError):
                _delete(part)
    return [target / source.name for source in sources]


def dated_backup(
    files: list[Path], directory: Path, keep: int, now: datetime, progress: Callable[[Path, float], None]
) -> list[Path]:
    """Make a `backup` in a directory named after the time, and keep that and the newest of the others.

    Return the copies. `keep` is the number of backups that stay, at least 1. Older ones are deleted once the
    new one is whole and on disk; a directory of another name, or with other files in it, is never deleted.
    """
    made = directory / now.astimezone(UTC).strftime(_STAMP)
    copies = backup(files, made, progress)
    with suppress(BackupTargetError), _alone_in(directory, made), disk_errors(directory):
        names = sorted(os.listdir(directory))
        others = [name for name in names if _DATED.fullmatch(name) and name != made.name]
        others = [name for name in others if _holds_copies(directory / name)]
        for name in others[: max(0, len(others) + 1 - keep)]:
            (directory / name).rename(directory / f".{name}.old")
        for name in sorted(os.listdir(directory)):
            if _LEFT.fullmatch(name) and _holds_copies(directory / name):
                _delete(directory / name)
    return copies


def _holds_copies(directory: Path) -> bool:
    """Return whether this is a directory, and holds nothing but copies of the bot's files."""
    real = directory.is_dir() and not directory.is_symlink()
    return real and all(map(_COPIES.fullmatch, os.listdir(directory)))


@contextmanager
def _alone_in(directory: Path, target: Path) -> Iterator[None]:
    """Keep other backups out of a directory; the kernel lets them in again however this process ends."""
    with disk_errors(directory):
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reason = "another backup is being made beside it"
            raise BackupTargetError(target, reason, "wait for its end") from None
        yield
    finally:
        os.close(lock)


def _check(target: Path) -> None:
    """Raise BackupTargetError if the target is not missing, empty, or a backup that can be replaced."""
    if not target.exists():
        return
    with disk_errors(target):
        if not target.is_dir():
            raise BackupTargetError(target, "it is a file", "name a directory")
        names = sorted(name for name in os.listdir(target) if not _COPIES.fullmatch(name))
    inside = f"name a directory in it, such as {target / 'bot'}"
    if names:
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        raise BackupTargetError(target, f"it has other files ({shown})", inside)
    if os.path.ismount(target):
        raise BackupTargetError(target, "it is a mounted disk, which cannot be replaced as a whole", inside)


def _copy(source: Path, target: Path, progress: Callable[[Path, float], None]) -> None:
    with new_file(target) as copy, closing(connect(source)) as original:
        original.backup(
            copy,
            pages=_PAGES,
            progress=lambda _, left, total: progress(source, 1 - left / total if total else 1.0),
        )


def _put_in_place(part: Path, target: Path, old: Path) -> None:
    """Give the new directory the target's name; an earlier one gets the name `part`, or is deleted."""
    if not target.exists() or not os.listdir(target):
        part.rename(target)
    elif not _exchanged(part, target):
        target.rename(old)
        part.rename(target)
        sync(target.parent)
        _delete(old)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange the names of two directories in one step; return False where the system cannot do that."""
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is None:
        return False
    return bool(exchange(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0)


def _delete(directory: Path) -> None:
    """Delete a directory with copies, if it is there."""
    if directory.exists():
        for name in os.listdir(directory):
            (directory / name).unlink()
        directory.rmdir()
