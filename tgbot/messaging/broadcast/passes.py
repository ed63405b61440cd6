"""A pass over the deliveries of a broadcast: many under way at a time, in order, until it is stopped."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from tgbot.core.deliveries import Chunk

#: How many calls are under way at a time: as many as one container holds.
AT_ONCE: Final = 100


class Delivery(NamedTuple):
    """One recipient of a broadcast."""

    chunk: Chunk
    #: The index in the chunk.
    place: int
    #: How often the work failed so far.
    attempts: int = 0

    @property
    def user_id(self) -> int:
        return self.chunk.ids[self.place]


class Work(Protocol):
    """What a pass does."""

    async def next(self, after: int) -> tuple[Chunk, Sequence[int]] | None:
        """Return the next chunk with a greater number, and which places of it are wanted; None at the end.

        What the work needs to know of these recipients is in memory on return.
        """

    def wants(self, delivery: Delivery) -> bool:
        """Return whether there is work to do, before it takes a turn."""

    async def turn(self) -> None:
        """Return when the next call may go out."""

    async def do(self, delivery: Delivery) -> None:
        """Do the work for one recipient, and settle what came of it, or give it to `Pass.again`."""


class Pass:
    """Do some work for each delivery that is wanted; `run` returns at the end, or when the pass was stopped.

    What is stopped is what has not gone out: what is under way is finished. An exception of the work stops
    the pass and is raised in an ExceptionGroup.
    """

    def __init__(self, work: Work, *, at_once: int = AT_ONCE) -> None:
        self._work = work
        self._at_once = at_once
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Delivery] = deque()
        self._after = -1
        self._exhausted = False
        #: What is tried again, by the time at which it is due.
        self._later: list[tuple[float, int, Delivery]] = []
        self._numbers = itertools.count()
        self._under_way = 0
        #: One worker at a time looks for what is next.
        self._looking = asyncio.Lock()
        #: Set when what is next may be another.
        self._changed = asyncio.Event()
        #: The worker that waits for a turn, or for what is due.
        self._waiting: asyncio.Task[object] | None = None
        self.stopped = False
        #: Why it was stopped: in words, "" for none.
        self.reason = ""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(self._run())

    def stop(self, reason: str = "") -> None:
        """Let nothing more begin."""
        if self.stopped:
            return
        self.stopped, self.reason = True, reason
        if self._waiting is not None:
            self._waiting.cancel()

    def again(self, delivery: Delivery, seconds: float) -> None:
        """Have a delivery tried again after so many seconds."""
        heapq.heappush(self._later, (self._loop.time() + seconds, next(self._numbers), delivery))
        self._changed.set()

    async def _run(self) -> None:
        try:
            while not self.stopped:
                async with self._looking:
                    delivery = await self._next()
                if delivery is None:
                    return
                self._under_way += 1
                try:
                    await self._work.do(delivery)
                finally:
                    self._under_way -= 1
                    self._changed.set()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            # Cancelled by `stop` alone, it waited for its turn: it is done.
            if not self.stopped or task.uncancel() > 0:
                raise

    async def _next(self) -> Delivery | None:
        """Return the next delivery in its turn; None at the end, or once the pass is stopped."""
        while not self.stopped:
            found = await self._take()
            if found is None:
                return None
            if not self._work.wants(found):
                continue
            self._waiting = asyncio.current_task()
            try:
                await self._work.turn()
            finally:
                self._waiting = None
            if not self.stopped and found.user_id:
                return found
        return None

    async def _take(self) -> Delivery | None:
        while not self.stopped:
            if self._later and self._later[0][0] <= self._loop.time():
                return heapq.heappop(self._later)[2]
            if self._ready:
                return self._ready.popleft()
            if not self._exhausted:
                await self._read()
            elif self._later or self._under_way:
                await self._wait()
            else:
                return None
        return None

    async def _read(self) -> None:
        found = await self._work.next(self._after)
        if found is None:
            self._exhausted = True
            return
        chunk, places = found
        self._after = chunk.number
        self._ready.extend(Delivery(chunk, place) for place in places)

    async def _wait(self) -> None:
        """Wait until something is due, or what is under way has ended."""
        self._changed.clear()
        timeout = max(0.0, self._later[0][0] - self._loop.time()) if self._later else None
        self._waiting = asyncio.current_task()
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting = None
