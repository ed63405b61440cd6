from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from dataclasses import replace

import pytest

from tests.patience import PATIENCE
from tests.store.memory import MemoryPlans, MemoryRows, MemoryStore
from tgbot.core.errors import StorageUnreachableError
from tgbot.plugins import alarm as module
from tgbot.plugins.alarm import Alarm
from tgbot.store.base import Planned


class Bell:
    """An alarm on a store in memory, by a clock that tests set; what it hands out is written down."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.draining = False
        self.rows = MemoryRows()
        self.handed: list[Planned] = []
        #: What the receiver returns, in turn; it is done afterwards.
        self.outcomes: list[Planned | Exception | None] = []
        #: Cleared while the receiver must not return.
        self.gate = asyncio.Event()
        self.gate.set()
        self._tasks: set[asyncio.Task[object]] = set()
        self.open()

    def open(self) -> None:
        """Begin with what is on disk."""
        self.store = MemoryStore(lambda: self.time, self.rows)
        self.planned = self.store.planned
        self.alarm = Alarm(self.planned, lambda: self.time, self.spawn, draining=lambda: self.draining)

    def spawn(self, work: Coroutine[object, object, object], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def run(self, *names: str | None, at_once: int = 16) -> None:
        for name in names or (None,):
            self.alarm.receive(name, self.receive, at_once=at_once)
        self.spawn(self.alarm.run(), "the alarm")

    async def receive(self, entry: Planned) -> Planned | None:
        self.handed.append(entry)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        await self.gate.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def pass_to(self, time: float) -> None:
        """Set the clock, and let the alarm see it."""
        self.time = time
        self.alarm.look()

    @property
    def keys(self) -> list[str]:
        return [entry.key for entry in self.handed]

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not so():  # noqa: ASYNC110 - a store in memory has no event to wait for
                await asyncio.sleep(0.001)

    async def idle(self) -> None:
        """Return once the alarm has looked, and nothing is carried out."""
        for _ in range(200):
            await asyncio.sleep(0)
        await self.until(lambda: not self.alarm._held)

    async def kill(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def bell() -> AsyncIterator[Bell]:
    bell = Bell()
    yield bell
    bell.gate.set()
    await bell.kill()


async def test_an_entry_is_handed_out_when_its_time_has_come_and_is_gone_once_it_is_done(bell: Bell) -> None:
    bell.run()
    bell.alarm.plan(Planned("a", 1010, "talk", 7, "{}"))
    await bell.idle()
    bell.pass_to(1009)
    await bell.idle()
    assert not bell.handed
    bell.pass_to(1010)
    await bell.until(lambda: bell.handed == [Planned("a", 1010, "talk", 7, "{}")])
    await bell.idle()
    assert await bell.planned.get("a") is None
    assert len(bell.handed) == 1


@pytest.mark.timeout(20)  # less than the time between two looks
async def test_a_clock_that_moves_is_seen_without_a_word(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FAR", 0.05)
    bell.run()
    bell.alarm.plan(Planned("far", 90_000, "talk"))
    await bell.idle()
    bell.time = 90_000.0
    await bell.until(lambda: bell.keys == ["far"])


async def test_what_is_due_begins_in_the_order_of_time_so_many_side_by_side(bell: Bell) -> None:
    bell.gate.clear()
    for number in (5, 3, 4, 1, 2):
        bell.alarm.plan(Planned(f"{number}", 900 + number, "remind"))
    bell.run(at_once=2)
    await bell.until(lambda: bell.keys == ["1", "2"])
    bell.gate.set()
    await bell.until(lambda: bell.keys == ["1", "2", "3", "4", "5"])


async def test_more_than_is_read_at_once_comes_in_order(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DUE_AT_ONCE", 3)
    for number in range(20):
        bell.alarm.plan(Planned(f"{number:02}", 900, "remind"))
    bell.run(at_once=2)
    await bell.until(lambda: bell.keys == [f"{number:02}" for number in range(20)])


async def test_one_receiver_does_not_wait_for_another(bell: Bell) -> None:
    bell.gate.clear()
    heard: list[str] = []

    async def talk(entry: Planned) -> None:
        heard.append(entry.key)

    for number in range(3):
        bell.alarm.plan(Planned(f"job {number}", 900, "remind"))
    bell.alarm.plan(Planned("later", 950, "talk"))
    bell.alarm.receive("talk", talk)
    bell.run(at_once=1)
    await bell.until(lambda: heard == ["later"])
    assert bell.keys == ["job 0"]


async def test_a_receiver_that_takes_long_makes_room(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.01)
    bell.gate.clear()
    for number in range(3):
        bell.alarm.plan(Planned(f"{number}", 900, "remind"))
    bell.run(at_once=1)
    await bell.until(lambda: bell.keys == ["0", "1", "2"])
    bell.gate.set()
    await bell.idle()
    assert [line.running for line in bell.alarm._lines.values()] == [0]


async def test_what_is_to_be_tried_again_comes_again_at_its_time(bell: Bell) -> None:
    first = Planned("a", 1000, "remind")
    again = replace(first, at=1030, attempts=1)
    bell.outcomes = [again]
    bell.alarm.plan(first)
    bell.run()
    await bell.until(lambda: bell.handed == [first])
    await bell.idle()
    assert len(bell.handed) == 1
    bell.pass_to(1030)
    await bell.until(lambda: bell.handed == [first, again])


async def test_a_receiver_that_raises_is_logged_without_words_and_called_again(
    bell: Bell, caplog: pytest.LogCaptureFixture
) -> None:
    bell.outcomes = [ValueError("a secret")]
    bell.alarm.plan(Planned("a", 1000, "remind", data='"a secret"'))
    with caplog.at_level(logging.ERROR):
        bell.run()
        await bell.until(lambda: bell.keys == ["a"])
        await bell.idle()
    (record,) = caplog.records
    assert record.getMessage().startswith("what was planned as remind failed, tried again: ValueError")
    assert "secret" not in caplog.text
    bell.pass_to(1060)
    await bell.until(lambda: bell.keys == ["a", "a"])


@pytest.mark.parametrize("done", [True, False])
async def test_what_is_planned_again_while_it_is_carried_out_stays_as_planned(bell: Bell, done: bool) -> None:
    bell.gate.clear()
    bell.outcomes = [None if done else Planned("a", 1500, "remind")]
    bell.alarm.plan(Planned("a", 1000, "remind"))
    bell.run()
    await bell.until(lambda: bell.keys == ["a"])
    bell.alarm.plan(Planned("a", 1100, "remind"))
    bell.gate.set()
    await bell.idle()
    entry = await bell.planned.get("a")
    assert entry is not None
    assert entry.at == 1100


async def test_what_is_dropped_while_it_is_carried_out_does_not_come_again(bell: Bell) -> None:
    bell.gate.clear()
    bell.outcomes = [Planned("a", 1500, "remind")]
    bell.alarm.plan(Planned("a", 1000, "remind"))
    bell.run()
    await bell.until(lambda: bell.keys == ["a"])
    bell.alarm.drop("a")
    bell.gate.set()
    await bell.idle()
    assert await bell.planned.get("a") is None


async def test_nobody_who_was_forgotten_is_reminded_again(bell: Bell) -> None:
    bell.gate.clear()
    bell.outcomes = [Planned("a", 1500, "remind", 7)]
    bell.alarm.plan(Planned("a", 1000, "remind", 7))
    bell.run()
    await bell.until(lambda: bell.keys == ["a"])
    await bell.store.forget(7)
    bell.gate.set()
    await bell.idle()
    assert await bell.planned.get("a") is None


async def test_what_was_planned_for_later_while_it_stood_in_line_waits(bell: Bell) -> None:
    bell.gate.clear()
    for key in "ab":
        bell.alarm.plan(Planned(key, 1000, "remind"))
    bell.run(at_once=1)
    await bell.until(lambda: bell.keys == ["a"])
    bell.alarm.plan(Planned("b", 1100, "remind"))
    bell.gate.set()
    await bell.idle()
    assert bell.keys == ["a"]
    bell.pass_to(1100)
    await bell.until(lambda: bell.keys == ["a", "b"])


async def test_an_entry_that_a_kill_cut_off_comes_again(bell: Bell) -> None:
    bell.gate.clear()
    bell.alarm.plan(Planned("a", 1000, "remind"))
    await bell.store.checkpoint(None)
    bell.run()
    await bell.until(lambda: bell.keys == ["a"])
    await bell.kill()
    bell.gate.set()
    bell.open()
    bell.run()
    await bell.until(lambda: bell.keys == ["a", "a"])
    await bell.idle()
    await bell.store.checkpoint(None)
    bell.open()
    assert await bell.planned.get("a") is None


async def test_a_stop_waits_for_what_is_carried_out_and_begins_nothing(bell: Bell) -> None:
    bell.gate.clear()
    for key in "ab":
        bell.alarm.plan(Planned(key, 1000, "remind"))
    bell.run(at_once=1)
    await bell.until(lambda: bell.keys == ["a"])
    closing = asyncio.create_task(bell.alarm.close(PATIENCE))
    await asyncio.sleep(0)
    assert not closing.done()
    bell.gate.set()
    await closing
    assert bell.keys == ["a"]
    assert await bell.planned.get("a") is None
    assert await bell.planned.get("b") is not None


async def test_while_the_bot_drains_nothing_is_begun(bell: Bell) -> None:
    bell.draining = True
    bell.run()
    bell.alarm.plan(Planned("a", 1000, "remind"))
    await bell.until(lambda: bool(bell.alarm._held))
    assert not bell.handed
    bell.draining = False
    bell.alarm.look()
    await bell.until(lambda: bell.keys == ["a"])


async def test_a_stop_does_not_wait_longer_than_its_grace(bell: Bell) -> None:
    bell.gate.clear()
    bell.alarm.plan(Planned("a", 1000, "remind"))
    bell.run()
    await bell.until(lambda: bell.keys == ["a"])
    await bell.alarm.close(0.01)
    assert await bell.planned.get("a") is not None


class FarPlans(MemoryPlans):
    """Planned entries in a database that may be away."""

    away = False
    #: How often somebody asked in vain.
    asked = 0
    #: How often it was asked what is due.
    looks = 0
    #: What happens while the last answer is under way.
    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    async def planned_until(
        self, until: float, limit: int, after: tuple[int, str] | None = None
    ) -> Collection[Planned]:
        self.looks += 1
        self.refuse()
        found = await super().planned_until(until, limit, after)
        self.meanwhile()
        return found

    async def planned(self, key: str) -> Planned | None:
        self.refuse()
        return await super().planned(key)

    def refuse(self) -> None:
        if self.away:
            self.asked += 1
            raise StorageUnreachableError("postgresql://far/bot", "it is down")


async def test_what_was_carried_out_while_the_database_is_away_is_not_carried_out_again(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FAR", 0.001)
    bell.rows.plans = far = FarPlans()
    bell.open()
    bell.planned.plan(Planned("a", 1000, "talk"))
    await bell.store.checkpoint(None)
    bell.outcomes = [Planned("a", 1010, "talk")]
    bell.gate.clear()
    bell.run()
    await bell.until(lambda: len(bell.handed) == 1)
    far.away = True
    bell.gate.set()
    await bell.until(lambda: far.asked > 3)
    far.away = False
    await bell.idle()
    assert await bell.planned.get("a") == Planned("a", 1010, "talk")
    assert bell.keys == ["a"]


async def test_what_comes_due_while_the_database_is_away_is_handed_out_when_it_is_back(
    bell: Bell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_FAR", 0.001)
    bell.rows.plans = far = FarPlans()
    bell.open()
    bell.planned.plan(Planned("a", 1010, "talk"))
    await bell.store.checkpoint(None)
    bell.run()
    await bell.until(lambda: bell.alarm._looks_at == 1010)
    far.away = True
    bell.pass_to(1010)
    await bell.until(lambda: far.asked > 3)
    far.away = False
    await bell.until(lambda: bell.keys == ["a"])
    assert not caplog.records  # that the database is away is told in one place


async def test_what_is_planned_for_later_than_the_next_look_costs_no_look(bell: Bell) -> None:
    bell.rows.plans = far = FarPlans()
    bell.open()
    bell.planned.plan(Planned("first", 1010, "talk"))
    bell.run()
    await bell.until(lambda: bell.alarm._looks_at == 1010)
    looks = far.looks
    for number in range(20):
        bell.alarm.plan(Planned(f"{number}", 1010 + number, "talk"))
        bell.alarm.drop("5")
        for _ in range(20):
            await asyncio.sleep(0)
    assert far.looks == looks
    bell.alarm.plan(Planned("sooner", 1005, "talk"))
    await bell.until(lambda: bell.alarm._looks_at == 1005)
    bell.pass_to(1005)
    await bell.until(lambda: bell.keys == ["sooner"])
    bell.pass_to(1010)
    await bell.until(lambda: bell.keys == ["sooner", "0", "first"])
    bell.pass_to(1030)
    await bell.until(lambda: len(bell.handed) == 21)
    assert "5" not in bell.keys


@pytest.mark.timeout(20)  # less than the time between two looks
@pytest.mark.parametrize("read", [1, 2, 3])
async def test_what_is_planned_while_the_alarm_looks_is_not_missed(bell: Bell, read: int) -> None:
    bell.rows.plans = far = FarPlans()
    bell.open()
    bell.planned.plan(Planned("first", 1010, "talk"))
    bell.run()
    await bell.until(lambda: bell.alarm._looks_at == 1010)
    asked = far.looks + read

    def plan() -> None:
        if far.looks == asked:
            bell.alarm.plan(Planned("second", 1012, "talk"))

    far.meanwhile = plan
    bell.gate.clear()  # nothing else wakes the alarm
    bell.pass_to(1015)
    await bell.until(lambda: bell.keys == ["first", "second"])
