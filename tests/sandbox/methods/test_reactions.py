"""Reactions: who may give which, what is counted, and who is told."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages, upload

from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.world import World


def emoji(*given: str) -> list[Any]:
    return [types.ReactionEmoji(each) for each in given]


def react(client: Client, peer: Any, number: int, *given: str, **options: Any) -> Any:
    """React to a message; return the reactions that the answer shows."""
    answer = client(messages.SendReactionRequest(peer, number, reaction=emoji(*given), **options))
    return answer.updates[0].reactions


def counts(shown: Any) -> dict[str, int]:
    return {each.reaction.emoticon: each.count for each in shown.results}


def of_bot(client: Client) -> list[Any]:
    kinds = (types.UpdateBotMessageReaction, types.UpdateBotMessageReactions)
    return [update for update in client.difference().other_updates if isinstance(update, kinds)]


@pytest.fixture
def group(world: World, ann: Client, bot: Client, new_person: Any) -> tuple[Chat, Client]:
    """A supergroup of Ann, with Bea and the bot, which is an admin, and one message of Ann's."""
    bea = new_person("Bea")
    chat = world.new_channel("Club", megagroup=True, creator=ann.id)
    for one in (bea, bot):
        world.groups.add(chat, world.accounts[one.id], by=ann.id)
    world.groups.promote(chat, world.accounts[bot.id], types.ChatAdminRights(pin_messages=True), by=ann.id)
    world.send_as(ann.id, chat.marked, "hello")
    return chat, bea


def channel_peer(client: Client, chat: Chat) -> Any:
    access = client.world.accounts.access_hash(client.id, chat.id, kind=b"channel")
    return types.InputPeerChannel(chat.id, access)


def test_a_bot_is_told_of_each_change_in_a_private_chat(ann: Client, bot: Client) -> None:
    ann.send(bot)
    bot.send(ann, "hello", random_id=1)
    shown = react(ann, ann.peer(bot), 2, "❤️")
    assert counts(shown) == {"❤": 1}
    assert shown.results[0].chosen_order == 0
    react(ann, ann.peer(bot), 2, "🔥", big=True)
    react(ann, ann.peer(bot), 2)
    told = of_bot(bot)
    assert [(one.old_reactions, one.new_reactions) for one in told] == [
        ([], emoji("❤")),
        (emoji("❤"), emoji("🔥")),
        (emoji("🔥"), []),
    ]
    assert {(one.peer.user_id, one.actor.user_id, one.msg_id) for one in told} == {(ann.id, ann.id, 2)}
    assert [one.qts for one in told] == [2, 3, 4]


def test_a_bot_reacts_with_one_emoji_and_the_person_sees_it(ann: Client, bot: Client, world: World) -> None:
    passed: list[Any] = []
    world.subscribe(lambda _: None, lambda account, entry: passed.append((account, entry.update)))
    ann.send(bot)
    react(bot, bot.peer(ann), 1, "👍")
    [(account, update)] = passed  # of a person: the bot has its answer
    assert (account, update.msg_id, counts(update.reactions)) == (ann.id, 1, {"👍": 1})
    [message] = ann(messages.GetHistoryRequest(ann.peer(bot), 0, None, 0, 1, 0, 0, 0)).messages
    assert counts(message.reactions) == {"👍": 1}
    assert message.reactions.results[0].chosen_order is None
    assert message.reactions.recent_reactions[0].peer_id.user_id == bot.id
    assert not of_bot(bot)
    with refused("REACTIONS_TOO_MANY"):
        react(bot, bot.peer(ann), 1, "👍", "👎")
    with refused("MESSAGE_NOT_MODIFIED"):
        react(bot, bot.peer(ann), 1, "👍")


@pytest.mark.parametrize(
    ("given", "error", "code"),
    [
        (types.ReactionEmoji("x"), "REACTION_INVALID", 400),
        (types.ReactionEmoji(""), "REACTION_INVALID", 400),
        (types.ReactionPaid(), "REACTION_INVALID", 400),
        (types.ReactionCustomEmoji(5), "PREMIUM_ACCOUNT_REQUIRED", 403),
    ],
)
def test_what_is_no_reaction_is_refused(ann: Client, bot: Client, given: Any, error: str, code: int) -> None:
    ann.send(bot)
    with refused(error, code):
        ann(messages.SendReactionRequest(ann.peer(bot), 1, reaction=[given]))
    with refused("MESSAGE_ID_INVALID"):
        react(ann, ann.peer(bot), 5, "👍")


