from __future__ import annotations

import pytest

from tgbot.telegram.wire import state
from tgbot.telegram.wire.state import UpClock


class Hands:
    """A clock to set by hand, in the place of the module `time`."""

    def __init__(self) -> None:
        self.steady = 50.0

    def monotonic(self) -> float:
        return self.steady

    def pass_(self, seconds: float) -> None:
        self.steady += seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    made = Hands()
    monkeypatch.setattr(state, "time", made)
    return made


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
