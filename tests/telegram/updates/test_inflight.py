from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tgbot.telegram.updates.inflight import Batch, InFlight


def finish(batch: Batch[int] | Batch[str]) -> None:
    batch.unfinished -= 1


def test_nothing_taken_means_no_low_water_mark() -> None:
    assert InFlight[int]().low_water() is None


def test_the_mark_is_the_state_before_the_lowest_unfinished_batch() -> None:
    flight = InFlight[str]()
    first, second, third = flight.take("a", 1), flight.take("b", 2), flight.take("c", 1)
    finish(second)
    finish(third)
    assert flight.low_water() == "a"
    finish(first)
    assert flight.low_water() == "b"
    finish(second)
    assert flight.low_water() is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10_000)), max_size=200))
def test_it_agrees_with_a_plain_list_of_what_is_unfinished(steps: list[tuple[bool, int]]) -> None:
    flight = InFlight[int]()
    model: list[tuple[int, Batch[int]]] = []
    for number, (take, choice) in enumerate(steps):
        if take or not model:
            batch = flight.take(number, 1 + choice % 3)
            model.extend((number, batch) for _ in range(1 + choice % 3))
        else:
            _, done = model.pop(choice % len(model))
            finish(done)
        assert flight.low_water() == min((before for before, _ in model), default=None)
        assert flight.unfinished() == tuple(sorted({before for before, _ in model}))
