"""Topics over the wire, with plain Telethon: of forums, and of private chats with bots."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from telethon.tl import types
from telethon.tl.functions import channels, messages

from tests.sandbox.answers import kinds, refused
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.topics import COLOURS
from tgbot.sandbox.world import World


class Forum(NamedTuple):
    """Ann's forum; the bot manages topics and deletes, Ben is a member."""

    world: World
    chat: Chat
    ann: Any
    bot: Any
    ben: Any

    async def at(self, client: Any) -> Any:
        me = (await client.get_me()).id
        access_hash = self.world.accounts.access_hash(me, self.chat.id, kind=b"channel")
        return types.InputPeerChannel(self.chat.id, access_hash)


@pytest.fixture
async def forum(sandbox: Sandbox, person: Person, plain_bot: PlainBot) -> Forum:
    ann, ben = await person("Ann"), await person("Ben")
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    made = await ann(channels.CreateChannelRequest("Forum", "", forum=True))
    assert (made.chats[0].forum, made.chats[0].megagroup) == (True, True)
    world = sandbox.world
    chat = next(chat for chat in world.chats.values() if chat.id == made.chats[0].id)
    rights = types.ChatAdminRights(manage_topics=True, delete_messages=True)
    world.groups.promote(chat, world.accounts[token.id], rights, by=chat.creator)
    world.groups.add(chat, world.accounts[(await ben.get_me()).id], by=chat.creator)
    return Forum(world, chat, ann, bot, ben)


async def new_topic(client: Any, where: Any, title: str, **options: Any) -> int:
    answer = await client(messages.CreateForumTopicRequest(where, title, **options))
    assert isinstance(answer.updates[0], types.UpdateMessageID)
    return int(answer.updates[0].id)


async def topics(client: Any, where: Any, **options: Any) -> Any:
    fields = {"offset_date": None, "offset_id": 0, "offset_topic": 0, "limit": 10} | options
    return await client(messages.GetForumTopicsRequest(where, **fields))


async def test_topics_are_listed_with_what_was_said_last(forum: Forum) -> None:
    where, theirs = await forum.at(forum.bot), await forum.at(forum.ben)
    first = await new_topic(forum.bot, where, "Pizza", icon_color=COLOURS[2], icon_emoji_id=77)
    second = await new_topic(forum.bot, where, " Pasta ", random_id=5)
    assert await new_topic(forum.bot, where, " Pasta ", random_id=5) == second
    said = await forum.ben.send_message(theirs, "in pizza", reply_to=first)
    for wrong in ("", "x" * 129):
        with refused("TOPIC_TITLE_EMPTY"):
            await new_topic(forum.bot, where, wrong)
    with refused("CHAT_ADMIN_REQUIRED"):
        await new_topic(forum.ben, theirs, "Ben's")
    listed = await topics(forum.ben, theirs)
    assert [(one.id, one.title) for one in listed.topics] == [
        (second, "Pasta"),
        (first, "Pizza"),
        (1, "General"),
    ]
    assert (listed.count, listed.topics[1].top_message) == (3, said.id)
    assert (listed.topics[1].icon_color, listed.topics[1].icon_emoji_id) == (COLOURS[2], 77)
    assert said.id in [message.id for message in listed.messages]
    page = await topics(forum.ben, theirs, offset_topic=second, limit=1)
    assert ([one.id for one in page.topics], page.count) == ([first], 3)
    assert [one.id for one in (await topics(forum.ben, theirs, q="piz")).topics] == [first]
    by_id = await forum.bot(messages.GetForumTopicsByIDRequest(where, [first, 99, -5]))
    assert [type(one).__name__ for one in by_id.topics] == [
        "ForumTopic",
        "ForumTopicDeleted",
        "ForumTopicDeleted",
    ]
    with refused("TOPICS_EMPTY"):
        await forum.bot(messages.GetForumTopicsByIDRequest(where, []))


async def test_a_closed_topic_is_for_admins(forum: Forum) -> None:
    where, theirs = await forum.at(forum.bot), await forum.at(forum.ben)
    topic = await new_topic(forum.bot, where, "Pizza")
    with refused("CHAT_ADMIN_REQUIRED"):
        await forum.ben(messages.EditForumTopicRequest(theirs, topic, closed=True))
    answer = await forum.bot(messages.EditForumTopicRequest(where, topic, closed=True))
    [message] = [update.message for update in answer.updates if hasattr(update, "message")]
    assert (message.action.closed, message.reply_to.reply_to_msg_id) == (True, topic)
    with refused("TOPIC_CLOSED"):
        await forum.ben.send_message(theirs, "hello?", reply_to=topic)
    await forum.bot.send_message(where, "closed", reply_to=topic)
    await forum.ben.send_message(theirs, "in general")
    with refused("TOPIC_NOT_MODIFIED"):
        await forum.bot(messages.EditForumTopicRequest(where, topic, closed=True))
    with refused("TOPIC_CLOSE_SEPARATELY"):
        await forum.bot(messages.EditForumTopicRequest(where, topic, title="x", closed=False))
    await forum.bot(messages.EditForumTopicRequest(where, topic, closed=False))
    await forum.ben.send_message(theirs, "hello", reply_to=topic)
    await forum.bot(messages.EditForumTopicRequest(where, topic, title="Pasta", icon_emoji_id=5))
    [shown] = (await forum.bot(messages.GetForumTopicsByIDRequest(where, [topic]))).topics
    assert (shown.title, shown.icon_emoji_id, shown.closed) == ("Pasta", 5, False)


