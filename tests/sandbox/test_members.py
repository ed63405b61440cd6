"""Members of groups over the wire, with plain Telethon: lists, admins, bans, mutes, slow mode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from telethon import errors
from telethon.tl import types
from telethon.tl.functions import channels, messages, updates

from tests.patience import PATIENCE
from tests.sandbox.answers import kinds, refused
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.server import Sandbox


class Club(NamedTuple):
    """Ann's supergroup with a bot as its admin and Ben as a member; each has it as an entity of its own."""

    chat: Chat
    ann: Any
    bot: Any
    ben: Any
    #: What the bot was sent about members.
    heard: asyncio.Queue[Any]

    async def at(self, client: Any) -> Any:
        return await client.get_input_entity(types.PeerChannel(self.chat.id))


@pytest.fixture
async def club(sandbox: Sandbox, person: Person, plain_bot: PlainBot) -> Club:
    ann, ben = await person("Ann"), await person("Ben", "Lee")
    world = sandbox.world
    for client, name in ((ann, "ann_here"), (ben, "ben_here")):
        world.set_usernames((await client.get_me()).id, name)
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    me = (await ann.get_me()).id
    chat = world.new_channel("Club", "club_of_ann", megagroup=True, creator=me)
    rights = types.ChatAdminRights(ban_users=True, add_admins=True, invite_users=True, delete_messages=True)
    world.groups.promote(chat, world.accounts[token.id], rights, by=me)
    world.groups.add(chat, world.accounts[(await ben.get_me()).id], by=me)
    news: asyncio.Queue[Any] = asyncio.Queue()

    async def note(update: Any) -> None:
        if isinstance(update, types.UpdateChannelParticipant):
            news.put_nowait(update)

    for client in (ann, ben, bot):
        await client.get_entity("club_of_ann")
    bot.add_event_handler(note)
    await bot.get_me()
    return Club(chat, ann, bot, ben, news)


async def heard(club: Club, count: int) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return [await club.heard.get() for _ in range(count)]


async def test_a_bot_mutes_a_member_for_a_time_and_the_mute_ends_by_the_worlds_clock(
    sandbox: Sandbox, club: Club
) -> None:
    where, ben = await club.at(club.bot), await club.bot.get_input_entity("ben_here")
    sandbox.world.clock_error = -1000.0
    until_date = datetime.fromtimestamp(sandbox.world.date() + 600, UTC)
    await club.bot.edit_permissions(where, ben, until_date, send_messages=False)
    with pytest.raises(errors.ChatRestrictedError):
        await club.ben.send_message(await club.at(club.ben), "hello")
    [told] = await heard(club, 1)
    assert isinstance(told.prev_participant, types.ChannelParticipant)
    assert told.new_participant.banned_rights.send_photos
    assert not told.new_participant.left
    assert told.new_participant.banned_rights.until_date == until_date
    [seen] = (await club.ben(channels.GetChannelsRequest([await club.at(club.ben)]))).chats
    assert (seen.banned_rights.send_messages, seen.left) == (True, False)
    listed = await club.ann.get_participants(
        await club.at(club.ann), filter=types.ChannelParticipantsBanned("ben")
    )
    assert [user.username for user in listed] == ["ben_here"]
    sandbox.world.clock_error = -400.0
    await club.ben.send_message(await club.at(club.ben), "hello again")


