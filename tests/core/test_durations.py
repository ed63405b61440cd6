from __future__ import annotations

import pytest

from tgbot.core.durations import seconds_of
from tgbot.core.errors import DurationError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1_800), ("12h", 43_200), (" 7D ", 604_800), ("2w", 1_209_600), ("0d", 0)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-1d", "1.5h", "7 d", "7y", "1d2h", "\u0667d", "9" * 10 + "d"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(DurationError, match="such as 12h or 7d"):
        seconds_of(text)
