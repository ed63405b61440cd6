"""/start over the wire: greeting, payload, welcome back, languages."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import functions

from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot, open_bot
from tgbot.core.access import Access
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox


async def test_start_is_greeted_and_start_again_welcomed_back(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    assert (await anna.ask("/start")).startswith("Hello, Anna!")
    assert (await anna.ask("/start")).startswith("Welcome back, Anna!")


async def test_a_payload_is_stored(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.client(functions.messages.StartBotRequest(anna.chat, anna.chat, "promo-7"))
    assert (await anna.hears()).startswith("Hello, Anna!")
    await anna.ask("/start second")
    user = bot.users.get(anna.id)
    assert user is not None
    assert (user.first_payload, user.last_payload) == ("promo-7", "second")


async def test_start_by_name_is_the_bots_and_by_another_name_nobodys(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    assert (await anna.ask("/start@The_Bot")).startswith("Hello, Anna!")
    await anna.say("/start@other_bot")
    assert await anna.said_nothing_before()
    assert (await anna.ask("/start@the_bot again")).startswith("Welcome back, Anna!")


async def test_the_user_is_known_with_names_and_access_hash(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna", "Schmidt"))
    await anna.client(functions.account.UpdateUsernameRequest("anna_s"))
    await anna.ask("/start")
    user = bot.users.get(anna.id)
    assert user is not None
    assert (user.first_name, user.last_name, user.usernames) == ("Anna", "Schmidt", ("anna_s",))
    assert "message" in user.known_by
    assert bot.client.session.access_hash(anna.id)


async def test_a_changed_name_is_noticed_with_the_next_message(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    await anna.client(functions.account.UpdateProfileRequest(first_name="Anne"))
    assert (await anna.ask("/start")).startswith("Welcome back, Anne!")
    user = bot.users.get(anna.id)
    assert user is not None
    assert ("first_name", "Anna") in [(change.field, change.old) for change in user.history]


async def test_a_russian_speaker_is_greeted_in_russian(bot: Bot, person: Any) -> None:
    boris = Talk(await person("Борис", lang_code="ru", system_lang_code="ru"))
    assert (await boris.ask("/start")).startswith("Здравствуйте, Борис!")


async def test_after_a_restart_the_bot_still_knows_whom_it_greeted(configure: Configure, person: Any) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        assert (await anna.ask("/start")).startswith("Hello, Anna!")
    async with open_bot(configure(), serve=True):
        assert (await anna.ask("/start")).startswith("Welcome back, Anna!")


async def test_a_start_while_the_bot_was_away_is_answered_when_it_comes_back(
    configure: Configure, person: Any
) -> None:
    anna, boris = Talk(await person("Anna")), Talk(await person("Boris"))
    async with open_bot(configure(), serve=True):
        await anna.ask("/start")
    await anna.say("/start")
    await boris.say("/start promo")
    async with open_bot(configure(), serve=True) as bot:
        assert (await anna.hears()).startswith("Welcome back, Anna!")
        assert (await boris.hears()).startswith("Hello, Boris!")
        user = bot.users.get(boris.id)
        assert user is not None
        assert user.first_payload == "promo"
        assert await anna.said_nothing_before()
        assert await boris.said_nothing_before()


async def test_who_blocks_and_comes_back_is_reachable_again(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    await until(lambda: access(bot, anna) is Access.BLOCKED)
    await anna.client(functions.contacts.UnblockRequest(anna.chat))
    assert (await anna.ask("/start")).startswith("Welcome back, Anna!")
    assert access(bot, anna) is Access.REACHABLE


def access(bot: Bot, talk: Talk) -> Access:
    user = bot.users.get(talk.id)
    return user.verdict(bot.client.server_time()).access if user else Access.UNKNOWN


async def test_a_min_user_is_answered_and_overwrites_nothing(bot: Bot, person: Any, sandbox: Sandbox) -> None:
    anna = Talk(await person("Anna", "Schmidt"))
    await anna.client(functions.account.UpdateUsernameRequest("anna_s"))
    await anna.ask("/start")
    known = bot.client.session.access_hash(anna.id)
    sandbox.world.profiles.announced = False
    sandbox.world.set_name(anna.id, "Mini", "")
    sandbox.world.view.shown_min.add(anna.id)
    assert (await anna.ask("/start")).startswith("Welcome back, Anna!")
    user = bot.users.get(anna.id)
    assert user is not None
    assert (user.first_name, user.last_name, user.usernames) == ("Anna", "Schmidt", ("anna_s",))
    assert bot.client.session.access_hash(anna.id) == known


async def test_who_comes_as_min_or_not_at_all_from_the_first_is_answered(
    bot: Bot, person: Any, sandbox: Sandbox
) -> None:
    mini, gone = Talk(await person("Mini")), Talk(await person("Gone"))
    sandbox.world.view.shown_min.add(mini.id)
    sandbox.world.view.left_out.add(gone.id)
    assert (await mini.ask("/start")).startswith("Hello! ")
    assert (await gone.ask("/start")).startswith("Hello! ")
    assert access(bot, mini) is access(bot, gone) is Access.REACHABLE


@pytest.mark.parametrize("known", [True, False])
async def test_another_bot_is_never_answered(
    bot: Bot, account: Account, person: Any, plain_bot: Any, sandbox: Sandbox, known: bool
) -> None:
    other = sandbox.new_bot("other_bot")
    if not known:
        sandbox.world.view.shown_min.add(other.id)
    accounts = sandbox.world.accounts
    for one in (other.id, account.id):
        profile = accounts[one].profile
        assert profile is not None
        profile.talks_to_bots = True
    robot = await plain_bot(other.token)
    for text in ("hello", "/start", "/help", "/language", "/privacy", "/forget", "/start"):
        await robot.send_message("the_bot", text)
    await until(lambda: bot.users.last_finished(other.id) >= 7)
    assert sandbox.calls["messages.sendMessage"] == 7  # Those of the other bot: none is even tried.
