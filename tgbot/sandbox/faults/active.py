"""A fault that is on: what a list of faults shows of it, and how it is ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Active:
    """One fault that is on."""

    #: Names it for as long as it is on.
    key: str
    #: What happens, as the end of a sentence about nobody in particular.
    text: str
    #: Ends this fault, and no other.
    end: Callable[[], object]
    #: The account id, or the marked id of the channel, that it concerns; None: all.
    peer: int | None = None
    #: How often it happens yet; inf: without an end.
    left: float = math.inf
    #: The time at which it ends, by the server's clock; inf: by itself not.
    until: float = math.inf
