"""The bot on a Telegram server of its own, and a person who writes to it."""

from __future__ import annotations

from tgbot.testing import Bot, NewPerson


async def test_the_prices_are_told(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/prices")
    await anna.hears("M: 10")


async def test_an_order_survives_a_crash_and_is_asked_about(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/order")
    await anna.hears("Which size?")
    await anna.presses("M")
    await anna.hears("Where to?")
    await bot.kill()
    await anna.says("Baker Street")
    await anna.hears("M to Baker Street: 10")
    await bot.time.forward(hours=1)
    await anna.hears("How was your pizza M?")
