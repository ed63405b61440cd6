from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.clock import SAMPLES, ServerClock
from tgbot.core.verdicts import judge

NOW = 1_000_000


class Hands:
    """Two clocks set by hand: this machine's time, and one that only goes forward."""

    def __init__(self) -> None:
        self.wall = float(NOW)
        self.monotonic = 50.0

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def clock(hands: Hands) -> ServerClock:
    return ServerClock(wall=lambda: hands.wall, monotonic=lambda: hands.monotonic)


def date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_the_time_is_this_machines_until_telegram_gives_a_date(clock: ServerClock, hands: Hands) -> None:
    clock.note(None)
    assert clock() == NOW
    clock.note(date(NOW + 3600))
    hands.wait(10)
    assert clock() == NOW + 3610


def test_setting_this_machines_clock_does_not_move_it(clock: ServerClock, hands: Hands) -> None:
    clock.note(date(NOW))
    hands.wall += 7200
    hands.wait(1)
    assert clock() == NOW + 1


@pytest.mark.parametrize("wrong", [-3600, 3600])
@pytest.mark.parametrize("before", [1, 2, 3, SAMPLES])
def test_one_wrong_date_does_not_move_it(clock: ServerClock, hands: Hands, before: int, wrong: int) -> None:
    start = hands.wall
    for _ in range(before):
        clock.note_unix(hands.wall)
        hands.wait(5)
    clock.note_unix(hands.wall + wrong)
    assert clock() == int(hands.wall)
    for _ in range(2 * SAMPLES):
        hands.wait(5)
        clock.note_unix(hands.wall)
        assert clock() == int(hands.wall)
    assert hands.wall > start


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_it_is_never_behind_a_date_that_has_arrived(clock: ServerClock, hands: Hands, ahead: int) -> None:
    for _ in range(SAMPLES):
        clock.note_unix(hands.wall - 1.9)  # cut to a second, and slow to arrive
        hands.wait(5)
    clock.note(date(hands.wall + ahead))
    assert clock() == int(hands.wall) + ahead
    hands.wait(10)
    assert clock() == int(hands.wall - 1.9)


@pytest.mark.parametrize("change", [-600, 600])
def test_it_follows_telegram_both_ways(clock: ServerClock, hands: Hands, change: int) -> None:
    for _ in range(SAMPLES):
        clock.note_unix(hands.wall)
        hands.wait(5)
    for _ in range(SAMPLES // 2 + 1):
        hands.wait(5)
        assert clock() == int(hands.wall)
        clock.note_unix(hands.wall + change)
    assert clock() == int(hands.wall) + change


def test_a_date_ahead_moves_it_within_the_second_that_it_has_just_told(
    clock: ServerClock, hands: Hands
) -> None:
    clock.note_unix(hands.wall)
    assert clock() == NOW
    clock.note(date(hands.wall + 3))
    assert clock() == NOW + 3


def test_a_wrong_first_date_is_outvoted(clock: ServerClock, hands: Hands) -> None:
    clock.note_unix(hands.wall + 3600)
    for _ in range(2):
        hands.wait(5)
        clock.note_unix(hands.wall)
    assert clock() == int(hands.wall)


def test_a_backlog_that_arrives_at_once_counts_as_one_date(clock: ServerClock, hands: Hands) -> None:
    for _ in range(3):
        clock.note_unix(hands.wall)
        hands.wait(5)
    for late in range(300, 0, -1):
        clock.note_unix(hands.wall - late)
        hands.wait(0.001)
    assert clock() == int(hands.wall)


@given(st.lists(st.floats(0, 1.2), min_size=1, max_size=3 * SAMPLES))
def test_dates_cut_to_seconds_leave_it_behind_by_less_than_the_cut_and_the_latency(
    latencies: list[float],
) -> None:
    hands = Hands()
    clock = ServerClock(wall=lambda: hands.wall, monotonic=lambda: hands.monotonic)
    for latency in latencies:
        hands.wait(1.3)
        clock.note(date(int(hands.wall - latency)))
        assert 0 <= hands.wall - clock() < 1 + 1.2 + 1  # the answer is cut to a second as well


def test_after_the_machine_has_slept_the_first_date_sets_it(clock: ServerClock, hands: Hands) -> None:
    for _ in range(SAMPLES):
        clock.note_unix(hands.wall)
        hands.wait(5)
    hands.wall += 3600  # the monotonic clock stood still
    clock.note_unix(hands.wall)
    assert clock() == int(hands.wall)


@pytest.mark.parametrize("step", [-3600, 3600])
def test_setting_this_machines_clock_is_not_taken_for_sleep(
    clock: ServerClock, hands: Hands, step: int
) -> None:
    telegram = hands.wall
    for number in range(2 * SAMPLES):
        clock.note_unix(telegram)
        hands.wait(5)
        telegram += 5
        if number == SAMPLES:
            hands.wall += step
        assert clock() == int(telegram)


def test_a_date_an_hour_ahead_does_not_make_a_send_outdate_a_later_block(
    clock: ServerClock, hands: Hands
) -> None:
    clock.note_unix(hands.wall)
    hands.wait(5)
    clock.note_unix(hands.wall + 3600)
    sent = Evidence(Kind.SENT, at=clock())
    hands.wait(5)
    blocked = Evidence(Kind.BOT_STOPPED, at=int(hands.wall), qts=1)
    assert judge(Record.of((sent, blocked)), int(hands.wall)).access is Access.BLOCKED
