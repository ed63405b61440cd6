"""A thread that waits for a disk, and how long its callers wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from tgbot.core.errors import StorageFailedError

T = TypeVar("T")


class DiskWorker:
    """Run functions that wait for the disk of one file, one after another, in a thread of its own.

    The thread starts with the first function. A function that never returns does not keep the process from
    ending, unlike one in the executors of asyncio. After `seconds` the disk counts as failed, but while
    `held_up` says that the function waits for something else.
    """

    def __init__(
        self, path: Path, seconds: float = 30.0, *, held_up: Callable[[], bool] = lambda: False
    ) -> None:
        self.seconds = seconds
        self._held_up = held_up
        self._path = path
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[[], T]) -> T:
        """Return what the function returns, run after those before it.

        Raise StorageFailedError if that takes longer than `seconds`. A function that had begun
        then still runs to its end; one that waited for its turn is dropped.
        """
        running = asyncio.wrap_future(self._submit(function))
        try:
            while not (await asyncio.wait((running,), timeout=self.seconds))[0]:
                if not self._held_up():
                    raise StorageFailedError(self._path, f"the disk did not answer for {self.seconds:g} s")
            return running.result()
        finally:
            running.cancel()  # which does nothing to one that has ended

    def close(self, close: Callable[[], object]) -> None:
        """Call `close` after the function that runs now, and end the thread.

        If that takes longer than `seconds`, it is done when the function ends.
        """
        closing = self._submit(close)
        self._tasks.put(None)
        with suppress(WaitedTooLong):
            closing.result(self.seconds)

    def _submit(self, function: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:
                    future.set_exception(error)

        self._tasks.put(run)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._path.name, daemon=True)
            self._thread.start()
        return future

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            del task


async def run_aside(function: Callable[[], T]) -> T:
    """Return what the function returns, run in a thread that does not keep the process from ending."""
    result: Future[T] = Future()

    def run() -> None:
        result.set_running_or_notify_cancel()
        try:
            result.set_result(function())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(result)
