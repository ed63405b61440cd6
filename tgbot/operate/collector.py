"""The garbage collector, set for a process that keeps many objects and makes few cycles."""

from __future__ import annotations

import gc
from typing import Final

#: After how many more objects than were freed the youngest are looked at; after how many such looks the
#: older ones are, too; after how many of those all of them. Python's own numbers are 700, 10 and 10: with
#: those a look at everything that the bot remembers comes every few hundred messages.
THRESHOLDS: Final = (10_000, 20, 50)


def settle() -> None:
    """Leave everything that is there now out of later collections, and make collections rarer.

    To be called once the process has started: modules and classes stay until its end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
