"""A bot that is any command: how it is started, stopped and waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.test_outcomes import loaded
from tgbot.testing import Bot, NewPerson

BOT = Path(__file__).parent / "foreign.py"


@pytest.fixture
def bot_settings() -> dict[str, object]:
    return {}


@pytest.mark.tgbot(command=["python", str(BOT)], username="plain_bot", quiet=0.3)
async def test_people_talk_to_a_command_which_is_killed_and_starts_again(bot: Bot, person: NewPerson) -> None:
    anna = await person("Anna")
    await anna.says("one")
    await anna.hears("plain_bot heard one")
    await anna.hears_nothing()
    await anna.says("buttons")
    await anna.sees_buttons("yes", "no")
    assert await anna.presses("no") == "no it is"
    await anna.hears("choose")
    await bot.kill(start=False)
    assert not bot.running
    await bot.start()
    await anna.says("two")
    await anna.hears("plain_bot heard two")
    with pytest.raises(TypeError, match="time can be set for a tgbot only"):
        await bot.time.forward(hours=1)
    assert "it runs" in bot.logs
    with pytest.raises(TypeError, match=r"bot\.parts needs"):
        _ = bot.parts
    with pytest.raises(TypeError, match="is for tgbot"):
        await person("Boss", admin=True)


def test_a_command_that_cannot_run_or_ends_by_itself_fails_the_test_in_words(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "tgbot_command = python broken.py\n"
    )
    pytester.makepyfile(broken="print('no words of mine', flush=True)\nraise SystemExit(3)\n")
    pytester.makepyfile(
        test_it="import pytest\n"
        "async def test_it_ends(bot):\n    pass\n"
        "@pytest.mark.tgbot(command=['nowhere-to-be-found'])\n"
        "async def test_no_such_command(bot):\n    pass\n"
        "@pytest.mark.tgbot(in_process=True)\nasync def test_both(bot):\n    pass\n"
    )
    result = pytester.runpytest_subprocess(*loaded().split(), "-p", "no:cacheprovider")
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines_random(
        [
            "*the bot did not start: it exited with status 3*",
            "*no words of mine*",
            "*the bot did not start: nowhere-to-be-found cannot be started: No such file or directory*",
            "*a command is a process of its own, without in_process=True*",
        ]
    )
