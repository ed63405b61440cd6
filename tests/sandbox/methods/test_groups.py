"""Groups, invite links, requests to join."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import bots, channels, messages

from tests.sandbox.methods.direct import Client, Clock, refused
from tgbot.sandbox.world import World


def test_a_bot_in_a_group_hears_what_is_meant_for_it(ann: Client, bot: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    created = ann(messages.CreateChatRequest([ann.user(ben), ann.user(bot)], "Friends"))
    [chat] = created.updates.chats
    group = types.InputPeerChat(chat.id)
    for text in ("hello all", "/start@the_bot x", "/start@other_bot", "/help"):
        ann(messages.SendMessageRequest(group, text))
    told = bot.difference()
    assert [message.message for message in told.new_messages if message.message] == [
        "/start@the_bot x",
        "/help",
    ]
    assert {message.from_id.user_id for message in told.new_messages} == {ann.id}
    assert [each.title for each in told.chats] == ["Friends"]
    answer = bot(messages.SendMessageRequest(group, "Hello!"))
    assert [type(update).__name__ for update in answer.updates] == ["UpdateMessageID", "UpdateNewMessage"]
    with refused("PEER_ID_INVALID"):
        new_person("Eve")(messages.SendMessageRequest(group, "let me in"))


def test_startgroup_adds_the_bot_and_starts_it_there(world: World, ann: Client, bot: Client) -> None:
    group = world.new_group("Friends", ann.id)
    before = world.state(ann.id)[0]
    request = messages.StartBotRequest(ann.user(bot), types.InputPeerChat(group.id), "ref")
    answer = ann(request)
    assert [message.message for message in bot.difference().new_messages][-1] == "/start@the_bot ref"
    told = [update.pts for update in answer.updates if hasattr(update, "pts")]
    assert told == [before + 1, before + 2]


@pytest.fixture
def approval(world: World, ann: Client, bot: Client) -> Any:
    """Return Ann's private supergroup with the bot as admin, and the hash of a link that needs approval."""
    channel = ann(channels.CreateChannelRequest("Club", "for members", megagroup=True)).chats[0]
    rights = types.ChatAdminRights(invite_users=True)
    given = types.InputChannel(channel.id, channel.access_hash)
    ann(channels.EditAdminRequest(given, ann.user(bot), rights, ""))
    peer = types.InputPeerChannel(channel.id, channel.access_hash)
    invite = ann(messages.ExportChatInviteRequest(peer, request_needed=True))
    return channel.id, invite.link.rpartition("+")[2]


def test_a_request_to_join_opens_a_window_of_five_minutes(
    world: World, clock: Clock, ann: Client, bot: Client, new_person: Any, approval: Any
) -> None:
    channel_id, invite_hash = approval
    ben = new_person("Ben")
    assert ben(messages.CheckChatInviteRequest(invite_hash)).request_needed
    for _ in range(2):
        with refused("INVITE_REQUEST_SENT"):
            ben(messages.ImportChatInviteRequest(invite_hash))
    told = bot.difference()
    requests = [
        update for update in told.other_updates if isinstance(update, types.UpdateBotChatInviteRequester)
    ]
    assert [(update.user_id, update.peer) for update in requests] == [(ben.id, types.PeerChannel(channel_id))]
    assert ben.id in [user.id for user in told.users]
    assert [chat.title for chat in told.chats] == ["Club"]
    bot.send(ben, "welcome")
    clock.time += 299
    bot.send(ben, "still there")
    clock.time += 1
    with refused("PEER_ID_INVALID"):
        bot.send(ben, "too late")