def test_a_group_counts_the_reactions_of_all_and_tells_the_bot_that_is_an_admin(
    ann: Client, bot: Client, group: tuple[Chat, Client], world: World, new_bot: Any
) -> None:
    chat, bea = group
    number = chat.box.history(chat.marked)[-1]
    react(ann, channel_peer(ann, chat), number, "👍")
    world.accounts[bea.id].premium = True
    shown = react(bea, channel_peer(bea, chat), number, "👍", "🔥", "🎉")
    assert counts(shown) == {"👍": 2, "🔥": 1, "🎉": 1}
    assert [each.chosen_order for each in shown.results] == [0, 1, 2]
    assert [one.actor.user_id for one in of_bot(bot)] == [ann.id, bea.id]
    other = new_bot("other_bot")
    world.groups.promote(chat, world.accounts[other.id], types.ChatAdminRights(), by=ann.id)
    react(other, channel_peer(other, chat), number, "👍")
    react(other, channel_peer(other, chat), number)
    assert len(of_bot(bot)) == 2  # bots do not hear of bots
    world.groups.promote(chat, world.accounts[bot.id], None, by=ann.id)
    react(ann, channel_peer(ann, chat), number, "👎")
    assert len(of_bot(bot)) == 2
    [again] = ann(messages.GetMessagesReactionsRequest(channel_peer(ann, chat), [number, 99])).updates
    assert counts(again.reactions) == {"👍": 1, "🔥": 1, "🎉": 1, "👎": 1}


def test_the_list_of_reactions_comes_in_pages(ann: Client, group: tuple[Chat, Client]) -> None:
    chat, bea = group
    number, peer = chat.box.history(chat.marked)[-1], channel_peer(ann, chat)
    react(ann, peer, number, "👍")
    react(bea, channel_peer(bea, chat), number, "🔥")
    first = ann(messages.GetMessageReactionsListRequest(peer, number, 1))
    assert (first.count, [each.peer_id.user_id for each in first.reactions]) == (2, [bea.id])
    rest = ann(messages.GetMessageReactionsListRequest(peer, number, 5, offset=first.next_offset))
    assert ([each.my for each in rest.reactions], rest.next_offset) == ([True], None)
    fire = ann(messages.GetMessageReactionsListRequest(peer, number, 5, reaction=types.ReactionEmoji("🔥")))
    assert [each.peer_id.user_id for each in fire.reactions] == [bea.id]


def test_reactions_in_a_channel_name_nobody(ann: Client, bot: Client, world: World, new_person: Any) -> None:
    bea = new_person("Bea")
    chat = world.new_channel("News", creator=ann.id)
    world.groups.add(chat, world.accounts[bea.id], by=ann.id)
    world.groups.promote(chat, world.accounts[bot.id], types.ChatAdminRights(post_messages=True), by=ann.id)
    world.send_as(ann.id, chat.marked, "news")
    number = chat.box.history(chat.marked)[-1]
    react(bea, channel_peer(bea, chat), number, "👍")
    [told] = of_bot(bot)
    assert isinstance(told, types.UpdateBotMessageReactions)
    assert [(each.reaction.emoticon, each.count) for each in told.reactions] == [("👍", 1)]
    copy = chat.box.get(number)
    assert copy is not None
    assert copy.message(ann.id).reactions.recent_reactions is None
    with refused("BROADCAST_FORBIDDEN", 403):
        ann(messages.GetMessageReactionsListRequest(channel_peer(ann, chat), number, 5))


def test_a_message_has_at_most_eleven_different_reactions(ann: Client, world: World, new_person: Any) -> None:
    people = [new_person(f"P{number}") for number in range(4)]
    chat = world.new_group("Group", ann.id, *(one.id for one in people))
    ann(messages.SendMessageRequest(types.InputPeerChat(chat.id), "hi"))
    many = ["👍", "👎", "❤", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢"]
    for place, one in enumerate(people):
        world.accounts[one.id].premium = True
        number = world.accounts[one.id].box.history(chat.marked)[-1]
        given = many[place * 3 : place * 3 + 3]
        if place < 3:
            react(one, types.InputPeerChat(chat.id), number, *given)
        else:
            with refused("REACTIONS_TOO_MANY"):
                react(one, types.InputPeerChat(chat.id), number, *given)
            react(one, types.InputPeerChat(chat.id), number, *given[:2])


def test_a_group_may_forbid_reactions(ann: Client, group: tuple[Chat, Client]) -> None:
    chat, bea = group
    number = chat.box.history(chat.marked)[-1]
    rights = types.ChatBannedRights(None, send_reactions=True)
    ann(messages.EditChatDefaultBannedRightsRequest(channel_peer(ann, chat), rights))
    with refused("CHAT_WRITE_FORBIDDEN", 403):
        react(bea, channel_peer(bea, chat), number, "👍")
    assert counts(react(ann, channel_peer(ann, chat), number, "👍")) == {"👍": 1}


def test_an_app_gets_the_list_of_reactions_with_drawings_that_it_can_download(
    world: World, ann: Client, bot: Client
) -> None:
    listed = ann(messages.GetAvailableReactionsRequest(0))
    thumb = next(each for each in listed.reactions if each.reaction == "👍")
    assert thumb.title == "Thumbs Up Sign"
    again = ann(messages.GetAvailableReactionsRequest(listed.hash))
    assert isinstance(again, types.messages.AvailableReactionsNotModified)
    icon = thumb.static_icon
    place = types.InputDocumentFileLocation(icon.id, icon.access_hash, icon.file_reference, "")
    assert ann(upload.GetFileRequest(place, 0, 4096)).bytes[8:12] == b"WEBP"
    with refused("BOT_METHOD_INVALID"):
        bot(messages.GetAvailableReactionsRequest(0))
