"""Channels and supergroups."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import channels, messages, updates

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.polls import Poll, Vote
from tgbot.sandbox.world import World


@pytest.fixture
def club(world: World, ann: Client, bot: Client) -> Any:
    """Create Ann's supergroup with the bot in it; return its peer for Ann and its peer for the bot."""
    channel = ann(channels.CreateChannelRequest("Club", "", megagroup=True)).chats[0]
    ann(channels.InviteToChannelRequest(types.InputChannel(channel.id, channel.access_hash), [ann.user(bot)]))
    theirs = world.accounts.access_hash(bot.id, channel.id, kind=b"channel")
    return types.InputPeerChannel(channel.id, channel.access_hash), types.InputPeerChannel(channel.id, theirs)


def _channel_difference(client: Client, peer: Any, pts: int, limit: int = 100) -> Any:
    given = types.InputChannel(peer.channel_id, peer.access_hash)
    everything = types.ChannelMessagesFilterEmpty()
    return client(updates.GetChannelDifferenceRequest(given, everything, pts, limit))


def test_a_supergroup_has_ids_and_pts_of_its_own(world: World, ann: Client, bot: Client, club: Any) -> None:
    mine, theirs = club
    account_pts = world.state(ann.id)[0], world.state(bot.id)[0]
    passed: list[tuple[int, Any]] = []
    world.subscribe(lambda _: None, lambda account_id, entry: passed.append((account_id, entry.update)))
    answer = ann(messages.SendMessageRequest(mine, "/start@the_bot x", random_id=5))
    [told_id, told] = answer.updates
    assert (told_id.random_id, told_id.id) == (5, told.message.id)
    assert (type(told), told.message.out, told.pts) == (types.UpdateNewChannelMessage, True, 4)
    [(number, update)] = passed
    assert (number, update.message.message, update.message.out, update.pts) == (
        bot.id,
        "/start@the_bot x",
        False,
        4,
    )
    reply = types.InputReplyToMessage(told.message.id)
    bot(messages.SendMessageRequest(theirs, "hello", reply_to=reply))
    assert [update.message.reply_to.reply_to_msg_id for _, update in passed[1:]] == [told.message.id]
    assert (world.state(ann.id)[0], world.state(bot.id)[0]) == account_pts


def test_what_a_bot_missed_in_a_supergroup_is_in_the_channels_difference(
    world: World, ann: Client, bot: Client, club: Any
) -> None:
    mine, theirs = club
    for text in ("/start@the_bot one", "not for bots", "/two"):
        ann(messages.SendMessageRequest(mine, text))
    ann(messages.EditMessageRequest(mine, 5, message="/three"))
    ann(channels.DeleteMessagesRequest(types.InputChannel(mine.channel_id, mine.access_hash), [3]))
    told = _channel_difference(bot, theirs, 3)
    assert [message.message for message in told.new_messages] == ["/three"]
    assert [type(update).__name__ for update in told.other_updates] == [
        "UpdateEditChannelMessage",
        "UpdateDeleteChannelMessages",
    ]
    assert (told.final, told.pts) == (True, 8)
    assert [chat.title for chat in told.chats] == ["Club"]
    assert isinstance(_channel_difference(bot, theirs, 8), types.updates.ChannelDifferenceEmpty)
    seen, pts = [], 1
    while not isinstance(
        part := _channel_difference(ann, mine, pts, 2), types.updates.ChannelDifferenceEmpty
    ):
        seen += [message.message for message in part.new_messages if message.message]
        pts = part.pts
    assert seen == ["not for bots", "/three"]


def test_an_accounts_difference_names_the_channels_in_which_something_happened(
    clock: Clock, ann: Client, bot: Client, club: Any
) -> None:
    mine, _ = club
    clock.time += 10
    pts, qts = bot.world.state(bot.id)[:2]
    date = int(clock.time)
    assert isinstance(bot(updates.GetDifferenceRequest(pts, date, qts)), types.updates.DifferenceEmpty)
    clock.time += 10
    ann(messages.SendMessageRequest(mine, "/start"))
    told = bot(updates.GetDifferenceRequest(pts, date, qts))
    assert [(update.channel_id, update.pts) for update in told.other_updates] == [(mine.channel_id, 4)]
    assert [chat.title for chat in told.chats] == ["Club"]


