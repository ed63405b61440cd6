"""The example of a menu by buttons."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import PATIENCE, Talk, now_reads, press


def labels(message: Any) -> list[str]:
    return [button.text for row in message.buttons for button in row]


async def test_a_menu_changes_with_each_press_and_comes_back(start_bot: StartBot, person: Any) -> None:
    await start_bot(plugins=["examples.menu"])
    anna = Talk(await person("Anna"))
    await anna.say("/menu")
    menu = await anna.hears_message()
    assert (menu.raw_text, labels(menu)) == ("What would you like?", ["Coffee", "Cake"])
    for label, beginning, buttons in (("Cake", "Cake\n", ["Back"]), ("Back", "What", ["Coffee", "Cake"])):
        await press(anna, menu, label)
        async with asyncio.timeout(PATIENCE):
            while not menu.raw_text.startswith(beginning):
                menu = await now_reads(anna, menu)
        assert labels(menu) == buttons
    assert await anna.said_nothing_before()
