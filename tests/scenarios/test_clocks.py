"""Wrong clocks: this machine's against Telegram's, and both against what was stored before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.scene import open_scene
from tgbot.core.errors import BudgetSpentError
from tgbot.messaging.resolve import Found
from tgbot.store.peers import RESOLVES_A_DAY

DAY = 86_400
RESOLVE = "contacts.resolveUsername"


@pytest.mark.parametrize("ahead", [-3 * DAY, 3 * DAY], ids=["ours is ahead", "ours is behind"])
async def test_a_name_is_looked_up_once_a_day_whatever_this_machines_clock_says(
    tmp_path: Path, ahead: int
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.sandbox.faults.set_clock(ahead)
        scene.world.new_user("Ann", username="ann_a")
        for _ in range(2):  # two starts
            async with scene.serving() as bot:
                for _ in range(3):
                    await bot.peers.resolve("@ann_a")
        assert scene.sandbox.calls[RESOLVE] == 1


async def test_a_clock_that_was_forty_days_ahead_leaves_nothing_behind(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        ann, bob = scene.world.new_user("Ann", username="the_name"), scene.world.new_user("Bob")
        scene.sandbox.faults.set_clock(40 * DAY)
        async with scene.serving() as bot:
            assert (await bot.peers.resolve("@the_name")).id == ann.id
            for _ in range(RESOLVES_A_DAY):
                bot.client.session.count_resolve()
            with pytest.raises(BudgetSpentError):
                await bot.peers.resolve("@somebody_else")
        scene.sandbox.faults.set_clock(0)
        accounts = scene.world.accounts
        accounts.rename(accounts[ann.id], [])
        accounts.rename(accounts[bob.id], ["the_name"])
        async with scene.serving() as bot:
            found = await bot.peers.resolve("@the_name")
            assert (found.id, found.found) == (bob.id, Found.TELEGRAM)
            again = await bot.peers.resolve("@the_name")
            assert (again.id, again.found) == (bob.id, Found.SESSION)
