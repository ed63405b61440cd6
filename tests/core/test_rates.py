from __future__ import annotations

import pytest

from tgbot.core.rates import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [("20/min", (20, 60)), ("1/s", (1, 1)), ("100/h", (100, 3600)), ("999999/day", (999_999, 86_400))],
)
def test_a_rate_is_read_as_people_write_it(text: str, rate: tuple[int, int]) -> None:
    assert Rate.of(text) == rate


@pytest.mark.parametrize(
    "text", ["", "20", "0/min", "20/m", "20 / min", "-1/s", "1000000/s", "20/min\n", "x/min"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        Rate.of(text)
