"""Drafts of people, drafts that bots stream, quotes and effects."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages

from tests.sandbox.methods.direct import TYPING, Client, refused
from tgbot.sandbox.world import World


@pytest.fixture
def told(world: World) -> list[tuple[int, Any]]:
    """What passes by no log: (account, update)."""
    found: list[tuple[int, Any]] = []
    world.subscribe(lambda _: None, lambda account, entry: found.append((account, entry.update)))
    return found


def test_a_draft_is_on_all_devices_until_it_is_sent(
    ann: Client, bot: Client, told: list[tuple[int, Any]]
) -> None:
    ann.send(bot)
    peer = ann.peer(bot)
    ann(messages.SaveDraftRequest(peer, "not yet", reply_to=types.InputReplyToMessage(1)))
    [(account, update)] = told
    assert (account, update.peer.user_id, update.draft.message) == (ann.id, bot.id, "not yet")
    [again] = ann(messages.GetAllDraftsRequest()).updates
    assert again.draft.reply_to.reply_to_msg_id == 1
    asked = messages.GetPeerDialogsRequest([types.InputDialogPeer(peer)])
    assert ann(asked).dialogs[0].draft.message == "not yet"
    ann.send(bot, "kept", random_id=2)
    assert ann(asked).dialogs[0].draft is not None
    ann.send(bot, "sent", random_id=3, clear_draft=True)
    assert isinstance(told[-1][1].draft, types.DraftMessageEmpty)
    assert ann(asked).dialogs[0].draft is None
    ann(messages.SaveDraftRequest(peer, "again"))
    ann(messages.SaveDraftRequest(peer, " "))
    assert ann(messages.GetAllDraftsRequest()).updates == []
    ann(messages.SaveDraftRequest(peer, "again"))
    ann(messages.ClearAllDraftsRequest())
    assert ann(messages.GetAllDraftsRequest()).updates == []
    with refused("BOT_METHOD_INVALID"):
        bot(messages.SaveDraftRequest(bot.peer(ann), "x"))


def draft(text: str, number: int = 7, **options: Any) -> types.SendMessageTextDraftAction:
    bold = [types.MessageEntityBold(0, 2)] if text else []
    value = types.TextWithEntities(text, bold)
    return types.SendMessageTextDraftAction(value, random_id=number, **options)


def test_a_draft_that_a_bot_streams_grows_for_the_person_who_may_stop_it(
    ann: Client, bot: Client, told: list[tuple[int, Any]]
) -> None:
    ann.send(bot)
    for text in ("", "Once", "Once upon"):
        assert bot(messages.SetTypingRequest(bot.peer(ann), draft(text, can_stop=True)))
    assert [(account, one.action.text.text, one.action.random_id) for account, one in told] == [
        (ann.id, "", 7),
        (ann.id, "Once", 7),
        (ann.id, "Once upon", 7),
    ]
    assert told[-1][1].action.text.entities == [types.MessageEntityBold(0, 2)]
    told.clear()
    ann(messages.SetTypingRequest(ann.peer(bot), types.SendMessageStopDraftAction(random_id=7)))
    [(account, stop)] = told
    assert (account, stop.user_id, stop.action.random_id) == (bot.id, ann.id, 7)
    ann(messages.SetTypingRequest(ann.peer(bot), TYPING))
    assert len(told) == 1  # bots do not hear of typing


def test_a_draft_that_is_none_is_refused(ann: Client, bot: Client, world: World) -> None:
    ann.send(bot)
    with refused("MESSAGE_TOO_LONG"):
        bot(messages.SetTypingRequest(bot.peer(ann), draft("x" * 4097)))
    with refused("RANDOM_ID_EMPTY"):
        bot(messages.SetTypingRequest(bot.peer(ann), draft("x", 0)))
    group = types.InputPeerChat(world.new_group("Group", ann.id, bot.id).id)
    with refused("PEER_ID_INVALID"):
        bot(messages.SetTypingRequest(group, draft("xx")))
    with refused("PEER_ID_INVALID"):
        bot(messages.SetTypingRequest(bot.peer(ann), types.SendMessageStopDraftAction(random_id=7)))


def quoting(text: str, **options: Any) -> types.InputReplyToMessage:
    return types.InputReplyToMessage(1, quote_text=text, **options)


def test_a_reply_quotes_what_the_message_says(ann: Client, bot: Client) -> None:
    ann.send(bot, "😀 one two one")
    entities = [types.MessageEntityBold(0, 3), types.MessageEntityUrl(0, 3)]
    bot.send(ann, "which?", random_id=1, reply_to=quoting("one", quote_offset=10, quote_entities=entities))
    header = ann.difference().new_messages[-1].reply_to
    assert (header.quote, header.quote_text, header.quote_offset) == (True, "one", 11)
    assert header.quote_entities == entities[:1]
    bot.send(ann, "first", random_id=2, reply_to=quoting("one"))
    assert ann.difference().new_messages[-1].reply_to.quote_offset == 3
    with refused("QUOTE_TEXT_INVALID"):
        bot.send(ann, "which?", random_id=3, reply_to=quoting("three"))
    ann.send(bot, "x" * 1100, random_id=9)
    long = types.InputReplyToMessage(4, quote_text="x" * 1025)
    with refused("QUOTE_TEXT_INVALID"):
        bot.send(ann, "which?", random_id=3, reply_to=long)
    ann(messages.DeleteMessagesRequest([1], revoke=True))
    bot.send(ann, "gone", random_id=4, reply_to=quoting("one"))
    assert ann.difference().new_messages[-1].reply_to is None


def test_effects_are_for_private_chats(ann: Client, bot: Client, world: World) -> None:
    ann.send(bot, "party", effect=5046509860389126442)
    assert bot.difference().new_messages[-1].effect == 5046509860389126442
    group = types.InputPeerChat(world.new_group("Group", ann.id).id)
    with refused("EFFECT_ID_INVALID"):
        ann(messages.SendMessageRequest(group, "party", effect=5046509860389126442))
