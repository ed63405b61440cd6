"""Jobs on a store in memory, by a clock that tests set, and without Telegram."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

from tests.patience import PATIENCE
from tests.store.memory import MemoryRows, MemoryStore
from tgbot.plugins.alarm import Alarm
from tgbot.plugins.jobs import Jobs, Run
from tgbot.plugins.jobs.entries import Every, every_key, unpack
from tgbot.plugins.jobs.tries import Tries

#: 2026-01-01 08:00 UTC, a Thursday.
EIGHT = 1_767_254_400
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600


class Shop:
    """A bot's jobs from start to kill; `ran` has the runs of the function `work`, in order."""

    def __init__(self) -> None:
        self.time = float(EIGHT)
        self.rows = MemoryRows()
        self.ran: list[Run] = []
        #: What `work` raises, in turn.
        self.errors: list[BaseException | None] = []
        #: Cleared while `work` must not return.
        self.gate = asyncio.Event()
        self.gate.set()
        self._tasks: set[asyncio.Task[object]] = set()
        self.open()

    def open(self) -> None:
        """Begin with what is on disk; register, then `start`."""
        self.store = MemoryStore(lambda: self.time, self.rows)
        self.tries = Tries(lambda: self.time)
        self.alarm = Alarm(self.store.planned, lambda: self.time, self.spawn)
        self.jobs = Jobs(
            self.alarm,
            self.store.planned,
            self.tries,
            checkpoint=self.save,
            load=self.store.load,
            notes=self.store.users,
        )

    async def work(self, run: Run) -> None:
        self.ran.append(run)
        error = self.errors.pop(0) if self.errors else None
        await self.gate.wait()
        if error is not None:
            raise error

    def spawn(self, work: Coroutine[object, object, object], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        await self.jobs.start()
        self.spawn(self.alarm.run(), "the alarm")

    async def save(self) -> None:
        await self.store.checkpoint(None)

    async def kill(self) -> None:
        """End everything without a checkpoint, as a crash does."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """End everything, and put it on disk."""
        await self.kill()
        await self.save()

    async def pass_to(self, time: float) -> None:
        """Set the clock, and return once everything that is due then is done."""
        self.time = time
        self.alarm.look()
        await self.idle()

    async def idle(self) -> None:
        """Return once everything that is due is done."""
        for _ in range(300):
            await asyncio.sleep(0)
        if self.gate.is_set():
            await self.until(lambda: not self.alarm._held)

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not so():  # noqa: ASYNC110 - a store in memory has no event to wait for
                await asyncio.sleep(0.001)

    @property
    def times(self) -> list[int]:
        """The planned times that ran, in seconds after eight o'clock."""
        return [run.planned - EIGHT for run in self.ran]

    async def kept(self, name: str) -> Every:
        entry = await self.store.planned.get(every_key(name))
        assert entry is not None
        kept = unpack(entry)
        assert isinstance(kept, Every)
        return kept


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    yield shop
    shop.gate.set()
    await shop.kill()
