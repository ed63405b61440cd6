"""A standard error whose reader nobody waits for: a bounded queue, and a thread that writes."""

from __future__ import annotations

import io
import logging
import os
import select
import sys
import threading
from queue import Full, Queue
from typing import TYPE_CHECKING, Final

from tgbot.core.places import places

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

logger = logging.getLogger(__name__)

#: How many pieces of text wait to be written; a line of the log is one.
MOST_WAITING: Final = 1_000


class QueuedStream(io.TextIOBase):
    """A text stream on a file descriptor. Writing returns at once.

    What finds no room in the queue is dropped, and so is what cannot be written at all because the reader has
    gone or the disk is full. The lines are counted, and their number is written as soon as that is possible.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting: Queue[bytes] = Queue(MOST_WAITING)
        self._dropped = 0
        self._counting = threading.Lock()
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
        try:
            self._waiting.put_nowait(text.encode(errors="backslashreplace"))
        except Full:
            self._drop(text.count("\n"))
        return len(text)

    def finish(self, seconds: float) -> None:
        """Wait until everything is written, at most `seconds`."""
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, seconds)

    def _drop(self, lines: int) -> None:
        with self._counting:
            self._dropped += lines

    def _write_all(self) -> None:
        while True:
            text = self._waiting.get()
            if not self._written(text):
                self._drop(text.count(b"\n"))
            elif self._dropped and self._waiting.empty():
                with self._counting:
                    dropped, self._dropped = self._dropped, 0
                notice = f"tgbot: {dropped} lines of the log were dropped: standard error was not read\n"
                if not self._written(notice.encode()):
                    self._drop(dropped)
            self._waiting.task_done()

    def _written(self, text: bytes) -> bool:
        """Write a text, however long that takes; return False where it cannot be written at all."""
        rest = memoryview(text)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # somebody else has set the pipe to non-blocking
                select.select((), (self._fd,), ())
            except OSError:
                return False
        return True


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
