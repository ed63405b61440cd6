"""Unfinished updates, and the update state below the lowest of them; pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State")


@dataclass(slots=True, eq=False)
class Batch(Generic[State]):
    """Updates taken together, and the state before them: from it Telegram sends all of them again."""

    before: State
    #: How many of them are not finished.
    unfinished: int


class InFlight(Generic[State]):
    """The unfinished batches of updates, in the order in which they were taken.

    Operations are O(1) amortised, but for `unfinished`; memory is one entry for each batch above the mark.
    """

    def __init__(self) -> None:
        self._batches: deque[Batch[State]] = deque()

    def take(self, before: State, count: int) -> Batch[State]:
        """Note that `count` updates (at least one) were taken, which lie after `before`."""
        batch = Batch(before, count)
        self._batches.append(batch)
        return batch

    def low_water(self) -> State | None:
        """Return the state before the lowest unfinished update; None if all are finished."""
        batches = self._batches
        while batches and not batches[0].unfinished:
            batches.popleft()
        return batches[0].before if batches else None

    def unfinished(self) -> tuple[State, ...]:
        """Return the states before all batches that are not finished, the oldest first."""
        return tuple(batch.before for batch in self._batches if batch.unfinished)