async def test_the_general_topic_is_hidden_and_closed_with_that(forum: Forum) -> None:
    where, theirs = await forum.at(forum.bot), await forum.at(forum.ben)
    topic = await new_topic(forum.bot, where, "Pizza")
    with refused("GENERAL_MODIFY_ICON_FORBIDDEN"):
        await forum.bot(messages.EditForumTopicRequest(where, 1, icon_emoji_id=5))
    for wrong in (99, 0, -1, 2**31 - 1):
        with refused("TOPIC_ID_INVALID"):
            await forum.bot(messages.EditForumTopicRequest(where, wrong, title="x"))
    with refused("TOPIC_ID_INVALID"):
        await forum.bot(messages.EditForumTopicRequest(where, topic, hidden=True))
    await forum.bot(messages.EditForumTopicRequest(where, 1, hidden=True))
    with refused("TOPIC_CLOSED"):
        await forum.ben.send_message(theirs, "hello?")
    [shown] = (await forum.ben(messages.GetForumTopicsByIDRequest(theirs, [1]))).topics
    assert (shown.hidden, shown.closed) == (True, True)


async def test_pinned_topics_come_first(forum: Forum) -> None:
    where, mine = await forum.at(forum.bot), await forum.at(forum.ann)
    made = [await new_topic(forum.bot, where, f"Topic {number}") for number in range(6)]
    for topic in made[:5]:
        answer = await forum.ann(messages.UpdatePinnedForumTopicRequest(mine, topic, True))
        assert kinds(answer) == ["UpdatePinnedForumTopic"]
    with refused("PINNED_TOO_MUCH"):
        await forum.ann(messages.UpdatePinnedForumTopicRequest(mine, made[5], True))
    await forum.ann(messages.UpdatePinnedForumTopicRequest(mine, made[4], False))
    with refused("CHAT_ADMIN_REQUIRED"):
        await forum.ben(messages.UpdatePinnedForumTopicRequest(await forum.at(forum.ben), made[5], True))
    listed = (await topics(forum.ann, mine)).topics
    assert {one.id for one in listed if one.pinned} == {one.id for one in listed[:4]} == set(made[:4])


async def test_a_deleted_topic_takes_its_messages_with_it(forum: Forum) -> None:
    where, theirs = await forum.at(forum.bot), await forum.at(forum.ben)
    topic = await new_topic(forum.bot, where, "Pizza")
    said = await forum.ben.send_message(theirs, "in it", reply_to=topic)
    await forum.ben.send_message(theirs, "elsewhere")
    with refused("CHAT_ADMIN_REQUIRED"):
        await forum.ben(messages.DeleteTopicHistoryRequest(theirs, topic))
    with refused("TOPIC_ID_INVALID"):
        await forum.bot(messages.DeleteTopicHistoryRequest(where, 1))
    assert (await forum.bot(messages.DeleteTopicHistoryRequest(where, topic))).pts_count == 2
    assert [one.text for one in await forum.ben.get_messages(theirs, limit=9) if one.text] == ["elsewhere"]
    assert await forum.ben.get_messages(theirs, ids=said.id) is None
    reply = types.InputReplyToMessage(topic, top_msg_id=topic)
    with refused("TOPIC_DELETED"):
        await forum.ben(messages.SendMessageRequest(theirs, "late", reply_to=reply))


async def test_members_make_topics_where_admins_let_them(forum: Forum) -> None:
    mine, theirs = await forum.at(forum.ann), await forum.at(forum.ben)
    rights = types.ChatBannedRights(None)
    await forum.ann(messages.EditChatDefaultBannedRightsRequest(mine, rights))
    topic = await new_topic(forum.ben, theirs, "Ben's")
    await forum.ben(messages.EditForumTopicRequest(theirs, topic, title="Ben's own"))
    [shown] = (await forum.ben(messages.GetForumTopicsByIDRequest(theirs, [topic]))).topics
    assert (shown.title, shown.my) == ("Ben's own", True)


@pytest.mark.parametrize("by", ["bot", "user"])
async def test_a_private_chat_with_a_bot_has_topics(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot, by: str
) -> None:
    ann = await person("Ann")
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    profile = sandbox.world.accounts[token.id].profile
    assert profile is not None
    profile.topics = True
    await ann.send_message("the_bot", "hello")
    its, hers = await bot.get_input_entity((await ann.get_me()).id), await ann.get_input_entity("the_bot")
    await ann.send_message("me", "so that ids differ")
    maker, where = (bot, its) if by == "bot" else (ann, hers)
    topic = await new_topic(maker, where, "Order", title_missing=True)
    [listed] = (await topics(ann, hers)).topics
    assert (listed.title, listed.my, listed.title_missing) == ("Order", by == "user", True)
    await ann.send_message(hers, "one pizza", reply_to=listed.id)
    assert (await topics(ann, hers)).topics[0].top_message > listed.id
    other = topic if by == "bot" else topic - 1
    await bot(messages.EditForumTopicRequest(its, other, title="Pizza"))
    [listed] = (await topics(ann, hers)).topics
    assert (listed.title, listed.title_missing) == ("Pizza", False)
    count = (await bot(messages.DeleteTopicHistoryRequest(its, other))).pts_count
    assert count == 3
    assert (await topics(ann, hers)).topics == []
    assert [one.text for one in await ann.get_messages(hers, limit=9)] == ["hello"]
