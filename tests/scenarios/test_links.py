"""Links over the wire: /link for admins, the button that adds the bot to a group, and start payloads."""

from __future__ import annotations

import re
from typing import Any

import pytest
from telethon.tl import functions, types

from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk
from tgbot.app import Bot
from tgbot.core.addresses import parse
from tgbot.core.links import signing_key, unpack
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox


@pytest.fixture
async def boss(person: Any) -> Talk:
    return Talk(await person("Boss"))


@pytest.fixture
async def bot(start_bot: StartBot, boss: Talk) -> Bot:
    return await start_bot(admins=[boss.id])


async def test_a_link_that_was_made_begins_the_dialog_it_promises(bot: Bot, boss: Talk, person: Any) -> None:
    answer = await boss.ask("/link start spring")
    assert answer.split("\n") == [
        "In a browser: https://t.me/the_bot?start=spring",
        "In the app: tg://resolve?domain=the_bot&start=spring",
        "If an app loses the payload, type: /start spring",
    ]
    target = parse(re.findall(r"https\S+", answer)[0])
    anna = Talk(await person("Anna"))
    robot = await anna.client.get_input_entity(target.username)
    await anna.client(functions.messages.StartBotRequest(robot, robot, target.start))
    await anna.hears()
    user = bot.users.get(anna.id)
    assert user is not None
    assert user.first_payload == "spring"


async def test_links_to_groups_and_channels_ask_for_rights(bot: Bot, boss: Talk) -> None:
    answer = await boss.ask("/link group promo delete_messages invite_users")
    assert "https://t.me/the_bot?startgroup=promo&admin=delete_messages+invite_users" in answer
    assert answer.endswith("/start@the_bot promo")
    assert "?startgroup=&admin=invite_users" in await boss.ask("/link group - invite_users")
    answer = await boss.ask("/Link\u00a0Group promo Delete_Messages,invite_users")
    assert "https://t.me/the_bot?startgroup=promo&admin=delete_messages+invite_users" in answer
    answer = await boss.ask("/link channel post_messages")
    assert "https://t.me/the_bot?startchannel&admin=post_messages" in answer
    assert "/start" not in answer


@pytest.mark.parametrize(("typed", "value"), [("7", 7), ("007", "007"), ("anna", "anna")])
async def test_a_signed_payload_cannot_be_forged(
    bot: Bot, boss: Talk, account: Account, typed: str, value: int | str
) -> None:
    answer = await boss.ask(f"/link sign {typed}")
    (payload,) = re.findall(r"\?start=(\S+)", answer)
    assert unpack(payload, signing_key(account.token)) == (value,)


async def test_a_qr_code_comes_as_a_picture(bot: Bot, boss: Talk) -> None:
    await boss.say("/link qr start spring")
    message = await boss.hears_message()
    assert "https://t.me/the_bot?start=spring" in message.raw_text
    assert message.media is not None
    picture = await boss.client.download_media(message, bytes)
    assert picture.startswith(b"\xff\xd8")  # Telegram makes every photo a JPEG


@pytest.mark.parametrize(
    "typed",
    [
        "start two words",
        "start " + "x" * 65,
        "start a=b",
        "group p fly",
        "nonsense",
        "sign",
        "qr",
        "sign " + "x" * 60,
    ],
)
async def test_what_cannot_be_a_link_is_told(bot: Bot, boss: Talk, typed: str) -> None:
    answer = await boss.ask(f"/link {typed}")
    assert answer.startswith("I cannot make a link from that: ")
    assert re.search(r"[^.]\.$", answer), "a sentence has one full stop"


async def test_link_alone_tells_how_and_is_for_admins_only(bot: Bot, boss: Talk, person: Any) -> None:
    assert (await boss.ask("/link")).startswith("Links to me:")
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    assert (await anna.ask("/link start x")).startswith("Hello! I am a bot")


async def test_the_greeting_has_a_button_that_adds_the_bot_to_a_group(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.say("/start")
    ((button,),) = (await anna.hears_message()).buttons
    assert button.text == "Add me to a group"
    target = parse(button.url)
    assert (target.username, target.group) == ("the_bot", "")
    robot = await anna.client.get_input_entity(target.username)
    await anna.client(functions.messages.CreateChatRequest([robot], "Friends"))  # as the button does
    (chat,) = [dialog async for dialog in anna.client.iter_dialogs() if dialog.is_group]
    group = Talk(anna.client, chat.input_entity)
    assert "private chats" in await group.ask("/start@the_bot")


async def test_a_bot_that_cannot_be_added_offers_no_button(
    start_bot: StartBot, sandbox: Sandbox, account: Account, person: Any
) -> None:
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None
    profile.joins_groups = False
    await start_bot()
    anna = Talk(await person("Anna"))
    await anna.say("/start")
    message = await anna.hears_message()
    assert not message.buttons
    assert isinstance(message, types.Message)