@pytest.mark.parametrize("approved", [True, False])
def test_a_request_is_decided_once(
    world: World, bot: Client, new_person: Any, approval: Any, approved: bool
) -> None:
    channel_id, invite_hash = approval
    ben = new_person("Ben")
    with refused("INVITE_REQUEST_SENT"):
        ben(messages.ImportChatInviteRequest(invite_hash))
    peer = types.InputPeerChannel(channel_id, world.accounts.access_hash(bot.id, channel_id, kind=b"channel"))
    decide = messages.HideChatJoinRequestRequest(peer, bot.user(ben), approved=approved)
    assert bot(decide).chats[0].id == channel_id
    with refused("HIDE_REQUESTER_MISSING"):
        bot(decide)
    with refused("PEER_ID_INVALID"):
        bot.send(ben, "the window is closed")
    joined = isinstance(ben(messages.CheckChatInviteRequest(invite_hash)), types.ChatInviteAlready)
    assert joined is approved


def test_only_an_admin_who_may_add_users_decides(
    world: World, new_bot: Any, new_person: Any, approval: Any
) -> None:
    channel_id, invite_hash = approval
    ben, other = new_person("Ben"), new_bot()
    with refused("INVITE_REQUEST_SENT"):
        ben(messages.ImportChatInviteRequest(invite_hash))
    access_hash = world.accounts.access_hash(other.id, channel_id, kind=b"channel")
    request = messages.HideChatJoinRequestRequest(
        types.InputPeerChannel(channel_id, access_hash), other.user(ben), approved=True
    )
    with refused("CHANNEL_PRIVATE"):
        other(request)
    world.groups.add(world.chats[-(10**12) - channel_id], world.accounts[other.id], by=other.id)
    with refused("CHAT_ADMIN_REQUIRED"):
        other(request)
    with refused("INVITE_HASH_INVALID"):
        ben(messages.ImportChatInviteRequest("nothing"))


