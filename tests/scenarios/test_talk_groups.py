"""Talks in groups, where others talk, too, and in topics."""

from __future__ import annotations

from typing import Any

from telethon.tl import functions

from tests.scenarios.talk import Talk as Chat
from tests.scenarios.talk import press
from tests.scenarios.talking import TalkingBot, talking
from tgbot.plugins.talks import Talk, Talks
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

__all__ = ["talking"]


def poll(talks: Talks) -> None:
    @talks.on(r"^/poll(@the_bot)?$", name="poll")
    async def poll(talk: Talk) -> None:
        name = await talk.ask("Name?")
        day = await talk.choose("Which day?", ["Monday", "Friday"])
        await talk.say(f"{name}, {day}")


async def test_in_a_group_only_replies_and_presses_of_that_user_count(
    talking: TalkingBot, person: Any, sandbox: Sandbox, account: Account
) -> None:
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None
    profile.sees_all = True
    await talking.start(poll)
    client, other = await person("Anna"), await person("Boris")
    await other(functions.account.UpdateUsernameRequest("boris_s"))
    members = [await client.get_input_entity(name) for name in ("the_bot", "boris_s")]
    await client(functions.messages.CreateChatRequest(members, "Friends"))
    anna, boris = [Chat(one, await group_of(one)) for one in (client, other)]
    await anna.say("/poll@the_bot")
    question = await hears_bot(anna, "Name?")
    assert question.reply_markup.selective
    asked_boris = await hears_bot(boris, "Name?")
    await anna.say("not for you")
    await anna.say("/another")
    await boris.say("Boris", reply_to=asked_boris.id)
    await talking.kill()
    await talking.start(poll)
    await anna.say("Anna", reply_to=question.id)
    choice = await hears_bot(anna, "Which day?")
    seen = await hears_bot(boris, "Which day?")
    assert (await press(boris, seen, "Monday")).message == "This question is no longer open."
    await press(anna, choice, "Friday")
    for one in (anna, boris):
        await hears_bot(one, "Anna, Friday")
    # Everybody has a talk of their own.
    await boris.say("/poll")
    mine = await hears_bot(boris, "Name?")
    await anna.say("/poll")
    for one in (anna, anna, boris):
        await hears_bot(one, "Name?")
    await boris.say("B", reply_to=mine.id)
    await hears_bot(boris, "Which day?")
    await anna.say("/another@the_bot")
    await anna.say("/poll")
    for text in ("Which day?", "Name?"):
        await hears_bot(anna, text)


async def group_of(client: Any) -> Any:
    """Return the one group that a person is in."""
    (group,) = [dialog async for dialog in client.iter_dialogs() if dialog.is_group]
    return group.input_entity


async def hears_bot(chat: Chat, text: str) -> Any:
    """Return the next message of the bot, which has this text; what others say is passed over."""
    while True:
        message = await chat.hears_message()
        if (await message.get_sender()).bot:
            assert message.raw_text == text
            return message


async def test_a_talk_stays_in_its_topic(
    talking: TalkingBot, person: Any, sandbox: Sandbox, account: Account
) -> None:
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None
    profile.topics = True
    await talking.start(poll)
    client = await person("Anna")
    anna = Chat(client)
    await anna.ask("hello")
    peer = await client.get_input_entity("the_bot")
    answer = await client(functions.messages.CreateForumTopicRequest(peer, "Days"))
    [topic] = [update.message.id for update in answer.updates if hasattr(update, "message")]
    await anna.say("/poll", reply_to=topic)
    question = await anna.hears_message()
    assert (question.raw_text, topic_of(question)) == ("Name?", topic)
    await anna.say("in another topic")
    await talking.kill()
    await talking.start(poll)
    await anna.say("Anna", reply_to=topic)
    choice = await anna.hears_message()
    assert choice.raw_text == "Which day?"
    await press(anna, choice, "Friday")
    last = await anna.hears_message()
    assert (last.raw_text, topic_of(last)) == ("Anna, Friday", topic)


def topic_of(message: Any) -> int:
    header = message.reply_to
    return int(header.reply_to_top_id or header.reply_to_msg_id)
