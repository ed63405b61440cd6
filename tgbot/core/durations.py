"""Durations as people write them: "90s", "30m", "1h", "2d"."""

from __future__ import annotations

import re
from typing import Final

#: How many seconds the letter behind a number stands for.
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(value: object) -> float:
    """Return the seconds of a text such as "1h", or of "0" or the number 0; raise ValueError for others."""
    if value in ("0", 0) and value is not False:
        return 0.0
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    return float(int(match[1]) * _SECONDS[match[2]])
