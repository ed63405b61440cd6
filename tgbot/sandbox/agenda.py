"""What happens by itself at later moments of the world's clock: polls close, scheduled messages are sent."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from typing import NamedTuple

_log = logging.getLogger(__name__)


class Due(NamedTuple):
    """One thing to do, and when. Those of one moment are done in the order of their numbers."""

    when: float
    number: int
    action: Callable[..., object]
    arguments: tuple[object, ...]


class Agenda:
    """What is to be done at later moments. It can be pickled if the actions are methods of what can be."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._heap: list[Due] = []
        self._cancelled: set[int] = set()
        self._number = 0
        self._grown: list[Callable[[], None]] = []

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_grown": []}

    def subscribe(self, grown: Callable[[], None]) -> Callable[[], None]:
        """Call `grown` whenever something is added; return the function that ends it."""
        self._grown.append(grown)
        return lambda: self._grown.remove(grown)

    def at(self, when: float, action: Callable[..., object], *arguments: object) -> int:
        """Have `action` called at a moment of the world's clock; return the number that `cancel` takes."""
        self._number += 1
        heapq.heappush(self._heap, Due(when, self._number, action, arguments))
        for grown in self._grown:
            grown()
        return self._number

    def cancel(self, number: int) -> None:
        """Take something off the agenda; do nothing if it is not there any more."""
        if any(due.number == number for due in self._heap):
            self._cancelled.add(number)

    @property
    def next(self) -> float | None:
        """The moment of what comes next, None for nothing."""
        return self._heap[0].when if self._heap else None

    def run(self) -> None:
        """Do all that is due, in order. A failure is logged, and ends only its own action."""
        while self._heap and self._heap[0].when <= self._now():
            due = heapq.heappop(self._heap)
            if due.number in self._cancelled:
                self._cancelled.discard(due.number)
                continue
            try:
                due.action(*due.arguments)
            except Exception:
                # This loop does the work of all accounts.
                _log.exception("%s failed", getattr(due.action, "__name__", "an action"))
