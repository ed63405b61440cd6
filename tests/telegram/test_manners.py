"""Servers with other manners than Telegram's: what they push is handled all the same, once and in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from telethon import errors
from telethon.tl import types

from tests.telegram.conftest import until
from tests.telegram.updates.test_intake import Taker, taking
from tests.telegram.updates.updatelog import FIRST, THEN, Log
from tgbot.store.base import UpdateState
from tgbot.telegram.updates import requests
from tgbot.telegram.updates.log import Log as UpdateLog


class Deaf(Log):
    """Say in every difference that there is nothing."""

    def difference(self, request: Any) -> Any:
        return types.updates.DifferenceEmpty(THEN, 0)


class Refusing(Log):
    """Raise instead of giving a difference, as long as `error` is set."""

    def __init__(self, error: Callable[[Any], Exception]) -> None:
        super().__init__()
        self.error: Callable[[Any], Exception] | None = error

    def difference(self, request: Any) -> Any:
        if self.error is not None:
            raise self.error(request)
        return super().difference(request)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.01,))


async def handled(taker: Taker, numbers: list[int]) -> None:
    await until(lambda: taker.numbers == numbers and not taker.batches.waiting)


async def test_where_differences_are_always_empty_a_message_after_a_gap_is_handled_once() -> None:
    log = Deaf()
    log.add("message")
    async with taking(log) as taker:
        await taker.settled()
        taker.intake.put_nowait(log.push(log.add("message")))
        await handled(taker, [2])
        taker.intake.put_nowait(log.push(log.add("message")))
        await handled(taker, [2, 3])


async def test_what_the_difference_brings_goes_before_what_came_ahead_of_it() -> None:
    log = Log()
    async with taking(log) as taker:
        await taker.settled()
        log.add("message")
        taker.intake.put_nowait(log.push(log.add("message")))
        await handled(taker, [1, 2])


async def test_while_the_difference_fails_what_is_next_is_handled_and_no_gap_is_bridged() -> None:
    log = Refusing(lambda request: errors.ServerError(request, "INTERNAL", 500))
    async with taking(log) as taker:
        taker.intake.put_nowait(log.push(log.add("message")))
        taker.intake.put_nowait(log.push(log.add("message")))
        await handled(taker, [1, 2])
        log.add("message")
        taker.intake.put_nowait(log.push(log.add("message")))
        asked = len(taker.asked)
        await until(lambda: len(taker.asked) >= asked + 5)
        assert taker.numbers == [1, 2]
        log.error = None
        await handled(taker, [1, 2, 3, 4])


async def test_a_server_without_differences_is_answered_without_delay() -> None:
    log = Refusing(lambda request: errors.MethodInvalidError(request))
    async with taking(log) as taker:
        taker.intake.put_nowait(log.push(log.add("message")))
        await handled(taker, [1])
        await until(lambda: taker.lost == ["difference_refused"])


async def test_what_is_pushed_before_the_start_is_handled_after_it() -> None:
    log = Deaf()
    taker = Taker(log)
    taker.intake.put_nowait(log.push(log.add("message")))
    assert taker.intake.pts_before_held() == FIRST.pts
    assert taker.batches.waiting == 0


async def test_a_state_of_pts_0_is_a_state() -> None:
    log = UpdateLog(lambda: 0)
    assert log.is_empty()
    log.load(UpdateState(0, 0, int(THEN.timestamp()), 1), 0.0)
    assert not log.is_empty()
