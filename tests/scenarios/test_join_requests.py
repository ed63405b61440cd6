"""Join requests over the wire: greeted within the window, approved as configured, ended by other admins."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import Button
from telethon.tl import functions, types

from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot, open_bot
from tgbot.core.access import Access
from tgbot.sandbox.server import Sandbox

RIGHTS = types.ChatAdminRights(invite_users=True)


class Club:
    """A supergroup or a channel with an owner, where the bot may add users, and its invite link."""

    def __init__(self, owner: Any, title: str, chat: Any, link: str) -> None:
        self.owner, self.title, self.chat, self.link = owner, title, chat, link

    async def asked_by(self, client: Any) -> None:
        """Let somebody follow the link."""
        with pytest.raises(Exception, match="requested to join"):
            await client(functions.messages.ImportChatInviteRequest(self.link.rpartition("+")[2]))

    async def answers(self, client: Any, *, approved: bool) -> None:
        """Let the owner answer the request."""
        waiting = await self.owner(
            functions.messages.GetChatInviteImportersRequest(
                self.chat, offset_date=None, offset_user=types.InputUserEmpty(), limit=10, requested=True
            )
        )
        (user,) = [one for one in waiting.users if one.id == client._self_id]
        await self.owner(functions.messages.HideChatJoinRequestRequest(self.chat, user, approved=approved))

    async def gives_rights(self, rights: types.ChatAdminRights) -> None:
        """Let the owner set the bot's rights."""
        channel = types.InputChannel(self.chat.channel_id, self.chat.access_hash)
        bot = await self.owner.get_input_entity("the_bot")
        await self.owner(functions.channels.EditAdminRequest(channel, bot, rights, ""))

    def lets_in(self, sandbox: Sandbox, client: Any) -> bool:
        """Return whether the person is a member."""
        return client._self_id in sandbox.world.chats[-(10**12) - self.chat.channel_id].members


async def club(owner: Any, title: str, *, rights: Any = RIGHTS, **kind: Any) -> Club:
    made = await owner(functions.channels.CreateChannelRequest(title, "", **(kind or {"megagroup": True})))
    chat = types.InputChannel(made.chats[0].id, made.chats[0].access_hash)
    bot = await owner.get_input_entity("the_bot")
    await owner(functions.channels.EditAdminRequest(chat, bot, rights, ""))
    peer = types.InputPeerChannel(chat.channel_id, chat.access_hash)
    invite = await owner(functions.messages.ExportChatInviteRequest(peer, request_needed=True))
    return Club(owner, title, peer, invite.link)


def access(bot: Bot, talk: Talk, after: float = 0) -> Access:
    user = bot.users.get(talk.id)
    return user.verdict(bot.client.server_time() + after).access if user else Access.UNKNOWN


@pytest.mark.parametrize("kind", ["megagroup", "broadcast"])
async def test_who_asks_to_join_is_greeted_with_the_chats_name_and_why(
    bot: Bot, person: Any, kind: str
) -> None:
    gate = await club(await person("Olga"), "Chess Club", **{kind: True})
    anna = Talk(await person("Anna"))
    await gate.asked_by(anna.client)
    heard = await anna.hears()
    assert heard.startswith("Hello, Anna! You asked to join “Chess Club”.")
    assert "so I may write to you" in heard
    assert "An admin of the chat will decide" in heard
    user = bot.users.get(anna.id)
    assert user is not None
    assert "join_request" in user.known_by
    assert access(bot, anna) is Access.REACHABLE
    assert access(bot, anna, after=301) is Access.NOT_ALLOWED


async def test_a_russian_speaker_is_greeted_in_russian(bot: Bot, person: Any) -> None:
    gate = await club(await person("Olga"), "Шахматы")
    boris = Talk(await person("Борис", lang_code="ru", system_lang_code="ru"))
    await gate.asked_by(boris.client)
    assert (await boris.hears()).startswith(
        "Здравствуйте, Борис! Вы подали заявку на вступление в «Шахматы»."
    )


async def test_always_lets_everybody_in(configure: Configure, person: Any, sandbox: Sandbox) -> None:
    async with open_bot(with_approve(configure, "always"), serve=True) as bot:
        gate = await club(await person("Olga"), "Chess Club")
        anna = Talk(await person("Anna"))
        await gate.asked_by(anna.client)
        assert "I approve requests there myself" in await anna.hears()
        await until(lambda: gate.lets_in(sandbox, anna.client))
        await until(lambda: access(bot, anna) is Access.NOT_ALLOWED)  # The window ends with the request.


async def test_after_start_lets_in_who_writes_to_the_bot_also_after_a_restart(
    configure: Configure, person: Any, sandbox: Sandbox
) -> None:
    config = with_approve(configure, "after_start")
    anna, olga = Talk(await person("Anna")), await person("Olga")
    async with open_bot(config, serve=True):
        gate = await club(olga, "Chess Club")
        await gate.asked_by(anna.client)
        assert "Send me /start" in await anna.hears()
        assert not gate.lets_in(sandbox, anna.client)
    async with open_bot(config, serve=True) as bot:
        assert (await anna.ask("/start")).startswith("Hello, Anna!")
        assert (await anna.hears()).startswith("You are in")
        assert gate.lets_in(sandbox, anna.client)
        assert access(bot, anna, after=10_000) is Access.REACHABLE
        other = await club(olga, "Go Club")
        await other.asked_by(anna.client)  # A user who has started the bot is approved at once.
        assert "I approve requests there myself" in await anna.hears()
        await until(lambda: other.lets_in(sandbox, anna.client))


