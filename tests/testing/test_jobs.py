"""Work by the clock, whose time a test brings."""

from __future__ import annotations

import pytest

from tgbot.testing import Bot, NewPerson

pytestmark = pytest.mark.tgbot(plugins=["tests.testing.reminders"], in_process=True)


async def test_what_is_due_after_a_step_of_the_clock_is_heard(bot: Bot, person: NewPerson) -> None:
    to_the_hour = -bot.time() % 3600
    await bot.time.forward(seconds=to_the_hour + 60)  # the tip of that hour is for nobody yet
    await bot.finished()
    anna = await person("Anna")
    await anna.says("/remind")
    await anna.hears("in 20 minutes")
    await bot.time.forward(minutes=19)
    await anna.hears_nothing()
    await bot.time.forward(minutes=2)
    await bot.finished()
    await anna.hears("the pizza!", within=0)
    await bot.time.forward(days=2)
    await bot.finished()
    await anna.hears("a tip", within=0)
    await anna.hears_nothing()
