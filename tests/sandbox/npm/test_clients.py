"""mtcute (layer 227) and GramJS (layer 198) run bots on the sandbox and talk to a plain Telethon user."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from telethon import events
from telethon.tl import functions, types

from tgbot.sandbox.server import Sandbox

from ..conftest import Person
from .conftest import Bot

pytestmark = pytest.mark.npm

Next = Callable[[type], Any]


def inbox(client: Any) -> Next:
    """Return a function: `await inbox(client)(types.UpdateNewMessage)` waits for the next such update."""
    updates: asyncio.Queue[Any] = asyncio.Queue()
    client.add_event_handler(updates.put, events.Raw)

    async def following(kind: type) -> Any:
        async with asyncio.timeout(20):
            while not isinstance(update := await updates.get(), kind):
                pass
        return update

    return following


async def test_an_npm_bot_answers_a_start_with_its_payload(bot: Bot, person: Person) -> None:
    ann = await person("Анна", "Ли")
    await ann(functions.account.UpdateUsernameRequest("ann_lee"))
    following = inbox(ann)
    await ann.send_message("npm_bot", "/start from-a-link")
    heard = await bot.next("message")
    me = await ann.get_me()
    assert (heard["text"], heard["from"], heard["username"]) == ("/start from-a-link", me.id, "ann_lee")
    assert heard["name"].startswith("Анна")
    assert (await following(types.UpdateNewMessage)).message.message == "welcome from-a-link"
    for text in ("hello", "привет, 𝕊 😀" * 40):
        await ann.send_message("npm_bot", text)
        assert (await bot.next("message"))["text"] == text
        assert (await following(types.UpdateNewMessage)).message.message == f"you said: {text}"


async def test_an_npm_bot_edits_deletes_and_hears_its_buttons(bot: Bot, person: Person) -> None:
    ann = await person()
    following = inbox(ann)
    await ann.send_message("npm_bot", "/edit")
    sent = (await following(types.UpdateNewMessage)).message
    edited = (await following(types.UpdateEditMessage)).message
    assert (sent.message, edited.message, edited.id) == ("first", "second", sent.id)
    await ann.send_message("npm_bot", "/delete")
    gone = (await following(types.UpdateNewMessage)).message
    assert (await following(types.UpdateDeleteMessages)).messages == [gone.id]
    await ann.send_message("npm_bot", "/keyboard")
    choice = (await following(types.UpdateNewMessage)).message
    button = choice.reply_markup.rows[0].buttons[0]
    assert (button.text, button.type) == ("press me", types.InlineButtonTypeCallback(b"data-1", False))
    press = functions.messages.GetBotCallbackAnswerRequest("npm_bot", choice.id, data=b"data-1")
    answer = await ann(press)
    assert answer.message == "pressed"
    assert (await bot.next("press"))["data"] == "data-1"


async def test_an_npm_bot_sees_users_and_errors_as_telegram_tells_them(bot: Bot, person: Person) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    await ben(functions.account.UpdateUsernameRequest("ben_one"))
    following = inbox(ann)

    async def ask(text: str) -> str:
        await ann.send_message("npm_bot", text)
        return str((await following(types.UpdateNewMessage)).message.message)

    me = await ben.get_me()
    assert json.loads(await ask("/whois ben_one")) == {"id": me.id, "name": "Ben", "bot": False}
    assert await ask("/poke ben_one") == "PEER_ID_INVALID", "Ben has not started the bot"
    await ben.send_message("npm_bot", "/start")
    assert (await bot.next("message"))["text"].startswith("/whois")
    assert await ask("/poke ben_one") == "poked"
    await ben(functions.contacts.BlockRequest("npm_bot"))
    assert await ask("/poke ben_one") == "USER_IS_BLOCKED"


@pytest.mark.parametrize("bot", ["mtcute"], indirect=True)  # GramJS never requests a difference
async def test_mtcute_hears_after_a_cut_what_was_sent_meanwhile(
    bot: Bot, person: Person, sandbox: Sandbox
) -> None:
    ann = await person()
    following = inbox(ann)
    await ann.send_message("npm_bot", "/start")
    await following(types.UpdateNewMessage)
    bot_id = (await ann.get_input_entity("npm_bot")).user_id
    me = await ann.get_me()
    await sandbox.command("drop")
    sandbox.world.send_as(me.id, bot_id, "while you were away")
    assert (await bot.next("message"))["text"] == "/start"
    assert (await bot.next("message"))["text"] == "while you were away"
    sandbox.world.send_as(me.id, bot_id, "and now")
    assert (await bot.next("message"))["text"] == "and now"
