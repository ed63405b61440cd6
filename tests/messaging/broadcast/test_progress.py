"""How fast a broadcast goes, and what its status says."""

from __future__ import annotations

from tgbot.core.broadcasts import Action, Broadcast, Button, State
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


def test_the_status_of_an_edit_says_what_is_left_of_it() -> None:
    broadcast = Broadcast(7, 0, 0, {}, state=State.RUNNING, action=Action.EDIT, size=1000, round_started=9)
    tally = Tally.of(1000)
    tally.outcomes[Outcome.WAITING], tally.outcomes[Outcome.SENT] = 100, 900
    tally.corrected, tally.refused, tally.untouched = 250, 30, 20
    tally.refusals = {"B": 20, "A": 10}
    shown = status(broadcast, tally, rate=30.0, behind=None, flood_wait=0.0, now=5000.0)
    assert shown["action"] == "edit"
    assert (shown["corrected"], shown["refused"], shown["untouched"], shown["left"]) == (250, 30, 20, 600)
    assert shown["refusals"] == {"A": 10, "B": 20}
    assert (shown["round_started"], shown["round_ended"], shown["eta"]) == (9, None, 5020)


def test_what_is_sent_on_after_an_edit_has_nothing_left_to_edit() -> None:
    broadcast = Broadcast(7, 0, 0, {}, state=State.RUNNING, size=1000, round=1)
    tally = Tally.of(1000)
    tally.outcomes[Outcome.WAITING], tally.outcomes[Outcome.SENT] = 600, 400
    tally.corrected = 100
    shown = status(broadcast, tally, rate=30.0, behind=None, flood_wait=0.0, now=5000.0)
    assert (shown["left"], shown["eta"]) == (0, 5020)


def test_a_broadcast_that_waits_for_another_has_no_rate_of_its_own() -> None:
    broadcast = Broadcast(7, 0, 0, {}, state=State.RUNNING, size=1000)
    shown = status(broadcast, Tally.of(1000), rate=30.0, behind=6, flood_wait=5.0, now=5000.0)
    assert (shown["behind"], shown["rate"], shown["eta"], shown["flood_wait"]) == (6, 0.0, None, 0)
