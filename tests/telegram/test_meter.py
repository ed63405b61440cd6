"""What is counted on the way: classes of times, and labels that stay few."""

from __future__ import annotations

from telethon.tl import functions

from tgbot.telegram import meter
from tgbot.telegram.meter import OTHER, Histogram, Meter


def test_a_value_on_a_bound_belongs_to_its_class_and_one_above_all_to_the_last() -> None:
    times = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 7.0):
        times.add(value)
    assert times.counts == [2, 2, 1]
    assert times.sum == 12


def test_outcomes_beyond_the_limit_count_together() -> None:
    made = Meter(lambda: 0.0)
    for number in range(meter.MOST_OUTCOMES + 3):
        made.call(functions.PingRequest, f"ERROR_{'A' * number}", 0.1)
    assert len(made.outcomes) == meter.MOST_OUTCOMES + 1
    assert made.outcomes[OTHER, OTHER] == 3
    made.call(functions.PingRequest, "ERROR_", 0.1)
    assert made.outcomes["ping", "ERROR_"] == 2


def test_a_copy_does_not_change() -> None:
    made = Meter(lambda: 0.0)
    made.call(functions.PingRequest, meter.OK, 0.1)
    copy = made.copy()
    made.call(functions.PingRequest, meter.OK, 0.1)
    assert copy.outcomes["ping", meter.OK] == 1
    assert sum(copy.calls["ping"].counts) == 1
