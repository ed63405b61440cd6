"""A private dialog from end to end: before it begins, after the start, stopped, and started again."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions

from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot, open_bot
from tgbot.core.access import Access
from tgbot.sandbox.server import Sandbox


async def test_before_the_user_begins_nothing_can_be_sent(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.client(functions.account.UpdateUsernameRequest("anna_s"))
    found = await bot.peers.resolve("@anna_s")
    with pytest.raises(errors.PeerIdInvalidError):
        await bot.sender.send(found, "news")
    assert (await bot.sender.can_write(found)).access is Access.NOT_ALLOWED
    assert (await anna.ask("/start")).startswith("Hello, Anna!")  # The first thing she hears.


async def test_once_begun_the_bot_may_write_at_any_time(
    configure: Configure, person: Any, sandbox: Sandbox
) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        await anna.ask("/start")
    await anna.client.disconnect()
    sandbox.faults.set_clock(40 * 24 * 60 * 60)
    # Plain Telethon takes a server's clock with a new login only.
    anna = Talk(await person(phone=sandbox.world.accounts[anna.id].phone))
    async with open_bot(configure(), serve=True) as bot:
        for words in ("news", "more news"):
            await bot.sender.send(anna.id, words)
            assert await anna.hears() == words


async def test_stopped_the_bot_cannot_write_until_the_user_comes_back(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    with pytest.raises(errors.UserIsBlockedError):
        await bot.sender.send(anna.id, "news")
    assert (await bot.sender.can_write(anna.id)).access is Access.BLOCKED
    await anna.client(functions.contacts.UnblockRequest(anna.chat))
    assert (await anna.ask("/start")).startswith("Welcome back, Anna!")
    await until(lambda: known(bot, anna).verdict(bot.client.server_time()).access is Access.REACHABLE)
    await bot.sender.send(anna.id, "news")
    assert await anna.hears() == "news"


async def test_the_dialog_is_in_the_users_list_of_chats(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    assert [dialog async for dialog in anna.client.iter_dialogs() if dialog.id == bot.client.me.id] == []
    await anna.ask("/start")
    (dialog,) = [dialog async for dialog in anna.client.iter_dialogs() if dialog.id == bot.client.me.id]
    assert dialog.message.raw_text.startswith("Hello, Anna!")


async def test_users_without_last_name_and_username_are_told_apart_by_id(bot: Bot, person: Any) -> None:
    one, other = Talk(await person("Anna")), Talk(await person("Anna"))
    assert (await one.ask("/start first")).startswith("Hello, Anna!")
    assert (await other.ask("/start second")).startswith("Hello, Anna!")
    assert [known(bot, talk).first_payload for talk in (one, other)] == ["first", "second"]
    assert (known(bot, one).last_name, known(bot, one).usernames) == ("", ())


def known(bot: Bot, talk: Talk) -> Any:
    user = bot.users.get(talk.id)
    assert user is not None
    return user
