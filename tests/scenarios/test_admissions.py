"""Approvals over the wire: what passes is tried again, what does not is closed, and told once."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from telethon import events
from telethon.tl import functions, types

from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, until
from tests.scenarios.test_join_requests import Club, club, with_approve
from tgbot.app import Bot, open_bot
from tgbot.sandbox.server import Sandbox

ADMIT, ANSWER = "messages.hideChatJoinRequest", "bots.setJoinChatResults"
MODES = ["always", "after_start"]


def requests(bot: Bot, talk: Talk) -> list[int]:
    """Return the chats whose requests of a person the bot knows to be open."""
    user = bot.users.get(talk.id)
    return list(user.join_requests) if user is not None else []


async def asks(talk: Talk, gate: Club, mode: str) -> None:
    """Let a person ask to join, and do what the bot's greeting says."""
    await gate.asked_by(talk.client)
    greeting = await talk.hears()
    assert gate.title in greeting
    assert ("Send me /start" in greeting) is (mode == "after_start")
    if mode == "after_start":
        assert (await talk.ask("/start")).startswith("Hello, Anna!")


@pytest.mark.parametrize(("code", "name"), [(420, "FLOOD_WAIT_30"), (500, "INTERNAL")])
@pytest.mark.parametrize("mode", MODES)
async def test_what_passes_holds_nobody_up_and_is_done_after_a_restart(
    configure: Configure, person: Any, sandbox: Sandbox, mode: str, code: int, name: str
) -> None:
    config = with_approve(configure, mode, grace_seconds=0.1)
    anna = Talk(await person("Anna"))
    async with open_bot(config, serve=True) as bot:
        gate = await club(await person("Olga"), "Chess Club")
        sandbox.faults.fail(ADMIT, code, name, seconds=600)
        await asks(anna, gate, mode)
        assert await anna.said_nothing_before()  # she is answered while the approval waits
        assert not gate.lets_in(sandbox, anna.client)
        assert requests(bot, anna)
    sandbox.faults.lift(ADMIT)
    async with open_bot(config, serve=True) as bot:
        if mode == "after_start":
            assert (await anna.hears()).startswith("You are in: I have approved your request to join “Chess")
        await until(lambda: gate.lets_in(sandbox, anna.client))
        assert await anna.said_nothing_before()
        await until(lambda: not requests(bot, anna))


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_put_off_for_long_is_parked_and_tried_again_also_after_a_restart(
    configure: Configure, person: Any, sandbox: Sandbox, mode: str
) -> None:
    config = with_approve(configure, mode)
    anna = Talk(await person("Anna"))
    async with open_bot(config, serve=True) as bot:
        gate = await club(await person("Olga"), "Chess Club")
        sandbox.faults.fail(ADMIT, 420, "FLOOD_WAIT_100")
        await asks(anna, gate, mode)
        await until(lambda: bot.parked(anna.id) == 1)
        assert await anna.said_nothing_before()
    await anna.client.disconnect()  # Telethon does not follow the clock of a server
    sandbox.faults.set_clock(150)
    sandbox.drop()
    async with open_bot(config, serve=True) as bot:
        await until(lambda: gate.lets_in(sandbox, anna.client))
        await until(lambda: bot.parked(anna.id) == 0)
    texts = [copy.post.text for copy in sandbox.world.accounts[anna.id].box if not copy.out]
    assert len([text for text in texts if text.startswith("You are in")]) == (mode == "after_start")
    assert len([text for text in texts if text.startswith("Hello")]) == (3 if mode == "after_start" else 2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CHANNEL_PRIVATE", "it no longer exists, or I am no longer in it"),
        ("CHAT_ID_INVALID", "it no longer exists, or I am no longer in it"),
        ("USER_CHANNELS_TOO_MUCH", "as many groups and channels as Telegram allows"),
        ("CHANNELS_TOO_MUCH", "as many groups and channels as Telegram allows"),
        ("CHAT_ADMIN_REQUIRED", "I have not been given the right to"),
        ("USER_ALREADY_PARTICIPANT", None),
        ("HIDE_REQUESTER_MISSING", None),
        ("A_NEW_REASON", "Telegram does not allow it"),
    ],
)
@pytest.mark.parametrize("mode", MODES)
async def test_what_does_not_pass_is_told_once_and_not_tried_again(
    configure: Configure, person: Any, sandbox: Sandbox, mode: str, name: str, said: str | None
) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(with_approve(configure, mode), serve=True) as bot:
        gate = await club(await person("Olga"), "Chess Club")
        sandbox.faults.fail(ADMIT, 400, name)
        await asks(anna, gate, mode)
        if said is not None:
            heard = await anna.hears()
            assert heard.startswith("I cannot let you into “Chess Club”: ")
            assert said in heard
        await until(lambda: not requests(bot, anna))
        for _ in range(2):
            assert await anna.said_nothing_before()  # the fault is used up: another try would let her in
        assert not gate.lets_in(sandbox, anna.client)
        assert bot.client.handler_errors == 0
        assert bot.parked(anna.id) == 0


