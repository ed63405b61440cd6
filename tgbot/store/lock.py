"""One process a session: a lock that the kernel frees, however the process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tgbot.core.errors import SessionInUseError
from tgbot.store.files import open_private, private_directory


@contextmanager
def instance_lock(session: Path) -> Iterator[Path]:
    """Hold a lock beside the session file; the kernel frees it when the process ends, however it ends.

    Give the name of the lock file. Raise SessionInUseError if another process has it, and a StorageError if
    it cannot be made.
    """
    path = _path_of(session)
    private_directory(path.parent)
    fd = open_private(path)
    try:
        _lock(fd, session, fcntl.LOCK_EX)
        with suppress(OSError):  # the pid is only for the message of the process that is refused
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield path
    finally:
        os.close(fd)


def check_unlocked(session: Path) -> None:
    """Raise SessionInUseError if another process holds the lock; make nothing where there is none."""
    try:
        fd = os.open(_path_of(session), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return  # no bot ran here, or one of another user did
    try:
        _lock(fd, session, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _path_of(session: Path) -> Path:
    return session.with_suffix(".lock")


def _lock(fd: int, session: Path, how: int) -> None:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(fd, 20).decode(errors="replace").strip()
        raise SessionInUseError(session, int(holder) if holder.isdigit() else None) from None


def holder_of(session: Path) -> int | None:
    """Return the pid of the process that holds the lock, None if nobody does; nothing is locked meanwhile.

    Raise PermissionError if this user may not look.
    """
    path = _path_of(session)
    try:
        holder, inode = path.read_text("utf-8", errors="replace").strip(), path.stat().st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not holder.isdecimal():
        return None
    try:
        locks = [line.split() for line in Path("/proc/locks").read_text("utf-8").splitlines()]
    except OSError:  # not Linux
        with suppress(ProcessLookupError, PermissionError):
            os.kill(int(holder), 0)
            return int(holder)
        return None
    # 7: FLOCK  ADVISORY  WRITE 4242 fe:00:131 0 EOF
    held = any(line[1] == "FLOCK" and line[5].endswith(f":{inode}") for line in locks)
    return int(holder) if held else None
