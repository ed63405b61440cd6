"""The health checks: when the bot is well, and when it is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tgbot.core.errors import StorageFullError
from tgbot.operate.health import PROVEN_SECONDS, Health, Trouble


async def test_however_many_ask_one_checkpoint_is_made_in_a_while() -> None:
    now, made = [1000.0], [0]

    async def checkpoint() -> None:
        made[0] += 1
        await asyncio.sleep(0)

    health = Health(lambda: True, checkpoint, monotonic=lambda: now[0])
    assert set(await asyncio.gather(*(health.trouble() for _ in range(20)))) == {None}
    assert made == [1]
    now[0] += PROVEN_SECONDS
    assert await health.trouble() is None
    assert made == [1]
    now[0] += 0.1
    assert await health.trouble() is None
    assert made == [2]


async def test_a_checkpoint_that_hangs_is_trouble() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    assert await Health(lambda: True, hang, checkpoint_seconds=0.01).trouble() is Trouble.CHECKPOINT_SLOW


async def test_a_checkpoint_that_fails_is_trouble_until_one_is_made() -> None:
    full = [True]

    async def checkpoint() -> None:
        if full[0]:
            raise StorageFullError(Path("users.sqlite"))

    health = Health(lambda: True, checkpoint)
    assert await health.trouble() is Trouble.CHECKPOINT_FAILED
    assert await health.trouble() is Trouble.CHECKPOINT_FAILED
    full[0] = False
    assert await health.trouble() is None


async def test_without_a_connection_no_checkpoint_is_asked_for() -> None:
    async def checkpoint() -> None:
        raise AssertionError("it was asked for")

    assert await Health(lambda: False, checkpoint).trouble() is Trouble.NOT_CONNECTED
