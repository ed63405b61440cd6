"""Invite links over the wire, with plain Telethon: limits, changes, lists, and requests to join."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from telethon.tl import types
from telethon.tl.functions import channels, messages, updates

from tests.sandbox.answers import refused
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.world import World


class Club(NamedTuple):
    """Ann's private supergroup, whose bot may invite, and two who are not in it."""

    world: World
    chat: Chat
    ann: Any
    bot: Any
    ben: Any
    eve: Any

    async def at(self, client: Any) -> Any:
        me = (await client.get_me()).id
        access_hash = self.world.accounts.access_hash(me, self.chat.id, kind=b"channel")
        return types.InputPeerChannel(self.chat.id, access_hash)

    async def made(self, **limits: Any) -> Any:
        return await self.ann(messages.ExportChatInviteRequest(await self.at(self.ann), **limits))

    async def edited(self, link: str, **changes: Any) -> Any:
        request = messages.EditExportedChatInviteRequest(await self.at(self.ann), link, **changes)
        return (await self.ann(request)).invite

    def moment(self, seconds: int) -> datetime:
        """Return the world's time in some seconds."""
        return datetime.fromtimestamp(self.world.date() + seconds, UTC)


@pytest.fixture
async def club(sandbox: Sandbox, person: Person, plain_bot: PlainBot) -> Club:
    ann, ben, eve = [await person(name) for name in ("Ann", "Ben", "Eve")]
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    world = sandbox.world
    creator = (await ann.get_me()).id
    chat = world.new_channel("Club", megagroup=True, creator=creator)
    world.groups.promote(chat, world.accounts[token.id], types.ChatAdminRights(invite_users=True), by=creator)
    return Club(world, chat, ann, bot, ben, eve)


def part(link: str) -> str:
    return link.rpartition("+")[2]


async def join(client: Any, link: str) -> Any:
    return await client(messages.ImportChatInviteRequest(part(link)))


async def test_a_link_is_for_so_many_and_tells_who_came(club: Club) -> None:
    invite = await club.made(usage_limit=1, title="friends")
    assert (invite.usage_limit, invite.title, invite.usage) == (1, "friends", None)
    preview = await club.ben(messages.CheckChatInviteRequest(part(invite.link)))
    assert (preview.title, preview.participants_count, preview.megagroup) == ("Club", 2, True)
    await join(club.ben, invite.link)
    with refused("USER_ALREADY_PARTICIPANT"):
        await join(club.ben, (await club.made()).link)
    for request in (messages.ImportChatInviteRequest, messages.CheckChatInviteRequest):
        with refused("INVITE_HASH_EXPIRED"):
            await club.eve(request(part(invite.link)))
    where = await club.at(club.ann)
    came = await club.ann(
        messages.GetChatInviteImportersRequest(where, None, types.InputUserEmpty(), 9, link=invite.link)
    )
    assert [one.user_id for one in came.importers] == [user.id for user in came.users]
    assert (came.count, came.users[0].first_name) == (1, "Ben")
    told = await club.bot(updates.GetDifferenceRequest(1, datetime.fromtimestamp(1, UTC), 1))
    joined = [one for one in told.other_updates if isinstance(one, types.UpdateChannelParticipant)][-1]
    assert (joined.invite.link, joined.prev_participant) == (invite.link, None)
    larger = await club.edited(invite.link, usage_limit=2)
    assert (larger.usage_limit, larger.usage, larger.title) == (2, 1, "friends")
    await join(club.eve, invite.link)


async def test_a_link_ends_by_the_worlds_clock(club: Club) -> None:
    club.world.clock_error = -5000.0
    invite = await club.made(expire_date=club.moment(390))
    club.world.clock_error = -4600.0
    with refused("INVITE_HASH_EXPIRED"):
        await join(club.ben, invite.link)
    assert (await club.edited(invite.link, expire_date=club.moment(390))).expire_date == club.moment(390)
    await join(club.ben, invite.link)
    assert (await club.edited(invite.link, expire_date=datetime.fromtimestamp(0, UTC))).expire_date is None


@pytest.mark.parametrize("limit", [-1, -(2**31), 100_000, 2**31 - 1])
async def test_limits_out_of_range_are_refused(club: Club, limit: int) -> None:
    with refused("USAGE_LIMIT_INVALID"):
        await club.made(usage_limit=limit)
    with refused("USAGE_LIMIT_INVALID"):
        await club.made(usage_limit=2, request_needed=True)
    with refused("EXPIRE_DATE_INVALID"):
        await club.made(expire_date=club.moment(-10))


async def test_a_revoked_link_is_listed_apart_and_can_be_deleted(club: Club) -> None:
    first, second = await club.made(title="one"), await club.made(title="two")
    where = await club.at(club.ann)
    with refused("INVITE_REVOKED_MISSING"):
        await club.ann(messages.DeleteExportedChatInviteRequest(where, first.link))
    assert (await club.edited(first.link, revoked=True)).revoked
    with refused("INVITE_HASH_EXPIRED"):
        await join(club.ben, first.link)
    with refused("INVITE_HASH_EXPIRED"):
        await club.edited(first.link, title="again")
    me = types.InputUserSelf()
    for revoked, titles in ((None, ["two"]), (True, ["one"])):
        listed = await club.ann(messages.GetExportedChatInvitesRequest(where, me, 9, revoked=revoked))
        assert ([one.title for one in listed.invites], listed.count) == (titles, 1)
    one = await club.ann(messages.GetExportedChatInviteRequest(where, second.link))
    assert (one.invite.title, [user.first_name for user in one.users]) == ("two", ["Ann"])
    admins = (await club.ann(messages.GetAdminsWithInvitesRequest(where))).admins
    assert [(one.invites_count, one.revoked_invites_count) for one in admins] == [(1, 1)]
    await club.ann(messages.DeleteExportedChatInviteRequest(where, first.link))
    with refused("INVITE_HASH_EXPIRED"):
        await club.ann(messages.GetExportedChatInviteRequest(where, first.link))
    await club.edited(second.link, revoked=True)
    await club.ann(messages.DeleteRevokedExportedChatInvitesRequest(where, me))
    assert club.chat.invites == {}