async def test_the_admins_are_told_once_a_chat_that_a_right_is_missing(
    configure: Configure, person: Any, sandbox: Sandbox
) -> None:
    boss, olga = Talk(await person("Boss")), await person("Olga")
    people = [Talk(await person(name)) for name in ("Anna", "Bert", "Cleo", "Dan")]
    config = with_approve(configure, "after_start", admins=[boss.id])

    async def is_refused(talk: Talk, gate: Club) -> None:
        await talk.client(
            functions.messages.SendMessageRequest(await talk.client.get_input_entity("the_bot"), "hello")
        )
        assert "right" in [await talk.hears() for _ in range(2)][1]

    async with open_bot(config, serve=True):
        await boss.ask("/start")
        chess, go = await club(olga, "Chess Club"), await club(olga, "Go Club")
        for talk, gate in zip(people, (chess, chess, go, chess), strict=True):
            await gate.asked_by(talk.client)
            await talk.hears()
        for gate in (chess, go):
            await gate.gives_rights(types.ChatAdminRights(delete_messages=True))
        for talk, gate in zip(people[:3], (chess, chess, go), strict=True):
            await is_refused(talk, gate)
        told = [await boss.hears() for _ in range(2)]
        assert ["Chess Club" in told[0], "Go Club" in told[1]] == [True, True]
        assert "right to add users" in told[0]
        assert await boss.said_nothing_before()
    async with open_bot(config, serve=True):
        await is_refused(people[3], chess)
        assert await boss.said_nothing_before()
        await chess.gives_rights(types.ChatAdminRights(invite_users=True))
        eve, fay = Talk(await person("Eve")), Talk(await person("Fay"))
        for talk in (eve, fay):
            await chess.asked_by(talk.client)
            await talk.hears()
        await eve.say("hello")
        await until(lambda: chess.lets_in(sandbox, eve.client))
        await chess.gives_rights(types.ChatAdminRights(delete_messages=True))
        await is_refused(fay, chess)
        assert "Chess Club" in await boss.hears()  # the bot had the right in between


async def test_what_one_chat_puts_off_does_not_keep_another_from_letting_in(
    configure: Configure, person: Any, sandbox: Sandbox
) -> None:
    olga, anna = await person("Olga"), Talk(await person("Anna"))
    async with open_bot(with_approve(configure, "after_start"), serve=True) as bot:
        chess, go = await club(olga, "Chess Club"), await club(olga, "Go Club")
        for gate in (chess, go):
            await gate.asked_by(anna.client)
            await anna.hears()
        bot.client.flood_sleep_threshold = 0
        sandbox.faults.fail(ADMIT, 420, "FLOOD_WAIT_2", peer=-(10**12) - chess.chat.channel_id)
        await anna.ask("/start")
        assert "“Go Club”" in await anna.hears()
        assert (await anna.hears()).startswith(
            "You are in: I have approved your request to join “Chess Club”"
        )
        assert chess.lets_in(sandbox, anna.client)


async def group_club(owner: Any, title: str) -> tuple[int, str]:
    """Make a basic group where the bot may add users; return its id and the hash of its link."""
    made = await owner(functions.messages.CreateChatRequest([await owner.get_input_entity("the_bot")], title))
    (chat,) = made.updates.chats
    bot = await owner.get_input_entity("the_bot")
    await owner(functions.messages.EditChatAdminRequest(chat.id, bot, True))
    peer = types.InputPeerChat(chat.id)
    invite = await owner(functions.messages.ExportChatInviteRequest(peer, request_needed=True))
    return chat.id, invite.link.rpartition("+")[2]


