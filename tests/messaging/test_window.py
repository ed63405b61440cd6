"""A window of calls: in order, bounded, and each item taken only when its turn comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tgbot.messaging.window import each


class Work:
    """Work that is under way until it is released."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.most = self._now = 0
        self.go = asyncio.Event()

    async def __call__(self, item: int) -> None:
        self.begun.append(item)
        self._now += 1
        self.most = max(self.most, self._now)
        await self.go.wait()
        await asyncio.sleep(0)
        self._now -= 1


class Numbers:
    """Numbers in their order, which note how many of them were taken."""

    def __init__(self, count: int) -> None:
        self.taken = 0
        self._count = count

    def __iter__(self) -> Iterator[int]:
        for number in range(self._count):
            self.taken += 1
            yield number

    async def slowly(self) -> AsyncIterator[int]:
        for number in self:
            await asyncio.sleep(0)
            yield number


@pytest.fixture
async def work() -> Work:
    return Work()


@pytest.mark.parametrize("slowly", [False, True])
async def test_so_many_are_under_way_and_no_further_item_is_taken(work: Work, slowly: bool) -> None:
    numbers = Numbers(50)
    running = asyncio.ensure_future(each(numbers.slowly() if slowly else numbers, work, at_once=7))
    for _ in range(100):
        await asyncio.sleep(0)
    assert work.begun == list(range(7))
    assert numbers.taken == 7
    work.go.set()
    await running
    assert work.begun == list(range(50))
    assert work.most == 7


@pytest.mark.parametrize("slowly", [False, True])
async def test_fewer_items_than_the_window_is_wide_end_as_well(work: Work, slowly: bool) -> None:
    work.go.set()
    numbers = Numbers(3)
    await each(numbers.slowly() if slowly else numbers, work, at_once=100)
    assert work.begun == [0, 1, 2]


async def test_an_error_of_the_work_ends_the_others_and_is_raised(work: Work) -> None:
    ended: list[int] = []

    async def fail(item: int) -> None:
        if item == 3:
            raise LookupError(item)
        try:
            await work(item)
        finally:
            ended.append(item)

    with pytest.raises(ExceptionGroup) as raised:
        await each(range(100), fail, at_once=5)
    assert [type(error) for error in raised.value.exceptions] == [LookupError]
    assert sorted(ended) == sorted(work.begun)


async def test_an_error_of_the_items_is_raised(work: Work) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise LookupError

    work.go.set()
    with pytest.raises(ExceptionGroup) as raised:
        await each(broken(), work)
    assert [type(error) for error in raised.value.exceptions] == [LookupError]
