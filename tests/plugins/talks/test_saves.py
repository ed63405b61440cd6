from __future__ import annotations

import asyncio

from tgbot.plugins.talks.saves import Saves


class Disk:
    """A disk that is as slow as the test wants."""

    def __init__(self) -> None:
        self.begun, self.done = 0, 0
        #: Each checkpoint that may end is a release.
        self.gate = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def checkpoint(self) -> None:
        self.begun += 1
        await self.gate.acquire()
        if self.error is not None:
            raise self.error
        self.done += 1


async def test_who_asks_while_a_checkpoint_is_made_waits_for_the_next_and_shares_it() -> None:
    disk = Disk()
    saves = Saves(disk.checkpoint)
    first = asyncio.create_task(saves.saved())
    while not disk.begun:  # noqa: ASYNC110 - one turn of the loop
        await asyncio.sleep(0)
    others = [asyncio.create_task(saves.saved()) for _ in range(5)]
    disk.gate.release()
    await first
    assert not any(one.done() for one in others)
    disk.gate.release()
    await asyncio.gather(*others)
    assert disk.done == 2


async def test_who_is_cancelled_takes_no_checkpoint_from_others() -> None:
    disk = Disk()
    saves = Saves(disk.checkpoint)
    first, second = asyncio.create_task(saves.saved()), asyncio.create_task(saves.saved())
    await asyncio.sleep(0)
    first.cancel()
    disk.gate.release()
    await second
    assert first.cancelled()
    assert disk.done == 1


async def test_a_fault_of_the_disk_is_raised_for_all() -> None:
    disk = Disk()
    saves, disk.error = Saves(disk.checkpoint), OSError("full")
    disk.gate.release()
    for outcome in await asyncio.gather(*(saves.saved() for _ in range(2)), return_exceptions=True):
        assert isinstance(outcome, OSError)
    disk.error = None
    disk.gate.release()
    await saves.saved()
    assert disk.done == 1