async def test_who_is_banned_sees_the_group_no_more_and_only_an_admin_brings_them_back(
    sandbox: Sandbox, club: Club
) -> None:
    where, ben = await club.at(club.bot), await club.bot.get_input_entity("ben_here")
    seen = asyncio.Event()

    async def note(update: Any) -> None:
        if isinstance(update, types.UpdateChannel):
            seen.set()

    club.ben.add_event_handler(note)
    await club.ben.get_me()
    await club.bot.edit_permissions(where, ben, view_messages=False)
    async with asyncio.timeout(PATIENCE):
        await seen.wait()
    theirs = await club.at(club.ben)
    with pytest.raises(errors.UserBannedInChannelError):
        await club.ben.send_message(theirs, "hello")
    assert isinstance(await club.ben.get_entity("club_of_ann"), types.ChannelForbidden)
    kicked = await club.ann.get_participants(
        await club.at(club.ann), filter=types.ChannelParticipantsKicked("")
    )
    assert [user.username for user in kicked] == ["ben_here"]
    banned = await club.bot(channels.GetParticipantRequest(where, ben))
    assert (banned.participant.left, banned.participant.kicked_by) == (True, (await club.bot.get_me()).id)
    assert (await club.bot.get_me()).id in [user.id for user in banned.users]
    await club.bot.edit_permissions(where, ben, view_messages=True)
    await club.ben(channels.JoinChannelRequest(theirs))
    await club.ben.send_message(theirs, "back")
    history = await club.ann.get_messages(await club.at(club.ann), limit=10)
    actions = [type(message.action).__name__ for message in history if message.action]
    assert actions == [
        "MessageActionChatAddUser",
        "MessageActionChatDeleteUser",
        "MessageActionChatAddUser",
        "MessageActionChannelCreate",
    ]
    live = await heard(club, 3)
    states = [type(update.new_participant).__name__ for update in live]
    assert states == ["ChannelParticipantBanned", "NoneType", "ChannelParticipant"]
    missed = await club.bot(difference(1))
    logged = [update for update in missed.other_updates if isinstance(update, types.UpdateChannelParticipant)]
    assert [update.qts for update in logged[-3:]] == [update.qts for update in live]


def difference(qts: int) -> Any:
    return updates.GetDifferenceRequest(1, datetime.now(UTC) - timedelta(days=1), qts)


@pytest.mark.parametrize(
    ("right", "error"),
    [
        ("send_plain", "CHAT_SEND_PLAIN_FORBIDDEN"),
        ("send_docs", "CHAT_SEND_DOCS_FORBIDDEN"),
        ("send_stickers", "CHAT_SEND_STICKERS_FORBIDDEN"),
        ("send_messages", "CHAT_WRITE_FORBIDDEN"),
    ],
)
async def test_what_is_forbidden_to_all_is_refused_to_members_and_not_to_admins(
    club: Club, right: str, error: str
) -> None:
    where = await club.at(club.ann)
    rights = types.ChatBannedRights(None, **{right: True})
    answer = await club.ann(messages.EditChatDefaultBannedRightsRequest(where, rights))
    assert getattr(answer.chats[0].default_banned_rights, right)
    with pytest.raises(errors.ChatNotModifiedError):
        await club.ann(messages.EditChatDefaultBannedRightsRequest(where, rights))
    for client in (club.ann, club.ben):
        place = await club.at(client)
        sends: dict[str, Callable[..., Any]] = {
            "send_plain": lambda to, who=client: who.send_message(to, "hi"),
            "send_messages": lambda to, who=client: who.send_message(to, "hi"),
            "send_docs": lambda to, who=client: who.send_file(to, b"text", force_document=True),
            "send_stickers": lambda to, who=client: who.send_file(to, types.InputMediaDice("🎲")),
        }
        if client is club.ann:
            await sends[right](place)
            continue
        with refused(error, 403):
            await sends[right](place)
        others = [send for name, send in sends.items() if name != right]
        if right != "send_messages":
            await others[-1](place)


async def test_slow_mode_makes_members_wait_and_admins_not(sandbox: Sandbox, club: Club) -> None:
    where, theirs = await club.at(club.ann), await club.at(club.ben)
    sandbox.world.clock_error = -1000.0
    for wrong in (-1, 7, 2**31 - 1):
        with refused("SECONDS_INVALID"):
            await club.ann(channels.ToggleSlowModeRequest(where, wrong))
    await club.ann(channels.ToggleSlowModeRequest(where, 300))
    await club.ben.send_message(theirs, "one")
    club.ben.flood_sleep_threshold = 0
    with pytest.raises(errors.SlowModeWaitError) as caught:
        await club.ben.send_message(theirs, "two")
    assert 0 < caught.value.seconds <= 300
    full = await club.ben(channels.GetFullChannelRequest(theirs))
    assert full.full_chat.slowmode_seconds == 300
    for client in (club.ann, club.bot):
        for _ in range(2):
            await client.send_message(await club.at(client), "admins are fast")
    sandbox.world.clock_error = -600.0
    await club.ben.send_message(theirs, "three")


