"""A bot and people over the wire, as a test of a plugin has them."""

from __future__ import annotations

import pytest

from tgbot.testing import Bot, Failure, NewPerson

pytestmark = pytest.mark.tgbot(plugins=["tests.testing.shop"])


async def test_a_killed_bot_goes_on_where_it_was(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("/order")
    await anna.hears("Which size?")
    await bot.kill()
    assert await anna.presses("M") == "You chose M"
    await anna.sees_edited("Size M")
    await anna.hears_nothing()


@pytest.mark.tgbot(in_process=True)
async def test_a_wrong_answer_fails_at_once_and_shows_the_dialog(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("echo one")
    with pytest.raises(
        Failure, match=r"(?s)Anna expected 'two', and heard:\necho one\n.*bot → Anna: echo one"
    ):
        await anna.hears("two")
