"""A dialog between a user and a bot over the wire, both on plain Telethon."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import Button, TelegramClient, errors, events
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.server import Sandbox


class Seen:
    """The events that the handlers of a client get, and a way to wait for them."""

    def __init__(self, client: TelegramClient, *builders: Any) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        for builder in builders:
            client.add_event_handler(self._put, builder)

    async def _put(self, event: Any) -> None:
        self._queue.put_nowait(event)

    async def next(self) -> Any:
        return await asyncio.wait_for(self._queue.get(), PATIENCE)


async def test_a_start_with_a_payload_reaches_the_bot_and_its_answer_the_user(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    token = sandbox.new_bot("hello_bot").token
    bot, ann = await plain_bot(token), await person("Ann")
    at_bot, at_ann = Seen(bot, events.NewMessage()), Seen(ann, events.NewMessage(incoming=True))
    await ann(functions.messages.StartBotRequest("hello_bot", "hello_bot", "ref_1"))
    event = await at_bot.next()
    assert event.raw_text == "/start ref_1"
    assert [type(entity) for entity in event.message.entities] == [types.MessageEntityBotCommand]
    assert (await event.get_sender()).first_name == "Ann"
    await event.reply("Hello **Ann**")
    answer = await at_ann.next()
    assert (answer.raw_text, answer.text) == ("Hello Ann", "Hello **Ann**")
    assert (await answer.get_reply_message()).raw_text == "/start"  # users do not see the payload


async def test_a_pressed_button_waits_for_the_bots_answer(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("press_bot").token), await person()
    at_bot, at_ann = Seen(bot, events.NewMessage()), Seen(ann, events.NewMessage(incoming=True))
    presses = Seen(bot, events.CallbackQuery())
    await ann.send_message("press_bot", "hi")
    await (await at_bot.next()).respond("Which?", buttons=[Button.inline("Russian", b"ru")])
    message = (await at_ann.next()).message
    pressed = asyncio.create_task(message.click(data=b"ru"))
    press = await presses.next()
    assert press.data == b"ru"
    await press.answer("As you like", alert=True)
    answer = await pressed
    assert (answer.message, answer.alert) == ("As you like", True)
    await press.edit("Russian it is")
    edited = await ann.get_messages("press_bot", ids=message.id)
    assert (edited.raw_text, edited.reply_markup) == ("Russian it is", None)


async def test_a_block_is_told_and_refuses_the_bot_until_it_is_lifted(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("block_bot").token), await person()
    at_bot, stops = Seen(bot, events.NewMessage()), Seen(bot, events.Raw(types.UpdateBotStopped))
    await ann.send_message("block_bot", "/start")
    user = await (await at_bot.next()).get_input_sender()
    await ann(functions.contacts.BlockRequest("block_bot"))
    assert (await stops.next()).stopped
    with pytest.raises(errors.UserIsBlockedError):
        await bot(functions.messages.SetTypingRequest(user, types.SendMessageTypingAction()))
    with pytest.raises(errors.YouBlockedUserError):
        await ann.send_message("block_bot", "are you there?")
    await ann(functions.contacts.UnblockRequest("block_bot"))
    assert not (await stops.next()).stopped
    typing = Seen(ann, events.UserUpdate())
    assert await bot(functions.messages.SetTypingRequest(user, types.SendMessageTypingAction()))
    assert (await typing.next()).typing


async def test_an_edit_and_a_deletion_arrive(sandbox: Sandbox, person: Person, plain_bot: PlainBot) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("edit_bot").token), await person()
    at_bot = Seen(bot, events.NewMessage(), events.MessageEdited(), events.MessageDeleted())
    sent = await ann.send_message("edit_bot", "frist")
    first = await at_bot.next()
    await sent.edit("first")
    edited = await at_bot.next()
    assert (type(edited), edited.raw_text) == (events.MessageEdited.Event, "first")
    await sent.delete()
    deleted = await at_bot.next()
    assert deleted.deleted_ids == [first.id]


async def test_messages_of_a_downtime_are_in_the_difference(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    token = sandbox.new_bot("away_bot").token
    bot, ann = await plain_bot(token), await person()
    state = await bot(functions.updates.GetStateRequest())
    await bot.disconnect()
    for number in range(3):
        await ann.send_message("away_bot", f"message {number}")
    back = await plain_bot(token)
    request = functions.updates.GetDifferenceRequest(state.pts, state.date, state.qts)
    difference = await back(request)
    assert [message.message for message in difference.new_messages] == ["message 0", "message 1", "message 2"]
    assert difference.state.pts == state.pts + 3


async def test_a_photo_that_is_sent_can_be_fetched(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("photo_bot").token), await person()
    at_bot = Seen(bot, events.NewMessage())
    await ann.send_file("photo_bot", b"not really a document" * 1000, caption="look")
    event = await at_bot.next()
    assert event.raw_text == "look"
    assert await event.download_media(bytes) == b"not really a document" * 1000


async def test_histories_and_dialogs_are_there_for_users(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("past_bot").token), await person()
    for number in range(5):
        await ann.send_message("past_bot", f"{number}")
    assert [message.raw_text for message in await ann.get_messages("past_bot", limit=3)] == ["4", "3", "2"]
    past = await ann.get_messages("past_bot", limit=None, reverse=True)
    assert [message.raw_text for message in past] == ["0", "1", "2", "3", "4"]
    assert [dialog.entity.username for dialog in await ann.get_dialogs()] == ["past_bot"]
    with pytest.raises(errors.BotMethodInvalidError):
        await bot.get_dialogs()


async def test_nothing_of_the_world_is_lost_in_a_restart(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("stay_bot").token), await person("Ann")
    at_bot = Seen(bot, events.NewMessage())
    await ann.send_message("stay_bot", "before")
    await at_bot.next()
    await sandbox.restart()
    await ann.send_message("stay_bot", "after")
    assert [message.raw_text for message in await ann.get_messages("stay_bot")] == ["after"]
    assert (await ann.get_me()).first_name == "Ann"


async def test_a_bot_is_added_to_a_supergroup_started_there_and_answers(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("club_bot").token), await person("Ann")
    at_bot, at_ann = Seen(bot, events.NewMessage()), Seen(ann, events.NewMessage(incoming=True))
    created = await ann(functions.channels.CreateChannelRequest("Club", "", megagroup=True))
    club = created.chats[0]
    await ann(functions.messages.StartBotRequest("club_bot", club, "ref"))
    start = await at_bot.next()
    assert (start.raw_text, start.is_group, start.chat.title) == ("/start@club_bot ref", True, "Club")
    await start.reply("Hello, all")
    answer = await at_ann.next()
    assert answer.raw_text == "Hello, all"
    assert (await answer.get_reply_message()).raw_text == "/start@club_bot"
    await ann.send_message(club, "/again@club_bot")
    assert (await at_bot.next()).raw_text == "/again@club_bot"
    assert [message.raw_text for message in await ann.get_messages(club, limit=2)] == [
        "/again@club_bot",
        "Hello, all",
    ]


async def test_a_request_to_join_reaches_the_bot_which_lets_the_person_in(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann, ben = (
        await plain_bot(sandbox.new_bot("door_bot").token),
        await person("Ann"),
        await person("Ben"),
    )
    asked = Seen(bot, events.Raw(types.UpdateBotChatInviteRequester))
    at_ben, let_in = Seen(ben, events.NewMessage(incoming=True)), Seen(ben, events.Raw(types.UpdateChannel))
    club = (await ann(functions.channels.CreateChannelRequest("Club", "", megagroup=True))).chats[0]
    rights = types.ChatAdminRights(invite_users=True)
    await ann(functions.channels.EditAdminRequest(club, "door_bot", rights, ""))
    invite = await ann(functions.messages.ExportChatInviteRequest(club, request_needed=True))
    with pytest.raises(errors.InviteRequestSentError):
        await ben(functions.messages.ImportChatInviteRequest(invite.link.rpartition("+")[2]))
    request = await asked.next()
    await bot.send_message(request.user_id, "Welcome to Club")
    assert (await at_ben.next()).raw_text == "Welcome to Club"
    await bot(functions.messages.HideChatJoinRequestRequest(request.peer, request.user_id, approved=True))
    await let_in.next()
    await ben.send_message(await ben.get_entity(types.PeerChannel(club.id)), "I am in")
    assert [message.raw_text for message in await ann.get_messages(club, limit=1)] == ["I am in"]
