"""One process a session: a lock that the kernel frees, however the process ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tgbot.core.errors import SessionInUseError


class InstanceLock:
    """One process a session: holds a lock beside the session file from entering to leaving.

    The kernel frees it when the process ends, however it ends. Raises SessionInUseError on entering.
    """

    def __init__(self, session: Path) -> None:
        self.path = session.with_suffix(".lock")
        self._session = session
        self._fd: int | None = None

    def __enter__(self) -> InstanceLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 20).decode(errors="replace").strip()
            os.close(fd)
            raise SessionInUseError(self._session, int(holder) if holder.isdigit() else None) from None
        with suppress(OSError):  # the pid is only for the message of the process that is refused
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
