"""The low-water mark of unfinished updates: how far the update state on disk may go."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

State = TypeVar("State")


class Batch(Generic[State]):
    """Updates taken together, and the state from which Telegram would hand all of them out again."""

    __slots__ = ("before", "unfinished")

    def __init__(self, before: State, unfinished: int) -> None:
        self.before = before
        self.unfinished = unfinished


class InFlight(Generic[State]):
    """Which batches of updates are unfinished, in the order in which they were taken.

    `take` each batch with the state before it, `finish` each of its updates once. Every operation takes
    constant time, amortised; memory is one entry for each batch above the mark.
    """

    def __init__(self) -> None:
        self._batches: deque[Batch[State]] = deque()
        self._unfinished = 0

    def __len__(self) -> int:
        """Return how many updates are unfinished."""
        return self._unfinished

    def take(self, before: State, count: int) -> Batch[State]:
        """Note that `count` updates (at least one) were taken, which lie after `before`."""
        if count < 1:
            raise ValueError("a batch holds at least one update")
        batch = Batch(before, count)
        self._batches.append(batch)
        self._unfinished += count
        return batch

    def finish(self, batch: Batch[State]) -> None:
        """Note that the work of one update of `batch` is done."""
        if batch.unfinished < 1:
            raise ValueError("every update of this batch is finished already")
        batch.unfinished -= 1
        self._unfinished -= 1

    def low_water(self) -> State | None:
        """Return the state before the lowest unfinished update; None if all are finished."""
        batches = self._batches
        while batches and not batches[0].unfinished:
            batches.popleft()
        return batches[0].before if batches else None

    def unfinished(self) -> tuple[State, ...]:
        """Return the states before all batches that are not finished, the oldest first."""
        return tuple(batch.before for batch in self._batches if batch.unfinished)
