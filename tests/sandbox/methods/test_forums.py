"""Topics, of forums and of private chats with bots."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import channels, messages, users

from tests.sandbox.methods.direct import Client, refused
from tests.sandbox.methods.test_channels import given
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.world import World


@pytest.fixture
def forum(world: World, ann: Client, bot: Client) -> Chat:
    """Create Ann's forum with the bot as an admin in it."""
    chat = world.new_channel("Forum", megagroup=True, creator=ann.id)
    world.groups.promote(chat, world.accounts[bot.id], types.ChatAdminRights(other=True), by=ann.id)
    ann(channels.ToggleForumRequest(given(ann, chat, types.InputChannel), enabled=True, tabs=False))
    return chat


def new_topic(client: Client, peer: Any) -> int:
    answer = client(messages.CreateForumTopicRequest(peer, "Pizza", random_id=77))
    [made] = [update.message for update in answer.updates if hasattr(update, "message")]
    assert isinstance(made.action, types.MessageActionTopicCreate)
    return int(made.id)


def said(client: Client, peer: Any, text: str, **reply: Any) -> Any:
    """Send a message, as a reply if so, and return the header that it got."""
    to = types.InputReplyToMessage(**reply) if reply else None
    answer = client(messages.SendMessageRequest(peer, text, reply_to=to))
    if isinstance(answer, types.UpdateShortSentMessage):
        number = answer.id
        return client(messages.GetMessagesRequest([types.InputMessageID(number)])).messages[0]
    return answer.updates[-1].message


def where(message: Any) -> tuple[Any, ...] | None:
    header = message.reply_to
    return header and (header.forum_topic, header.reply_to_msg_id, header.reply_to_top_id)


def test_a_message_is_in_a_topic_by_its_root_or_by_what_it_replies_to(
    ann: Client, bot: Client, forum: Chat
) -> None:
    mine, theirs = given(ann, forum), given(bot, forum)
    topic = new_topic(ann, mine)
    first = said(ann, mine, "in it", reply_to_msg_id=topic)
    assert where(first) == (True, topic, None)
    answer = said(bot, theirs, "an answer", reply_to_msg_id=first.id)
    assert where(answer) == (True, first.id, topic)
    assert where(said(bot, theirs, "beside", reply_to_msg_id=topic, top_msg_id=topic)) == (True, topic, None)
    assert where(said(ann, mine, "by both", reply_to_msg_id=answer.id, top_msg_id=topic))[2] == topic  # type: ignore[index]
    assert where(said(ann, mine, "in general")) is None
    ids = [said(ann, mine, "general").id]
    assert where(said(bot, theirs, "to general", reply_to_msg_id=ids[0])) == (None, ids[0], None)
    request = messages.ForwardMessagesRequest(mine, ids, mine, random_id=[9], top_msg_id=topic)
    assert where(ann(request).updates[-1].message) == (True, topic, None)
    with refused("TOPIC_DELETED"):
        said(ann, mine, "nowhere", reply_to_msg_id=first.id, top_msg_id=first.id)


def test_only_a_forum_has_topics_and_admins_make_them(
    world: World, ann: Client, forum: Chat, new_person: Any
) -> None:
    ben = new_person("Ben")
    world.groups.add(forum, world.accounts[ben.id], by=ann.id)
    for error, client in (("CHAT_ADMIN_REQUIRED", ben), ("TOPIC_TITLE_EMPTY", ann)):
        with refused(error):
            client(messages.CreateForumTopicRequest(given(client, forum), " " * (client is ann) or "Mine"))
    with refused("CHAT_ADMIN_REQUIRED"):
        ben(channels.ToggleForumRequest(given(ben, forum, types.InputChannel), enabled=False, tabs=False))
    forum.admins[ben.id] = types.ChatAdminRights(manage_topics=True)
    topic = new_topic(ben, given(ben, forum))
    shown = ann(channels.GetChannelsRequest([given(ann, forum, types.InputChannel)])).chats[0]
    assert shown.forum
    ann(channels.ToggleForumRequest(given(ann, forum, types.InputChannel), enabled=False, tabs=False))
    with refused("CHANNEL_FORUM_MISSING"):
        new_topic(ann, given(ann, forum))
    assert where(said(ann, given(ann, forum), "in no topic", reply_to_msg_id=topic)) == (None, topic, None)
    news = world.new_channel("News", creator=ann.id)
    with refused("CHAT_ID_INVALID"):
        ann(channels.ToggleForumRequest(given(ann, news, types.InputChannel), enabled=True, tabs=False))


def test_a_topic_of_a_private_chat_has_an_id_on_each_side(
    world: World, ann: Client, bot: Client, new_person: Any
) -> None:
    with refused("CHANNEL_FORUM_MISSING"):
        new_topic(ann, ann.peer(bot))
    profile = world.accounts[bot.id].profile
    assert profile is not None
    profile.topics = True
    new_person("Ben").send(bot)  # so that the ids are different
    assert ann(users.GetUsersRequest([ann.user(bot)]))[0].bot_forum_view
    topic = new_topic(ann, ann.peer(bot))
    message = said(ann, ann.peer(bot), "in it", reply_to_msg_id=topic)
    assert where(message) == (True, topic, None)
    heard = bot.difference().new_messages
    its_topic = next(one.id for one in heard if getattr(one, "action", None) is not None)
    assert its_topic != topic
    assert where(heard[-1]) == (True, its_topic, None)
    answer = said(bot, bot.peer(ann), "an answer", reply_to_msg_id=its_topic, top_msg_id=its_topic)
    assert where(answer) == (True, its_topic, None)
    assert where(ann.difference().new_messages[-1]) == (True, topic, None)
