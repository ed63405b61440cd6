"""A pass over the deliveries of a broadcast: many under way at a time, in order, until it is stopped."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from tgbot.core.deliveries import Chunk, Wanted

#: How many calls are under way at a time: as many as one container holds.
AT_ONCE: Final = 100
#: How many deliveries without work are passed over between two turns of the event loop.
_SLICE: Final = 50
#: How many users are read between two turns of the event loop: a read takes about 25 µs for each.
_LOADED: Final = 40
#: How long what is under way may take after a stop, in seconds: the link may be down. What is cut off then
#: counts as not done, and is harmless to do again.
GRACE_SECONDS: Final = 10.0


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

    @property
    def many(self) -> int:
        """How many deliveries one call is for."""

    async def next(self, after: int) -> tuple[Chunk, Sequence[int]] | None:
        """Return the next chunk with a greater number, and which places of it are wanted; None at the end.

        What the work needs to know of these recipients is in memory on return.
        """

    def wants(self, delivery: Delivery) -> bool:
        """Return whether there is work to do, before it takes a turn."""

    async def turn(self) -> None:
        """Return when the next call may go out."""

    async def do(self, deliveries: Sequence[Delivery]) -> None:
        """Make one call, for up to `many` recipients, and settle what came of it, or use `Pass.again`."""


def places(chunk: Chunk, wanted: Wanted) -> list[int]:
    """Return the indexes of such deliveries in a chunk."""
    found: list[int] = []
    index = chunk.find(wanted)
    while index >= 0:
        found.append(index)
        index = chunk.find(wanted, index + 1)
    return found


async def load(read: Callable[[Iterable[int]], Awaitable[None]], ids: Sequence[int]) -> None:
    """Read what is known of these users into memory, while others have their turn."""
    for start in range(0, len(ids), _LOADED):
        await read(ids[start : start + _LOADED])
        await asyncio.sleep(0)


class Pass:
    """Do some work for each delivery that is wanted; `run` returns at the end, or when the pass was stopped.

    What is stopped is what has not gone out: what is under way is finished, if that takes no longer than
    `GRACE_SECONDS`. An exception of the work stops the pass and is raised in an ExceptionGroup.
    """

    def __init__(self, work: Work, *, at_once: int = AT_ONCE) -> None:
        self._work = work
        self._at_once = at_once
        #: With so many under way the next ones begin, together: they leave in one packet.
        self._fewer = at_once // 2
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Delivery] = deque()
        self._after = -1
        self._exhausted = False
        #: What is tried again, by the time at which it is due.
        self._later: list[tuple[float, int, Delivery]] = []
        self._numbers = itertools.count()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()
        #: Set when what is next may be another, or may begin.
        self._changed = asyncio.Event()
        self._feeder: asyncio.Task[None] | None = None
        self._cutting: asyncio.TimerHandle | None = None
        self.stopped = False
        #: Why it was stopped: in words, "" for none.
        self.reason = ""

    async def run(self) -> None:
        if self.stopped:
            return
        try:
            async with asyncio.TaskGroup() as group:
                self._feeder = group.create_task(self._feed(group))
        finally:
            if self._cutting is not None:
                self._cutting.cancel()

    def stop(self, reason: str = "") -> None:
        """Let nothing more begin."""
        if self.stopped:
            return
        self.stopped, self.reason = True, reason
        if self._feeder is not None:
            self._feeder.cancel()
        self._cutting = self._loop.call_later(GRACE_SECONDS, self._cut)

    def again(self, delivery: Delivery, seconds: float) -> None:
        """Have a delivery tried again after so many seconds."""
        heapq.heappush(self._later, (self._loop.time() + seconds, next(self._numbers), delivery))
        self._changed.set()

    async def _feed(self, group: asyncio.TaskGroup) -> None:
        """Begin one call after another, each in its turn."""
        work = self._work
        try:
            while not self.stopped and (deliveries := await self._choose()):
                await work.turn()
                if any(not delivery.user_id for delivery in deliveries):  # forgotten meanwhile
                    deliveries = [delivery for delivery in deliveries if delivery.user_id]
                    if not deliveries:
                        continue
                self._under_way += 1
                self._tasks.add(group.create_task(self._do(deliveries)))
                if self._under_way >= self._at_once:
                    while self._under_way > self._fewer:
                        await self._wait(None)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            if not self.stopped or task.uncancel() > 0:
                raise

    async def _do(self, deliveries: Sequence[Delivery]) -> None:
        try:
            await self._work.do(deliveries)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.discard(task)
            self._under_way -= 1
            if self._under_way in (self._fewer, 0):
                self._changed.set()

    def _cut(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _choose(self) -> list[Delivery]:
        """Return the deliveries of the next call; none at the end."""
        chosen: list[Delivery] = []
        passed_over = 0
        while len(chosen) < self._work.many and (self._ready or not chosen or self._is_due()):
            delivery = await self._take()
            if delivery is None:
                break
            if self._work.wants(delivery):
                chosen.append(delivery)
                continue
            passed_over += 1
            if passed_over % _SLICE == 0:
                await asyncio.sleep(0)  # others have their turn
        return chosen

    def _is_due(self) -> bool:
        """Return whether something is to be tried again now."""
        return bool(self._later) and self._later[0][0] <= self._loop.time()

    async def _take(self) -> Delivery | None:
        """Return the next delivery, what is due to be tried again first; None at the end."""
        while True:
            if self._is_due():
                return heapq.heappop(self._later)[2]
            if self._ready:
                return self._ready.popleft()
            if not self._exhausted:
                await self._read()
            elif self._later:
                await self._wait(self._later[0][0] - self._loop.time())
            elif self._under_way:
                await self._wait(None)
            else:
                return None

    async def _read(self) -> None:
        found = await self._work.next(self._after)
        if found is None:
            self._exhausted = True
            return
        chunk, places = found
        self._after = chunk.number
        self._ready.extend(Delivery(chunk, place) for place in places)

    async def _wait(self, seconds: float | None) -> None:
        """Wait until something under way has ended, or so long."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