@pytest.mark.parametrize("told", ["in the group", "only when asked"])
async def test_a_request_for_a_group_that_became_a_supergroup_is_approved_there(
    configure: Configure, person: Any, sandbox: Sandbox, told: str
) -> None:
    olga, anna = await person("Olga"), Talk(await person("Anna"))
    config = with_approve(configure, "after_start")
    async with open_bot(config, serve=True) as bot:
        group, link = await group_club(olga, "Chess Club")
        with pytest.raises(Exception, match="requested to join"):
            await anna.client(functions.messages.ImportChatInviteRequest(link))
        assert "Chess Club" in await anna.hears()
        if told == "only when asked":
            sandbox.world.groups.migrate(sandbox.world.chats[-group])
            name = f"supergroup of {-group}"
            await until(lambda: bot.client.session.bot_value(name) is not None)
            bot.client.session.set_bot_value(name, 0)  # as if the bot had missed it
        else:
            await olga(functions.messages.MigrateChatRequest(group))
            await until(lambda: bot.client.session.bot_value(f"supergroup of {-group}") is not None)
        assert requests(bot, anna) == [-group]
        await anna.ask("/start")
        assert (await anna.hears()).startswith(
            "You are in: I have approved your request to join “Chess Club”"
        )
        (chat,) = [one for one in sandbox.world.chats.values() if one.megagroup]
        assert anna.id in chat.members
        await until(lambda: not requests(bot, anna))


async def test_what_an_admin_answers_in_the_supergroup_closes_the_request_for_the_group(
    bot: Bot, person: Any, sandbox: Sandbox
) -> None:
    olga, anna = await person("Olga"), Talk(await person("Anna"))
    group, link = await group_club(olga, "Chess Club")
    with pytest.raises(Exception, match="requested to join"):
        await anna.client(functions.messages.ImportChatInviteRequest(link))
    await anna.hears()
    made = await olga(functions.messages.MigrateChatRequest(group))
    await until(lambda: bot.client.session.bot_value(f"supergroup of {-group}") is not None)
    assert requests(bot, anna) == [-group]
    (channel,) = [chat for chat in made.chats if isinstance(chat, types.Channel)]
    sandbox.world.groups.decide(
        sandbox.world.chats[-(10**12) - channel.id], sandbox.world.accounts[anna.id], approved=True
    )
    await until(lambda: not requests(bot, anna))


@pytest.mark.parametrize(("mode", "late"), [("always", False), ("always", True), ("never", False)])
async def test_telegrams_question_about_a_request_is_answered_at_once(
    configure: Configure, person: Any, sandbox: Sandbox, mode: str, late: bool
) -> None:
    olga, anna = await person("Olga"), Talk(await person("Anna"))
    async with open_bot(with_approve(configure, mode), serve=True):
        gate = await club(olga, "Chess Club")
        channel = types.InputChannel(gate.chat.channel_id, gate.chat.access_hash)
        guard = await olga.get_input_entity("the_bot")
        await olga(functions.channels.ToggleJoinRequestRequest(channel, True, guard_bot=guard))
        if late:
            sandbox.faults.fail(ANSWER, 400, "QUERY_ID_INVALID")
        elif mode == "always":
            sandbox.faults.fail(ADMIT, 400, "CHAT_ADMIN_REQUIRED")  # it need not be called
        await gate.asked_by(anna.client)
        assert "Chess Club" in await anna.hears()
        chat = sandbox.world.chats[-(10**12) - gate.chat.channel_id]
        if mode == "always":
            await until(lambda: gate.lets_in(sandbox, anna.client))
        else:
            await until(lambda: chat.requests[anna.id].query == 0)
            assert not gate.lets_in(sandbox, anna.client)


async def test_a_plugin_that_answers_instead_of_the_bot_keeps_nobody_out(
    configure: Configure, person: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(client: Any) -> None:
        async def answer(event: Any) -> None:
            await event.respond("hello from the plugin")
            raise events.StopPropagation

        client.add_event_handler(answer, events.NewMessage(incoming=True))

    plugin = ModuleType("greedy")
    plugin.register = register  # type: ignore[attr-defined] # a module made for this test
    monkeypatch.setitem(sys.modules, "greedy", plugin)
    anna = Talk(await person("Anna"))
    config = with_approve(configure, "after_start", plugins=["greedy"])
    async with open_bot(config, serve=True):
        gate = await club(await person("Olga"), "Chess Club")
        await gate.asked_by(anna.client)
        assert "Send me /start or anything else" in await anna.hears()
        assert await anna.ask("anything else") == "hello from the plugin"
        assert (await anna.hears()).startswith("You are in")
