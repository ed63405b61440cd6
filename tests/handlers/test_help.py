"""What nobody else handles: first messages of any kind, unknown commands."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.handlers.client import ANNA, NOW, Client, at, gate, person
from tgbot.handlers import evidence, help, start
from tgbot.locales.texts import Texts
from tgbot.store.registry import MemoryRegistry

HELP = Texts.load().render("en", "help")


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry(clock=lambda: NOW)


@pytest.fixture
def client(users: MemoryRegistry) -> Client:
    client = Client(users)
    sender = gate(client, users)
    evidence.register(client, users=users)

    async def dice(event: Any) -> None:
        await event.respond("4", parse_mode=None)

    async def secret(event: Any) -> None:
        raise events.StopPropagation

    client.add_event_handler(dice, events.NewMessage(pattern=r"^/dice$"))
    client.add_event_handler(secret, events.NewMessage(pattern=r"^sesame$"))
    start.register(client, users=users, sender=sender, texts=Texts.load())
    help.register(client, users=users, sender=sender, texts=Texts.load())
    return client


FIRST: list[tuple[str, dict[str, Any]]] = [
    ("hello", {}),
    ("", {}),
    ("x" * 4096, {}),
    ("𝒽𝑒𝓁𝓁𝑜 \u202eolleh 👩‍👩‍👧", {}),
    ("/nonsense", {}),
    ("/nonsense@otherbot", {}),
    ("/", {}),
    ("//start", {}),
    (" /start", {}),
    ("/Start", {}),
    ("/start\nmore", {}),
    ("", {"media": types.MessageMediaUnsupported()}),
    ("", {"media": types.MessageMediaContact("+1", "A", "", "", 0)}),
    ("", {"media": types.MessageMediaPhoto(photo=types.PhotoEmpty(1))}),
    ("", {"media": types.MessageMediaDocument(document=types.DocumentEmpty(1))}),
    ("", {"media": types.MessageMediaDice(3, "🎲")}),
]


@pytest.mark.parametrize(("text", "fields"), FIRST)
async def test_a_first_message_of_any_kind_is_answered_with_help_once(
    client: Client, users: MemoryRegistry, text: str, fields: dict[str, Any]
) -> None:
    first = await client.says(person(), text, **fields)
    assert client.said() == [HELP]
    await client.says(person(), text, first, **fields)  # Not finished yet: a replay is answered the same.
    assert client.said() == [HELP]
    users.finished(ANNA, first)
    await client.says(person(), "more")
    assert client.said() == []


@pytest.mark.parametrize("text", ["/help", "/nonsense", "/help@thisbot", "/nonsense with words"])
async def test_a_command_that_nobody_handles_is_answered_with_help_every_time(
    client: Client, users: MemoryRegistry, text: str
) -> None:
    for _ in range(2):
        users.finished(ANNA, await client.says(person(), text))
        assert client.said() == [HELP]


async def test_a_command_for_another_bot_is_left_alone(client: Client, users: MemoryRegistry) -> None:
    users.finished(ANNA, await client.says(person(), "/start"))
    client.said()
    await client.says(person(), "/help@otherbot")
    assert client.said() == []


async def test_a_plugins_command_is_the_plugins_also_as_the_first_message(client: Client) -> None:
    await client.says(person(), "/dice")
    assert client.said() == ["4"]


async def test_a_plugin_that_stops_propagation_has_handled_a_first_message(client: Client) -> None:
    await client.says(person(), "sesame")
    assert client.said() == []


async def test_start_is_not_answered_with_help_too(client: Client) -> None:
    for text in ("/start", "/start promo", "/start@ThisBot"):
        await client.says(person(), text)
        assert HELP not in client.said()


async def test_service_messages_are_no_messages_to_answer(client: Client) -> None:
    for action in (
        types.MessageActionContactSignUp(),
        types.MessageActionBotAllowed(),
        types.MessageActionEmpty(),
    ):
        message = types.MessageService(id=1, peer_id=types.PeerUser(ANNA), date=at(NOW), action=action)
        await client.deliver(types.UpdateNewMessage(message, 1, 1), person())
    assert client.said() == []


async def test_help_is_told_in_the_users_language(client: Client) -> None:
    await client.says(person(lang_code="ru"), "привет")
    assert client.said() == [Texts.load().render("ru", "help")]


async def test_admins_are_told_of_their_commands_too(users: MemoryRegistry) -> None:
    client = Client(users)
    help.register(client, users=users, sender=gate(client, users), texts=Texts.load(), admins={ANNA})
    await client.says(person(), "/help")
    (told,) = client.said()
    assert told.startswith(HELP)
    assert all(command in told for command in ("/resolve", "/whois", "/check", "/stats"))
