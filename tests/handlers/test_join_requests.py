"""Open requests to join, kept with the user."""

from __future__ import annotations

from tests.store.memory import MemoryRegistry
from tgbot.core.access import Access, Evidence, Kind

ANNA, NOW = 1001, 1_700_000_000
CHESS, GO = -1001, -1002


def asked(users: MemoryRegistry, chat: int, at: int) -> None:
    users.record(ANNA, Evidence(Kind.JOIN_REQUEST, at, until=at + 300))
    users.join_requested(ANNA, chat, at)


def access(users: MemoryRegistry, at: int = NOW) -> Access:
    user = users.get(ANNA)
    assert user is not None
    return user.verdict(at).access


def requests(users: MemoryRegistry) -> dict[int, int]:
    user = users.get(ANNA)
    return {} if user is None else dict(user.join_requests)


def test_requests_are_kept_by_chat_the_oldest_first() -> None:
    users = MemoryRegistry(clock=lambda: NOW)
    asked(users, GO, NOW)
    asked(users, CHESS, NOW - 10)
    asked(users, CHESS, NOW - 20)  # A replay of an older one.
    assert list(requests(users).items()) == [(CHESS, NOW - 10), (GO, NOW)]


def test_the_last_open_request_to_be_closed_ends_the_window() -> None:
    users = MemoryRegistry(clock=lambda: NOW)
    asked(users, CHESS, NOW - 10)
    asked(users, GO, NOW - 5)
    users.join_request_closed(ANNA, CHESS, NOW - 2)
    assert access(users) is Access.REACHABLE
    users.join_request_closed(ANNA, GO, NOW - 1)
    assert access(users) is Access.NOT_ALLOWED
    assert requests(users) == {}


def test_an_open_request_whose_window_is_over_keeps_nothing_open() -> None:
    users = MemoryRegistry(clock=lambda: NOW)
    asked(users, CHESS, NOW - 400)
    asked(users, GO, NOW - 5)
    users.join_request_closed(ANNA, GO, NOW - 1)
    assert access(users) is Access.NOT_ALLOWED
    assert list(requests(users)) == [CHESS]  # It can still be approved.


def test_what_is_closed_twice_or_was_never_open_says_nothing() -> None:
    users = MemoryRegistry(clock=lambda: NOW)
    users.join_request_closed(ANNA, CHESS, NOW)
    assert users.get(ANNA) is None
    asked(users, CHESS, NOW)
    users.join_request_closed(ANNA, CHESS, NOW - 1)  # The end of an earlier one.
    assert access(users) is Access.REACHABLE


def test_so_many_are_kept_and_no_more() -> None:
    users = MemoryRegistry(clock=lambda: NOW)
    for number in range(100):
        asked(users, -1000 - number, NOW + number)
    assert len(requests(users)) == 20
    assert -1099 in requests(users)
