"""Reads of deliveries that take their time, while others read and write the same ones."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping

import pytest
from msgspec.structs import replace

from tests.patience import PATIENCE
from tests.store.broadcasting import DRAFT
from tests.store.memory import MemoryBroadcasts, MemoryRows, MemoryStore
from tests.store.registries import now
from tgbot.core.broadcasts import State
from tgbot.core.deliveries import CHUNK, Outcome, Wanted
from tgbot.store.broadcasts import StoredBroadcasts


class SlowBroadcasts(MemoryBroadcasts):
    """Broadcasts whose answers are held up as they are, until the test lets them through."""

    def __init__(self, users: Mapping[int, str]) -> None:
        super().__init__(users)
        self.gate = asyncio.Event()
        self.gate.set()
        #: How many answers wait.
        self.held = 0

    async def chunk(self, broadcast_id: int, number: int) -> bytes | None:
        found = await super().chunk(broadcast_id, number)
        await self._hold()
        return found

    async def next_chunk(self, broadcast_id: int, after: int, wanted: Wanted, round: int) -> int | None:
        found = await super().next_chunk(broadcast_id, after, wanted, round)
        await self._hold()
        return found

    async def _hold(self) -> None:
        gate = self.gate
        self.held += not gate.is_set()
        await gate.wait()

    async def held_up(self, number: int) -> None:
        """Return once so many answers wait."""
        while self.held < number:  # noqa: ASYNC110 - a store in memory has no event to wait for
            await asyncio.sleep(0)


class Desk:
    """A store with a broadcast that runs, whose reads can be held up."""

    def __init__(self) -> None:
        rows = MemoryRows()
        rows.broadcasts = self.slow = SlowBroadcasts(rows._users)
        self.store = MemoryStore(now, rows)
        self.broadcasts = self.store.broadcasts

    async def begin(self) -> None:
        for user_id in range(1, CHUNK + 3):
            self.store.users.wrote(user_id, 100, 10)
        broadcast = await self.broadcasts.create(DRAFT)
        await self.broadcasts.freeze(replace(broadcast, state=State.RUNNING), 1_000)

    async def settle_first(self) -> None:
        """Have all deliveries of the first chunk made and written, and nobody hold it any more."""
        chunk = await self.broadcasts.chunk(1, 0)
        assert chunk is not None
        self.broadcasts.settle_all(1, chunk, Outcome.WAITING, Outcome.SENT, 1_000)
        await self.store.checkpoint(None)
        self.forget_chunks()

    def forget_chunks(self) -> None:
        assert isinstance(self.broadcasts, StoredBroadcasts)
        self.broadcasts._recent.clear()
        gc.collect()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.begin()
    async with asyncio.timeout(PATIENCE):
        yield desk


async def test_a_chunk_that_was_written_while_it_was_read_is_read_again(desk: Desk) -> None:
    desk.slow.gate.clear()
    reading = asyncio.ensure_future(desk.broadcasts.chunk(1, 0))
    await desk.slow.held_up(1)
    slow, desk.slow.gate = desk.slow.gate, asyncio.Event()
    desk.slow.gate.set()
    await desk.settle_first()
    slow.set()
    chunk = await reading
    assert chunk is not None
    assert chunk.outcomes.count(Outcome.SENT) == CHUNK


async def test_of_two_who_read_a_chunk_both_get_the_same_one(desk: Desk) -> None:
    desk.slow.gate.clear()
    reads = [asyncio.ensure_future(desk.broadcasts.chunk(1, 0)) for _ in range(3)]
    reads.append(asyncio.ensure_future(desk.broadcasts.next_chunk(1, -1, wanted=Wanted.WAITING)))
    await desk.slow.held_up(4)
    desk.slow.gate.set()
    first, *others = await asyncio.gather(*reads)
    assert first is not None
    assert all(other is first for other in others)


async def test_a_chunk_that_was_finished_and_written_meanwhile_is_not_the_next_one(desk: Desk) -> None:
    desk.slow.gate.clear()
    reading = asyncio.ensure_future(desk.broadcasts.next_chunk(1, -1, wanted=Wanted.WAITING))
    await desk.slow.held_up(1)
    slow, desk.slow.gate = desk.slow.gate, asyncio.Event()
    desk.slow.gate.set()
    await desk.settle_first()
    slow.set()
    chunk = await reading
    assert chunk is not None
    assert chunk.number == 1


async def test_a_broadcast_that_was_removed_meanwhile_has_no_chunk(desk: Desk) -> None:
    desk.slow.gate.clear()
    reads = [
        asyncio.ensure_future(desk.broadcasts.chunk(1, 0)),
        asyncio.ensure_future(desk.broadcasts.next_chunk(1, -1, wanted=Wanted.WAITING)),
    ]
    finding = asyncio.ensure_future(desk.broadcasts.find(1, 1))
    await desk.slow.held_up(3)
    await desk.broadcasts.remove(1)
    desk.slow.gate.set()
    assert await asyncio.gather(*reads) == [None, None]
    assert await finding is None


async def test_a_chunk_that_is_read_while_a_new_round_begins_is_of_that_round(desk: Desk) -> None:
    await desk.settle_first()
    (broadcast,) = desk.broadcasts.all()
    desk.slow.gate.clear()
    reading = asyncio.ensure_future(desk.broadcasts.next_chunk(1, -1, wanted=Wanted.UNCORRECTED))
    await desk.slow.held_up(1)
    await desk.broadcasts.change(replace(broadcast, round=1))
    desk.slow.gate.set()
    chunk = await reading
    assert chunk is not None
    assert (chunk.number, chunk.round) == (0, 1)
