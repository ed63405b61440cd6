"""The garbage collector, set for a process that keeps many objects and makes few cycles."""

from __future__ import annotations

import gc
from typing import Final

#: How many new objects start a collection of the youngest generation; how many of these collections start
#: one of the middle generation; how many of those a full one. Python's own numbers are 700, 10 and 10: with
#: them everything that the bot remembers is examined every few hundred messages.
THRESHOLDS: Final = (10_000, 20, 50)


def settle() -> None:
    """Leave everything that is there now out of later collections, and make collections rarer.

    To be called once the process has started: modules and classes stay until its end. Garbage of
    the start stays as well: it is a few hundred kB, and finding it takes a tenth of a second.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
