"""What is well, and what is not."""

from __future__ import annotations

import asyncio

import pytest

from tgbot.web.health import YOUNG, Health


async def test_however_many_ask_one_checkpoint_is_made_in_a_while() -> None:
    now, made = [1000.0], [0]

    async def checkpoint() -> None:
        made[0] += 1
        await asyncio.sleep(0)

    health = Health(lambda: True, checkpoint, lambda: now[0])
    assert set(await asyncio.gather(*(health.trouble() for _ in range(20)))) == {""}
    assert made == [1]
    now[0] += YOUNG
    assert await health.trouble() == ""
    assert made == [1]
    now[0] += 0.1
    assert await health.trouble() == ""
    assert made == [2]


async def test_a_checkpoint_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tgbot.web.health.SLOW", 0.01)

    async def hangs() -> None:
        await asyncio.Event().wait()

    assert await Health(lambda: True, hangs).trouble() == "a checkpoint takes too long"
