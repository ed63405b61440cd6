"""Talks over a deploy: the code is another one after the restart, and people stand somewhere in it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.scenarios.talk import Talk as Chat
from tests.scenarios.talk import press
from tests.scenarios.talking import TalkingBot, talking
from tgbot.plugins.talks import Talk, Talks

__all__ = ["talking"]

#: What a person hears whose talk no longer fits.
CHANGED = "I have changed since we began this, and cannot go on with it. I am sorry. Please begin again."

Code = Callable[[Talk], Awaitable[object]]


async def version_1(talk: Talk) -> None:
    await talk.say("Welcome.")
    size = await talk.choose("Which size?", ["S", "M"])
    street = await talk.ask("Where to?")
    await talk.say(f"{size} to {street}.")


async def another_question_behind(talk: Talk) -> None:
    await talk.say("Welcome!")
    size = await talk.choose("Which size?", ["S", "M", "L"])
    street = await talk.ask("Where to?")
    await talk.say(f"{size} to {street}, {await talk.ask('When?')}.")


async def another_question_before(talk: Talk) -> None:
    await talk.say("Welcome.")
    name = await talk.ask("Your name?")
    size = await talk.choose("Which size?", ["S", "M"])
    await talk.say(f"{name}: {size} to {await talk.ask('Where to?')}.")


async def another_text_here(talk: Talk) -> None:
    await talk.say("Welcome.")
    size = await talk.choose("Which size?", ["S", "M"])
    await talk.say(f"{size} to {await talk.ask('Which city?')}.")


async def another_kind(talk: Talk) -> None:
    await talk.say("Welcome.")
    await talk.say(await talk.ask("Which size?"))


async def without_the_option(talk: Talk) -> None:
    await talk.say("Welcome.")
    size = await talk.choose("Which size?", {"S": "S", "L": "L"})
    street = await talk.ask("Where to?")
    await talk.say(f"{size} to {street}.")


async def shorter(talk: Talk) -> None:
    await talk.say("Welcome.")


def with_code(code: Code, name: str = "order", **options: Any) -> Callable[[Talks], None]:
    def register(talks: Talks) -> None:
        async def order(talk: Talk) -> None:
            await code(talk)

        talks.on(r"^/order$", name=name, **options)(order)

    return register


async def stands_at_the_street(talking: TalkingBot, person: Any) -> Chat:
    """Return somebody who has chosen M, and is asked for the street."""
    await talking.start(with_code(version_1))
    anna = Chat(await person("Anna"))
    assert await anna.ask("/order") == "Welcome."
    await press(anna, await anna.hears_message(), "M")
    assert await anna.hears() == "Where to?"
    await talking.stop()
    return anna


async def test_code_that_is_the_same_up_to_there_goes_on(talking: TalkingBot, person: Any) -> None:
    anna = await stands_at_the_street(talking, person)
    await talking.start(with_code(another_question_behind))
    assert await anna.ask("Rome") == "When?"
    assert await anna.ask("now") == "M to Rome, now."


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (another_question_before, 1),
        (another_text_here, 2),
        (another_kind, 1),
        (without_the_option, 1),
        (shorter, 1),
    ],
)
async def test_code_that_is_another_one_before_or_there_ends_the_talk(
    talking: TalkingBot, person: Any, caplog: pytest.LogCaptureFixture, code: Code, step: int
) -> None:
    anna = await stands_at_the_street(talking, person)
    await talking.start(with_code(code))
    with caplog.at_level(logging.WARNING, "tgbot"):
        assert await anna.ask("Rome") == CHANGED
    assert [record.getMessage() for record in caplog.records] == [
        f"the talk order does not fit its code any more at step {step}, and is ended"
    ]
    assert await anna.ask("/order") == "Welcome."


async def test_the_plugin_may_say_itself_that_a_talk_has_changed(talking: TalkingBot, person: Any) -> None:
    async def sorry(talk: Talk) -> None:
        await talk.say(f"Sorry, {talk.text} has changed.")

    anna = await stands_at_the_street(talking, person)
    await talking.start(with_code(another_kind, on_changed=sorry))
    assert await anna.ask("Rome") == "Sorry, /order has changed."
    assert await anna.said_nothing_before()


async def test_code_that_catches_everything_cannot_go_on_with_what_does_not_fit(
    talking: TalkingBot, person: Any
) -> None:
    async def stubborn(talk: Talk) -> None:
        try:
            await another_kind(talk)
        except BaseException:
            await talk.say("never said")

    anna = await stands_at_the_street(talking, person)
    await talking.start(with_code(stubborn))
    assert await anna.ask("Rome") == CHANGED


@pytest.mark.parametrize("name", ["another", None])
async def test_a_talk_whose_name_or_plugin_is_gone_is_ended(
    talking: TalkingBot, person: Any, caplog: pytest.LogCaptureFixture, name: str | None
) -> None:
    def others(talks: Talks) -> None:
        talks.on(r"^/other$", name="other")(another_kind)

    anna = await stands_at_the_street(talking, person)
    await talking.start(others if name is None else with_code(version_1, name))
    with caplog.at_level(logging.WARNING, "tgbot"):
        assert await anna.ask("Rome") == CHANGED
    assert "no plugin has the talk order any more; it is ended" in caplog.text
    assert await anna.said_nothing_before()


async def test_a_pressed_option_that_is_gone_is_not_taken(talking: TalkingBot, person: Any) -> None:
    await talking.start(with_code(version_1))
    anna = Chat(await person("Anna"))
    await anna.ask("/order")
    question = await anna.hears_message()
    await talking.stop()
    await talking.start(with_code(without_the_option))
    assert (await press(anna, question, "M")).message == "This choice is no longer offered."
    shown = await anna.client.get_messages("the_bot", ids=question.id)
    assert [[button.text for button in row] for row in shown.buttons] == [["S"], ["L"]]
    await press(anna, shown, "L")
    assert await anna.hears() == "Where to?"
    assert await anna.ask("Rome") == "L to Rome."


async def test_a_question_whose_text_changes_by_itself_has_a_name(talking: TalkingBot, person: Any) -> None:
    prices = iter(range(1, 10))

    async def named(talk: Talk) -> None:
        price = next(prices)
        await talk.say(f"Bought for {price}: {await talk.ask(f'Buy for {price}?', name='buy')}.")

    await talking.start(with_code(named))
    anna = Chat(await person("Anna"))
    assert await anna.ask("/order") == "Buy for 1?"
    await talking.stop()
    await talking.start(with_code(named))
    assert await anna.ask("yes") == "Bought for 2: yes."
