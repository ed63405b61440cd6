"""Write access: who is greeted for it, and who is not."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import errors
from telethon.tl import types

from tests.handlers.client import ANNA, NOW, Client, at, gate, person
from tgbot.core.access import Access
from tgbot.handlers import allowed, evidence
from tgbot.locales.texts import Texts
from tgbot.store.registry import MemoryRegistry


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry(clock=lambda: NOW)


@pytest.fixture
def client(users: MemoryRegistry) -> Client:
    client = Client(users)
    evidence.register(client, users=users, clock=lambda: NOW)
    sender = gate(client, users)
    allowed.register(
        client,
        users=users,
        sender=sender,
        texts=Texts.load(),
        greeted_elsewhere="our.site",
        clock=lambda: NOW,
    )
    return client


async def allows(client: Client, message_id: int, user: Any = None, **reason: Any) -> None:
    message = types.MessageService(
        id=message_id,
        peer_id=types.PeerUser(ANNA),
        date=at(NOW),
        action=types.MessageActionBotAllowed(**reason),
    )
    await client.deliver(types.UpdateNewMessage(message, 1, 1), user or person())


async def test_it_is_greeted_once_and_the_same_way_when_it_comes_again(client: Client) -> None:
    await allows(client, 5, domain="example.com")
    first = client.said()
    assert "example.com" in first[0]
    await allows(client, 6, from_request=True)
    assert client.said() == []
    await allows(client, 5, domain="example.com")
    assert client.said() == first


async def test_a_login_on_the_bots_own_page_is_greeted_by_the_page(client: Client) -> None:
    await allows(client, 5, domain="our.site")
    assert client.said() == []
    await allows(client, 6, domain="other.site")
    assert len(client.said()) == 1


async def test_a_bot_and_other_service_messages_are_left_alone(client: Client) -> None:
    await allows(client, 5, person(bot=True), from_request=True)
    message = types.MessageService(
        id=6, peer_id=types.PeerUser(ANNA), date=at(NOW), action=types.MessageActionContactSignUp()
    )
    await client.deliver(types.UpdateNewMessage(message, 1, 1), person())
    assert client.sent == []


async def test_who_takes_no_message_after_all_is_no_failure(client: Client, users: MemoryRegistry) -> None:
    client.refusals[ANNA] = errors.UserIsBlockedError(None)
    await allows(client, 5, domain="example.com")
    user = users.get(ANNA)
    assert user is not None
    assert user.verdict(NOW).access is Access.BLOCKED
    assert client.sent == []
