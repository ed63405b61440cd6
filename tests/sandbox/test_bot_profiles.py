"""What bots tell of themselves, over the wire: updates to apps, default rights, owners."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import bots, users

from tests.patience import PATIENCE
from tests.sandbox.answers import refused
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.server import Sandbox

COMMANDS = [types.BotCommand("start", "begin")]


async def heard(client: Any, kind: type) -> asyncio.Queue[Any]:
    """Return a queue of the updates of a kind that a client gets from now on."""
    found: asyncio.Queue[Any] = asyncio.Queue()

    async def note(update: Any) -> None:
        if isinstance(update, kind):
            found.put_nowait(update)

    client.add_event_handler(note)
    await client.get_me()
    return found


async def taken(queue: asyncio.Queue[Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await queue.get()


async def test_apps_are_told_of_commands_where_they_show_others_than_before(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    me = (await ann.get_me()).id
    group = sandbox.world.new_group("Friends", me, token.id, (await ben.get_me()).id)
    await ann.send_message("the_bot", "hello")
    at_ann, at_ben = [await heard(client, types.UpdateBotCommands) for client in (ann, ben)]
    await bot(bots.SetBotCommandsRequest(types.BotCommandScopeUsers(), "", COMMANDS))
    update = await taken(at_ann)
    assert (update.peer, update.bot_id) == (types.PeerUser(token.id), token.id)
    assert [command.command for command in update.commands] == ["start"]
    await bot(bots.SetBotCommandsRequest(types.BotCommandScopeChats(), "", COMMANDS))
    for queue in (at_ann, at_ben):
        assert (await taken(queue)).peer == types.PeerChat(group.id)
    await bot(bots.SetBotCommandsRequest(types.BotCommandScopeDefault(), "", COMMANDS))
    await bot(bots.ResetBotCommandsRequest(types.BotCommandScopeChats(), ""))
    await bot(bots.ResetBotCommandsRequest(types.BotCommandScopeDefault(), ""))
    for queue in (at_ann, at_ben):
        assert (await taken(queue)).commands == []
    assert at_ann.empty()  # nothing else has changed for her


async def test_the_menu_button_is_told_shown_and_taken_back(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    ann = await person("Ann")
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    await ann.send_message("the_bot", "hello")
    told = await heard(ann, types.UpdateBotMenuButton)
    me = await bot.get_input_entity((await ann.get_me()).id)
    button = types.BotMenuButton("Menu", "https://example.com/")
    there = await ann.get_input_entity("the_bot")
    for user, given, seen in (
        (types.InputUserEmpty(), types.BotMenuButtonCommands(), types.BotMenuButtonCommands()),
        (me, button, button),
        (me, types.BotMenuButtonDefault(), types.BotMenuButtonCommands()),
    ):
        await bot(bots.SetBotMenuButtonRequest(user, given))
        assert (await taken(told)).button == seen
        assert (await ann(users.GetFullUserRequest(there))).full_user.bot_info.menu_button == seen


async def test_default_rights_are_proposed_to_who_adds_the_bot(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    ann = await person("Ann")
    bot = await plain_bot(sandbox.new_bot("the_bot").token)
    rights = types.ChatAdminRights(ban_users=True)
    with refused("RIGHTS_NOT_MODIFIED"):
        await bot(bots.SetBotGroupDefaultAdminRightsRequest(types.ChatAdminRights()))
    await bot(bots.SetBotGroupDefaultAdminRightsRequest(rights))
    await bot(bots.SetBotBroadcastDefaultAdminRightsRequest(types.ChatAdminRights(post_messages=True)))
    full = (await ann(users.GetFullUserRequest(await ann.get_input_entity("the_bot")))).full_user
    assert bytes(full.bot_group_admin_rights) == bytes(rights)
    assert full.bot_broadcast_admin_rights.post_messages


async def test_an_owner_reads_and_changes_the_texts_of_a_bot(sandbox: Sandbox, person: Person) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    profile = sandbox.world.accounts[sandbox.new_bot("the_bot").id].profile
    assert profile is not None
    profile.owner = (await ann.get_me()).id
    for client in (ann, ben):
        given = await client.get_input_entity("the_bot")
        if client is ann:
            assert await client(bots.SetBotInfoRequest("", bot=given, description="Welcome"))
            assert (await client(bots.GetBotInfoRequest("", bot=given))).description == "Welcome"
            continue
        for request in (bots.GetBotInfoRequest("", bot=given), bots.SetBotInfoRequest("", bot=given)):
            with refused("BOT_INVALID"):
                await client(request)


@pytest.mark.parametrize("count", [0, 2])
async def test_a_full_user_counts_the_chats_of_both(sandbox: Sandbox, person: Person, count: int) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    sandbox.world.set_usernames((await ben.get_me()).id, "ben_here")
    for number in range(count):
        sandbox.world.new_group(f"Group {number}", (await ann.get_me()).id, (await ben.get_me()).id)
    full = await ann(users.GetFullUserRequest(await ann.get_input_entity("ben_here")))
    assert full.full_user.common_chats_count == count
