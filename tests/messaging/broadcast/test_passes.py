"""A pass over deliveries, without Telegram: what is taken, in which order, and how it ends."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence

import pytest

from tests.telegram.conftest import until
from tgbot.core.deliveries import Chunk
from tgbot.messaging.broadcast.passes import Delivery, Pass


class Work:
    """Hands out chunks of three, and notes whom it did."""

    def __init__(self, chunks: int = 2) -> None:
        self.chunks = [Chunk(n, array("q", [10 * n + 1, 10 * n + 2, 10 * n + 3]), 1) for n in range(chunks)]
        self.passing = Pass(self, at_once=2)
        self.unwanted: set[int] = set()
        self.done: list[int] = []
        self.many = 1
        self.under_way = self.most = self.calls = 0
        self.turns = asyncio.Semaphore(1000)

    async def next(self, after: int) -> tuple[Chunk, Sequence[int]] | None:
        rest = self.chunks[after + 1 :]
        return (rest[0], range(3)) if rest else None

    def wants(self, delivery: Delivery) -> bool:
        return delivery.user_id not in self.unwanted

    async def turn(self) -> None:
        await self.turns.acquire()

    async def do(self, deliveries: Sequence[Delivery]) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        self.done += [delivery.user_id for delivery in deliveries]
        self.calls += 1


async def test_all_are_done_in_their_order_and_so_many_at_once() -> None:
    work = Work()
    await work.passing.run()
    assert work.done == [1, 2, 3, 11, 12, 13]
    assert work.most == 2
    assert not work.passing.stopped


async def test_a_call_can_be_for_many() -> None:
    work = Work()
    work.many, work.unwanted, work.turns = 2, {1, 13}, asyncio.Semaphore(2)
    await work.passing.run()
    assert (work.done, work.calls) == ([2, 3, 11, 12], 2)


async def test_what_is_not_wanted_takes_no_turn() -> None:
    work = Work()
    work.unwanted, work.turns = {2, 11}, asyncio.Semaphore(4)
    await work.passing.run()
    assert work.done == [1, 3, 12, 13]


async def test_what_is_tried_again_comes_before_the_end() -> None:
    class Again(Work):
        async def do(self, deliveries: Sequence[Delivery]) -> None:
            await super().do(deliveries)
            (delivery,) = deliveries
            if delivery.attempts < 2 and delivery.user_id == 13:
                self.passing.again(delivery._replace(attempts=delivery.attempts + 1), 0.001)

    work = Again()
    await work.passing.run()
    assert work.done == [1, 2, 3, 11, 12, 13, 13, 13]


async def test_a_stop_ends_the_wait_for_a_turn_and_not_what_is_under_way() -> None:
    gate = asyncio.Event()

    class Slow(Work):
        async def do(self, deliveries: Sequence[Delivery]) -> None:
            await gate.wait()
            await super().do(deliveries)

    work = Slow()
    work.turns = asyncio.Semaphore(1)
    running = asyncio.create_task(work.passing.run())
    await until(lambda: work.turns.locked())
    work.passing.stop("enough")
    await asyncio.wait([running], timeout=0.01)
    assert not running.done()
    gate.set()
    await running
    assert work.done == [1]
    assert (work.passing.stopped, work.passing.reason) == (True, "enough")


async def test_a_stop_ends_the_wait_for_what_is_due_later() -> None:
    class Later(Work):
        async def do(self, deliveries: Sequence[Delivery]) -> None:
            self.passing.again(deliveries[0], 1000.0)

    work = Later(1)
    running = asyncio.create_task(work.passing.run())
    await until(lambda: work.passing._later)
    work.passing.stop()
    await running


async def test_an_error_of_the_work_ends_the_pass() -> None:
    class Broken(Work):
        async def do(self, deliveries: Sequence[Delivery]) -> None:
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        await Broken().passing.run()
    assert raised.group_contains(ZeroDivisionError)


async def test_a_cancelled_pass_is_cancelled() -> None:
    work = Work()
    work.turns = asyncio.Semaphore(0)
    running = asyncio.create_task(work.passing.run())
    await until(lambda: work.passing._ready)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_is_tried_again_is_one_call_again() -> None:
    class Again(Work):
        async def do(self, deliveries: Sequence[Delivery]) -> None:
            await super().do(deliveries)
            if deliveries[0].attempts == 0:
                for delivery in deliveries:
                    self.passing.again(delivery._replace(attempts=1), 0.0)

    work = Again(1)
    work.many = 3
    await work.passing.run()
    assert (work.done, work.calls) == ([1, 2, 3] * 2, 2)


async def test_who_was_forgotten_meanwhile_is_passed_over() -> None:
    work = Work(1)
    work.chunks[0].ids[1] = 0
    await work.passing.run()
    assert work.done == [1, 3]
