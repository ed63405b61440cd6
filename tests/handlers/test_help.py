"""What nobody else handles: first messages of any kind, unknown commands."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.handlers.conftest import TEXTS, Desk
from tests.telegram.conftest import Stage
from tgbot.handlers import admin, help, start
from tgbot.messaging.menu import Menu
from tgbot.telegram import BotClient


def help_in(language: str, *names: str) -> str:
    lines = "\n".join(f"/{name} – {TEXTS.render(language, f'command-{name}')}" for name in names)
    return TEXTS.render(language, "help", commands=lines)


HELP = help_in("en", "start", "help")


def plugin(client: BotClient) -> None:
    async def dice(event: events.NewMessage.Event) -> None:
        await event.respond("4", parse_mode=None)

    async def secret(event: events.NewMessage.Event) -> None:
        raise events.StopPropagation

    client.add_event_handler(dice, events.NewMessage(pattern=r"^/dice$"))
    client.add_event_handler(secret, events.NewMessage(pattern=r"^sesame$"))


@pytest.fixture
async def desk(desk: Desk) -> Desk:
    await desk.open(start, help, plugin=plugin)
    return desk


FIRST: list[tuple[str, dict[str, Any]]] = [
    ("hello", {}),
    ("", {}),
    ("x" * 4096, {}),
    ("𝒽𝑒𝓁𝓁𝑜 \u202eolleh 👩‍👩‍👧", {}),
    ("/nonsense", {}),
    ("/nonsense@otherbot", {}),
    ("/start@otherbot", {}),
    ("/", {}),
    ("//start", {}),
    (". /start", {}),
    ("/héllo", {}),
    ("", {"media": types.MessageMediaUnsupported()}),
    ("", {"media": types.MessageMediaContact("+1", "A", "", "", 0)}),
    ("", {"media": types.MessageMediaPhoto(photo=types.PhotoEmpty(1))}),
    ("", {"media": types.MessageMediaDice(3, "🎲")}),
]


async def test_a_first_message_of_any_kind_is_answered_with_help_once(desk: Desk) -> None:
    for text, fields in FIRST:
        anna = desk.meet()
        assert await desk.says(anna, text, **fields) == [HELP], text
        assert await desk.says(anna, "more") == []


async def test_a_command_that_nobody_handles_is_answered_with_help_every_time(desk: Desk) -> None:
    anna = desk.meet()
    for text in ("/help", "/HELP", "/nonsense", "/help@the_bot", "/nonsense with words", "/x\ny", "/2"):
        for _ in range(2):
            assert await desk.says(anna, text) == [HELP], text


async def test_a_command_for_another_bot_is_left_alone(desk: Desk) -> None:
    anna = desk.meet()
    await desk.says(anna, "/start")
    assert await desk.says(anna, "/help@otherbot") == []


async def test_a_plugins_command_is_not_answered_with_help(desk: Desk) -> None:
    assert await desk.says(desk.meet(), "/dice") == ["4"]


async def test_a_plugin_that_stops_propagation_has_handled_a_first_message(desk: Desk) -> None:
    assert await desk.says(desk.meet(), "sesame") == []


async def test_a_list_that_is_too_long_for_a_message_has_names_only(stage: Stage) -> None:
    desk = Desk(stage)
    commands = Menu()
    for number in range(80):
        commands.add(f"command{number}", "x" * 256, admins=number % 2 == 0)
    boss = desk.meet("Boss")
    await desk.open(start, admin, help, admins=frozenset({boss}), commands=commands)
    answer = await desk.asks(boss, "/help")
    assert len(answer) < 4096
    assert answer.startswith(TEXTS.render("en", "help", commands="/start /help /command1 /command3")[:80])
    assert all(f"/command{number}" in answer.split() for number in range(80))


async def test_start_is_not_answered_with_help_too(desk: Desk) -> None:
    anna = desk.meet()
    for text in ("/start", "/start promo", "/start@The_Bot", "/START"):
        assert HELP not in await desk.says(anna, text)


async def test_service_messages_are_not_answered(desk: Desk) -> None:
    anna = desk.meet()
    for action in (types.MessageActionContactSignUp(), types.MessageActionEmpty()):
        assert await desk.says(anna, action=action) == []


async def test_help_is_in_the_users_language(desk: Desk) -> None:
    boris = desk.meet("Борис")
    desk.language(boris, "ru")
    assert await desk.says(boris, "привет") == [help_in("ru", "start", "help")]


async def test_admins_get_help_with_their_commands_too(stage: Stage) -> None:
    desk = Desk(stage)
    boss = desk.meet("Boss")
    await desk.open(start, admin, help, admins=frozenset({boss}))
    answer = await desk.asks(boss, "/help")
    assert answer.startswith(HELP)
    assert all(command in answer for command in ("/resolve", "/whois", "/check", "/stats"))
