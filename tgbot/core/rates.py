"""How often somebody may do something, as people write it: 20/min. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: Unit → seconds.
_UNITS: Final = {"s": 1, "min": 60, "h": 60 * 60, "day": 24 * 60 * 60}
_RATE: Final = re.compile(r"([1-9][0-9]{0,5})/(s|min|h|day)")


class Rate(NamedTuple):
    """So many times in so many seconds."""

    times: int
    seconds: int

    @classmethod
    def of(cls, text: str) -> Rate:
        """Return the rate that a text such as 20/min, 5/s, 100/h or 500/day is. Raise ValueError."""
        found = _RATE.fullmatch(text)
        if found is None:
            raise ValueError
        return cls(int(found[1]), _UNITS[found[2]])
