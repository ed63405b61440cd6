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
    path = session.with_suffix(".lock")
    private_directory(path.parent)
    fd = open_private(path)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 20).decode(errors="replace").strip()
            raise SessionInUseError(session, int(holder) if holder.isdigit() else None) from None
        with suppress(OSError):  # the pid is only for the message of the process that is refused
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield path
    finally:
        os.close(fd)


def holder_of(session: Path) -> int | None:
    """Return the pid of the process that holds the lock, None if nobody does; nothing is locked meanwhile.

    Raise PermissionError if this user may not look.
    """
    path = session.with_suffix(".lock")
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
