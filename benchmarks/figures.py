"""Figures: percentiles, medians with their spread, tables in Markdown, and what they were measured with."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from statistics import median

MICROSECONDS = 1e6


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that at least so many percent of them do not exceed.

    Raise ValueError for no values, or a percentage outside of 0 to 100.
    """
    if not values or not 0 <= percent <= 100:
        raise ValueError(f"there is no percentile {percent} of {len(values)} values")
    return sorted(values)[max(math.ceil(len(values) * percent / 100) - 1, 0)]


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the median, and behind it the lowest and the highest value where they look different."""
    low, middle, high = (f"{value:{form}}" for value in (min(values), median(values), max(values)))
    return middle if low == high else f"{middle} ({low}–{high})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def surroundings(*more: str) -> str:
    """Return one line with the versions of what was measured, the number of cores, and the load on them.

    `more` is added to the versions.
    """
    cores = len(os.sched_getaffinity(0))
    packages = [f"{name} {version(name)}" for name in ("Telethon", "uvloop", "cryptg")]
    versions = ", ".join([f"Python {sys.version.split()[0]}", *packages, *more])
    return f"{versions}; {cores} cores, load {os.getloadavg()[0]:.1f} at the start."
