"""Titles, photos, descriptions, usernames and settings of chats over the wire, with plain Telethon."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from telethon.tl import types
from telethon.tl.functions import channels, messages, upload

from tests.pictures import jpeg
from tests.sandbox.answers import kinds, refused
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.world import World


class House(NamedTuple):
    """A chat of Ann's, with a bot that may change its profile and Ben, who may not."""

    world: World
    chat: Chat
    ann: Any
    bot: Any
    ben: Any

    async def at(self, client: Any) -> Any:
        if not self.chat.channel:
            return types.InputPeerChat(self.chat.id)
        me = (await client.get_me()).id
        access_hash = self.world.accounts.access_hash(me, self.chat.id, kind=b"channel")
        return types.InputPeerChannel(self.chat.id, access_hash)

    async def full(self, client: Any) -> Any:
        if self.chat.channel:
            return (await client(channels.GetFullChannelRequest(await self.at(client)))).full_chat
        return (await client(messages.GetFullChatRequest(self.chat.id))).full_chat

    def title(self, where: Any, title: str) -> Any:
        if self.chat.channel:
            return channels.EditTitleRequest(where, title)
        return messages.EditChatTitleRequest(self.chat.id, title)

    def photo(self, where: Any, photo: Any) -> Any:
        if self.chat.channel:
            return channels.EditPhotoRequest(where, photo)
        return messages.EditChatPhotoRequest(self.chat.id, photo)


@pytest.fixture(params=["group", "supergroup", "channel"])
async def house(sandbox: Sandbox, person: Person, plain_bot: PlainBot, request: Any) -> House:
    ann, ben = await person("Ann"), await person("Ben")
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    world = sandbox.world
    creator, other = (await ann.get_me()).id, (await ben.get_me()).id
    if request.param == "group":
        chat = world.new_group("House", creator, other, token.id)
        world.groups.forbid(chat, types.ChatBannedRights(None, change_info=True))
    else:
        chat = world.new_channel("House", megagroup=request.param == "supergroup", creator=creator)
        if chat.megagroup:
            world.groups.forbid(chat, types.ChatBannedRights(None, change_info=True))
        world.groups.add(chat, world.accounts[other], by=creator)
    world.groups.promote(chat, world.accounts[token.id], types.ChatAdminRights(change_info=True), by=creator)
    return House(world, chat, ann, bot, ben)


async def test_a_title_is_changed_by_who_may_and_announced(house: House) -> None:
    theirs = await house.at(house.ben)
    with refused("CHAT_ADMIN_REQUIRED"):
        await house.ben(house.title(theirs, "Ben's"))
    where = await house.at(house.bot)
    for wrong in ("", "  ", "x" * 129):
        with refused("CHAT_TITLE_EMPTY"):
            await house.bot(house.title(where, wrong))
    answer = await house.bot(house.title(where, " Home "))
    assert [chat.title for chat in answer.chats if chat.id == house.chat.id] == ["Home"]
    with refused("CHAT_NOT_MODIFIED"):
        await house.bot(house.title(where, "Home"))
    [message] = await house.ben.get_messages(theirs, limit=1)
    assert message.action == types.MessageActionChatEditTitle("Home")
    assert message.post is house.chat.broadcast


async def test_a_photo_is_set_seen_downloaded_and_removed(house: House) -> None:
    where, theirs = await house.at(house.bot), await house.at(house.ben)
    file = await house.bot.upload_file(jpeg(300, 200), file_name="a.jpg")
    answer = await house.bot(house.photo(where, types.InputChatUploadedPhoto(file)))
    shown = next(chat for chat in answer.chats if chat.id == house.chat.id).photo
    assert shown.stripped_thumb[0] == 1
    [message] = await house.ben.get_messages(theirs, limit=1)
    photo = message.action.photo
    assert [(size.type, size.w, size.h) for size in photo.sizes[1:]] == [
        ("a", 160, 160),
        ("b", 320, 320),
        ("c", 640, 640),
    ]
    assert (await house.full(house.ben)).chat_photo.id == shown.photo_id == photo.id
    for big, size in ((False, photo.sizes[1]), (True, photo.sizes[3])):
        location = types.InputPeerPhotoFileLocation(theirs, photo.id, big=big)
        content = (await house.ben(upload.GetFileRequest(location, 0, 1024 * 1024))).bytes
        assert len(content) == size.size
    with refused("LOCATION_INVALID"):
        await house.ben(upload.GetFileRequest(types.InputPeerPhotoFileLocation(theirs, 1), 0, 4096))
    with refused("CHAT_ADMIN_REQUIRED"):
        await house.ben(house.photo(theirs, types.InputChatPhotoEmpty()))
    await house.bot(house.photo(where, types.InputChatPhotoEmpty()))
    assert isinstance((await house.full(house.ben)).chat_photo, types.PhotoEmpty)
    known = types.InputChatPhoto(types.InputPhoto(photo.id, photo.access_hash, photo.file_reference))
    await house.bot(house.photo(where, known))
    assert (await house.full(house.ben)).chat_photo.id == photo.id


