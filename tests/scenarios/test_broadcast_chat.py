"""/broadcast over the wire: an admin as a plain client, from the reply to the report; and a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, now_reads, press, until
from tgbot.app import open_bot
from tgbot.core.broadcasts import State
from tgbot.core.deliveries import Outcome
from tgbot.handlers import live
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

PEOPLE = 40


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message changes many times a second."""
    monkeypatch.setattr(live, "SHOWN_SECONDS", 0.05)


@pytest.fixture
async def boss(person: Any) -> Talk:
    return Talk(await person("Boss"))


def crowd(sandbox: Sandbox, account: Account) -> list[int]:
    people = [sandbox.world.new_user("Ann").id for _ in range(PEOPLE)]
    for one in people:
        sandbox.world.send_as(one, account.id, "hello")
    return people


def heard(sandbox: Sandbox, account: Account, person: int) -> list[str]:
    """Return the news that a person got from the bot."""
    box = sandbox.world.accounts[person].box
    copies = [box.get(number) for number in box.dialogs[account.id].ids]
    return [one.post.text for one in copies if one and not one.out and one.post.text == "the news"]


async def reads(talk: Talk, message: Any, words: str) -> Any:
    """Return a message of the bot once these words are in it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await now_reads(talk, message)
            if words in found.message:
                return found


def buttons(message: Any) -> list[list[str]]:
    return [[one.text for one in row] for row in message.buttons or ()]


async def drafted(talk: Talk) -> Any:
    """Write a message, reply /broadcast to it, and return the message with the buttons."""
    said = await talk.say("the news")
    await talk.hears()
    await talk.say("/broadcast", reply_to=said.id)
    assert await talk.hears() == "the news"
    return await talk.hears_message()


async def test_from_a_reply_to_the_report(
    sandbox: Sandbox, account: Account, configure: Configure, boss: Talk
) -> None:
    async with open_bot(configure(admins=[boss.id], pace=15.0), serve=True) as bot:
        people = crowd(sandbox, account)
        await until(lambda: all(bot.users.get(one) for one in people))
        message = await drafted(boss)
        assert buttons(message) == [["Test", "Plan"], ["Start", "Cancel"]]
        assert (await press(boss, message, "Test")).message == "Sent to you."
        assert await boss.hears() == "the news"
        await press(boss, message, "Plan")
        message = await reads(boss, message, "Per second: 15.0")
        assert f"{PEOPLE + 1} people get it" in message.message
        await press(boss, message, "Start")
        message = await reads(boss, message, f"Send it to {PEOPLE + 1} people?")
        await press(boss, message, "Yes, send it")
        message = await reads(boss, message, "I am sending it.")
        await press(boss, message, "Pause")
        message = await reads(boss, message, "It is paused.")
        assert buttons(message) == [["Go on", "Cancel"]]
        assert bot.broadcasts.get(1).state is State.PAUSED
        await press(boss, message, "Go on")
        await reads(boss, message, "I am sending it.")
        message = await reads(boss, message, "It is done.")
        assert f"Delivered: {PEOPLE + 1} of {PEOPLE + 1} (100 %)" in message.message
        assert await boss.hears() == "the news"
        assert (await press(boss, message, "Report")).message == "I am making the report."
        chart = await boss.hears_message()
        table = chart if chart.document else await boss.hears_message()
        rows = (await table.download_media(bytes)).decode().splitlines()
        assert len(rows) == PEOPLE + 2
        assert {row.split(",")[1] for row in rows[1:]} == {"sent"}
        assert bot.client.handler_errors == 0
    assert [heard(sandbox, account, one) for one in people] == [["the news"]] * PEOPLE


async def test_after_a_restart_the_message_goes_on_and_its_buttons_work(
    sandbox: Sandbox, account: Account, configure: Configure, boss: Talk
) -> None:
    config = configure(admins=[boss.id], pace=10.0)
    async with open_bot(config, serve=True) as bot:
        people = crowd(sandbox, account)
        await until(lambda: all(bot.users.get(one) for one in people))
        message = await drafted(boss)
        await press(boss, message, "Start")
        message = await reads(boss, message, "Send it to")
        await press(boss, message, "Yes, send it")
        await reads(boss, message, "Delivered: ")
    stopped = await now_reads(boss, message)
    async with open_bot(config, serve=True) as bot:
        async with asyncio.timeout(PATIENCE):
            while (await now_reads(boss, message)).message == stopped.message:
                pass
        await press(boss, stopped, "Pause")
        message = await reads(boss, message, "It is paused.")
        assert bot.broadcasts.deliveries.tally(1).count(Outcome.SENT) < PEOPLE
        await press(boss, message, "Go on")
        message = await reads(boss, message, "It is done.")
        assert buttons(message) == [["Report"]]
    assert [heard(sandbox, account, one) for one in people] == [["the news"]] * PEOPLE


async def test_for_others_the_command_does_not_exist(configure: Configure, boss: Talk, person: Any) -> None:
    async with open_bot(configure(admins=[boss.id]), serve=True) as bot:
        anna = Talk(await person("Anna"))
        said = await anna.say("the news")
        await anna.hears()
        answer = await anna.ask("/broadcast", reply_to=said.id)
        assert answer.startswith("Hello! I am a bot")
        assert "/broadcast" not in answer
        assert bot.broadcasts.all() == []
        assert "/broadcast – in reply to a message: send it to many people" in await boss.ask("/help")
