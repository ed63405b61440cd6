from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tgbot.telegram import clocks
from tgbot.telegram.clocks import ServerClock, UpClock


class Hands:
    """A clock to set by hand, in the place of the module `time`."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.steady = 50.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    made = Hands()
    monkeypatch.setattr(clocks, "time", made)
    return made


def date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_the_up_clock_stands_still_while_the_link_is_down(hands: Hands) -> None:
    up = UpClock()
    hands.pass_(5)
    assert (up(), up.running) == (0.0, False)
    up.start()
    up.start()
    hands.pass_(5)
    assert (up(), up.running) == (5.0, True)
    up.stop()
    up.stop()
    hands.pass_(5)
    up.start()
    hands.pass_(2)
    assert up() == 7.0


def test_the_servers_time_is_ours_until_it_tells_its_own(hands: Hands) -> None:
    server = ServerClock()
    server.note(None)
    assert server() == 1_000_000
    server.note(date(1_003_600))
    hands.pass_(10)
    assert server() == 1_003_610


def test_a_date_that_came_late_does_not_set_the_servers_time_back(hands: Hands) -> None:
    server = ServerClock()
    server.note(date(1_000_000))
    server.note(date(999_000))
    assert server() == 1_000_000


def test_the_servers_time_does_not_jump_when_our_clock_is_set(hands: Hands) -> None:
    server = ServerClock()
    server.note(date(1_000_000))
    hands.wall += 7200
    hands.pass_(1)
    assert server() == 1_000_001
