"""Pinned messages in private chats, groups and channels."""

from __future__ import annotations

from typing import Any

from telethon.tl import types
from telethon.tl.functions import channels, messages, updates, users

from tests.sandbox.methods.direct import Client, refused


def pinned_by(answer: Any) -> list[tuple[list[int], bool]]:
    kind = types.UpdatePinnedMessages
    return [(one.messages, bool(one.pinned)) for one in answer.updates if isinstance(one, kind)]


def test_a_message_is_pinned_for_both_and_a_service_message_says_so(ann: Client, bot: Client) -> None:
    ann.send(bot, "look")
    answer = bot(messages.UpdatePinnedMessageRequest(bot.peer(ann), 1))
    assert pinned_by(answer) == [([1], True)]
    [service] = [one.message for one in answer.updates if hasattr(one, "message")]
    assert isinstance(service.action, types.MessageActionPinMessage)
    assert service.reply_to.reply_to_msg_id == 1
    found = ann.difference(pts=2)
    assert [(one.messages, one.pinned) for one in found.other_updates if hasattr(one, "pinned")] == [
        ([1], True)
    ]
    assert ann(messages.GetMessagesRequest([types.InputMessageID(1)])).messages[0].pinned
    with refused("CHAT_NOT_MODIFIED"):
        bot(messages.UpdatePinnedMessageRequest(bot.peer(ann), 1))
    answer = bot(messages.UpdatePinnedMessageRequest(bot.peer(ann), 1, unpin=True))
    assert pinned_by(answer) == [([1], False)]
    assert not ann(messages.GetMessagesRequest([types.InputMessageID(1)])).messages[0].pinned


def test_all_messages_of_a_chat_are_unpinned(ann: Client, bot: Client) -> None:
    for number in (1, 2, 3):
        ann.send(bot, str(number))
    for number in (1, 3):
        bot(messages.UpdatePinnedMessageRequest(bot.peer(ann), number, pm_oneside=True))
    answer = bot(messages.UnpinAllMessagesRequest(bot.peer(ann)))
    assert answer.pts_count == 2
    found = bot.difference(pts=answer.pts - 2)
    assert [(one.messages, one.pinned) for one in found.other_updates] == [([1, 3], None)]
    with refused("MESSAGE_ID_INVALID"):
        bot(messages.UpdatePinnedMessageRequest(bot.peer(ann), 99))


def test_in_a_group_the_right_to_pin_is_needed(ann: Client, bot: Client) -> None:
    made = ann(messages.CreateChatRequest([ann.user(bot)], "Group"))
    group = types.InputPeerChat(made.updates.chats[0].id)
    sent = ann(messages.SendMessageRequest(group, "look", random_id=9))
    number = next(one.message.id for one in sent.updates if hasattr(one, "message"))
    with refused("CHAT_ADMIN_REQUIRED"):
        bot(messages.UpdatePinnedMessageRequest(group, 1))
    assert pinned_by(ann(messages.UpdatePinnedMessageRequest(group, number))) == [([number], True)]


def test_what_one_side_pins_for_itself_the_other_does_not_see(ann: Client, bot: Client) -> None:
    ann.send(bot, "look")
    ann(messages.UpdatePinnedMessageRequest(ann.peer(bot), 1, pm_oneside=True))
    asked = messages.GetMessagesRequest([types.InputMessageID(1)])
    assert [bool(one(asked).messages[0].pinned) for one in (ann, bot)] == [True, False]
    assert ann(users.GetFullUserRequest(ann.user(bot))).full_user.pinned_msg_id == 1
    bot(messages.UpdatePinnedMessageRequest(bot.peer(ann), 1))
    assert [bool(one(asked).messages[0].pinned) for one in (ann, bot)] == [True, True]
    assert [update.messages for update in ann.difference(pts=3).other_updates] == []


def test_a_channel_tells_its_members_live_and_in_a_difference(ann: Client, bot: Client, world: Any) -> None:
    chat = world.new_channel("News", creator=ann.id)
    world.groups.promote(chat, world.accounts[bot.id], types.ChatAdminRights(post_messages=True), by=ann.id)
    passed: list[Any] = []
    world.subscribe(lambda _: None, lambda account, entry: passed.append((account, entry.update)))
    for text in ("one", "two"):
        world.send_as(ann.id, chat.marked, text)
    peers = {
        one.id: types.InputPeerChannel(chat.id, world.accounts.access_hash(one.id, chat.id, kind=b"channel"))
        for one in (ann, bot)
    }
    one, two = chat.box.history(chat.marked)[-2:]
    with refused("CHAT_ADMIN_REQUIRED"):
        bot(messages.UpdatePinnedMessageRequest(peers[bot.id], one))
    since = chat.log.pts
    answer = ann(messages.UpdatePinnedMessageRequest(peers[ann.id], one, silent=True))
    kinds = [type(update) for update in answer.updates]
    assert kinds == [types.UpdatePinnedChannelMessages, types.UpdateNewChannelMessage]
    assert [(each.pts, each.pts_count) for each in answer.updates] == [(since + 1, 1), (since + 2, 1)]
    assert answer.updates[1].message.silent
    assert [type(update) for account, update in passed if account == bot.id][-2:] == kinds
    ask = updates.GetChannelDifferenceRequest(peers[bot.id], types.ChannelMessagesFilterEmpty(), since, 100)
    difference = bot(ask)
    assert [each.messages for each in difference.other_updates] == [[one]]
    assert isinstance(difference.new_messages[0].action, types.MessageActionPinMessage)
    rights = types.ChatAdminRights(edit_messages=True)
    world.groups.promote(chat, world.accounts[bot.id], rights, by=ann.id)
    bot(messages.UpdatePinnedMessageRequest(peers[bot.id], two))
    full = ann(channels.GetFullChannelRequest(peers[ann.id])).full_chat
    assert full.pinned_msg_id == two
    affected = bot(messages.UnpinAllMessagesRequest(peers[bot.id]))
    assert (affected.pts, affected.pts_count) == (chat.log.pts, 2)
    assert not any(copy.pinned for copy in chat.box)
