"""What a plugin of plain Telethon handlers gets in the running bot: every kind of event, in order."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import Any

import pytest
from telethon.tl import functions

from tests.pictures import jpeg
from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import PATIENCE, Talk, now_reads, press, until
from tgbot.app import Bot
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

PLUGIN = """
from telethon import Button, events
from telethon.tl import types

log = []

def register(client):
    @client.on(events.Raw)
    async def raw(update):
        log.append(f"raw {type(update).__name__}")

    @client.on(events.Raw(types.UpdateBotStopped))
    async def stopped(update):
        log.append(f"stopped {update.stopped}")

    @client.on(events.NewMessage(incoming=True))
    async def first(event):
        log.append(f"first {event.raw_text}")

    @client.on(events.NewMessage(incoming=True, pattern="^stop"))
    async def stop(event):
        await event.respond("stopped here")
        raise events.StopPropagation

    @client.on(events.NewMessage(incoming=True))
    async def last(event):
        log.append(f"last {event.raw_text}")

    @client.on(events.NewMessage(pattern="^/buttons$"))
    async def buttons(event):
        choices = [Button.inline("this", b"this"), Button.inline("that", b"that")]
        await event.respond("which?", buttons=choices)

    @client.on(events.CallbackQuery(data=b"this"))
    async def pressed(event):
        await event.answer("noted")
        await event.edit("this it is")

    @client.on(events.InlineQuery(pattern="^cats"))
    async def asked(event):
        await event.answer([event.builder.article("A cat", text="meow")], cache_time=0)

    @client.on(events.Album)
    async def album(event):
        await event.respond(f"album of {len(event)}: {event.text}")

    @client.on(events.ChatAction)
    async def action(event):
        if event.user_added or event.created:
            await event.respond("thanks for having me")

    @client.on(events.MessageEdited(incoming=True))
    async def edited(event):
        await event.respond(f"now it is {event.raw_text}")

    @client.on(events.MessageDeleted)
    async def deleted(event):
        log.append("deleted")
"""
PICTURE = jpeg()


@pytest.fixture
async def bot(start_bot: StartBot, monkeypatch: pytest.MonkeyPatch) -> Bot:
    plugin = ModuleType("everything")
    exec(PLUGIN, vars(plugin))
    monkeypatch.setitem(sys.modules, "everything", plugin)
    return await start_bot(plugins=["everything"])


@pytest.fixture
async def anna(bot: Bot, person: Any) -> Talk:
    """A person who has started the bot."""
    talk = Talk(await person("Anna"))
    assert (await talk.ask("/start")).startswith("Hello, Anna!")
    return talk


def log_of() -> list[str]:
    """Return what the plugin wrote down."""
    log: list[str] = sys.modules["everything"].log
    return log


async def now_reads_so(talk: Talk, message: Any, text: str) -> None:
    """Return once a message of the bot reads so; fail after a while."""
    async with asyncio.timeout(PATIENCE):
        while (await now_reads(talk, message)).raw_text != text:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)


async def test_handlers_are_called_in_the_order_of_their_registration_raw_ones_too(
    bot: Bot, anna: Talk
) -> None:
    before = len(log_of())
    assert await anna.ask("/buttons") == "which?"
    assert log_of()[before:] == ["raw UpdateNewMessage", "first /buttons", "last /buttons"]


async def test_stop_propagation_keeps_the_handlers_behind_it_out(bot: Bot, anna: Talk) -> None:
    assert await anna.ask("stop it") == "stopped here"
    assert await anna.said_nothing_before()
    assert "first stop it" in log_of()
    assert "last stop it" not in log_of()


async def test_a_press_comes_to_the_handler_with_its_data_and_is_answered(anna: Talk) -> None:
    await anna.say("/buttons")
    asked = await anna.hears_message()
    assert (await press(anna, asked, "this")).message == "noted"
    await now_reads_so(anna, asked, "this it is")


async def test_a_press_that_no_handler_wants_ends_the_wait_of_the_app(anna: Talk) -> None:
    await anna.say("/buttons")
    assert (await press(anna, await anna.hears_message(), "that")).message is None


async def test_an_inline_query_is_answered(sandbox: Sandbox, account: Account, anna: Talk) -> None:
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None
    profile.inline = "Search"
    (article,) = await anna.client.inline_query("the_bot", "cats please")
    assert article.title == "A cat"


async def test_an_album_comes_once_and_its_messages_come_as_well(bot: Bot, anna: Talk) -> None:
    await anna.client.send_file(anna.chat, [PICTURE, PICTURE], caption=["two", "cats"])
    assert await anna.hears() == "album of 2: two"
    assert [line for line in log_of() if line in ("first two", "first cats")] == ["first two", "first cats"]


async def test_the_bot_hears_that_it_was_added_to_a_group(anna: Talk) -> None:
    made = await anna.client(functions.messages.CreateChatRequest(["the_bot"], "Friends"))
    group = Talk(anna.client, made.updates.chats[0].id)
    assert await group.hears() == "thanks for having me"


async def test_edits_and_deletions_of_messages_come(bot: Bot, anna: Talk) -> None:
    sent = await anna.say("a cat")
    await sent.edit("a dog")
    assert await anna.hears() == "now it is a dog"
    await anna.client.delete_messages(anna.chat, [sent.id])
    await until(lambda: "deleted" in log_of())


async def test_a_raw_handler_gets_what_no_event_is_for(bot: Bot, anna: Talk) -> None:
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    await until(lambda: "stopped True" in log_of())
    assert "raw UpdateBotStopped" in log_of()


async def test_a_conversation_takes_the_answers_of_its_chat(bot: Bot, anna: Talk) -> None:
    async with bot.client.conversation(anna.id, timeout=10) as conversation:
        asking = asyncio.create_task(conversation.send_message("who are you?"))
        assert await anna.hears() == "who are you?"
        await asking
        await anna.say("Anna")
        assert (await conversation.get_response()).raw_text == "Anna"
