"""Durations as people write them: 7d, 12h. Pure."""

from __future__ import annotations

import re
from typing import Final

from tgbot.core.errors import DurationError

#: Letter → seconds.
_UNITS: Final = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60, "w": 7 * 24 * 60 * 60}
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhdw])")


def seconds_of(text: str) -> int:
    """Return the seconds of a duration such as 90s, 30m, 12h, 7d or 2w. Raise DurationError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise DurationError(text)
    return int(found[1]) * _UNITS[found[2]]
