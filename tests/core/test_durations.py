"""Durations as people write them."""

from __future__ import annotations

import pytest

from tgbot.core.durations import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), (0, 0), ("90s", 90), ("30m", 1_800), ("1h", 3_600), ("2d", 172_800)]
)
def test_a_duration_is_a_number_with_its_unit(text: object, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "60", "h", "1 h", "-1h", "1.5h", "1w", "١h", 60, None, False, True])
def test_another_text_is_none(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it has no words: the key says what is expected
        seconds_of(text)
