"""The past by message ids: the newest message, the first that is young enough, what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import functions, types

from tgbot.telegram.updates import requests
from tgbot.telegram.updates.history import GREATEST_ID, IDS_A_CALL, History, downwards
from tgbot.telegram.updates.requests import FailedError

THEN = 1_700_000_000


class Past:
    """Telegram with some messages by id and their dates; `box` is how many pts a difference reaches back."""

    def __init__(self, messages: dict[int, int], *, box: int = GREATEST_ID) -> None:
        self.messages = messages
        self.box = box
        self.unreadable: set[int] = set()
        self.failures: list[FailedError] = []
        self.asked: list[Any] = []
        self.remembered: list[str] = []
        self.history = History(self, self._remember, clock=lambda: 0.0)  # type: ignore[arg-type]  # as Requests

    @property
    def pts(self) -> int:
        return 1 + len(self.messages)

    def _remember(self, users: object, chats: object, source: str) -> None:
        self.remembered.append(source)

    async def make(self, request: Any, *kinds: Any) -> Any:
        self.asked.append(request)
        if self.failures:
            raise self.failures.pop(0)
        if isinstance(request, functions.updates.GetStateRequest):
            return types.updates.State(self.pts, 1, None, 1, 0)
        if isinstance(request, functions.updates.GetDifferenceRequest):
            if self.pts - request.pts > self.box:
                return types.updates.DifferenceTooLong(self.pts)
            ids = sorted(self.messages)[request.pts - 1 :]
            state = types.updates.State(self.pts, 1, None, 1, 0)
            return types.updates.Difference(
                [self._message(number) for number in ids], [], [], [], [types.UserEmpty(1)], state
            )
        ids = [each.id for each in request.id]
        assert 0 < len(ids) <= IDS_A_CALL
        assert all(0 < number <= GREATEST_ID for number in ids)
        if self.unreadable.intersection(ids):
            raise FailedError("TypeNotFoundError", unreadable=True)
        return types.messages.Messages([self._message(number) for number in ids], [], [], [])

    def _message(self, number: int) -> Any:
        if number not in self.messages:
            return types.MessageEmpty(number, None)
        date = datetime.fromtimestamp(self.messages[number], UTC)
        return types.Message(number, types.PeerUser(1), date, "")


def dense(count: int) -> dict[int, int]:
    return {number: THEN + number for number in range(1, count + 1)}


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.0,))


async def test_messages_come_in_order_of_their_ids_without_those_that_are_empty() -> None:
    past = Past({3: THEN, 5: THEN, 9: THEN})
    page = await past.history.read(range(1, 10))
    assert [message.id for message in page.messages] == [3, 5, 9]
    assert page.unreadable == 0


async def test_a_message_that_cannot_be_read_costs_no_other() -> None:
    past = Past(dense(200))
    past.unreadable = {1, 77}
    page = await past.history.read(range(1, 201))
    assert [message.id for message in page.messages] == [number for number in range(2, 201) if number != 77]
    assert page.unreadable == 2


async def test_where_nothing_can_be_read_that_is_a_failure_and_costs_no_message() -> None:
    past = Past(dense(8))
    past.unreadable = set(range(1, 9))
    with pytest.raises(FailedError) as raised:
        await past.history.read(range(1, 9))
    assert raised.value.unreadable


async def test_what_fails_is_asked_again_and_a_refusal_that_lasts_is_raised() -> None:
    past = Past(dense(3))
    past.failures = [FailedError("INTERNAL") for _ in range(20)]
    assert len((await past.history.read(range(1, 4))).messages) == 3
    past.failures = [FailedError("MSG_ID_INVALID", refused=True) for _ in range(20)]
    with pytest.raises(FailedError, match="MSG_ID_INVALID"):
        await past.history.read(range(1, 4))


async def test_the_newest_message_is_found_by_the_difference() -> None:
    past = Past(dense(5_000))
    assert await past.history.newest() == 5_000
    assert not [each for each in past.asked if isinstance(each, functions.messages.GetMessagesRequest)]
    assert past.remembered == ["difference"]


async def test_the_newest_message_is_found_where_the_difference_reaches_only_a_little_back() -> None:
    assert await Past(dense(5_000), box=30).history.newest() == 5_000


@given(st.integers(1, 3_000_000), st.integers(0, 2))
async def test_without_any_difference_the_newest_message_is_found_by_samples(count: int, known: int) -> None:
    past = Past({}, box=0)
    past.messages = All(count)  # of as many a dictionary would be too large
    assert await past.history.newest(known and count // known) == count
    assert len(past.asked) < 12


class All(dict[int, int]):
    """Messages with all ids up to a number, at one a second."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and 0 < number <= self.count

    def __getitem__(self, number: int) -> int:
        return THEN + number


async def test_without_any_message_there_is_no_newest_one() -> None:
    assert await Past({}, box=0).history.newest() == 0
    assert await Past({}).history.newest(7) == 7


@given(
    st.sets(st.integers(1, 3_000), max_size=900),
    st.integers(1, 3_000),
    st.integers(1, 3_000),
    st.integers(0, 3_100),
)
async def test_the_first_young_message_is_found_however_many_are_deleted(
    ids: set[int], low: int, above: int, since: int
) -> None:
    past = Past({number: THEN + number for number in ids})
    low, above = sorted((low, above))
    found = await past.history.first_since(low, above, THEN + since)
    between = [number for number in ids if low <= number < above]
    assert not [number for number in between if number < found and number >= since]
    # Where nothing was seen in a wide gap, the answer may be too low.
    old = [number for number in between if found <= number < since]
    assert len(old) < 3_000 // IDS_A_CALL
    assert low <= found <= above


async def test_the_first_young_message_of_millions_takes_few_calls() -> None:
    past = Past(All(9_000_000))
    assert await past.history.first_since(1, 9_000_001, THEN + 8_999_000) == 8_999_000
    assert len(past.asked) < 6


async def test_the_first_message_behind_a_state_is_found() -> None:
    past = Past(dense(10))
    assert await past.history.first_after(8) == 8
    assert await past.history.first_after(past.pts) is None
    past.box = 1
    assert await past.history.first_after(3) is None  # it is not told


@given(st.integers(1, 50), st.integers(0, 300), st.integers(1, 60))
def test_downwards_covers_each_id_once_the_greatest_first(first: int, more: int, size: int) -> None:
    last = first + more
    ids = [number for part in downwards(first, last, size) for number in reversed(part)]
    assert ids == list(range(last, first - 1, -1))
