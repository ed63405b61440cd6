"""What is given up: holes that differences deny, and differences that Telegram refuses, for long enough.

Both count only one after another: an outage that ends in one such answer costs nobody a message.
"""

from __future__ import annotations

from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from tests.telegram.updates.updatelog import FIRST, THEN, Log, number_of
from tgbot.core.clock import ServerClock
from tgbot.telegram.updates import requests
from tgbot.telegram.updates.denials import HOLE_SECONDS
from tgbot.telegram.updates.differences import MAX_REFUSALS, REFUSAL_SECONDS, AccountDifferences
from tgbot.telegram.updates.log import Log as UpdateLog
from tgbot.telegram.updates.requests import Requests


class Reader:
    """The reader of the account's differences on a model of Telegram's log, by a clock that stands."""

    taking = True

    async def room(self) -> None: ...

    def __init__(self) -> None:
        self.now = 1000.0
        self.telegram = Log()
        clock = ServerClock(wall=lambda: THEN.timestamp(), monotonic=lambda: self.now)
        self.log = UpdateLog(clock)
        self.log.load(FIRST, self.now)
        #: How the next differences are answered: "empty", "fails", "refused" or "stuck"; None: truly.
        self.mood: str | None = None
        #: How many entries of the log a difference reaches.
        self.known = 1000
        self.taken: list[int] = []
        self.lost: list[tuple[str, int]] = []
        self.differences = AccountDifferences(
            self.log,
            Requests(self._ask, lambda: self.now),
            self,
            server_time=clock,
            renew=lambda reason: None,
            clock=lambda: self.now,
        )

    async def _ask(self, request: Any) -> Any:
        if isinstance(request, functions.updates.GetStateRequest):
            return types.updates.State(self.telegram.pts, self.telegram.qts, THEN, 1, 0)
        if self.mood == "fails":
            raise errors.InterdcCallErrorError(request, 1)
        if self.mood == "refused":
            raise errors.BadRequestError(request, "NONSENSE_OF_TODAY", 400)
        if self.mood == "empty":
            return types.updates.DifferenceEmpty(THEN, 1)
        shown = Log()
        shown.entries = self.telegram.entries[: self.known]
        shown.pts = FIRST.pts + len(shown.entries)
        answer = shown.difference(request)
        if self.mood == "stuck":
            state = types.updates.State(request.pts, request.qts, THEN, 1, 0)
            return types.updates.DifferenceSlice(answer.new_messages, [], answer.other_updates, [], [], state)
        return answer

    # What the reader tells.

    def hand_out(self, portions: Any, before: Any, *, replayed: bool) -> None:
        self.taken += [number_of(update) for portion in portions for update in portion.updates]

    def prove(self) -> None: ...

    def lose(self, what: str, count: int = 0) -> None:
        self.lost.append((what, count))

    # What happens.

    def miss(self, count: int = 1) -> None:
        """Let so many messages come and one more, of which only the last is pushed."""
        for _ in range(count):
            self.telegram.add("message")
        container = self.telegram.push(self.telegram.add("message"))
        for portion in self.log.take(container, self.now):
            self.hand_out([portion], None, replayed=False)
        self.pass_time(1.0)  # the hole is noticed, and its difference is due

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.hand_out(self.log.expire(self.now), None, replayed=False)

    async def read(self, mood: str | None) -> None:
        self.mood = mood
        await self.differences.read()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(requests, "PAUSES", (0.0,) * 6)
    return Reader()


async def test_a_hole_that_differences_deny_for_long_enough_is_given_up(reader: Reader) -> None:
    reader.miss()
    await reader.read("empty")
    reader.pass_time(HOLE_SECONDS - 1)
    await reader.read("empty")
    assert reader.lost == []
    reader.pass_time(1)
    await reader.read("empty")
    assert reader.lost == [("hole", 1)]
    assert not reader.log.holes


@pytest.mark.parametrize("trouble", ["fails", "stuck"])
async def test_one_empty_difference_after_an_outage_gives_no_hole_up(reader: Reader, trouble: str) -> None:
    reader.miss()
    for _ in range(5):
        reader.pass_time(HOLE_SECONDS)
        await reader.read(trouble)
    await reader.read("empty")
    await reader.read(None)
    assert reader.lost == []
    assert sorted(reader.taken) == [1, 2]


@pytest.mark.parametrize("trouble", ["fails", "stuck"])
async def test_an_outage_between_two_empty_differences_ends_the_count(reader: Reader, trouble: str) -> None:
    reader.miss()
    await reader.read("empty")
    reader.pass_time(HOLE_SECONDS)
    await reader.read(trouble)
    await reader.read("empty")
    await reader.read(None)
    assert reader.lost == []
    assert sorted(reader.taken) == [1, 2]


async def test_a_younger_hole_is_not_given_up_with_an_older_one(reader: Reader) -> None:
    reader.miss()
    await reader.read("empty")
    reader.pass_time(HOLE_SECONDS - 5)
    reader.miss()
    reader.pass_time(4)
    await reader.read("empty")
    assert reader.lost == [("hole", 1)]
    assert len(reader.log.holes) == 1
    await reader.read(None)
    assert reader.lost == [("hole", 1)]
    assert sorted(reader.taken) == [2, 3, 4]
    assert not reader.log.holes


async def test_a_server_that_lags_but_moves_is_waited_for(reader: Reader) -> None:
    reader.miss(3)
    await reader.read("empty")
    for known in (1, 1, 2, 2, 3):
        reader.known = known
        reader.pass_time(HOLE_SECONDS - 1)
        await reader.read(None)
    assert reader.lost == []
    assert sorted(reader.taken) == [1, 2, 3, 4]


async def test_a_difference_that_is_refused_for_long_enough_is_given_up(reader: Reader) -> None:
    reader.miss()
    for _ in range(MAX_REFUSALS):
        assert reader.lost == []
        await reader.read("refused")
        reader.pass_time(REFUSAL_SECONDS / (MAX_REFUSALS - 1))
    assert reader.lost == [("difference_refused", 1)]


@pytest.mark.parametrize("trouble", ["fails", "stuck", "empty"])
async def test_refusals_in_an_outage_do_not_give_the_difference_up(reader: Reader, trouble: str) -> None:
    reader.miss()
    for _ in range(5):
        for mood in (trouble, *["refused"] * (MAX_REFUSALS - 1)):
            reader.pass_time(REFUSAL_SECONDS / 2)
            await reader.read(mood)
    await reader.read(None)
    assert reader.lost == []
    assert sorted(reader.taken) == [1, 2]
