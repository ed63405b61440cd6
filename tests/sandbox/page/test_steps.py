"""Starting over from a step: the world, logins, and the files of the bot go back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import plain_client
from tests.sandbox.page.conftest import Asked
from tests.sandbox.page.realbot import *  # noqa: F403 - the fixtures of a page with a real bot
from tests.sandbox.page.realbot import says
from tgbot.demo.process import BotProcess
from tgbot.sandbox.accounts import Bot as Known
from tgbot.sandbox.copies import copy_of, go_back
from tgbot.sandbox.page import steps
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.world import World


@pytest.fixture(autouse=True)
def at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "GAP", 0.0)
    monkeypatch.setattr(steps, "GAP_FACTOR", 0.0)


def texts(world: World, person: int) -> list[str]:
    return [copy.post.text for copy in world.accounts[person].box]


def test_a_world_goes_back_for_all_who_hold_it() -> None:
    world = World(seed=1)
    anna, bot = world.new_user("Anna"), world.new_bot("the_bot")
    heard: list[int] = []
    world.subscribe(heard.append)
    world.send_as(anna.id, bot.id, "before")
    copy = copy_of(world)
    world.send_as(anna.id, bot.id, "after")
    world.new_user("Boris", username="boris")
    state = world.state(bot.id)
    go_back(world, copy)
    assert texts(world, anna.id) == ["before"]
    assert world.accounts.holder("boris") is None
    assert world.state(bot.id)[0] == state[0] - 1
    heard.clear()
    world.send_as(anna.id, bot.id, "again")
    assert heard == [anna.id, bot.id]
    world.clock_error = 1e6
    later = world.send_as(anna.id, bot.id, "later")
    world.posts.edited(later)
    # All parts of the world have its clock.
    assert later.post.edit_date is not None
    assert min(later.post.date, later.post.edit_date) >= state[2] + 1e6 - 5


async def test_the_bot_and_its_files_go_back_together_with_the_world(
    sandbox: Sandbox,
    page: Page,
    tab: Asked,
    program: BotProcess,
    known: Known,
) -> None:
    anna = sandbox.world.new_user("Anna")
    client: Any = plain_client(sandbox, retry_delay=0.1, connection_retries=-1)
    await client.connect()
    await client.sign_in(bot_token=sandbox.new_bot("other_bot").token)
    for number in (1, 2, 3):
        await says(sandbox, tab, anna, known, f"{number} + {number}")
        # Told as it is done, so before the count.
        told = await tab.heard("steps", lambda told: told["steps"])
        await tab.heard("count", lambda told: told["asked"] == told["answers"] > 0 and not told["waiting"])
    assert [step["what"] for step in told["steps"]] == [f"Anna says “{n} + {n}”" for n in (1, 2, 3)]
    assert told["files"] is True
    first = program.pid
    boris = await tab.ask("add", name="Boris")
    assert await tab.ask("go_back", step=told["steps"][1]["id"]) is True
    await tab.heard("reload")
    told = await tab.heard("steps", lambda told: len(told["steps"]) == 1)
    assert sandbox.world.accounts.get(boris["id"]) is None
    assert texts(sandbox.world, anna.id) == ["1 + 1", "1 + 1 = 2"]
    assert program.pid not in (None, first)
    await says(sandbox, tab, anna, known, "4 + 4")
    count = await tab.heard("count", lambda told: told["answers"] == 1)
    assert (count["asked"], count["lost"], count["twice"]) == (1, 0, 0)
    assert texts(sandbox.world, anna.id) == ["1 + 1", "1 + 1 = 2", "4 + 4", "4 + 4 = 8"]
    # What was done after the step is not in a test that is saved now.
    saved = await tab.ask("save_test", name="a test")
    assert "4 + 4 = 8" in saved["text"]
    assert "3 + 3" not in saved["text"]
    # Other clients are still logged in.
    assert (await client.get_me()).username == "other_bot"
    await client.disconnect()
    assert "not kept" in (await tab.ask("go_back", step=99))["error"]["text"]
