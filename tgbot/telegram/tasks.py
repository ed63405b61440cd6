"""Tasks beside the handlers: those the bot cannot live without, and the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

logger = logging.getLogger(__name__)


class Background:
    """Run tasks until `stop`. An error of an essential one is the result of `failed`, others are logged."""

    def __init__(self) -> None:
        #: The error that ends the bot, once there is one.
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[object]] = set()

    def spawn(self, work: Coroutine[object, object, object]) -> None:
        """Run something beside the handlers; an error of it is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def spawn_essential(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run something that the bot cannot go on without."""
        self.spawn(self.run_essential(work))

    async def run_essential(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for something that the bot cannot go on without."""
        try:
            await work()
        except Exception as error:
            if not self.failed.done():
                self.failed.set_result(error)

    async def stop(self) -> None:
        """Cancel all tasks and wait for their end."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task beside the handlers failed", exc_info=error)
