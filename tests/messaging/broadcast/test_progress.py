"""How fast a broadcast goes, and what its status says."""

from __future__ import annotations

from tgbot.core.broadcasts import Broadcast, Button, State
from tgbot.core.deliveries import Outcome, Tally
from tgbot.messaging.broadcast.progress import Rate, status


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    clock = Clock()
    rate = Rate(clock)
    assert rate.per_second() == 0.0
    for _ in range(20):
        clock.now += 1
        for _ in range(30):
            rate.count()
    assert rate.per_second() == 30.0
    clock.now += 5
    assert rate.per_second() == 15.0
    clock.now += 60
    assert rate.per_second() == 0.0


def test_a_broadcast_that_has_just_begun_has_its_rate_at_once() -> None:
    clock = Clock()
    rate = Rate(clock)
    clock.now += 2
    for _ in range(60):
        rate.count()
    assert rate.per_second() == 30.0


def test_the_status_says_when_it_will_be_done() -> None:
    broadcast = Broadcast(7, 0, 0, {}, state=State.RUNNING, size=1000, buttons=(Button("a"), Button("b")))
    tally = Tally.of(1000)
    tally.outcomes[Outcome.WAITING], tally.outcomes[Outcome.SENT] = 600, 400
    tally.errors["SOME_ERROR"] = 3
    shown = status(broadcast, tally, rate=30.04, behind=None, flood_wait=1.2, now=5000.0)
    assert (shown["rate"], shown["eta"], shown["flood_wait"]) == (30.0, 5019, 2)
    assert (shown["audience"], shown["waiting"], shown["sent"]) == (1000, 600, 400)
    assert (shown["errors"], shown["clicks"]) == ({"SOME_ERROR": 3}, [0, 0])


def test_a_broadcast_that_waits_for_another_has_no_rate_of_its_own() -> None:
    broadcast = Broadcast(7, 0, 0, {}, state=State.RUNNING, size=1000)
    shown = status(broadcast, Tally.of(1000), rate=30.0, behind=6, flood_wait=5.0, now=5000.0)
    assert (shown["behind"], shown["rate"], shown["eta"], shown["flood_wait"]) == (6, 0.0, None, 0)
