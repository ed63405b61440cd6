"""Full users, groups and channels reach clients of every layer, whatever is true of them."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.extensions import BinaryReader
from telethon.tl import types
from telethon.tl.alltlobjects import LAYER
from telethon.tl.functions import channels, messages, users

from tests.sandbox.conftest import PlainBot
from tgbot.sandbox import layers
from tgbot.sandbox.server import Sandbox


@pytest.mark.parametrize("waiting", [0, 1, 7])
@pytest.mark.parametrize("megagroup", [True, False])
async def test_a_full_channel_names_those_who_ask_to_join(
    sandbox: Sandbox, person: Any, plain_bot: PlainBot, waiting: int, megagroup: bool
) -> None:
    """Number and names share a flag; a number alone could not be sent, and cut the connection."""
    ann = await person("Ann")
    made = await ann(
        channels.CreateChannelRequest("Club", "about", megagroup=megagroup, broadcast=not megagroup)
    )
    group = await ann.get_input_entity(made.chats[0])
    invite = await ann(messages.ExportChatInviteRequest(group, request_needed=True))
    world = sandbox.world
    chat, link = world.groups.invited(invite.link.rpartition("+")[2])
    asking = [world.new_user(f"Person {number}") for number in range(waiting)]
    for each in asking:
        with pytest.raises(Exception, match="INVITE_REQUEST_SENT"):
            world.groups.follow(each, chat, link, "")
    full = await ann(channels.GetFullChannelRequest(group))
    assert full.full_chat.requests_pending == (waiting or None)
    assert (full.full_chat.recent_requesters or []) == [each.id for each in asking[-5:]]
    assert {each.id for each in asking[-5:]} <= {user.id for user in full.users}
    token = world.new_bot("the_bot")
    bot = await plain_bot(token.token)
    world.groups.add(chat, world.accounts[token.id], by=chat.creator)
    seen = await bot(channels.GetFullChannelRequest(await bot.get_input_entity(types.PeerChannel(chat.id))))
    assert seen.full_chat.requests_pending is None  # only admins who may add people see them


@pytest.mark.parametrize("layer", [198, 227, LAYER])
async def test_every_full_answer_has_a_form_in_each_layer(sandbox: Sandbox, person: Any, layer: int) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    token = sandbox.new_bot("the_bot")
    await ann.send_message("the_bot", "hello")
    me, asking = await ann.get_me(), sandbox.world.accounts[(await ben.get_me()).id]
    made = await ann(messages.CreateChatRequest([await ann.get_input_entity("the_bot")], "Group"))
    (group,) = made.updates.chats
    channel = (await ann(channels.CreateChannelRequest("Club", "about", megagroup=True))).chats[0]
    chat = sandbox.world.chats[-1_000_000_000_000 - channel.id]
    basic = sandbox.world.chats[-group.id]
    for each in (chat, basic):
        invite = sandbox.world.groups.invite(each, me.id, request_needed=True, title="")
        with pytest.raises(Exception, match="INVITE_REQUEST_SENT"):
            sandbox.world.groups.follow(asking, each, invite, "please")
    sandbox.world.accounts[me.id].blocked |= {token.id}
    sandbox.world.accounts[me.id].about = "about me"
    for request in (
        users.GetFullUserRequest("me"),
        users.GetFullUserRequest("the_bot"),
        messages.GetFullChatRequest(group.id),
        channels.GetFullChannelRequest(channel),
    ):
        answer = await ann(request)
        encoded = layers.encode(answer, layer)
        assert encoded
        if layer == LAYER:
            assert BinaryReader(encoded).tgread_object().to_dict() == answer.to_dict()


def test_what_has_no_form_is_an_error_of_its_call_and_not_of_the_connection() -> None:
    wrong = types.ChannelFull(
        1, "", 0, 0, 0, types.PhotoEmpty(0), types.PeerNotifySettings(), [], 1, requests_pending=1
    )
    for layer in (0, LAYER):
        with pytest.raises(layers.EncodeError, match="ChannelFull"):
            layers.encode(wrong, layer)
