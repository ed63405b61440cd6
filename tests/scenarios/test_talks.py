"""Talks as people see them: questions, answers, buttons, restarts and kills."""

# Telethon has no types, so to mypy its decorators hide what they decorate.
from __future__ import annotations

from typing import Any

from tests.scenarios.talk import Talk as Chat
from tests.scenarios.talk import now_reads, press
from tests.scenarios.talking import TalkingBot, talking
from tgbot.plugins.talks import Talk, Talks

__all__ = ["talking"]


def order(talks: Talks) -> None:
    @talks.on(r"^/order$", name="order")
    async def order(talk: Talk) -> None:
        size = await talk.choose("Which size?", ["S", "M", "L"])
        street = await talk.ask("Where to?")
        price = await talk.once("price", lambda: 12)
        await talk.say(f"{size} to {street}: {price}")


async def test_an_order_is_straight_code(talking: TalkingBot, person: Any) -> None:
    await talking.start(order)
    anna = Chat(await person("Anna"))
    await anna.say("/order")
    question = await anna.hears_message()
    assert question.raw_text == "Which size?"
    assert (await press(anna, question, "M")).message is None
    assert await anna.hears() == "Where to?"
    assert await anna.ask("Baker Street") == "M to Baker Street: 12"
    assert (await now_reads(anna, question)).buttons is None


async def test_a_talk_goes_on_after_a_stop_and_after_a_kill(talking: TalkingBot, person: Any) -> None:
    await talking.start(order)
    anna = Chat(await person("Anna"))
    await anna.say("/order")
    question = await anna.hears_message()
    await talking.stop()
    await talking.start(order)
    await press(anna, question, "M")
    assert await anna.hears() == "Where to?"
    await talking.kill()
    await talking.start(order)
    assert await anna.ask("Baker Street") == "M to Baker Street: 12"
    assert await anna.said_nothing_before()
