"""What nobody waits for is not answered: posts of channels, and what no person wrote under their own name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import channels, messages

from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.server import Sandbox

STARTS = ("/start summer", "/start@the_bot", "/start@the_bot summer", "/START summer", "/help", "hello")


class Square:
    """Anna's channel, and its discussion group; the bot is an admin of both, and hears everything."""

    def __init__(self, sandbox: Sandbox, account: Account, anna: Any) -> None:
        self.anna = anna
        self._world, self._bot = sandbox.world, account.id
        self.channel = self._world.new_channel("News", creator=anna._self_id)
        self.group = self._world.new_channel("Talk", megagroup=True, creator=anna._self_id)
        rights = types.ChatAdminRights(post_messages=True, invite_users=True)
        for chat in (self.channel, self.group):
            self._world.groups.promote(chat, self._world.accounts[account.id], rights, by=anna._self_id)

    def peer(self, chat: Chat, of: Any = None, kind: Any = types.InputPeerChannel) -> Any:
        viewer = (of or self.anna)._self_id
        return kind(chat.id, self._world.accounts.access_hash(viewer, chat.id, kind=b"channel"))

    def said(self) -> list[tuple[str, str]]:
        """Return what the bot has said in both, with the title."""
        return [
            (chat.title, copy.post.text)
            for chat in (self.channel, self.group)
            for copy in chat.box
            if copy.post.sender == self._bot
        ]

    async def silent(self, bot: Bot) -> bool:
        """Return whether the bot has said nothing to all that was written until now."""
        watch = self.anna
        await Talk(watch, self.peer(self.group)).say("/start@the_bot last")
        await until(lambda: bool(self.said()))
        assert not bot.client.handler_errors
        said = self.said()
        assert said[0][1].startswith("Hello! I only talk in private chats.")
        return len(said) == 1 and said[0][0] == "Talk"


@pytest.fixture
async def square(sandbox: Sandbox, account: Account, person: Any) -> Square:
    return Square(sandbox, account, await person("Anna"))


async def test_posts_of_a_channel_and_their_copies_are_not_answered(bot: Bot, square: Square) -> None:
    link = channels.SetDiscussionGroupRequest(
        square.peer(square.channel, kind=types.InputChannel),
        square.peer(square.group, kind=types.InputChannel),
    )
    await square.anna(link)
    for text in STARTS:
        await square.anna.send_message(square.peer(square.channel), text)
    assert len([copy for copy in square.group.box if copy.post.forwarded]) == len(STARTS)
    assert await square.silent(bot)


async def test_a_post_that_names_its_author_is_still_a_post(
    bot: Bot, square: Square, sandbox: Sandbox
) -> None:
    author = types.PeerUser(square.anna._self_id)
    for text in STARTS:
        sandbox.world.send_as(square.anna._self_id, square.channel.marked, text, from_id=author)
    assert await square.silent(bot)


async def _as(square: Square, chat: Chat, text: str) -> None:
    request = messages.SendMessageRequest(square.peer(square.group), text, send_as=square.peer(chat))
    await square.anna(request)


@pytest.mark.parametrize("name", ["channel", "group"])
async def test_who_writes_as_a_channel_or_as_the_group_is_not_answered(
    bot: Bot, square: Square, name: str
) -> None:
    for text in STARTS:
        await _as(square, getattr(square, name), text)
    assert await square.silent(bot)


async def test_anonymous_admins_are_not_answered(
    bot: Bot, square: Square, sandbox: Sandbox, person: Any
) -> None:
    boris = await person("Boris")
    account = sandbox.world.accounts[boris._self_id]
    rights = types.ChatAdminRights(anonymous=True)
    sandbox.world.groups.promote(square.group, account, rights, by=square.anna._self_id)
    for text in STARTS:
        await boris.send_message(square.peer(square.group, boris), text)
    assert await square.silent(bot)


@pytest.mark.parametrize(
    "fields",
    [
        {"from_id": None},
        {"via_bot_id": 1234},
        {"action": types.MessageActionPinMessage()},
        {"action": types.MessageActionCustomAction("/start@the_bot x")},
    ],
)
async def test_what_no_person_wrote_is_not_answered(
    bot: Bot, square: Square, sandbox: Sandbox, fields: dict[str, Any]
) -> None:
    for text in STARTS:
        sandbox.world.send_as(
            square.anna._self_id, square.group.marked, "" if "action" in fields else text, **fields
        )
    assert await square.silent(bot)


async def test_what_is_written_to_a_channel_directly_is_not_answered(
    bot: Bot, square: Square, sandbox: Sandbox, account: Account
) -> None:
    anna = square.anna._self_id
    direct = sandbox.world.new_channel("News direct", megagroup=True, creator=anna)
    direct.monoforum = True
    sandbox.world.groups.add(direct, sandbox.world.accounts[account.id], by=anna)
    for text in STARTS:
        sandbox.world.send_as(anna, direct.marked, text)
    assert await square.silent(bot)
    assert all(copy.post.sender == anna for copy in direct.box)


@pytest.mark.parametrize("known", [True, False])
async def test_other_bots_are_not_answered_also_where_only_little_is_known_of_them(
    bot: Bot, square: Square, sandbox: Sandbox, account: Account, known: bool
) -> None:
    world = sandbox.world
    other = world.new_bot("other_bot").id
    world.groups.add(square.group, world.accounts[other], by=square.anna._self_id)
    if not known:
        world.view.shown_min.add(other)
    for text in STARTS:
        world.send_as(other, square.group.marked, text)
    assert await square.silent(bot)


