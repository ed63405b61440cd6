"""All faults, at random and at the same time: the same promises hold as for each fault alone.

One fault is left out: a difference that is too long is a loss. Set TGBOT_MIX_SEED for another run, and
TGBOT_MIX_SECONDS for a longer one (for example 60).
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.crash import until
from tests.scenarios.load import Load
from tests.scenarios.scene import DIFFERENCE, SEND, Scene, open_scene

SECONDS = float(os.environ.get("TGBOT_MIX_SECONDS", "10"))


class Mishaps:
    """Faults chosen at random, one after another; `done` counts them by name."""

    def __init__(self, scene: Scene) -> None:
        self.done: Counter[str] = Counter()
        self._scene = scene
        self._chance = scene.random
        faults, bot, chance = scene.faults_of, scene.bot.id, self._chance
        self._kinds: dict[str, Callable[[], object]] = {
            "drop all": faults.drop,
            "drop one": lambda: faults.drop(bot),
            "refuse": lambda: self._and_drop(faults.refuse, chance.uniform(0.1, 0.6)),
            "delay": lambda: faults.delay(chance.uniform(0.05, 0.3), chance.choice((None, SEND, DIFFERENCE))),
            "no delay": lambda: faults.delay(0, chance.choice((None, SEND, DIFFERENCE))),
            "withhold": lambda: faults.withhold(bot),
            "release": lambda: faults.release(bot),
            "reorder": lambda: faults.reorder(chance.randrange(2, 20), bot),
            "repeat": lambda: faults.repeat(chance.randrange(1, 30), bot),
            "lose": lambda: faults.lose(chance.randrange(1, 8), bot),
            "500": lambda: faults.fail(SEND, 500, "INTERNAL", times=chance.randrange(1, 4), account=bot),
            "500 after": lambda: faults.fail(SEND, 500, "INTERNAL", times=2, account=bot, after=True),
            "flood": lambda: faults.fail(SEND, 420, "FLOOD_WAIT_1", times=2, account=bot),
            "lost answer": lambda: faults.lose_answer(SEND, times=chance.randrange(1, 3), account=bot),
            "lost difference": lambda: self._and_drop(faults.lose_answer, DIFFERENCE),
            "difference 500": lambda: self._and_drop(faults.fail, DIFFERENCE, 500, "INTERNAL"),
            "difference 400": lambda: self._and_drop(faults.fail, DIFFERENCE, 400, "DATE_EMPTY"),
            "slices": lambda: self._and_drop(faults.slice_differences, chance.choice((1, 2, 7, 50))),
            "no slices": lambda: faults.slice_differences(None),
            "restart": lambda: faults.restart(chance.uniform(0.0, 0.3)),
        }

    def _and_drop(self, fault: Callable[..., object], *arguments: Any) -> None:
        """Inject a fault that shows only when the bot connects again and requests the difference."""
        fault(*arguments)
        self._scene.faults_of.drop(self._scene.bot.id)

    async def happen(self, seconds: float) -> None:
        """Inject one fault after another, with pauses of up to half a second."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while clock() < until:
            name = self._chance.choice(list(self._kinds))
            deed = self._kinds[name]()
            if isinstance(deed, Awaitable):
                await deed
            self.done[name] += 1
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 100)
async def test_a_mix_of_all_faults_loses_nothing_and_says_nothing_twice(tmp_path: Path) -> None:
    seed = int(os.environ.get("TGBOT_MIX_SEED", "20261126"))
    async with open_scene(tmp_path, seed) as scene:
        load, mishaps = Load(scene, 100.0), Mishaps(scene)
        async with scene.serving() as bot:
            with load.going_on():
                await mishaps.happen(SECONDS)
                print(mishaps.done)
                scene.faults_of.clear()
                # A lost push is noticed only at the next update.
                await load.more(10)
            try:
                audit = await scene.settled(bot, load, patience=40, ordered=False)
                print(audit)
                await scene.knows_the_truth(bot)
            finally:
                print(bot.client.intake.mark(), scene.world.state(scene.bot.id), bot.client.losses)
            assert audit.answers > SECONDS * 20
            assert not bot.client.losses
            await until(lambda: not bot.client.intake.batches.inflight.unfinished(), "nothing is in flight")
        on_disk = scene.audit_disk()
        assert on_disk.clean, str(on_disk)
