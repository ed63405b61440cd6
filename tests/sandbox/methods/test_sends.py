"""Repeated sends: nothing is sent, and the earlier message is the answer."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import channels, contacts, messages, updates

from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.rpc import RpcError
from tgbot.sandbox.sends import SendKey
from tgbot.sandbox.world import World

CONTACT = types.InputMediaContact("+1555", "Max", "", "")


def texts(client: Client) -> list[str]:
    return [message.message for message in client.difference().new_messages]


def answered(answer: Any) -> list[tuple[Any, ...]]:
    """Return (id, random_id) and (id, text, pts, pts_count) of the updates in an answer to a send."""
    assert isinstance(answer, types.Updates)
    return [
        (update.id, update.random_id)
        if isinstance(update, types.UpdateMessageID)
        else (update.message.id, update.message.message, update.pts, update.pts_count)
        for update in answer.updates
    ]


def test_a_repeated_send_sends_nothing_and_returns_the_earlier_message(
    world: World, ann: Client, bot: Client
) -> None:
    ann.send(bot)
    first = bot.send(ann, "once", 7)
    bot.send(ann, "next", 8)
    state = world.state(bot.id)
    again = bot.send(ann, "other text", 7)
    assert answered(again) == [(first.id, 7), (first.id, "once", first.pts, 0)]
    assert {user.id for user in again.users} == {ann.id, bot.id}
    assert world.state(bot.id) == state
    assert texts(ann) == ["hi", "once", "next"]


def test_another_peer_or_account_with_the_same_random_id_is_a_send_of_its_own(
    ann: Client, bot: Client, new_person: Any
) -> None:
    ben = new_person("Ben")
    ann.send(bot, "from Ann", 7)
    ben.send(bot, "from Ben", 7)
    bot.send(ann, "to Ann", 7)
    bot.send(ben, "to Ben", 7)
    assert texts(ann) == ["from Ann", "to Ann"]
    assert texts(ben) == ["from Ben", "to Ben"]


def test_a_repeated_send_is_answered_even_if_the_user_has_blocked_the_bot_since(
    ann: Client, bot: Client
) -> None:
    ann.send(bot)
    bot.send(ann, "once", 7)
    ann(contacts.BlockRequest(ann.peer(bot)))
    assert answered(bot.send(ann, "once", 7))[1][1] == "once"
    with refused("USER_IS_BLOCKED", 403):
        bot.send(ann, "once", 8)


def test_a_repeated_send_of_a_deleted_message_returns_its_id_only(ann: Client, bot: Client) -> None:
    first = ann.send(bot, "once", 7)
    ann(messages.DeleteMessagesRequest([first.id], revoke=True))
    assert answered(ann.send(bot, "once", 7)) == [(first.id, 7)]
    assert texts(bot) == []


def test_a_repeated_media_message_and_a_repeated_start_return_the_earlier_ones(
    ann: Client, bot: Client
) -> None:
    start = messages.StartBotRequest(ann.user(bot), types.InputPeerEmpty(), "apples", random_id=6)
    media = messages.SendMediaRequest(ann.peer(bot), CONTACT, "", random_id=7)
    for request in (start, media):
        first, again = ann(request), ann(request)
        first_id = first.id if isinstance(first, types.UpdateShortSentMessage) else first.updates[0].id
        assert (answered(again)[0][0], answered(again)[1][-1]) == (first_id, 0)
    assert texts(bot) == ["/start apples", ""]


def test_an_album_sends_only_the_part_that_was_not_sent_before(ann: Client, bot: Client) -> None:
    def album(*parts: tuple[int, str]) -> Any:
        singles = [types.InputSingleMedia(CONTACT, text, random_id=number) for number, text in parts]
        return ann(messages.SendMultiMediaRequest(ann.peer(bot), singles))

    album((1, "a"), (2, "b"))
    assert answered(album((1, "a"), (2, "b"), (3, "c"))) == [
        (1, 1),
        (2, 2),
        (3, 3),
        (1, "a", 2, 0),
        (2, "b", 3, 0),
        (3, "c", 4, 1),
    ]
    assert [update[-1] for update in answered(album((3, "c"), (1, "a")))[2:]] == [0, 0]
    told = bot.difference().new_messages
    assert [message.message for message in told] == ["a", "b", "c"]
    assert len({message.grouped_id for message in told}) == 1
    with refused("RANDOM_ID_DUPLICATE", 500):
        album((9, "a"), (9, "b"))


def test_a_forward_sends_only_the_part_that_was_not_sent_before(ann: Client, bot: Client) -> None:
    ann.send(bot, "one")
    ann.send(bot, "two")
    to = types.InputPeerSelf()

    def forward(ids: list[int], random_ids: list[int]) -> Any:
        return ann(messages.ForwardMessagesRequest(ann.peer(bot), ids, to, random_id=random_ids))

    forward([1], [5])
    assert answered(forward([1, 2], [5, 6])) == [(3, 5), (4, 6), (3, "one", 4, 0), (4, "two", 5, 1)]
    assert answered(forward([1, 2], [5, 6]))[2:] == [(3, "one", 4, 0), (4, "two", 5, 0)]
    assert texts(ann) == ["one", "two", "one", "two"]


def test_a_repeated_send_into_a_channel_has_the_pts_of_the_channel(world: World, ann: Client) -> None:
    group = world.new_channel("Fans", megagroup=True, creator=ann.id)
    peer = types.InputPeerChannel(group.id, world.accounts.access_hash(ann.id, group.id, kind=b"channel"))
    request = messages.SendMessageRequest(peer, "once", random_id=7)
    first = answered(ann(request))
    again = ann(request)
    assert isinstance(again.updates[1], types.UpdateNewChannelMessage)
    assert answered(again) == [first[0], (*first[1][:3], 0)]
    assert [chat.id for chat in again.chats] == [group.id]
    told = ann(
        updates.GetChannelDifferenceRequest(
            types.InputChannel(group.id, peer.access_hash), types.ChannelMessagesFilterEmpty(), 1, 100
        )
    )
    assert [update.random_id for update in told.other_updates] == [7]
    ann(channels.DeleteMessagesRequest(types.InputChannel(group.id, peer.access_hash), [first[0][0]]))
    assert answered(ann(request)) == [first[0]]


def test_a_difference_brings_the_random_ids_of_the_accounts_own_messages(
    world: World, ann: Client, bot: Client
) -> None:
    ann.send(bot, "theirs", 7)
    bot.send(ann, "mine", 8)
    bot.send(ann, "mine", 8)
    known = bot.difference().other_updates
    assert [(type(update), update.id, update.random_id) for update in known] == [
        (types.UpdateMessageID, 2, 8)
    ]
    world.message_ids_in_difference = False
    assert bot.difference().other_updates == []


def test_forgotten_random_ids_are_sent_again(world: World, ann: Client, bot: Client) -> None:
    ann.send(bot, "from Ann", 7)
    bot.send(ann, "from the bot", 7)
    world.forget_random_ids(bot.id)
    ann.send(bot, "from Ann", 7)
    bot.send(ann, "from the bot", 7)
    assert texts(ann) == ["from Ann", "from the bot", "from the bot"]
    world.forget_random_ids()
    ann.send(bot, "from Ann", 7)
    assert texts(ann) == ["from Ann", "from the bot", "from the bot", "from Ann"]


def test_a_copy_of_the_world_knows_the_sends_but_not_the_calls_under_way(
    world: World, ann: Client, bot: Client
) -> None:
    with world.sends.record() as sent:
        ann.send(bot, "once", 7)
    world.sends.hold(sent)
    key = SendKey(ann.id, bot.id, 7)
    with pytest.raises(RpcError, match="RANDOM_ID_DUPLICATE"):
        world.sends.earlier(key)
    restored = pickle.loads(pickle.dumps(world))
    copy = restored.sends.earlier(key)
    assert copy is restored.accounts[ann.id].box.get(1)