async def test_an_admin_gives_only_rights_that_it_has_and_changes_only_its_own_admins(club: Club) -> None:
    where, mine = await club.at(club.bot), await club.at(club.ann)
    ben = await club.bot.get_input_entity("ben_here")
    with pytest.raises(errors.RightForbiddenError):
        await club.bot.edit_admin(where, ben, pin_messages=True)
    for rank, error in (
        ("x" * 17, errors.AdminRankInvalidError),
        ("a ⭐", errors.AdminRankEmojiNotAllowedError),
    ):
        with pytest.raises(error):
            await club.bot.edit_admin(where, ben, delete_messages=True, title=rank)
    await club.bot.edit_admin(where, ben, delete_messages=True, ban_users=True, title="helps")
    admins = await club.ann.get_participants(mine, filter=types.ChannelParticipantsAdmins())
    ranks = {user.username: getattr(user.participant, "rank", None) for user in admins}
    assert ranks == {"ann_here": None, "the_bot": None, "ben_here": "helps"}
    by = {user.username: getattr(user.participant, "promoted_by", None) for user in admins}
    assert by["ben_here"] == (await club.bot.get_me()).id
    theirs = await club.at(club.ben)
    for other in ("ann_here", "the_bot"):
        with pytest.raises(errors.UserAdminInvalidError):
            await club.ben.edit_permissions(
                theirs, await club.ben.get_input_entity(other), view_messages=False
            )
    with pytest.raises(errors.ChatAdminRequiredError):
        await club.ben.edit_admin(theirs, await club.ben.get_input_entity("the_bot"), ban_users=True)
    await club.bot.edit_admin(where, ben, is_admin=False)
    with pytest.raises(errors.ChatAdminRequiredError):
        await club.ben.get_participants(theirs, filter=types.ChannelParticipantsKicked(""))


async def test_lists_of_members_are_searched_filtered_and_paged(sandbox: Sandbox, club: Club) -> None:
    world = sandbox.world
    for number in range(5):
        world.groups.add(club.chat, world.new_user(f"Person {number}"), by=club.chat.creator)
    where = await club.at(club.ben)

    async def asked(given: Any, offset: int = 0, limit: int = 100) -> Any:
        return await club.ben(channels.GetParticipantsRequest(where, given, offset, limit, 0))

    everyone = await asked(types.ChannelParticipantsRecent())
    assert (everyone.count, len(everyone.participants), len(everyone.users)) == (8, 8, 8)
    page = await asked(types.ChannelParticipantsRecent(), 6, 1)
    assert (page.count, len(page.participants)) == (8, 1)
    bots = (await asked(types.ChannelParticipantsBots())).participants
    assert [one.user_id for one in bots] == [(await club.bot.get_me()).id]
    found = await asked(types.ChannelParticipantsSearch("lee"))
    [me] = found.participants
    assert (type(me), me.user_id) == (types.ChannelParticipantSelf, (await club.ben.get_me()).id)
    assert (await asked(types.ChannelParticipantsSearch("nobody"))).participants == []
    for limit in (0, -1, -(2**31), 2**31 - 1):
        assert len((await asked(types.ChannelParticipantsRecent(), 0, limit)).participants) in (0, 8)
    with refused("OFFSET_INVALID"):
        await asked(types.ChannelParticipantsRecent(), -1)


async def test_an_admin_deletes_all_that_one_member_wrote(club: Club) -> None:
    theirs, mine = await club.at(club.ben), await club.at(club.ann)
    for text in ("one", "two"):
        await club.ben.send_message(theirs, text)
    await club.ann.send_message(mine, "stays")
    ben = await club.ann.get_input_entity("ben_here")
    with pytest.raises(errors.ChatAdminRequiredError):
        await club.ben(channels.DeleteParticipantHistoryRequest(theirs, ben))
    gone = await club.ann(channels.DeleteParticipantHistoryRequest(mine, ben))
    assert gone.pts_count == 2
    left = [message.text for message in await club.ann.get_messages(mine, limit=10) if message.text]
    assert left == ["stays"]