async def test_a_request_approved_by_another_admin_ends_the_window(bot: Bot, person: Any) -> None:
    gate = await club(await person("Olga"), "Chess Club")
    anna = Talk(await person("Anna"))
    await gate.asked_by(anna.client)
    await anna.hears()
    await gate.answers(anna.client, approved=True)
    await until(lambda: access(bot, anna) is Access.NOT_ALLOWED)


async def test_a_request_declined_in_silence_is_found_out_by_asking(bot: Bot, person: Any) -> None:
    gate = await club(await person("Olga"), "Chess Club")
    anna = Talk(await person("Anna"))
    await gate.asked_by(anna.client)
    await anna.hears()
    await gate.answers(anna.client, approved=False)  # A bot gets no update about it.
    verdict = await bot.sender.can_write(anna.id, probe=True)
    assert verdict.access is Access.NOT_ALLOWED


async def test_of_two_requests_the_one_still_open_keeps_the_window(bot: Bot, person: Any) -> None:
    olga, anna = await person("Olga"), Talk(await person("Anna"))
    chess, go = await club(olga, "Chess Club"), await club(olga, "Go Club")
    await chess.asked_by(anna.client)
    assert "Chess" in await anna.hears()
    await go.asked_by(anna.client)
    assert "Go Club" in await anna.hears()
    await chess.answers(anna.client, approved=True)
    user = bot.users.get(anna.id)
    assert user is not None
    await until(lambda: len(user.join_requests) == 1)
    assert access(bot, anna) is Access.REACHABLE
    await go.answers(anna.client, approved=True)
    await until(lambda: access(bot, anna) is Access.NOT_ALLOWED)


@pytest.mark.parametrize(("late", "greeted"), [(0, True), (400, False)])
async def test_a_request_of_a_downtime_is_greeted_only_while_its_window_is_open(
    configure: Configure, person: Any, sandbox: Sandbox, late: int, greeted: bool
) -> None:
    olga, anna = await person("Olga"), Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        gate = await club(olga, "Chess Club")
    await gate.asked_by(anna.client)
    sandbox.faults.set_clock(late)
    sandbox.drop()
    async with open_bot(configure(), serve=True) as bot:
        if greeted:
            assert "Chess Club" in await anna.hears()
        else:
            await until(lambda: access(bot, anna) is Access.NOT_ALLOWED)
            assert (await anna.ask("/start")).startswith("Hello, Anna!")


async def test_who_has_started_is_not_greeted_for_an_old_request_either(
    configure: Configure, person: Any, sandbox: Sandbox
) -> None:
    olga, anna = await person("Olga"), Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        await anna.ask("/start")
        gate = await club(olga, "Chess Club")
    await gate.asked_by(anna.client)
    sandbox.faults.set_clock(400)
    sandbox.drop()
    async with open_bot(configure(), serve=True) as bot:
        await until(lambda: "join_request" in bot.users.get(anna.id).known_by)  # type: ignore[union-attr]  # she is known
        assert await anna.said_nothing_before()


async def test_a_pressed_button_does_not_keep_the_dialog_open_and_a_message_does(
    bot: Bot, person: Any
) -> None:
    gate = await club(await person("Olga"), "Chess Club")
    anna = Talk(await person("Anna"))
    await gate.asked_by(anna.client)
    await anna.hears()
    await bot.sender.send(anna.id, "Which one?", buttons=[Button.inline("English", b"language:en")])
    message = await anna.hears_message()
    request = functions.messages.GetBotCallbackAnswerRequest(anna.chat, message.id, data=b"language:en")
    assert (await anna.client(request)).message == "Done. I will use this language."
    assert access(bot, anna) is Access.REACHABLE
    assert access(bot, anna, after=301) is Access.NOT_ALLOWED
    await anna.ask("/start")
    assert access(bot, anna, after=301) is Access.REACHABLE


async def test_who_blocked_the_bot_is_let_in_and_not_written_to(
    configure: Configure, person: Any, sandbox: Sandbox
) -> None:
    async with open_bot(with_approve(configure, "always"), serve=True) as bot:
        gate = await club(await person("Olga"), "Chess Club")
        anna = Talk(await person("Anna"))
        await anna.ask("/start")
        await anna.client(functions.contacts.BlockRequest(anna.chat))
        await until(lambda: access(bot, anna) is Access.BLOCKED)
        await gate.asked_by(anna.client)
        await until(lambda: gate.lets_in(sandbox, anna.client))
        assert access(bot, anna) is Access.BLOCKED
        assert not [copy for copy in sandbox.world.accounts[anna.id].box if "Chess" in copy.post.text]


async def test_without_the_right_to_approve_the_bot_says_so_in_its_log(
    configure: Configure, person: Any, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_bot(with_approve(configure, "always"), serve=True) as bot:
        gate = await club(await person("Olga"), "Chess Club")
        sandbox.faults.fail("messages.hideChatJoinRequest", 400, "CHAT_ADMIN_REQUIRED")
        anna = Talk(await person("Anna"))
        await gate.asked_by(anna.client)
        await anna.hears()
        await until(lambda: "CHAT_ADMIN_REQUIRED" in caplog.text)
        assert access(bot, anna) is Access.REACHABLE
        assert bot.client.handler_errors == 0


def with_approve(configure: Configure, approve: str, **settings: Any) -> Any:
    config = configure(**settings)
    return config.model_copy(
        update={"join_requests": config.join_requests.model_copy(update={"approve": approve})}
    )
