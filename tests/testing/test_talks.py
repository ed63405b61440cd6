"""A talk as a test of its author has it: under kills, and over its deadline."""

from __future__ import annotations

import pytest

from tgbot.testing import Bot, NewPerson

pytestmark = pytest.mark.tgbot(plugins=["examples.order"])


async def test_a_talk_goes_on_after_kills_at_each_question(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/order")
    await anna.hears("Which size?")
    await bot.kill()
    await anna.presses("M")
    await anna.hears("A picture on it?")
    await anna.presses("No")
    await anna.hears("Where to?")
    await anna.says("Baker street")
    await anna.hears("With the number of the house, please.")
    await bot.kill()
    await anna.says("Baker street 221b")
    await anna.hears("M to Baker street 221b: 10")
    await anna.hears_nothing()


async def test_a_press_right_after_a_kill_waits_for_what_led_to_its_question(
    bot: Bot, person: NewPerson
) -> None:
    anna = await person("Anna")
    await anna.says("/order")
    await anna.hears("Which size?")
    await bot.kill(start=False)
    await bot.start()
    assert not await anna.presses("M")
    await anna.hears("A picture on it?")


@pytest.mark.tgbot(in_process=True)
async def test_a_question_that_nobody_answered_in_time_is_over(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/order")
    await anna.presses("S")
    await anna.presses("No")
    for said in ("Which size?", "A picture on it?", "Where to?"):
        await anna.hears(said)
    await bot.time.forward(hours=2, seconds=5)
    await anna.hears("The kitchen is closed now.")
    await anna.hears_nothing()