def test_only_admins_delete_what_others_wrote_in_a_group(world: World, ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    world.new_group("Friends", ann.id, ben.id)
    world.send_as(ann.id, next(iter(world.chats)), "mine")
    with refused("MESSAGE_DELETE_FORBIDDEN", 403):
        ben(messages.DeleteMessagesRequest([2], revoke=True))
    ben(messages.DeleteMessagesRequest([2]))
    assert ann(messages.DeleteMessagesRequest([2], revoke=True)).pts_count == 1


def test_a_bot_is_told_of_its_own_standing(world: World, bot: Client, approval: Any) -> None:
    channel_id, _ = approval
    [update] = bot.difference().other_updates[:1]
    assert (update.channel_id, update.user_id, update.prev_participant) == (channel_id, bot.id, None)
    assert update.new_participant.admin_rights.invite_users


def test_a_member_cannot_come_again_nor_a_bot_that_joins_no_groups(
    world: World, ann: Client, bot: Client, new_person: Any, approval: Any
) -> None:
    channel_id, invite_hash = approval
    with refused("USER_ALREADY_PARTICIPANT"):
        ann(messages.ImportChatInviteRequest(invite_hash))
    profile = world.accounts[bot.id].profile
    assert profile is not None
    profile.joins_groups = False
    with refused("BOT_GROUPS_BLOCKED"):
        ann(messages.CreateChatRequest([ann.user(bot)], "Friends"))
    ben = new_person("Ben")
    with refused("INVITE_REQUEST_SENT"):
        ben(messages.ImportChatInviteRequest(invite_hash))
    chat = next(chat for chat in world.chats.values() if chat.id == channel_id)
    world.groups.add(chat, world.accounts[ben.id], by=ann.id)
    assert chat.requests == {}
    access_hash = world.accounts.access_hash(ben.id, channel_id, kind=b"channel")
    request = channels.EditAdminRequest(
        types.InputChannel(channel_id, access_hash), ben.user(bot), types.ChatAdminRights(), ""
    )
    with refused("CHAT_ADMIN_REQUIRED"):
        ben(request)
    given = types.InputPeerChannel(channel_id, access_hash)
    with refused("CHAT_ADMIN_REQUIRED"):
        ben(messages.ExportChatInviteRequest(given))
    with refused("MESSAGE_DELETE_FORBIDDEN", 403):
        ben(channels.DeleteMessagesRequest(types.InputChannel(channel_id, access_hash), [1]))


def test_a_group_becomes_a_supergroup_with_its_requests_and_takes_no_calls_any_more(
    world: World, ann: Client, bot: Client, new_person: Any
) -> None:
    ben = new_person("Ben")
    chat = ann(messages.CreateChatRequest([ann.user(bot)], "Friends")).updates.chats[0]
    ann(messages.EditChatAdminRequest(chat.id, ann.user(bot), True))
    group = types.InputPeerChat(chat.id)
    invite = ann(messages.ExportChatInviteRequest(group, request_needed=True)).link.rpartition("+")[2]
    with refused("INVITE_REQUEST_SENT"):
        ben(messages.ImportChatInviteRequest(invite))
    with refused("CHAT_ADMIN_REQUIRED"):
        bot_of = new_person("Eve")
        world.groups.add(world.chats[-chat.id], world.accounts[bot_of.id], by=ann.id)
        bot_of(messages.MigrateChatRequest(chat.id))
    answer = ann(messages.MigrateChatRequest(chat.id))
    old, new = (
        next(one for one in answer.chats if type(one) is kind) for kind in (types.Chat, types.Channel)
    )
    assert (old.deactivated, old.migrated_to.channel_id, new.megagroup) == (True, new.id, True)
    with refused("CHAT_ID_INVALID"):
        bot(messages.SendMessageRequest(group, "hello"))
    with refused("CHAT_ID_INVALID"):
        bot(messages.HideChatJoinRequestRequest(group, bot.user(ben), approved=True))
    told = bot.difference()
    actions = [message.action for message in told.new_messages if getattr(message, "action", None)]
    assert actions[-1] == types.MessageActionChatMigrateTo(new.id)
    (seen,) = bot(messages.GetChatsRequest([chat.id])).chats
    supergroup = types.InputPeerChannel(seen.migrated_to.channel_id, seen.migrated_to.access_hash)
    bot(messages.HideChatJoinRequestRequest(supergroup, bot.user(ben), approved=True))
    assert ben.id in world.chats[-(10**12) - new.id].members
    assert types.MessageActionChannelMigrateFrom("Friends", chat.id) in [
        entry.content.post.action for entry in world.chats[-(10**12) - new.id].log.above(0, 0)
    ]


@pytest.mark.parametrize(
    ("result", "joins", "open_still"),
    [
        (types.JoinChatBotResultApproved(), True, False),
        (types.JoinChatBotResultDeclined(), False, False),
        (types.JoinChatBotResultQueued(), False, True),
    ],
)
def test_a_guard_bot_answers_a_request_once_and_within_ten_seconds(
    world: World,
    clock: Clock,
    ann: Client,
    bot: Client,
    new_person: Any,
    approval: Any,
    result: Any,
    joins: bool,
    open_still: bool,
) -> None:
    channel_id, invite_hash = approval
    chat = world.chats[-(10**12) - channel_id]
    given = types.InputChannel(channel_id, world.accounts.access_hash(ann.id, channel_id, kind=b"channel"))
    with refused("BOT_INVALID"):
        ann(channels.ToggleJoinRequestRequest(given, True, guard_bot=ann.user(new_person("Eve"))))
    ann(channels.ToggleJoinRequestRequest(given, True, guard_bot=ann.user(bot)))
    for name in ("Ben", "Cleo"):
        with refused("INVITE_REQUEST_SENT"):
            new_person(name)(messages.ImportChatInviteRequest(invite_hash))
    (ben, first), (cleo, second) = [
        (update.user_id, update.query_id)
        for update in bot.difference().other_updates
        if isinstance(update, types.UpdateBotChatInviteRequester)
    ]
    assert bot(bots.SetJoinChatResultsRequest(first, result))
    assert (ben in chat.members, ben in chat.requests) == (joins, open_still)
    with refused("QUERY_ID_INVALID"):
        bot(bots.SetJoinChatResultsRequest(first, result))
    clock.time += 11
    with refused("QUERY_ID_INVALID"):
        bot(bots.SetJoinChatResultsRequest(second, result))
    assert cleo in chat.requests
