"""Pinned messages in private chats and groups."""

from __future__ import annotations

from typing import Any

from telethon.tl import types
from telethon.tl.functions import messages

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
