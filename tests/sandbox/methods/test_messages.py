"""Sending, editing, deleting and forwarding messages, and the reasons to refuse them."""

from __future__ import annotations

from typing import Any

from telethon.tl import types
from telethon.tl.functions import contacts, messages

from tests.sandbox.methods.direct import TYPING, Client, refused
from tgbot.sandbox.world import World


def test_a_bot_cannot_begin(ann: Client, bot: Client) -> None:
    for request in (
        messages.SendMessageRequest(bot.peer(ann), "hello"),
        messages.SetTypingRequest(bot.peer(ann), TYPING),
    ):
        with refused("PEER_ID_INVALID"):
            bot(request)


def test_a_first_message_of_any_kind_opens_the_dialog(ann: Client, bot: Client) -> None:
    contact = types.InputMediaContact("+1555", "Max", "", "")
    ann(messages.SendMediaRequest(ann.peer(bot), contact, ""))
    answer = bot.send(ann)
    assert isinstance(answer, types.UpdateShortSentMessage)


def test_who_blocks_a_bot_cannot_be_written_to(world: World, ann: Client, bot: Client) -> None:
    ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "x"))
    ann(contacts.BlockRequest(ann.peer(bot)))
    ann(contacts.BlockRequest(ann.peer(bot)))
    with refused("USER_IS_BLOCKED", 403):
        bot.send(ann)
    with refused("USER_IS_BLOCKED", 403):
        bot(messages.SetTypingRequest(bot.peer(ann), TYPING))
    with refused("YOU_BLOCKED_USER"):
        ann.send(bot)
    with refused("YOU_BLOCKED_USER"):
        ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "x"))
    ann(contacts.UnblockRequest(ann.peer(bot)))
    bot.send(ann)
    told = bot.difference().other_updates
    stops = [(update.user_id, update.stopped, update.qts) for update in told if hasattr(update, "stopped")]
    assert stops == [(ann.id, True, 2), (ann.id, False, 3)]


def test_a_block_of_a_bot_that_was_never_started_is_told_to_nobody(
    world: World, ann: Client, bot: Client
) -> None:
    ann(contacts.BlockRequest(ann.peer(bot)))
    assert world.state(bot.id)[:2] == (1, 1)


def test_each_refusal_has_its_own_name(world: World, ann: Client, bot: Client, new_bot: Any) -> None:
    other = new_bot()
    ann.send(bot)
    account_ = world.accounts[ann.id]
    account_.only_premium = True
    with refused("PRIVACY_PREMIUM_REQUIRED", 403):
        bot.send(ann)
    assert bot(messages.SetTypingRequest(bot.peer(ann), TYPING))
    account_.only_premium, account_.paid_stars = False, 25
    with refused("ALLOW_PAYMENT_REQUIRED_25", 403):
        bot.send(ann)
    with refused("USER_IS_BOT"):
        bot.send(other)
    with refused("USER_IS_BOT"):
        bot(messages.SendMessageRequest(types.InputPeerSelf(), "me"))
    mine, theirs = world.accounts[bot.id].profile, world.accounts[other.id].profile
    assert mine is not None
    assert theirs is not None
    mine.talks_to_bots = True
    with refused("USER_BOT_TO_BOT_DISABLED", 403):
        bot.send(other)
    theirs.talks_to_bots = True
    bot.send(other)
    world.delete_account(ann.id)
    with refused("INPUT_USER_DEACTIVATED"):
        bot.send(ann)


def test_a_text_is_trimmed_and_has_its_limits(world: World, ann: Client, bot: Client) -> None:
    for empty in ("", "  \n "):
        with refused("MESSAGE_EMPTY"):
            ann.send(bot, empty)
    with refused("MESSAGE_TOO_LONG"):
        ann.send(bot, "x" * 4097)
    ann.send(bot, "x" * 4096)
    ann.send(bot, "  bold 😀 /go ", entities=[types.MessageEntityBold(2, 4)])
    message = bot.difference().new_messages[-1]
    assert message.message == "bold 😀 /go"
    found = [(type(entity).__name__, entity.offset, entity.length) for entity in message.entities]
    assert found == [("MessageEntityBold", 0, 4), ("MessageEntityBotCommand", 8, 3)]


def test_a_start_carries_its_payload(ann: Client, bot: Client, new_person: Any) -> None:
    ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "a" * 64))
    assert [message.message for message in bot.difference().new_messages] == ["/start " + "a" * 64]
    assert [message.message for message in ann.difference().new_messages] == ["/start"]
    with refused("START_PARAM_EMPTY"):
        ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), ""))
    with refused("START_PARAM_INVALID"):
        ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "a b"))
    with refused("START_PARAM_TOO_LONG"):
        ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "a" * 65))
    ben = new_person("Ben")
    with refused("BOT_INVALID"):
        ann(messages.StartBotRequest(ann.user(ben), ann.peer(ben), "x"))


