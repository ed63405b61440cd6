"""What updates of the past say goes into the registry, and undoes nothing that is newer."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from telethon.tl import types

from tests.store.memory import MemoryRegistry
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.users import Way
from tgbot.handlers import evidence
from tgbot.messaging.rebuild.reading import Reading

NOW = 1_700_000_000
ANNA = 5_000_000_001
ENTITIES: dict[int, Any] = {
    ANNA: types.User(ANNA, access_hash=7, first_name="Anna", lang_code="de", username="anna")
}


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry(clock=lambda: NOW)


@pytest.fixture
def reading(users: MemoryRegistry) -> Reading:
    me = types.User(1, is_self=True, bot=True, username="the_bot")
    client = SimpleNamespace(me=me, session=None)
    parts: Any = SimpleNamespace(client=client, users=users, clock=lambda: NOW, payload_key=b"k" * 32)
    return Reading(users, evidence.sources(parts), lambda: NOW)


def at(ago: int) -> datetime:
    return datetime.fromtimestamp(NOW - ago, UTC)


def said(message_id: int, text: str, ago: int, *, out: bool = False, peer: Any = None) -> Any:
    peer = peer or types.PeerUser(ANNA)
    return types.UpdateNewMessage(types.Message(message_id, peer, at(ago), text, out=out), 0, 0)


def asked(qts: int, ago: int) -> Any:
    return types.UpdateBotChatInviteRequester(
        types.PeerChannel(9), at(ago), ANNA, "", types.ChatInvitePublicJoinRequests(), qts
    )


def stopped(qts: int, ago: int, *, back: bool = False) -> Any:
    return types.UpdateBotStopped(ANNA, at(ago), not back, qts)


def access(users: MemoryRegistry) -> Access:
    user = users.get(ANNA)
    assert user is not None
    return user.verdict(NOW).access


def test_messages_from_the_newest_down_make_a_person_known_once(
    reading: Reading, users: MemoryRegistry
) -> None:
    updates = [
        said(9, "bye", 10),
        said(5, "/start late", 500),
        said(3, "/start first", 900),
        said(2, "hi", 990),
    ]
    assert [reading.take(update, ENTITIES) for update in updates] == [ANNA, 0, 0, 0]
    user = users.get(ANNA)
    assert user is not None
    assert (user.first_name, user.usernames, user.language) == ("Anna", ("anna",), "de")
    assert (user.first_message_id, user.first_start_id) == (2, 3)
    assert (user.first_payload, user.last_payload) == ("first", "late")
    assert (user.first_seen, user.last_seen) == (NOW, NOW)  # it is the profile of today
    assert user.last_finished_id == 0
    assert access(users) is Access.REACHABLE


def test_an_old_stop_does_not_undo_a_newer_message(reading: Reading, users: MemoryRegistry) -> None:
    users.wrote(ANNA, NOW - 5, 40)
    reading.take(stopped(3, 400), ENTITIES)
    assert access(users) is Access.REACHABLE
    reading.take(said(7, "old", 800), ENTITIES)
    users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW - 2, 9))
    reading.take(said(8, "old, too", 700), ENTITIES)
    assert access(users) is Access.BLOCKED


def test_what_the_bot_sent_is_evidence_and_makes_the_person_known(
    reading: Reading, users: MemoryRegistry
) -> None:
    assert reading.take(said(4, "an answer", 300, out=True), ENTITIES) == ANNA
    user = users.get(ANNA)
    assert user is not None
    assert user.came
    assert user.first_name == "Anna"
    assert user.first_message_id == 0
    assert [one.kind for one in user.evidence] == [Kind.SENT]
    assert access(users) is Access.REACHABLE


def test_who_asked_to_be_forgotten_is_not_found_again_until_they_write(
    reading: Reading, users: MemoryRegistry
) -> None:
    users.wrote(ANNA, NOW - 400, 40)
    users.finished(ANNA, 40)
    users.forget(ANNA)
    old = [said(39, "hi", 500), said(40, "/forget", 400), stopped(3, 500), asked(4, 600)]
    assert [reading.take(update, ENTITIES) for update in old] == [0, 0, 0, 0]
    assert users.get(ANNA) is None
    assert reading.take(said(41, "again", 10), ENTITIES) == ANNA


def test_a_request_to_join_that_is_known_is_not_opened_again(reading: Reading, users: MemoryRegistry) -> None:
    assert reading.take(asked(4, 100), ENTITIES) == ANNA
    user = users.get(ANNA)
    assert user is not None
    assert list(user.join_requests) == [-1_000_000_000_009]
    assert access(users) is Access.REACHABLE
    users.join_request_closed(ANNA, -1_000_000_000_009, NOW - 50)
    reading.take(asked(4, 100), ENTITIES)
    assert not user.join_requests
    assert access(users) is not Access.REACHABLE


def test_a_permission_to_write_is_found(reading: Reading, users: MemoryRegistry) -> None:
    action = types.MessageActionBotAllowed(domain="example.com")
    message = types.MessageService(6, types.PeerUser(ANNA), at(50), action=action)
    update = types.UpdateNewMessage(message, 0, 0)
    assert reading.take(update, ENTITIES) == ANNA
    user = users.get(ANNA)
    assert user is not None
    assert user.is_known_by(Way.LOGIN)
    assert [(one.kind, one.detail) for one in user.evidence] == [(Kind.WRITE_ACCESS, "example.com")]


def test_a_min_user_lends_no_name(reading: Reading, users: MemoryRegistry) -> None:
    entities = {ANNA: types.User(ANNA, min=True, access_hash=7, first_name="Wrong")}
    assert reading.take(said(4, "hi", 300), entities) == ANNA
    user = users.get(ANNA)
    assert user is not None
    assert user.first_name == ""


def test_messages_of_groups_make_nobody_known(reading: Reading, users: MemoryRegistry) -> None:
    group = said(4, "hi", 300, peer=types.PeerChat(5))
    group.message.from_id = types.PeerUser(ANNA)
    assert reading.take(group, ENTITIES) == 0
    assert users.get(ANNA) is None


def test_an_old_name_does_not_replace_the_one_of_today(reading: Reading, users: MemoryRegistry) -> None:
    reading.take(said(4, "hi", 300), ENTITIES)
    assert reading.take(types.UpdateUserName(ANNA, "Old", "", []), ENTITIES) == 0
    user = users.get(ANNA)
    assert user is not None
    assert user.first_name == "Anna"
