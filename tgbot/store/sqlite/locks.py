"""Locks of other programs on the bot's files: how long they are waited for, and who has them."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from tgbot.core.errors import StorageLockedError

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How long a checkpoint waits for a lock, in seconds: as long as a send may wait for Telegram.
LOCK_SECONDS: Final = 300.0
#: How long the opening of files waits for one.
OPENING_SECONDS: Final = 30.0
#: After how many seconds a wait is logged; one statement waits no longer by itself.
SAID_AFTER: Final = 2.0


class LockWait:
    """Begins the write transactions of one file, and waits for the locks of other programs meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        #: Whether a transaction waits for a lock now, and has said so.
        self.waiting = False

    def begin(self, cursor: sqlite3.Cursor) -> None:
        """Begin a transaction; raise StorageLockedError if a lock stays for `LOCK_SECONDS`.

        A wait for longer than `SAID_AFTER` is logged once, with who has the lock.
        """
        until = time.monotonic() + LOCK_SECONDS
        try:
            while not _began(cursor):
                if not self.waiting:
                    self.waiting = True
                    who = holder(self._path)
                    logger.warning(
                        "%s is locked by %s: nothing can be saved until it is free", self._path, who
                    )
                if time.monotonic() >= until:
                    raise StorageLockedError(self._path, holder(self._path))
            if self.waiting:
                logger.info("%s is free again", self._path)
        finally:
            self.waiting = False


def patiently(open_files: Callable[[], T]) -> T:
    """Return what `open_files` opens, tried again for `OPENING_SECONDS` while another program has a lock."""
    until, said = time.monotonic() + OPENING_SECONDS, False
    while True:
        began = time.monotonic()
        try:
            return open_files()
        except StorageLockedError as error:
            if began >= until:
                raise
            if not said:
                logger.warning("waiting for up to %g s: %s", OPENING_SECONDS, error)
                said = True
            time.sleep(max(0.0, min(SAID_AFTER / 4, 0.1) - (time.monotonic() - began)))


def holder(path: Path) -> str:
    """Return who has a lock on a database: "pid 7 (name)", or "another program" where that is not known."""
    inodes = set()
    for name in ("", "-wal", "-shm"):
        try:
            inodes.add(os.stat(f"{path}{name}").st_ino)
        except OSError:
            continue
    found: list[tuple[str, int]] = []
    try:
        for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines():
            # 7: POSIX  ADVISORY  WRITE 4242 fe:00:131 120 120
            _, _, _, kind, number, file, *_ = line.split()
            if kind in ("READ", "WRITE") and int(file.rpartition(":")[2]) in inodes:
                found.append((kind, int(number)))
    except (OSError, ValueError):
        pass  # not Linux, or a line of another form
    for _, pid in sorted(found, reverse=True):  # those that write first
        if pid > 0 and pid != os.getpid():
            return f"pid {pid}{_name(pid)}"
    return "another program"


def is_lock(error: sqlite3.Error) -> bool:
    """Return whether another program's lock is the reason."""
    return (getattr(error, "sqlite_errorname", None) or "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _began(cursor: sqlite3.Cursor) -> bool:
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if not is_lock(error):
            raise
        return False
    return True


def _name(pid: int) -> str:
    try:
        return f" ({Path(f'/proc/{pid}/comm').read_text(encoding='utf-8').strip()})"
    except (OSError, UnicodeDecodeError):
        return ""