async def test_a_person_in_a_basic_group_and_in_a_supergroup_is_answered(
    bot: Bot, square: Square, sandbox: Sandbox, account: Account
) -> None:
    anna = square.anna._self_id
    friends = sandbox.world.new_group("Friends", anna, account.id)
    for peer in (types.InputPeerChat(friends.id), square.peer(square.group)):
        assert "private chats" in await Talk(square.anna, peer).ask("/start promo")


# ---- topics ----------------------------------------------------------------------------------------

PLUGIN = """
from telethon import events

def register(client):
    @client.on(events.NewMessage(pattern="/responds"))
    async def responds(event):
        async with client.action(event.chat_id, "typing"):
            await event.respond("respond")
        await event.reply("reply")
        await client.send_message(event.chat_id, "send_message")
        await client.send_file(event.chat_id, b"file", caption="send_file")
        await client.forward_messages(event.chat_id, event.message)
        await client.send_file(event.chat_id, [b"a", b"b"], caption=["album", ""], force_document=True)

    @client.on(events.NewMessage(pattern="/talks"))
    async def talks(event):
        async with client.conversation(event.chat_id) as talk:
            await talk.send_message("asks")
            await talk.get_response()
            await talk.send_message("thanks")

    @client.on(events.NewMessage(pattern="/elsewhere (.+)"))
    async def elsewhere(event):
        await client.send_message(int(event.pattern_match[1]), "elsewhere")
"""
HEARD = ["respond", "reply", "send_message", "send_file", "/responds", "album", ""]


class Topic:
    """A topic, and the person who writes in it."""

    def __init__(self, client: Any, peer: Any, number: int) -> None:
        self.talk = Talk(client, peer)
        self.number = number

    async def say(self, text: str, reply_to: int | None = None) -> Any:
        return await self.talk.say(text, reply_to=reply_to or self.number)

    async def hears(self) -> tuple[str, bool]:
        """Return the next message of the bot, and whether it is in this topic."""
        message = await self.talk.hears_message()
        header = message.reply_to
        topic = header and header.forum_topic and (header.reply_to_top_id or header.reply_to_msg_id)
        return message.raw_text, topic == self.number

    async def ask(self, text: str, reply_to: int | None = None) -> tuple[str, bool]:
        await self.say(text, reply_to)
        return await self.hears()


async def new_topic(client: Any, peer: Any) -> Topic:
    answer = await client(messages.CreateForumTopicRequest(peer, "Pizza"))
    [made] = [update.message for update in answer.updates if hasattr(update, "message")]
    return Topic(client, peer, made.id)


@pytest.fixture
def talker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a plugin that answers in the ways of plain Telethon code."""
    (tmp_path / "topic_talker.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    return "topic_talker"


async def in_forum(square: Square) -> Topic:
    forum = square.peer(square.group, kind=types.InputChannel)
    await square.anna(channels.ToggleForumRequest(forum, enabled=True, tabs=False))
    return await new_topic(square.anna, square.peer(square.group))


async def in_private(square: Square, sandbox: Sandbox, account: Account) -> Topic:
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None
    profile.topics = True
    return await new_topic(square.anna, await square.anna.get_input_entity("the_bot"))


async def test_the_bots_answers_stay_in_the_topic_of_a_forum(bot: Bot, square: Square) -> None:
    topic = await in_forum(square)
    text, inside = await topic.ask("/start@the_bot")
    assert ("private chats" in text, inside) == (True, True)
    first = await topic.say("hello")
    assert (await topic.ask("/start@the_bot", first.id))[1]
    general = Talk(square.anna, topic.talk.chat)
    await general.say("/start@the_bot")
    assert (await topic.hears())[1] is False


async def test_the_bots_answers_stay_in_the_topic_of_a_private_chat(
    start_bot: StartBot, square: Square, sandbox: Sandbox, account: Account
) -> None:
    await start_bot(admins=[square.anna._self_id])
    topic = await in_private(square, sandbox, account)
    for command in (
        "/start",
        "/help",
        "/language",
        "/privacy",
        "/forget",
        "/stats",
        "/link qr start",
        "/nonsense",
    ):
        assert (await topic.ask(command))[1], command
    await topic.talk.say("/help")
    assert (await topic.hears())[1] is False


@pytest.mark.parametrize("private", [True, False])
async def test_what_plain_telethon_code_sends_into_its_chat_goes_into_the_topic(
    start_bot: StartBot,
    square: Square,
    sandbox: Sandbox,
    account: Account,
    talker: str,
    person: Any,
    private: bool,
) -> None:
    bot = await start_bot(plugins=[talker])
    topic = await (in_private(square, sandbox, account) if private else in_forum(square))
    await topic.say("/responds")
    assert [await topic.hears() for _ in HEARD] == [(text, True) for text in HEARD]
    assert await topic.ask("/talks") == ("asks", True)
    assert await topic.ask("cheese") == ("thanks", True)
    await topic.talk.say("/responds")
    assert [await topic.hears() for _ in HEARD] == [(text, False) for text in HEARD]
    boris = Talk(await person("Boris"))
    await boris.say("/start")
    assert (await boris.hears_message()).reply_to is None
    await topic.say(f"/elsewhere {boris.id}")
    message = await boris.hears_message()
    assert (message.raw_text, message.reply_to) == ("elsewhere", None)
    assert not bot.client.handler_errors