def test_only_admins_write_in_a_channel_and_forwards_name_it(world: World, ann: Client, bot: Client) -> None:
    channel = ann(channels.CreateChannelRequest("News", "", broadcast=True)).chats[0]
    peer = types.InputPeerChannel(channel.id, channel.access_hash)
    ann(messages.SendMessageRequest(peer, "today"))
    theirs = types.InputPeerChannel(
        channel.id, world.accounts.access_hash(bot.id, channel.id, kind=b"channel")
    )
    with refused("CHANNEL_PRIVATE"):
        bot(messages.SendMessageRequest(theirs, "me too"))
    news = next(iter(world.chats.values()))
    world.groups.add(news, world.accounts[bot.id], by=ann.id)
    with refused("CHAT_WRITE_FORBIDDEN", 403):
        bot(messages.SendMessageRequest(theirs, "a subscriber"))
    news.admins[bot.id] = types.ChatAdminRights(post_messages=True)
    bot(messages.SendMessageRequest(theirs, "an admin"))
    ann(channels.DeleteMessagesRequest(types.InputChannel(channel.id, channel.access_hash), [3]))
    ann(messages.ForwardMessagesRequest(peer, [2], ann.peer(bot), random_id=[5]))
    header = bot.difference().new_messages[-1].fwd_from
    assert (header.from_id, header.channel_post) == (types.PeerChannel(channel.id), 2)
    message, first = ann(messages.GetHistoryRequest(peer, 0, None, 0, 10, 0, 0, 0)).messages
    assert (first.action, first.post) == (types.MessageActionChannelCreate("News"), True)
    assert (message.message, message.post, message.from_id) == ("today", True, None)


@pytest.fixture
def news(world: World, ann: Client, bot: Client) -> Any:
    """Create Ann's channel, linked to her supergroup, with the bot as an admin of both; return both."""
    channel = world.new_channel("News", creator=ann.id)
    group = world.new_channel("Talk", megagroup=True, creator=ann.id)
    for chat in (channel, group):
        rights = types.ChatAdminRights(post_messages=True)
        world.groups.promote(chat, world.accounts[bot.id], rights, by=ann.id)
    ann(
        channels.SetDiscussionGroupRequest(
            *(given(ann, chat, types.InputChannel) for chat in (channel, group))
        )
    )
    return channel, group


def given(client: Client, chat: Chat, kind: Any = types.InputPeerChannel) -> Any:
    return kind(chat.id, client.world.accounts.access_hash(client.id, chat.id, kind=b"channel"))


def test_a_post_is_copied_into_the_discussion_group_in_the_channels_name(
    ann: Client, bot: Client, news: Any
) -> None:
    channel, group = news
    ann(messages.SendMessageRequest(given(ann, channel), "/start summer"))
    told = _channel_difference(bot, given(bot, channel), 1)
    [post] = [message for message in told.new_messages if message.message]
    assert (post.post, post.from_id) == (True, None)
    assert ann.id not in [user.id for user in told.users]
    told = _channel_difference(bot, given(bot, group), 1)
    [copy] = [message for message in told.new_messages if getattr(message, "message", None)]
    peer = types.PeerChannel(channel.id)
    header = copy.fwd_from
    assert (copy.message, copy.from_id, copy.out, copy.post) == ("/start summer", peer, False, None)
    assert (header.from_id, header.channel_post, header.saved_from_peer, header.saved_from_msg_id) == (
        peer,
        post.id,
        peer,
        post.id,
    )
    assert channel.id in [chat.id for chat in told.chats]
    history = ann(messages.GetHistoryRequest(given(ann, group), 0, None, 0, 1, 0, 0, 0))
    assert (history.messages[0].message, history.messages[0].out) == ("/start summer", False)
    full = ann(channels.GetFullChannelRequest(given(ann, channel, types.InputChannel))).full_chat
    assert full.linked_chat_id == group.id
    ann(messages.EditMessageRequest(given(ann, channel), post.id, message="/start autumn"))
    ann(messages.ForwardMessagesRequest(given(ann, group), [copy.id], ann.peer(bot), random_id=[5]))
    assert bot.difference().new_messages[-1].fwd_from.from_id == peer


def test_a_discussion_group_is_linked_by_who_owns_both_and_unlinked(
    world: World, ann: Client, news: Any, new_person: Any
) -> None:
    channel, group = news
    mine = given(ann, channel, types.InputChannel)
    ben = new_person("Ben")
    theirs = (given(ben, channel, types.InputChannel), given(ben, group, types.InputChannel))
    with refused("CHANNEL_PRIVATE"):
        ben(channels.SetDiscussionGroupRequest(*theirs))
    for chat in (channel, group):
        world.groups.add(chat, world.accounts[ben.id], by=ann.id)
    with refused("CHAT_ADMIN_REQUIRED"):
        ben(channels.SetDiscussionGroupRequest(*theirs))
    with refused("MEGAGROUP_ID_INVALID"):
        ann(channels.SetDiscussionGroupRequest(mine, mine))
    with refused("BROADCAST_ID_INVALID"):
        ann(channels.SetDiscussionGroupRequest(given(ann, group, types.InputChannel), mine))
    ann(channels.SetDiscussionGroupRequest(mine, types.InputChannelEmpty()))
    ann(messages.SendMessageRequest(given(ann, channel), "alone"))
    assert (channel.linked, group.linked) == (0, 0)
    history = ann(messages.GetHistoryRequest(given(ann, group), 0, None, 0, 9, 0, 0, 0))
    assert "alone" not in [getattr(message, "message", "") for message in history.messages]


