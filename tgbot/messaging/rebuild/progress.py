"""How far a rebuild is: which message ids are left, where the difference goes on, what was found; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from tgbot.telegram.updates.history import IDS_A_CALL, downwards

#: First and last id of a range.
Range = tuple[int, int]


class State(StrEnum):
    """What a rebuild does; a member's value is how the store spells it."""

    #: There was none.
    NEVER = "never"
    #: It reads, or will when the bot runs again.
    RUNNING = "running"
    #: All is read, and Telegram is asked whom the bot may write to.
    PROBING = "probing"
    #: It waits until it is started again.
    PAUSED = "paused"
    #: It was given up; a new one begins with what is left.
    CANCELLED = "cancelled"
    #: Telegram refuses the messages; a new one begins with what is left.
    FAILED = "failed"
    #: Nothing is left.
    DONE = "done"


#: The states in which there is something to do.
AT_WORK: Final = frozenset({State.RUNNING, State.PROBING})


class Place(msgspec.Struct):
    """How far the reading is."""

    #: The newest message id when it began last, 0: not known yet.
    top: int = 0
    #: The ids that are to be read, the greatest first.
    left: list[Range] = []
    #: The same for holes in the log of updates, which are read whether there is a rebuild or not.
    holes: list[Range] = []
    scanned: int = 0
    empty: int = 0
    unreadable: int = 0

    #: Where the difference goes on, and where it ends.
    pts: int = 1
    qts: int = 1
    top_pts: int = 0
    top_qts: int = 0
    #: The pts from which on Telegram has updates.
    from_pts: int = 1
    updates: int = 0
    #: Telegram's name of the error that ended the difference, "" for none.
    refused: str = ""

    def reach_up(self, newest: int, pts: int, qts: int) -> None:
        """Have everything up to these numbers read, beside what is left."""
        if newest > self.top:
            self.left = [(self.top + 1, newest), *self.left]
            self.top = newest
        self.top_pts, self.top_qts = pts, qts

    def add_hole(self, first: int, last: int) -> None:
        """Have the messages of a hole read."""
        self.holes = sorted([*without(self.holes, first, last), (first, last)], reverse=True)

    def hole_done(self, first: int, last: int) -> None:
        """Note that the ids from `first` to `last` of holes are read."""
        self.holes = without(self.holes, first, last)

    def window_done(self, ids: range, found: int, unreadable: int) -> None:
        """Note that these ids are read."""
        self.left = without(self.left, ids[0], ids[-1])
        self.scanned += len(ids)
        self.empty += len(ids) - found - unreadable
        self.unreadable += unreadable

    @property
    def ids_left(self) -> int:
        """How many message ids are left."""
        return size_of(self.left)

    @property
    def log_left(self) -> int:
        """How many numbers of the log of updates are left, 0 where that is not known yet."""
        return max(self.top_pts - self.pts, 0) + max(self.top_qts - self.qts, 0)


class Progress(msgspec.Struct):
    """What a rebuild does, how far it is and what it found; the store has it as JSON."""

    state: State = State.NEVER
    #: Whether Telegram is asked about everybody in the end.
    probe: bool = False
    #: When it began and ended, in unix seconds; 0: not yet.
    began: int = 0
    ended: int = 0
    #: Telegram's name of the error that ended it, "" for none.
    trouble: str = ""
    #: How many people the registry did not know, and of how many of them Telegram gave no access hash.
    new: int = 0
    without_hash: int = 0
    place: Place = msgspec.field(default_factory=Place)

    def begin(self, now: int, *, probe: bool) -> None:
        """Start, or go on with what is left."""
        if self.state is State.PAUSED or self.state in AT_WORK:
            self.probe = self.probe or probe
        elif self.state in (State.CANCELLED, State.FAILED):
            self.probe, self.ended, self.trouble = probe, 0, ""
            self.place.top_pts, self.place.refused = 0, ""  # there is a new end
        else:
            self.probe, self.began, self.ended, self.trouble = probe, now, 0, ""
            self.new = self.without_hash = 0
            self.place = Place(holes=self.place.holes)
        if self.state is not State.PROBING:
            self.state = State.RUNNING

    def end(self, state: State, now: int, trouble: str = "") -> None:
        """Note how it ended."""
        self.state, self.ended, self.trouble = state, now, trouble


def size_of(ranges: Sequence[Range]) -> int:
    """Return how many ids are in ranges."""
    return sum(last - first + 1 for first, last in ranges)


def without(ranges: Sequence[Range], first: int, last: int) -> list[Range]:
    """Return the ranges, in their order, without the ids from `first` to `last`."""
    rest: list[Range] = []
    for low, high in ranges:
        if last < low or high < first:
            rest.append((low, high))
            continue
        if high > last:
            rest.append((last + 1, high))
        if low < first:
            rest.append((low, first - 1))
    return rest


def windows(ranges: Sequence[Range], size: int = IDS_A_CALL) -> Iterator[range]:
    """Yield the ids of ranges in portions for one call, the greatest first."""
    for first, last in sorted(ranges, reverse=True):
        yield from downwards(first, last, size)
