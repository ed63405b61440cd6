"""In groups the bot ignores everything except a /start that is meant for it."""

from __future__ import annotations

from typing import Any

from telethon.tl import functions

from tests.scenarios.talk import Talk
from tgbot.app import Bot
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox


async def group_with(owner: Any, bot: str) -> Any:
    """Make a basic group of a person and the bot, and return its input peer."""
    robot = await owner.get_input_entity(bot)
    await owner(functions.messages.CreateChatRequest([robot], "Friends"))
    (chat,) = [dialog async for dialog in owner.iter_dialogs() if dialog.is_group]
    return chat.input_entity


async def test_a_start_for_the_bot_is_answered_in_the_group(bot: Bot, person: Any) -> None:
    client = await person("Anna")
    group = Talk(client, await group_with(client, "the_bot"))
    assert "private chats" in await group.ask("/start@the_bot")
    assert "private chats" in await group.ask("/start@THE_BOT hello")


async def test_the_link_that_adds_the_bot_to_a_group_is_answered_there(bot: Bot, person: Any) -> None:
    client = await person("Anna")
    group = Talk(client, await group_with(client, "the_bot"))
    robot = await client.get_input_entity("the_bot")
    await client(functions.messages.StartBotRequest(robot, group.chat, "promo"))
    assert "private chats" in await group.hears()


async def test_everything_else_in_a_group_is_left_alone(
    bot: Bot, person: Any, sandbox: Sandbox, account: Account
) -> None:
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None
    profile.sees_all = True
    client = await person("Anna")
    group = Talk(client, await group_with(client, "the_bot"))
    for text in ("hello", "/help", "/start", "/start@another_bot", "/nonsense@the_bot", "/stats"):
        await group.say(text)
    assert "private chats" in await group.ask("/start@the_bot")  # The first thing it says there.
    assert bot.users.get(group.id) is None


async def test_who_was_met_in_a_group_is_greeted_for_the_first_time_in_private(bot: Bot, person: Any) -> None:
    client = await person("Anna")
    group = Talk(client, await group_with(client, "the_bot"))
    await group.ask("/start@the_bot")
    assert (await Talk(client).ask("/start")).startswith("Hello, Anna!")