def test_people_write_as_the_group_or_as_a_channel_of_theirs(
    world: World, ann: Client, bot: Client, news: Any, new_person: Any
) -> None:
    channel, group = news
    ben = new_person("Ben")
    world.groups.add(group, world.accounts[ben.id], by=ann.id)

    def heard_from(client: Client, **options: Any) -> Any:
        client(messages.SendMessageRequest(given(client, group), "/start x", **options))
        told = _channel_difference(bot, given(bot, group), group.log.pts - 1)
        shown = told.new_messages[-1].from_id
        assert isinstance(shown, types.PeerUser) == (client.id in [user.id for user in told.users])
        return shown

    assert heard_from(ann) == types.PeerUser(ann.id)
    assert heard_from(ann, send_as=given(ann, channel)) == types.PeerChannel(channel.id)
    assert heard_from(ann, send_as=given(ann, group)) == types.PeerChannel(group.id)
    with refused("SEND_AS_PEER_INVALID"):
        heard_from(ben, send_as=given(ben, channel))
    with refused("SEND_AS_PEER_INVALID"):
        heard_from(ben, send_as=given(ben, group))
    group.admins[ben.id] = types.ChatAdminRights(anonymous=True)
    assert heard_from(ben) == types.PeerChannel(group.id)
    assert heard_from(ben, send_as=types.InputPeerSelf()) == types.PeerChannel(group.id)


def test_startgroup_in_a_supergroup_tells_all_that_it_did(ann: Client, bot: Client) -> None:
    channel = ann(channels.CreateChannelRequest("Club", "", megagroup=True)).chats[0]
    peer = types.InputPeerChannel(channel.id, channel.access_hash)
    answer = ann(messages.StartBotRequest(ann.user(bot), peer, "ref"))
    told = [update.pts for update in answer.updates if isinstance(update, types.UpdateNewChannelMessage)]
    assert told == [3, 4]


@pytest.mark.parametrize("supergroup", [True, False])
def test_a_bot_in_privacy_mode_hears_replies_to_it_and_an_admin_hears_all(
    world: World, ann: Client, bot: Client, new_bot: Any, supergroup: bool
) -> None:
    other = new_bot("other_bot")
    if supergroup:
        chat = world.new_channel("Club", megagroup=True, creator=ann.id)
        for member in (bot, other):
            world.groups.add(chat, world.accounts[member.id], by=ann.id)
    else:
        chat = world.new_group("Club", ann.id, bot.id, other.id)

    def peer(client: Client) -> Any:
        if not supergroup:
            return types.InputPeerChat(chat.id)
        access_hash = world.accounts.access_hash(client.id, chat.id, kind=b"channel")
        return types.InputPeerChannel(chat.id, access_hash)

    def heard(client: Client) -> list[str]:
        answer = _channel_difference(client, peer(client), 1) if supergroup else client.difference()
        return [message.message for message in answer.new_messages if message.message]

    def say(client: Client, text: str, reply_to: int | None = None) -> int:
        reply = types.InputReplyToMessage(reply_to) if reply_to else None
        answer = client(messages.SendMessageRequest(peer(client), text, reply_to=reply))
        return answer.updates[-1].message.id  # type: ignore[no-any-return]  # TL

    question = say(ann, "among people")
    say(ann, "to myself", question)
    say(bot, "/from_a_bot")
    history = ann(messages.GetHistoryRequest(peer(ann), 0, None, 0, 1, 0, 0, 0)).messages
    say(ann, "to the bot", history[0].id)
    assert heard(bot) == ["/from_a_bot", "to the bot"]
    assert heard(other) == []
    chat.admins[other.id] = types.ChatAdminRights(invite_users=True)
    say(ann, "to all")
    assert heard(other)[-1] == "to all"
    assert "to all" not in heard(bot)


def test_a_post_is_one_message_for_all_members_and_a_poll_one_for_each(
    world: World, ann: Client, bot: Client, club: Any
) -> None:
    mine, _ = club
    [chat] = world.chats.values()
    boris, clara = world.new_user("Boris"), world.new_user("Clara")
    for one in (boris, clara):
        world.groups.add(chat, one, by=ann.id)
    told: dict[int, Any] = {}
    world.subscribe(lambda _: None, lambda account_id, entry: told.update({account_id: entry.update.message}))
    ann(messages.SendMessageRequest(mine, "hello"))
    assert told[boris.id] is told[clara.id]
    assert not told[boris.id].out

    option = types.PollAnswer(types.TextWithEntities("Yes", []), b"0")
    other = types.PollAnswer(types.TextWithEntities("No", []), b"1")
    poll = types.Poll(0, types.TextWithEntities("Well?", []), [option, other], hash=0)
    ann(messages.SendMediaRequest(mine, types.InputMediaPoll(poll), ""))
    copy = chat.box.get(told[boris.id].id)
    assert copy is not None
    assert isinstance(copy.post.media, Poll)
    copy.post.media.votes[boris.id] = Vote((b"0",), world.date())
    world.posts.edited(copy)
    chosen = {one.id: told[one.id].media.results.results for one in (boris, clara)}
    assert [result.chosen for result in chosen[boris.id]] == [True, None]
    assert not chosen[clara.id]
