"""What the bot's profile shows, over the wire, and that nothing of it keeps the bot from starting."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - a whole bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, until
from tgbot.app import open_bot
from tgbot.locales.texts import Texts
from tgbot.messaging import profile
from tgbot.messaging.profile import ADMIN_COMMANDS, COMMANDS, Profile
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox


def shown(sandbox: Sandbox, account: Account) -> Any:
    """Return what Telegram shows of the bot."""
    found = sandbox.world.accounts[account.id].profile
    assert found is not None
    return found


async def test_the_profile_has_texts_and_commands_in_each_language(
    configure: Configure, sandbox: Sandbox, account: Account, person: Any
) -> None:
    boss = Talk(await person("Boss"))
    async with open_bot(configure(admins=[boss.id]), serve=True):
        await boss.ask("/start")
    async with open_bot(configure(admins=[boss.id]), serve=True):
        now, own = shown(sandbox, account), f"BotCommandScopePeer {boss.id}"
        await until(lambda: (own, "ru") in now.commands)
        texts = Texts.load()
        for code, language in (("", "en"), ("ru", "ru")):
            assert now.abouts[code] == texts.render(language, "profile-about")
            assert now.descriptions[code] == texts.render(language, "profile-description")
            assert [one.command for one in now.commands["default", code]] == list(COMMANDS)
            assert [one.command for one in now.commands[own, code]] == [*COMMANDS, *ADMIN_COMMANDS]
        commands = {one.command: one.description for one in now.commands["default", "ru"]}
        assert commands["privacy"] == texts.render("ru", "command-privacy")
        assert now.names == {}


async def test_what_is_so_already_is_not_set_again(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    now = shown(sandbox, account)
    async with open_bot(configure()) as bot:
        assert await Profile(bot.client, bot.texts, ()).show() == 0
        version = now.version
        assert await Profile(bot.client, bot.texts, ()).show() == 0
        assert now.version == version
        del now.abouts["ru"]
        assert await Profile(bot.client, bot.texts, ()).show() == 0
        assert now.version == version + 1
        assert now.abouts["ru"] == bot.texts.render("ru", "profile-about")


async def test_a_call_that_fails_is_logged_and_the_others_are_made(
    configure: Configure, sandbox: Sandbox, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.fail("bots.setBotInfo", 400, "ABOUT_TOO_LONG")
    with caplog.at_level(logging.WARNING, profile.__name__):
        async with open_bot(configure()) as bot:
            # An admin whom the bot never met has no chat with it that could have a list: none is asked for.
            assert await Profile(bot.client, bot.texts, (5_999_999_999,)).show() == 1
    assert "ABOUT_TOO_LONG" in caplog.text
    assert "5999999999" not in caplog.text
    assert ("default", "ru") in shown(sandbox, account).commands


async def test_the_bot_answers_although_its_profile_cannot_be_set(
    configure: Configure, sandbox: Sandbox, person: Any
) -> None:
    sandbox.faults.fail("bots.getBotInfo", 420, "FLOOD_WAIT_3000", times=100)
    sandbox.faults.fail("bots.getBotCommands", 420, "FLOOD_WAIT_3000", times=100)
    async with open_bot(configure(), serve=True):
        assert (await Talk(await person("Anna")).ask("/start")).startswith("Hello, Anna!")


async def test_an_empty_text_leaves_what_the_profile_has(
    configure: Configure, sandbox: Sandbox, account: Account, tmp_path: Any
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "en.ftl").write_text('profile-about = { "" }\nprofile-description = mine')
    shown(sandbox, account).abouts[""] = "as set at BotFather"
    async with open_bot(configure(texts=str(own))) as bot:
        await Profile(bot.client, bot.texts, ()).show()
    assert shown(sandbox, account).abouts[""] == "as set at BotFather"
    assert shown(sandbox, account).descriptions[""] == "mine"


@pytest.mark.parametrize("language", Texts.load().languages)
def test_the_texts_are_no_longer_than_telegram_takes(language: str) -> None:
    texts = Texts.load()
    assert len(texts.render(language, "profile-about")) <= profile.ABOUT_LENGTH
    assert len(texts.render(language, "profile-description")) <= profile.DESCRIPTION_LENGTH
    for name in (*COMMANDS, *ADMIN_COMMANDS):
        assert len(texts.render(language, f"command-{name}")) <= 256