async def test_a_description_is_changed_and_shown(house: House) -> None:
    where = await house.at(house.bot)
    with refused("CHAT_ABOUT_TOO_LONG"):
        await house.bot(messages.EditChatAboutRequest(where, "x" * 256))
    assert await house.bot(messages.EditChatAboutRequest(where, "Where we live"))
    with refused("CHAT_ABOUT_NOT_MODIFIED"):
        await house.bot(messages.EditChatAboutRequest(where, "Where we live"))
    with refused("CHAT_ADMIN_REQUIRED"):
        await house.ben(messages.EditChatAboutRequest(await house.at(house.ben), "Ben's"))
    assert (await house.full(house.ben)).about == "Where we live"


async def test_nothing_is_forwarded_from_a_chat_that_forbids_it(house: House) -> None:
    where, theirs = await house.at(house.ann), await house.at(house.ben)
    await house.ann.send_message(where, "secret")
    with refused("CHAT_ADMIN_REQUIRED"):
        await house.ben(messages.ToggleNoForwardsRequest(theirs, True))
    answer = await house.ann(messages.ToggleNoForwardsRequest(where, True))
    assert next(chat for chat in answer.chats if chat.id == house.chat.id).noforwards
    [seen] = await house.ben.get_messages(theirs, limit=1)
    assert seen.text == "secret"
    with refused("CHAT_FORWARDS_RESTRICTED"):
        await house.ben.forward_messages("me", seen.id, theirs)


async def test_a_deleted_chat_is_nobodys(house: House) -> None:
    where, theirs = await house.at(house.ann), await house.at(house.ben)

    def delete(place: Any) -> Any:
        if house.chat.channel:
            return channels.DeleteChannelRequest(place)
        return messages.DeleteChatRequest(house.chat.id)

    with refused("CHAT_ADMIN_REQUIRED"):
        await house.ben(delete(theirs))
    await house.ann(delete(where))
    with refused("CHANNEL_PRIVATE" if house.chat.channel else "PEER_ID_INVALID"):
        await house.ben.send_message(theirs, "hello?")


@pytest.mark.parametrize("house", ["supergroup"], indirect=True)
async def test_who_comes_later_sees_nothing_older_where_that_is_hidden(house: House, person: Person) -> None:
    where = await house.at(house.ann)
    eve, fay = await person("Eve"), await person("Fay")
    await house.ann.send_message(where, "before")
    assert kinds(await house.ann(channels.TogglePreHistoryHiddenRequest(where, True))) == ["UpdateChannel"]
    with refused("CHAT_NOT_MODIFIED"):
        await house.ann(channels.TogglePreHistoryHiddenRequest(where, True))
    for client in (eve, fay):
        account = house.world.accounts[(await client.get_me()).id]
        house.world.groups.add(house.chat, account, by=house.chat.creator)
    await house.ann.send_message(where, "after")
    theirs = await house.at(fay)
    assert [one.text for one in await fay.get_messages(theirs, limit=9) if one.text] == ["after"]
    assert await fay.get_messages(theirs, ids=[1, 2]) == [None, None]
    since = [(await house.full(client)).available_min_id for client in (eve, fay)]
    assert since == [since[0], since[0] + 1]  # there is a message that Eve was added
    seen = await house.ben.get_messages(await house.at(house.ben), limit=9)
    assert [one.text for one in seen if one.text] == ["after", "before"]


@pytest.mark.parametrize("house", ["channel"], indirect=True)
async def test_signatures_name_the_author_of_a_post(house: House) -> None:
    where, theirs = await house.at(house.ann), await house.at(house.ben)
    shown: list[Any] = []
    for names, profiles in ((False, True), (True, False), (True, True)):
        request = channels.ToggleSignaturesRequest(where, names, profiles)
        if names:
            await house.ann(request)
        else:
            with refused("CHAT_NOT_MODIFIED"):
                await house.ann(request)
        await house.ann.send_message(where, "post")
        [post] = await house.ben.get_messages(theirs, limit=1)
        shown.append((post.post_author, post.from_id and post.from_id.user_id))
    assert shown == [(None, None), ("Ann", None), ("Ann", (await house.ann.get_me()).id)]


@pytest.mark.parametrize("house", ["channel"], indirect=True)
async def test_a_channel_takes_and_gives_back_a_username(house: House, sandbox: Sandbox) -> None:
    where = await house.at(house.ann)
    for name, error in (("no", "USERNAME_INVALID"), ("the_bot", "USERNAME_OCCUPIED")):
        for request in (channels.UpdateUsernameRequest, channels.CheckUsernameRequest):
            with refused(error):
                await house.ann(request(where, name))
    assert await house.ann(channels.CheckUsernameRequest(types.InputChannelEmpty(), "our_house"))
    assert await house.ann(channels.UpdateUsernameRequest(where, "our_house"))
    assert (await house.ben.get_entity("our_house")).id == house.chat.id
    with refused("USERNAME_NOT_MODIFIED"):
        await house.ann(channels.UpdateUsernameRequest(where, "our_house"))
    await house.ann(channels.UpdateUsernameRequest(where, ""))
    assert sandbox.world.accounts.holder("our_house") is None
