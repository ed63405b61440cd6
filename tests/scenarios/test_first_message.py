"""A dialog that begins with something other than /start."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import functions, types

from tests.pictures import jpeg
from tests.scenarios.talk import Talk
from tgbot.app import Bot
from tgbot.core.access import Access

HELP = "Hello! I am a bot"


def access(bot: Bot, talk: Talk) -> Access:
    user = bot.users.get(talk.id)
    return user.verdict(bot.client.server_time()).access if user else Access.UNKNOWN


@pytest.mark.parametrize(
    "text",
    ["hello", "/nonsense", "/nonsense@other_bot", "x" * 4096, "\u202eolleh 𝒽𝒾 👩‍👩‍👧"],
    ids=["text", "unknown command", "another bot's", "4096", "odd letters"],
)
async def test_a_first_text_is_answered_with_help_and_the_dialog_is_open(
    bot: Bot, person: Any, text: str
) -> None:
    anna = Talk(await person("Anna"))
    assert (await anna.ask(text)).startswith(HELP)
    assert access(bot, anna) is Access.REACHABLE
    assert (await anna.ask("/start")).startswith("Hello, Anna!")


@pytest.mark.parametrize(
    "media",
    [
        types.InputMediaContact("+49", "C", "D", ""),
        types.InputMediaDice("🎲"),
        types.InputMediaGeoPoint(types.InputGeoPoint(52.5, 13.4)),
        types.InputMediaUploadedPhoto(types.InputFile(1, 1, "a.jpg", "")),
        types.InputMediaUploadedDocument(
            types.InputFile(2, 1, "a.webp", ""),
            "image/webp",
            [types.DocumentAttributeSticker("🙂", types.InputStickerSetEmpty())],
        ),
    ],
    ids=lambda media: type(media).__name__,
)
async def test_a_first_message_without_text_is_answered_with_help(bot: Bot, person: Any, media: Any) -> None:
    anna = Talk(await person("Anna"))
    if isinstance(getattr(media, "file", None), types.InputFile):
        await anna.client(functions.upload.SaveFilePartRequest(media.file.id, 0, jpeg()))
    peer = await anna.client.get_input_entity(anna.chat)
    await anna.client(functions.messages.SendMediaRequest(peer, media, "", random_id=7))
    assert (await anna.hears()).startswith(HELP)
    assert access(bot, anna) is Access.REACHABLE


async def test_help_is_told_once_and_later_messages_are_left_alone(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    assert (await anna.ask("hello")).startswith(HELP)
    await anna.say("what a day")
    await anna.say("anybody there?")
    assert (await anna.ask("/start")).startswith("Hello, Anna!")


async def test_unknown_commands_are_answered_with_help_every_time(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    for command in ("/help", "/nonsense", "/stats", "/resolve @anybody"):
        assert (await anna.ask(command)).startswith(HELP)
