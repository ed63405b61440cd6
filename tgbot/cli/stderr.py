"""A standard error whose reader nobody waits for: a bounded queue, and a thread that writes."""

from __future__ import annotations

import io
import logging
import os
import select
import sys
import threading
from typing import TYPE_CHECKING, Final

from tgbot.core.places import places
from tgbot.core.plural import counted

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

logger = logging.getLogger(__name__)

#: How much waits to be written, in bytes: about 40,000 lines of the log.
MOST_WAITING: Final = 4 << 20


class QueuedStream(io.TextIOBase):
    """A text stream on a file descriptor. Writing returns at once.

    What finds no room in the queue is dropped, and so is what cannot be written at all because the reader has
    gone or the disk is full. The lines are counted, and their number is written as soon as that is possible.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting: list[bytes] = []
        self._size = 0
        self._writing = False
        #: How many lines were dropped since that was last told.
        self._dropped = 0
        self._changed = threading.Condition()
        # A daemon, and os.write below instead of a file: neither holds up the end of the process.
        threading.Thread(target=self._write_all, name="stderr", daemon=True).start()

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Leave a text to the thread; drop it if too much waits already."""
        data = text.encode(errors="backslashreplace")
        with self._changed:
            if self._size + len(data) > MOST_WAITING:
                self._dropped += data.count(b"\n")
            else:
                self._waiting.append(data)
                self._size += len(data)
                self._changed.notify_all()
        return len(text)

    def finish(self, seconds: float) -> None:
        """Wait until everything is written, at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._writing), seconds)

    def _write_all(self) -> None:
        while True:
            text = self._next()
            lost = self._lost(text)
            with self._changed:
                self._dropped += text[len(text) - lost :].count(b"\n")
                told, dropped = not lost and not self._waiting, self._dropped
            if told and dropped:
                lines = counted(dropped, "line")
                notice = f"tgbot: {lines} of the log dropped: standard error was not read\n"
                if not self._lost(notice.encode()):
                    with self._changed:
                        self._dropped -= dropped
            with self._changed:
                self._writing = False
                self._changed.notify_all()

    def _next(self) -> bytes:
        """Return everything that waits, as soon as something does."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            text, self._waiting, self._size = b"".join(self._waiting), [], 0
            self._writing = True
        return text

    def _lost(self, text: bytes) -> int:
        """Write a text, however long that takes; return how many bytes cannot be written at all."""
        rest = memoryview(text)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # somebody else has set the pipe to non-blocking
                select.select((), (self._fd,), ())
            except OSError:
                break
        return len(rest)


def hide_texts() -> None:
    """Have errors that Python itself prints, of threads and of clean-up, logged with their place only."""

    def of_a_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            logger.error("a thread failed: %s", places(args.exc_value))

    def of_nobody(args: UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            logger.error("an error was ignored: %s", places(args.exc_value))

    threading.excepthook = of_a_thread
    sys.unraisablehook = of_nobody