async def test_who_leaves_and_who_may_not_be_removed_from_a_group(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    ann, ben, eve = [await person(name) for name in ("Ann", "Ben", "Eve")]
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    for client, name in ((ben, "ben_here"), (eve, "eve_here")):
        sandbox.world.set_usernames((await client.get_me()).id, name)
    users = [await ann.get_input_entity(name) for name in ("ben_here", "eve_here", "the_bot")]
    made = await ann(messages.CreateChatRequest(users, "Friends"))
    assert [kinds(made.updates).count(kind) for kind in ("UpdateNewMessage", "UpdateMessageID")] == [1, 1]
    group = made.updates.chats[0].id
    assert made.missing_invitees == []
    assert not made.updates.chats[0].default_banned_rights.send_messages
    me = types.InputUserSelf()
    with pytest.raises(errors.ChatAdminRequiredError):
        await ben(messages.DeleteChatUserRequest(group, await ben.get_input_entity("eve_here")))
    await ann(messages.EditChatAdminRequest(group, users[2], True))
    with pytest.raises(errors.ChatAdminRequiredError):
        await ben(messages.EditChatAdminRequest(group, await ben.get_input_entity("eve_here"), True))
    await ann(messages.EditChatAdminRequest(group, users[1], True))
    eve_for_bot = await bot.get_input_entity((await eve.get_me()).id)
    with pytest.raises(errors.UserAdminInvalidError):
        await bot(messages.DeleteChatUserRequest(group, eve_for_bot))
    ben_for_bot = await bot.get_input_entity((await ben.get_me()).id)
    await bot(messages.DeleteChatUserRequest(group, ben_for_bot))
    await eve(messages.DeleteChatUserRequest(group, me))
    told = await bot(difference(1))
    changes = [update for update in told.other_updates if isinstance(update, types.UpdateChatParticipant)]
    assert [(type(one.prev_participant).__name__, type(one.new_participant).__name__) for one in changes] == [
        ("NoneType", "ChatParticipant"),
        ("ChatParticipant", "ChatParticipantAdmin"),
        ("ChatParticipant", "ChatParticipantAdmin"),
        ("ChatParticipant", "NoneType"),
        ("ChatParticipantAdmin", "NoneType"),
    ]
    with pytest.raises(errors.RPCError):
        await ben.send_message(types.InputPeerChat(group), "still here?")


@pytest.mark.parametrize("basic", [True, False])
async def test_members_have_titles_that_they_choose_or_are_given(
    sandbox: Sandbox, club: Club, basic: bool
) -> None:
    world, ben = sandbox.world, (await club.ben.get_me()).id
    group = world.new_group("Friends", club.chat.creator, ben) if basic else club.chat
    mine, theirs = (
        [types.InputPeerChat(group.id)] * 2 if basic else [await club.at(one) for one in (club.ann, club.ben)]
    )
    other = await club.ann.get_input_entity("ben_here")
    me = types.InputPeerSelf()
    for rank, error in (("x" * 17, "ADMIN_RANK_INVALID"), ("⭐", "ADMIN_RANK_EMOJI_NOT_ALLOWED")):
        with refused(error):
            await club.ben(messages.EditChatParticipantRankRequest(theirs, me, rank))
    await club.ben(messages.EditChatParticipantRankRequest(theirs, me, "cook"))
    with refused("CHAT_NOT_MODIFIED"):
        await club.ann(messages.EditChatParticipantRankRequest(mine, other, "cook"))
    ann = await club.ben.get_input_entity("ann_here")
    with refused("CHAT_ADMIN_REQUIRED"):
        await club.ben(messages.EditChatParticipantRankRequest(theirs, ann, "boss"))
    assert group.ranks == {ben: "cook"}
    if basic:
        full = await club.ann(messages.GetFullChatRequest(group.id))
        assert [one.rank for one in full.full_chat.participants.participants] == [None, "cook"]
    else:
        found = await club.ann(channels.GetParticipantRequest(mine, other))
        assert found.participant.rank == "cook"
    await club.ann(messages.EditChatParticipantRankRequest(mine, other, ""))
    await club.ann(
        messages.EditChatDefaultBannedRightsRequest(mine, types.ChatBannedRights(None, edit_rank=True))
    )
    with refused("CHAT_ADMIN_REQUIRED"):
        await club.ben(messages.EditChatParticipantRankRequest(theirs, me, "cook"))
