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
