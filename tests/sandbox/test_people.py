"""Finding people, bots and channels, and whether people are online, over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import account, channels, contacts, messages

from tests.patience import PATIENCE
from tests.sandbox.answers import refused
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.server import Sandbox


async def test_a_search_finds_what_one_knows_and_what_is_public(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    me, world = (await ann.get_me()).id, sandbox.world
    known = world.new_user("Pizzaiolo", "Verdi")
    world.send_as(known.id, me, "hello")
    bot = world.new_bot("pizza_bot")
    news = world.new_channel("News", "pizza_news", creator=known.id)
    mine = world.new_channel("Pizza club", creator=me)

    async def found(text: str, **options: Any) -> Any:
        return await ann(contacts.SearchRequest(text, options.pop("limit", 10), **options))

    both = await found("@Pizza")
    assert both.my_results == [types.PeerUser(known.id), types.PeerChannel(mine.id)]
    assert both.results == [types.PeerUser(bot.id), types.PeerChannel(news.id)]
    assert {user.id for user in both.users} == {known.id, bot.id}
    assert (await found("verdi")).my_results == [types.PeerUser(known.id)]
    assert (await found("pizza", bots=True)).results == [types.PeerUser(bot.id)]
    assert (await found("pizza", broadcasts=True)).results == [types.PeerChannel(news.id)]
    for limit, count in ((1, 1), (0, 0), (-1, 0), (2**31 - 1, 2)):
        assert len((await found("pizza", limit=limit)).results) == count
    assert [user.username for user in (await found("botf")).users] == ["BotFather"]
    for text, error in (("pi", "QUERY_TOO_SHORT"), ("  @", "SEARCH_QUERY_EMPTY")):
        with refused(error):
            await found(text)


async def test_people_see_when_others_are_online_and_bots_do_not(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    bot = await plain_bot(sandbox.new_bot("the_bot").token)
    told: asyncio.Queue[Any] = asyncio.Queue()
    at_bot: list[Any] = []

    async def note(update: Any) -> None:
        if isinstance(update, types.UpdateUserStatus):
            told.put_nowait(update)

    ben.add_event_handler(note)
    bot.add_event_handler(
        lambda update: at_bot.append(update) if isinstance(update, types.UpdateUserStatus) else None
    )
    me, other = (await ann.get_me()).id, (await ben.get_me()).id
    sandbox.world.send_as(other, me, "hello")
    await ann.send_message("the_bot", "hello")
    assert isinstance((await ben.get_entity(me)).status, types.UserStatusRecently)
    for offline, kind in ((False, types.UserStatusOnline), (True, types.UserStatusOffline)):
        await ann(account.UpdateStatusRequest(offline))
        async with asyncio.timeout(PATIENCE):
            update = await told.get()
        assert (update.user_id, type(update.status)) == (me, kind)
        assert isinstance((await ben.get_entity(me)).status, kind)
        assert isinstance((await bot.get_entity(me)).status, types.UserStatusRecently)
    assert at_bot == []


async def test_a_person_finds_out_as_what_they_may_write_and_what_they_share(
    sandbox: Sandbox, person: Person
) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    world, me, other = sandbox.world, (await ann.get_me()).id, (await ben.get_me()).id
    group = world.new_channel("Group", "the_group_of_ann", megagroup=True, creator=me)
    news = world.new_channel("News", creator=me)
    world.groups.add(group, world.accounts[other], by=me)
    for client, peers in (
        (ann, [types.PeerUser(me), types.PeerChannel(group.id), types.PeerChannel(news.id)]),
        (ben, [types.PeerUser(other)]),
    ):
        answer = await client(channels.GetSendAsRequest(await client.get_input_entity("the_group_of_ann")))
        assert [one.peer for one in answer.peers] == peers
    world.set_usernames(other, "ben_here")
    friends = world.new_group("Friends", me, other)
    ben_for_ann = await ann.get_input_entity("ben_here")
    both = await ann(messages.GetCommonChatsRequest(ben_for_ann, 0, 10))
    assert {chat.id for chat in both.chats} == {group.id, friends.id}
    page = await ann(messages.GetCommonChatsRequest(ben_for_ann, 0, 1))
    assert ([chat.id for chat in page.chats], page.count) == ([group.id], 2)
    public = await ann(channels.GetAdminedPublicChannelsRequest())
    assert [chat.id for chat in public.chats] == [group.id]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("ann", "USERNAME_INVALID"),
        ("ann__lee", "USERNAME_INVALID"),
        ("ann_bot", "USERNAME_INVALID"),
        ("x" * 33, "USERNAME_INVALID"),
        ("taken_name", "USERNAME_OCCUPIED"),
        ("ann_lee", "USERNAME_NOT_MODIFIED"),
    ],
)
async def test_a_username_that_cannot_be_is_refused(
    sandbox: Sandbox, person: Person, name: str, error: str
) -> None:
    ann = await person("Ann")
    sandbox.world.new_user("Other", username="taken_name")
    await ann(account.UpdateUsernameRequest("ann_lee"))
    with refused(error):
        await ann(account.UpdateUsernameRequest(name))
    assert (await ann.get_me()).username == "ann_lee"
