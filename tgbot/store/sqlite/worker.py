"""A thread that writes to a disk, and how long its callers wait for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Waited
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from tgbot.core.errors import StorageFailedError

P = ParamSpec("P")
T = TypeVar("T")

#: How long a write may take before the disk counts as failed, in seconds.
WRITE_SECONDS: Final = 30.0


class DiskWorker:
    """Runs functions that wait for a disk, one after another, in a thread of its own."""

    def __init__(self, name: str, seconds: float = WRITE_SECONDS) -> None:
        self.seconds = seconds
        self._thread = ThreadPoolExecutor(1, name)

    async def run(self, path: Path, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns, run after those before it.

        Raise StorageFailedError for `path` if that takes longer than `seconds`. A function that had begun
        then still runs to its end; one that waited for its turn is dropped.
        """
        running = asyncio.wrap_future(self._thread.submit(function, *args, **kwargs))
        try:
            async with asyncio.timeout(self.seconds):
                return await running
        except TimeoutError:
            raise StorageFailedError(path, f"the disk did not answer for {self.seconds:g} s") from None

    def close(self, connection: sqlite3.Connection) -> None:
        """Close a connection that the thread used, after the function it runs now, and end the thread.

        A function that takes longer than `seconds` keeps the connection open until it ends.
        """
        closing = self._thread.submit(connection.close)
        self._thread.shutdown(wait=False)
        try:
            closing.result(self.seconds)
        except Waited:
            return