async def test_the_main_link_is_replaced_and_cannot_be_limited(club: Club) -> None:
    main = await club.made(legacy_revoke_permanent=True)
    assert main.permanent
    with refused("CHAT_INVITE_PERMANENT"):
        await club.edited(main.link, usage_limit=5)
    where = await club.at(club.ann)
    answer = await club.ann(messages.EditExportedChatInviteRequest(where, main.link, revoked=True))
    assert (answer.invite.revoked, answer.new_invite.permanent) == (True, True)
    full = await club.ann(channels.GetFullChannelRequest(where))
    assert full.full_chat.exported_invite.link == answer.new_invite.link


async def test_admins_change_only_their_own_links_and_nobody_those_of_a_bot(club: Club) -> None:
    mine = await club.made()
    there = await club.at(club.bot)
    its = await club.bot(messages.ExportChatInviteRequest(there, title="from the bot"))
    with refused("CHAT_ADMIN_REQUIRED"):
        await club.bot(messages.EditExportedChatInviteRequest(there, mine.link, title="x"))
    with refused("EDIT_BOT_INVITE_FORBIDDEN", 403):
        await club.edited(its.link, title="x")
    changed = await club.bot(messages.EditExportedChatInviteRequest(there, its.link, title="new"))
    assert changed.invite.title == "new"
    assert (await club.edited(its.link, revoked=True)).revoked


async def test_who_is_banned_cannot_come_back_with_a_link(club: Club) -> None:
    invite = await club.made()
    ben = (await club.ben.get_me()).id
    banned = types.ChatBannedRights(None, view_messages=True)
    club.world.groups.restrict(club.chat, ben, banned, 0, by=club.chat.creator)
    for request in (messages.ImportChatInviteRequest, messages.CheckChatInviteRequest):
        with refused("INVITE_HASH_EXPIRED"):
            await club.ben(request(part(invite.link)))
    with refused("INVITE_HASH_INVALID"):
        await club.ben(messages.ImportChatInviteRequest("nothing"))


async def test_requests_are_counted_by_link_and_approved_by_someone(club: Club) -> None:
    invite, other = await club.made(request_needed=True), await club.made(request_needed=True)
    for client, link in ((club.ben, invite.link), (club.eve, other.link)):
        with refused("INVITE_REQUEST_SENT"):
            await join(client, link)
    where = await club.at(club.ann)

    async def importers(**fields: Any) -> list[Any]:
        request = messages.GetChatInviteImportersRequest(where, None, types.InputUserEmpty(), 9, **fields)
        return list((await club.ann(request)).importers)

    ben, eve = (await club.ben.get_me()).id, (await club.eve.get_me()).id
    assert {one.user_id for one in await importers(requested=True)} == {ben, eve}
    assert [one.user_id for one in await importers(requested=True, link=invite.link)] == [ben]
    assert [one.user_id for one in await importers(requested=True, q="ev")] == [eve]
    one = await club.ann(messages.GetExportedChatInviteRequest(where, invite.link))
    assert one.invite.requested == 1
    await club.ann(messages.HideAllChatJoinRequestsRequest(where, approved=True, link=invite.link))
    assert (ben in club.chat.members, eve in club.chat.members) == (True, False)
    [came] = await importers(link=invite.link)
    assert came.approved_by == club.chat.creator
    one = await club.ann(messages.GetExportedChatInviteRequest(where, invite.link))
    assert (one.invite.requested, one.invite.usage) == (None, 1)


async def test_a_public_group_may_let_its_admins_decide(club: Club) -> None:
    club.world.accounts.take("the_club_of_ann", club.chat.marked)
    club.chat.usernames.append("the_club_of_ann")
    where = await club.at(club.ann)
    await club.ann(channels.ToggleJoinRequestRequest(where, True))
    theirs = await club.ben.get_input_entity("the_club_of_ann")
    assert (await club.ben.get_entity("the_club_of_ann")).join_request
    with refused("INVITE_REQUEST_SENT"):
        await club.ben(channels.JoinChannelRequest(theirs))
    told = await club.bot(updates.GetDifferenceRequest(1, datetime.fromtimestamp(1, UTC), 1))
    [asked] = [one for one in told.other_updates if isinstance(one, types.UpdateBotChatInviteRequester)]
    assert isinstance(asked.invite, types.ChatInvitePublicJoinRequests)
    there = await club.at(club.bot)
    user = types.InputUser(asked.user_id, 0)
    hash_of_ben = next(user.access_hash for user in told.users if user.id == asked.user_id)
    user = types.InputUser(asked.user_id, hash_of_ben)
    await club.bot(messages.HideChatJoinRequestRequest(there, user, approved=True))
    assert asked.user_id in club.chat.members


async def test_a_basic_group_is_full_at_two_hundred(club: Club) -> None:
    world = club.world
    group = world.new_group("Many", club.chat.creator, *(world.new_user(f"P{n}").id for n in range(199)))
    invite = world.groups.invite(group, club.chat.creator)
    with refused("USERS_TOO_MUCH"):
        await join(club.ben, invite.link)