def test_message_ids_count_per_account(ann: Client, bot: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    assert ann.send(bot).id == 1
    assert ben.send(bot).id == 1
    assert [message.id for message in bot.difference().new_messages] == [1, 2]
    assert bot.send(ann).id == 3
    assert ann.difference().new_messages[-1].id == 2


def test_a_reply_points_at_the_same_message_on_both_sides(ann: Client, bot: Client, new_person: Any) -> None:
    new_person("Ben").send(bot)
    ann.send(bot, "question")
    bot.send(ann, "answer", reply_to=types.InputReplyToMessage(2))
    answer = ann.difference().new_messages[-1]
    assert (answer.message, answer.reply_to.reply_to_msg_id) == ("answer", 1)


def test_typing_passes_and_takes_no_pts(world: World, ann: Client, bot: Client) -> None:
    ann.send(bot)
    passed: list[tuple[int, Any]] = []
    world.subscribe(lambda _: None, lambda account_id, entry: passed.append((account_id, entry.update)))
    before = world.state(bot.id)[:2], world.state(ann.id)[:2]
    bot(messages.SetTypingRequest(bot.peer(ann), TYPING))
    ann(messages.SetTypingRequest(ann.peer(bot), TYPING))
    # Bots do not hear of it.
    assert [(number, update.user_id) for number, update in passed] == [(ann.id, bot.id)]
    assert (world.state(bot.id)[:2], world.state(ann.id)[:2]) == before


def test_an_edit_is_seen_by_both_and_only_the_author_may(ann: Client, bot: Client) -> None:
    sent = ann.send(bot, "frist")
    with refused("MESSAGE_AUTHOR_REQUIRED", 403):
        bot(messages.EditMessageRequest(bot.peer(ann), 1, message="mine"))
    with refused("MESSAGE_NOT_MODIFIED"):
        ann(messages.EditMessageRequest(ann.peer(bot), sent.id, message="frist"))
    with refused("MESSAGE_ID_INVALID"):
        ann(messages.EditMessageRequest(ann.peer(bot), 99, message="what?"))
    answer = ann(messages.EditMessageRequest(ann.peer(bot), sent.id, message="first"))
    assert [(type(update), update.pts) for update in answer.updates] == [(types.UpdateEditMessage, 3)]
    told = bot.difference()
    assert [message.message for message in told.new_messages] == ["first"]
    assert [update.message.message for update in told.other_updates] == ["first"]
    assert told.new_messages[0].edit_date


def test_a_deleted_message_is_in_no_difference(ann: Client, bot: Client) -> None:
    ann.send(bot, "stays")
    ann.send(bot, "goes")
    answer = ann(messages.DeleteMessagesRequest([2, 99], revoke=True))
    assert (answer.pts, answer.pts_count) == (4, 1)
    told = bot.difference()
    assert [message.message for message in told.new_messages] == ["stays"]
    assert [(update.messages, update.pts, update.pts_count) for update in told.other_updates] == [([2], 4, 1)]
    ann(messages.DeleteHistoryRequest(ann.peer(bot), 0))
    assert ann(messages.GetHistoryRequest(ann.peer(bot), 0, None, 0, 10, 0, 0, 0)).messages == []
    [message] = bot(messages.GetMessagesRequest([types.InputMessageID(1)])).messages
    assert message.message == "stays"


def test_a_forward_names_the_author_unless_they_hide(
    world: World, ann: Client, bot: Client, new_person: Any
) -> None:
    ben = new_person("Ben")
    ben.send(ann, "one")
    ben.send(ann, "two")
    request = messages.ForwardMessagesRequest(ann.peer(ben), [1, 2], ann.peer(bot), random_id=[5, 6])
    answer = ann(request)
    assert [type(update).__name__ for update in answer.updates] == ["UpdateMessageID"] * 2 + [
        "UpdateNewMessage"
    ] * 2
    message = bot.difference().new_messages[0]
    assert (message.message, message.fwd_from.from_id) == ("one", types.PeerUser(ben.id))
    assert ben.id in [user.id for user in bot.difference().users]
    world.accounts[ben.id].hides_forwards = True
    ann(messages.ForwardMessagesRequest(ann.peer(ben), [1], ann.peer(bot), random_id=[8]))
    hidden = bot.difference().new_messages[-1].fwd_from
    assert (hidden.from_id, hidden.from_name) == (None, "Ben")
    with refused("RANDOM_ID_INVALID"):
        ann(messages.ForwardMessagesRequest(ann.peer(ben), [1, 2], ann.peer(bot), random_id=[9]))


def test_an_album_is_one_group_of_messages(ann: Client, bot: Client) -> None:
    contact = types.InputMediaContact("+1555", "Max", "", "")
    singles = [
        types.InputSingleMedia(contact, text, random_id=number) for number, text in ((1, "a"), (2, ""))
    ]
    answer = ann(messages.SendMultiMediaRequest(ann.peer(bot), singles))
    assert [type(update).__name__ for update in answer.updates][:2] == ["UpdateMessageID"] * 2
    told = bot.difference().new_messages
    assert [message.message for message in told] == ["a", ""]
    assert len({message.grouped_id for message in told}) == 1


def test_who_is_blocked_by_a_person_writes_into_the_void(ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    ben(contacts.BlockRequest(ben.peer(ann)))
    assert ann.send(ben).id == 1
    assert isinstance(ben.difference(), types.updates.DifferenceEmpty)
