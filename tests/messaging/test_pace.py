"""Turns for calls, overall and in each chat."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from tests.messaging.timeline import Clock, settle
from tgbot.messaging.pace import Pace

ANNA, BERT = 1001, 1002


class Turns:
    """Ask for turns, and keep which chat got a turn and when."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self.pace, self.clock = pace, clock
        self.got: list[tuple[int, float]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def ask(self, chat: int) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._ask(chat))
        self.tasks.append(task)
        return task

    async def _ask(self, chat: int) -> None:
        await self.pace.turn(chat)
        self.got.append((chat, self.clock.now))

    def by(self, second: float) -> int:
        return sum(at <= second for _, at in self.got)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_burst_passes_at_once_and_the_rest_at_the_overall_rate(clock: Clock) -> None:
    turns = Turns(Pace(overall=30, overall_burst=30, timeline=clock), clock)
    for chat in range(90):
        turns.ask(chat)
    await clock.advance(0)
    assert turns.by(clock.now) == 30
    await clock.advance(1.0)
    assert 59 <= turns.by(clock.now) <= 61
    await clock.advance(1.01)
    assert len(turns.got) == 90
    assert [chat for chat, _ in turns.got] == list(range(90))


async def test_one_chat_gets_a_short_burst_and_then_one_a_second(clock: Clock) -> None:
    turns = Turns(Pace(chat_burst=3, timeline=clock), clock)
    for _ in range(6):
        turns.ask(ANNA)
    await clock.advance(0)
    assert len(turns.got) == 3
    await clock.advance(1.01)
    assert len(turns.got) == 4
    await clock.advance(2)
    assert len(turns.got) == 6


async def test_a_chat_that_waits_takes_no_turn_from_the_others(clock: Clock) -> None:
    turns = Turns(Pace(overall=10, overall_burst=10, chat_burst=1, timeline=clock), clock)
    for _ in range(200):
        turns.ask(ANNA)
    await clock.advance(2)
    for chat in range(2000, 2009):
        turns.ask(chat)
    before = clock.now
    await clock.advance(0.2)
    others = [at for chat, at in turns.got if chat != ANNA]
    assert len(others) == 9
    assert max(others) - before < 0.2
    for task in turns.tasks:
        task.cancel()
    await settle()


async def test_chats_whose_turns_come_together_keep_the_overall_rate(clock: Clock) -> None:
    turns = Turns(Pace(overall=5, overall_burst=10, chat_burst=1, timeline=clock), clock)
    for chat in range(20):
        turns.ask(chat % 10)  # Ten turns at once; the other ten are due together, one second later.
    await clock.advance(1.001)
    assert turns.by(clock.now) == 15
    await clock.advance(1.001)
    assert turns.by(clock.now) == 20


async def test_however_many_wait_one_timer_runs(clock: Clock) -> None:
    turns = Turns(Pace(timeline=clock), clock)
    for chat in range(500):
        turns.ask(chat % 50)
    await clock.advance(0)
    assert clock.live() == 1
    assert len(clock.timers) < 20  # A timer is not set again for every call.
    await clock.advance(0.5)
    assert clock.live() == 1
    for task in turns.tasks:
        task.cancel()
    await settle()


async def test_who_gives_up_waiting_costs_the_others_nothing(clock: Clock) -> None:
    turns = Turns(Pace(chat_burst=1, overall=2, overall_burst=1, timeline=clock), clock)
    turns.ask(ANNA)
    impatient = [turns.ask(ANNA) for _ in range(20)]
    await clock.advance(0)
    for task in impatient:
        task.cancel()
    await clock.advance(30)
    turns.ask(BERT)
    await clock.advance(0)
    assert [chat for chat, _ in turns.got] == [ANNA, BERT]


async def test_chats_long_silent_are_not_remembered(clock: Clock) -> None:
    pace = Pace(overall=1e9, overall_burst=10**9, timeline=clock)
    for chat in range(5000):
        clock.now += 2
        await pace.turn(chat)
    assert len(pace._chats) <= 1025


async def test_every_turn_comes_on_an_event_loop_too() -> None:
    pace = Pace(overall=200, overall_burst=1)
    got: list[int] = []

    async def ask(chat: int) -> None:
        await pace.turn(chat)
        got.append(chat)

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask(chat) for chat in range(21)))
    assert got == list(range(21))


def test_a_turn_that_is_all_but_due_comes_on_the_loop_that_the_bot_runs_on() -> None:
    async def take_all() -> int:
        pace = Pace(overall=1e6, overall_burst=1)  # the next turn is due before a timer could count it
        turns = [asyncio.ensure_future(pace.turn(chat)) for chat in range(200)]
        async with asyncio.timeout(60):
            await asyncio.gather(*turns)
        return len(turns)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(take_all()) == 200
