"""What Telegram says about access becomes evidence."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types

from tests.handlers.client import ANNA, BERT, NOW, Client, at, person
from tgbot.core.access import Access, Kind
from tgbot.core.users import User
from tgbot.handlers import evidence
from tgbot.handlers.evidence import profile_of
from tgbot.store.registry import MemoryRegistry


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry(clock=lambda: NOW)


@pytest.fixture
def client(users: MemoryRegistry) -> Client:
    client = Client(users)
    evidence.register(client, users=users, clock=lambda: NOW)
    return client


def known(users: MemoryRegistry, user_id: int = ANNA) -> User:
    user = users.get(user_id)
    assert user is not None
    return user


@pytest.mark.parametrize(
    ("text", "kind"),
    [("/start", Kind.START), ("/start abc", Kind.START), ("hello", Kind.MESSAGE), ("", Kind.MESSAGE)],
)
async def test_a_private_message_is_evidence_at_the_servers_time(
    client: Client, users: MemoryRegistry, text: str, kind: Kind
) -> None:
    await client.says(person(), text, date=at(NOW - 60))
    verdict = known(users).verdict(NOW)
    assert verdict.access is Access.REACHABLE
    assert verdict.since == NOW - 60
    assert verdict.evidence is not None
    assert verdict.evidence.kind is kind
    assert "message" in known(users).known_by


async def test_a_message_without_its_user_is_evidence_all_the_same(
    client: Client, users: MemoryRegistry
) -> None:
    message = types.Message(id=1, peer_id=types.PeerUser(ANNA), message="hi", date=at(NOW))
    await client.deliver(types.UpdateNewMessage(message, 1, 1))
    assert known(users).verdict(NOW).access is Access.REACHABLE


async def test_a_message_without_a_date_was_sent_now_and_an_empty_one_never(
    client: Client, users: MemoryRegistry
) -> None:
    message = types.Message(id=1, peer_id=types.PeerUser(ANNA), message="hi", date=None)
    await client.deliver(types.UpdateNewMessage(message, 1, 1))
    assert known(users).verdict(NOW).since == NOW
    await client.deliver(types.UpdateNewMessage(types.MessageEmpty(1, types.PeerUser(BERT)), 1, 1))
    assert users.get(BERT) is None


async def test_own_messages_and_those_in_groups_are_no_evidence(
    client: Client, users: MemoryRegistry
) -> None:
    for peer, out in (
        (types.PeerUser(ANNA), True),
        (types.PeerChat(5), False),
        (types.PeerChannel(6), False),
    ):
        message = types.Message(
            id=1, peer_id=peer, from_id=types.PeerUser(ANNA), message="hi", date=at(NOW), out=out
        )
        await client.deliver(types.UpdateNewMessage(message, 1, 1))
    assert users.get(ANNA) is None


async def test_who_is_met_in_a_group_is_known_by_that_and_not_reachable(
    client: Client, users: MemoryRegistry
) -> None:
    for number, (kind, peer) in enumerate(
        ((types.UpdateNewMessage, types.PeerChat(5)), (types.UpdateNewChannelMessage, types.PeerChannel(6)))
    ):
        author = person(ANNA + number, "Anna")
        message = types.Message(
            id=1, peer_id=peer, from_id=types.PeerUser(author.id), message="hi", date=at(NOW)
        )
        await client.deliver(kind(message, 1, 1), author)
        user = known(users, author.id)
        assert "group" in user.known_by
        assert "message" not in user.known_by
        assert user.verdict(NOW).access is Access.UNKNOWN


async def test_a_block_and_an_unblock_of_one_second_are_told_apart_by_qts(
    client: Client, users: MemoryRegistry
) -> None:
    await client.says(person(), "/start", date=at(NOW - 10))
    await client.deliver(types.UpdateBotStopped(ANNA, at(NOW), False, qts=8))
    await client.deliver(types.UpdateBotStopped(ANNA, at(NOW), True, qts=7))
    assert known(users).verdict(NOW).access is Access.REACHABLE
    await client.deliver(types.UpdateBotStopped(ANNA, at(NOW), True, qts=9))
    assert known(users).verdict(NOW).access is Access.BLOCKED


async def test_a_join_request_lets_the_bot_write_for_five_minutes(
    client: Client, users: MemoryRegistry
) -> None:
    asked = types.UpdateBotChatInviteRequester(
        peer=types.PeerChannel(6), date=at(NOW), user_id=BERT, about="", invite=None, qts=3
    )
    await client.deliver(asked, person(BERT, "Bert"))
    verdict = known(users, BERT).verdict(NOW + 299)
    assert (verdict.access, verdict.until) == (Access.REACHABLE, NOW + 300)
    assert known(users, BERT).verdict(NOW + 301).access is Access.NOT_ALLOWED
    assert "join_request" in known(users, BERT).known_by


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"domain": "example.com"}, "example.com"),
        ({"from_request": True}, "request"),
        ({"attach_menu": True}, "attach"),
        ({"app": types.BotAppNotModified()}, "app"),
        ({}, ""),
    ],
)
async def test_write_access_is_evidence_with_its_reason(
    client: Client, users: MemoryRegistry, fields: dict[str, Any], detail: str
) -> None:
    message = types.MessageService(
        id=1, peer_id=types.PeerUser(ANNA), date=at(NOW), action=types.MessageActionBotAllowed(**fields)
    )
    await client.deliver(types.UpdateNewMessage(message, 1, 1), person())
    found = known(users).verdict(NOW).evidence
    assert found is not None
    assert (found.kind, found.detail) == (Kind.WRITE_ACCESS, detail)


async def test_any_other_service_message_says_nothing_of_access(
    client: Client, users: MemoryRegistry
) -> None:
    message = types.MessageService(
        id=1, peer_id=types.PeerUser(ANNA), date=at(NOW), action=types.MessageActionContactSignUp()
    )
    await client.deliver(types.UpdateNewMessage(message, 1, 1))
    assert users.get(ANNA) is None


def test_a_profile_holds_the_usernames_that_are_active_and_the_flags() -> None:
    names = [types.Username("b", active=True), types.Username("old"), types.Username("a", active=True)]
    user = person(ANNA, "A", last_name="B", usernames=names, lang_code="ru", premium=True)
    assert profile_of(user) == (ANNA, "A", "B", ("b", "a"), "ru", True, False, False)
    bare = types.User(id=5, username="one", bot=True, deleted=True)
    assert profile_of(bare) == (5, "", "", ("one",), None, False, True, True)


async def test_a_change_of_name_or_username_is_noticed_with_the_next_user(
    client: Client, users: MemoryRegistry
) -> None:
    await client.says(person(username="anna"), "/start")
    await client.says(person(name="Anne", username="anne"), "hi")
    assert known(users).first_name == "Anne"
    assert {(change.field, change.old) for change in known(users).history} == {
        ("first_name", "Anna"),
        ("usernames", "anna"),
    }


async def test_a_new_name_that_telegram_tells_of_is_noted(client: Client, users: MemoryRegistry) -> None:
    await client.says(person(username="anna", premium=True, lang_code="de"), "/start")
    names = [types.Username("anne", active=True), types.Username("spare")]
    await client.deliver(types.UpdateUserName(ANNA, "Anne", "S", names))
    user = known(users)
    assert (user.first_name, user.last_name, user.usernames) == ("Anne", "S", ("anne",))
    assert (user.premium, user.language) == (True, "de")
    assert {change.field for change in user.history} == {"first_name", "last_name", "usernames"}
    await client.deliver(types.UpdateUserName(BERT, "Bert", "", []))
    assert users.get(BERT) is None


async def test_the_bot_itself_is_no_user(client: Client, users: MemoryRegistry) -> None:
    await client.says(person(), "/start")
    await client.deliver(types.UpdateBotStopped(ANNA, at(NOW), False, qts=8), client.me)
    assert users.count().total == 1
