"""What people and bots say, over the wire: reactions, inline mode, schedules, pins, drafts that stream."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from telethon import Button, errors, events
from telethon.tl import functions, types

from tests.sandbox.conftest import Person, PlainBot
from tests.sandbox.test_conversation import Seen
from tgbot.sandbox.server import Sandbox


async def test_a_reaction_reaches_the_bot_live_and_in_a_difference_and_the_person_sees_its_own(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("react_bot").token), await person("Ann")
    at_bot, told = Seen(bot, events.NewMessage()), Seen(bot, events.Raw(types.UpdateBotMessageReaction))
    at_ann = Seen(ann, events.Raw(types.UpdateMessageReactions))
    sent = await ann.send_message("react_bot", "hi")
    state = await bot(functions.updates.GetStateRequest())
    heart, fire = [types.ReactionEmoji("❤")], [types.ReactionEmoji("🔥")]
    message = (await at_bot.next()).message
    peer = await message.get_input_chat()
    await bot(functions.messages.SendReactionRequest(peer, message.id, reaction=fire))
    assert (await at_ann.next()).reactions.results[0].reaction == fire[0]
    await ann(functions.messages.SendReactionRequest("react_bot", sent.id, reaction=heart))
    live = await told.next()
    assert (live.actor.user_id, live.new_reactions) == ((await ann.get_me()).id, heart)
    difference = await bot(functions.updates.GetDifferenceRequest(state.pts, state.date, state.qts))
    [same] = difference.other_updates
    assert (same.qts, same.new_reactions) == (live.qts, heart)
    assert difference.users
    [again] = await ann.get_messages("react_bot", limit=1)
    assert {one.reaction.emoticon: one.count for one in again.reactions.results} == {"❤": 1, "🔥": 1}
    with pytest.raises(errors.ReactionInvalidError):
        await ann(
            functions.messages.SendReactionRequest("react_bot", sent.id, reaction=[types.ReactionEmoji("x")])
        )


async def test_a_person_sends_a_result_of_a_bot_which_edits_it_and_answers_its_button(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    token = sandbox.new_bot("find_bot").token
    profile = sandbox.world.accounts[int(token.partition(":")[0])].profile
    assert profile is not None
    profile.inline, profile.inline_feedback = "Search", True
    bot, ann, ben = await plain_bot(token), await person("Ann"), await person("Ben")
    ben_id = (await ben.get_me()).id
    sandbox.world.set_usernames(ben_id, "ben_here")
    presses, chosen = Seen(bot, events.CallbackQuery()), Seen(bot, events.Raw(types.UpdateBotInlineSend))
    at_ben, edits = Seen(ben, events.NewMessage(incoming=True)), Seen(ben, events.MessageEdited())

    async def answer(event: Any) -> None:
        button = [Button.inline("More", b"more")]
        result = event.builder.article(f"About {event.text}", text=f"**{event.text}**", buttons=button)
        await event.answer([result], cache_time=0)

    bot.add_event_handler(answer, events.InlineQuery())
    [result] = await ann.inline_query("find_bot", "cats")
    assert result.title == "About cats"
    await result.click("ben_here")
    message = (await at_ben.next()).message
    assert (message.text, message.via_bot_id) == ("**cats**", (await bot.get_me()).id)
    assert isinstance((await chosen.next()).msg_id, types.InputBotInlineMessageID64)
    pressed = asyncio.create_task(message.click(data=b"more"))
    press = await presses.next()
    assert press.via_inline
    await press.answer("done")
    assert (await pressed).message == "done"
    await press.edit("all about cats")
    assert (await edits.next()).raw_text == "all about cats"


async def test_a_scheduled_message_is_sent_by_the_clock_of_the_server(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("late_bot").token), await person("Ann")
    at_bot, gone = Seen(bot, events.NewMessage()), Seen(ann, events.Raw(types.UpdateDeleteScheduledMessages))
    await ann.send_message("late_bot", "now")
    user = await (await at_bot.next()).get_input_sender()
    sent = await ann.send_message("late_bot", "later", schedule=timedelta(seconds=25))
    waiting = await ann.get_messages("late_bot", scheduled=True)
    assert [(one.id, one.raw_text) for one in waiting] == [(sent.id, "later")]
    sandbox.faults.set_clock(26)
    assert (await at_bot.next()).raw_text == "later"
    update = await gone.next()
    assert (update.messages, len(update.sent_messages)) == ([sent.id], 1)
    with pytest.raises(errors.ScheduleBotNotAllowedError):
        await bot.send_message(user, "later", schedule=timedelta(days=1))


async def test_a_pin_in_a_supergroup_reaches_its_members_live_and_in_a_difference(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("pin_bot").token), await person("Ann")
    pins = Seen(ann, events.Raw(types.UpdatePinnedChannelMessages))
    services = Seen(ann, events.ChatAction(func=lambda event: event.new_pin))
    at_bot = Seen(bot, events.NewMessage())
    club = (await ann(functions.channels.CreateChannelRequest("Club", "", megagroup=True))).chats[0]
    rights = types.ChatAdminRights(pin_messages=True)
    await ann(functions.channels.EditAdminRequest(club, "pin_bot", rights, ""))
    await ann.send_message(club, "look")
    event = await at_bot.next()
    since = (await ann(functions.channels.GetFullChannelRequest(club))).full_chat.pts
    await bot.pin_message(event.chat_id, event.message, notify=True)
    assert (await pins.next()).messages == [event.id]
    assert (await services.next()).action_message.reply_to.reply_to_msg_id == event.id
    found = await ann(
        functions.updates.GetChannelDifferenceRequest(club, types.ChannelMessagesFilterEmpty(), since, 100)
    )
    assert [one.messages for one in found.other_updates] == [[event.id]]
    pinned = [message async for message in ann.iter_messages(club, filter=types.InputMessagesFilterPinned())]
    assert [message.id for message in pinned] == [event.id]
    await bot.unpin_message(event.chat_id)
    assert not (await pins.next()).pinned


async def test_a_bot_streams_a_draft_until_the_person_stops_it(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot, ann = await plain_bot(sandbox.new_bot("draft_bot").token), await person("Ann")
    at_bot, stops = Seen(bot, events.NewMessage()), Seen(bot, events.Raw(types.UpdateUserTyping))
    drafts = Seen(ann, events.Raw(types.UpdateUserTyping))
    await ann.send_message("draft_bot", "tell me")
    user = await (await at_bot.next()).get_input_sender()
    for text in ("Once", "Once upon a time"):
        value = types.TextWithEntities(text, [])
        action = types.SendMessageTextDraftAction(value, can_stop=True, random_id=77)
        await bot(functions.messages.SetTypingRequest(user, action))
        assert (await drafts.next()).action.text.text == text
    await ann(
        functions.messages.SetTypingRequest("draft_bot", types.SendMessageStopDraftAction(random_id=77))
    )
    assert (await stops.next()).action.random_id == 77


async def test_the_other_device_of_a_person_hears_what_the_first_one_did(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    await plain_bot(sandbox.new_bot("two_bot").token)
    phone = sandbox.new_phone()
    first = await person("Ann", phone=phone)
    sent = await first.send_message("two_bot", "hi")
    second = await person(phone=phone)
    kinds = (types.UpdateDraftMessage, types.UpdateMessageReactions, types.UpdateNewScheduledMessage)
    here, there = Seen(first, events.Raw(kinds)), Seen(second, events.Raw(kinds))
    await first(functions.messages.SaveDraftRequest("two_bot", "not yet"))
    assert (await there.next()).draft.message == "not yet"
    thumb = [types.ReactionEmoji("👍")]
    await first(functions.messages.SendReactionRequest("two_bot", sent.id, reaction=thumb))
    assert (await there.next()).reactions.results[0].chosen_order == 0
    await first.send_message("two_bot", "later", schedule=timedelta(days=1))
    assert (await there.next()).message.message == "later"
    # What the second device does now is the first thing that the first one hears.
    await second(functions.messages.SaveDraftRequest("two_bot", "from the second"))
    assert (await here.next()).draft.message == "from the second"
