"""The bot that the page kills and starts: a real one, with the plugin that adds numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.page.conftest import Asked, Open
from tests.sandbox.page.realbot import *  # noqa: F403 - the fixtures of a page with a real bot
from tests.sandbox.page.realbot import says
from tgbot.demo.process import BotProcess
from tgbot.sandbox.accounts import Account
from tgbot.sandbox.accounts import Bot as Known
from tgbot.sandbox.server import Sandbox


async def storm(tab: Asked, **plan: Any) -> Any:
    assert await tab.ask("storm", **plan) is True
    return await tab.heard("storm", lambda told: not told["running"] and ("asked" in told or "error" in told))


async def test_what_is_written_while_the_bot_is_killed_waits_and_is_answered_once(
    sandbox: Sandbox, tab: Asked, program: BotProcess, known: Known, anna: Account
) -> None:
    told = await tab.heard("bot")
    first = program.pid
    assert (told["ours"], told["account"], told["pid"], told["killed"]) == (True, known.id, first, 0)
    assert any("running as @sums_bot" in line for line in told["lines"])
    await says(sandbox, tab, anna, known, "1 + 1")
    await tab.heard("count", lambda told: (told["asked"], told["answers"], told["waiting"]) == (1, 1, 0))
    assert await tab.ask("bot_kill") is True
    told = await tab.heard("bot", lambda told: told["pid"] is None)
    assert (told["killed"], told["ended"]) == (1, "ended by SIGKILL")
    assert "does not run" in (await tab.ask("bot_kill"))["error"]["text"]
    await says(sandbox, tab, anna, known, "2 + 2")
    await tab.heard("count", lambda told: (told["waiting"], told["lost"]) == (1, 0))
    assert await tab.ask("bot_restart") is True
    told = await tab.heard("count", lambda told: told["answers"] == 2)
    assert (told["waiting"], told["lost"], told["twice"]) == (0, 0, 0)
    assert program.pid != first
    assert await tab.ask("bot_stop") is True
    told = await tab.heard("bot", lambda told: told["pid"] is None and told["ended"] != "ended by SIGKILL")
    assert told["ended"] == "ended with status 0"

    program.set_up({})
    assert "did not start" in (await tab.ask("bot_start"))["error"]["text"]
    program.held = "the story goes on"
    assert (await tab.ask("bot_start"))["error"]["text"] == "the story goes on"


async def test_what_is_lost_and_said_twice_is_counted_and_kills_are_no_reason(
    sandbox: Sandbox, tab: Asked, known: Known, anna: Account
) -> None:
    told = await storm(tab, people=3, seconds=3, kills=1)
    assert told["asked"] > 3 * 3
    assert told["answers"] == told["asked"]
    assert (told["named"], told["each"], told["killed"], told["lost"], told["twice"]) == (True, 1, 1, 0, 0)

    assert await tab.ask("storm", people=2, seconds=2, kills=0) is True
    await tab.heard("storm", lambda told: told.get("what") == "people write")
    sandbox.faults.fail("messages.sendMessage", 400, "MESSAGE_EMPTY", account=known.id, times=2)
    told = await tab.heard("storm", lambda told: not told["running"])
    assert (told["lost"], told["twice"]) == (2, 0)

    await tab.ask("count_anew")
    await tab.heard("count", lambda told: (told["asked"], told["lost"]) == (0, 0))
    sandbox.faults.fail("messages.sendMessage", 400, "MESSAGE_EMPTY", account=known.id, times=1)
    await says(sandbox, tab, anna, known, "1 + 1")
    told = await tab.heard("count", lambda told: told["lost"] == 1)
    assert told["which_lost"][0]["text"] == "1 + 1"
    # The bot sends once more what it had no answer to; Telegram does not know that name any more.
    sandbox.faults.lose_answer("messages.sendMessage", account=known.id)
    sandbox.faults.refuse(60)
    await says(sandbox, tab, anna, known, "2 + 2")
    await tab.heard("count", lambda told: told["answers"] == 1)
    sandbox.faults.forget_random_ids(known.id)
    sandbox.faults.accept()
    told = await tab.heard("count", lambda told: told["twice"] == 1)
    assert told["which_twice"][0]["text"] == "2 + 2 = 4"


async def test_a_storm_that_cannot_be_is_refused_in_words(tab: Asked) -> None:
    assert "a place for a number" in (await tab.ask("storm", text="hello"))["error"]["text"]
    assert "people must be" in (await tab.ask("storm", people=0))["error"]["text"]


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_kills_under_chat_leave_both_counts_at_zero(
    tab: Asked, program: BotProcess, open_tab: Open
) -> None:
    told = await storm(tab, people=2, seconds=8, kills=8)
    assert (told["killed"], told["lost"], told["twice"]) == (8, 0, 0)
    late = await open_tab()  # which is told how things are now
    bot = await late.heard("bot")
    assert (bot["killed"], bot["pid"]) == (8, program.pid)
    count = await late.heard("count")
    assert (count["lost"], count["twice"], count["waiting"]) == (0, 0, 0)
    assert count["asked"] == count["answers"] > told["asked"]
