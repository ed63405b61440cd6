"""One sequence of numbers in Telegram's log: what is next, what is known, and what is missing; pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from operator import attrgetter

from tgbot.telegram.updates.keys import message_key
from tgbot.telegram.updates.portions import Hole, Item, Out, Span

#: How long a late push is waited for before the difference is requested, in seconds.
LATE_SECONDS = 0.5
#: How long the difference may take to fill a hole before updates behind the hole are taken, in seconds.
FILL_SECONDS = 1.0
#: How long an update is held at most, while differences make progress, in seconds: what came before it in its
#: dialog is handled before it.
LONGEST_HOLD = 60.0
#: The difference is requested after so many seconds without an update.
IDLE_SECONDS = 900.0
#: How many updates of one sequence are held; those beyond it are left to the difference.
HELD_LIMIT = 10_000
#: How many messages are remembered that were taken ahead of a hole; beyond it updates are held.
AHEAD_LIMIT = 50_000


class Numbers:
    """One sequence of numbers: the account's pts, its qts, or the pts of a channel.

    The number `at` is the last one below which nothing is missing. What comes ahead of a hole is held for a
    moment, then handed out and remembered, so that a difference does not bring it a second time.
    """

    __slots__ = (
        "_due_for",
        "_held",
        "_held_since",
        "_low",
        "_lowest",
        "_spans",
        "again",
        "asking",
        "at",
        "channel",
        "deadline",
        "due",
        "keys",
        "moved",
        "name",
        "plain",
        "replayed",
    )

    def __init__(
        self, name: str, at: int | None, now: float, *, channel: int | None = None, replayed: bool = False
    ) -> None:
        self.name = name
        #: The bare id of the channel whose numbers these are.
        self.channel = channel
        #: None while it is unknown: the next update tells it.
        self.at = at
        #: Whether the difference has to be requested.
        self.due = False
        #: Whether it is being requested: what is taken meanwhile may be in the answer.
        self.asking = False
        self.again = False  # whether it is to be requested once more afterwards
        #: Whether an earlier run may have handled what the next differences bring.
        self.replayed = replayed
        #: When the difference is requested if no update comes.
        self.deadline = now + IDLE_SECONDS
        #: Whether nothing is missing and nothing has to be remembered.
        self.plain = True
        #: Messages that a difference may bring although they were handed out → their number, 0: unknown.
        self.keys: dict[str, int] = {}
        self._held: list[Item] = []
        #: When the first of them came, or one before it.
        self._held_since = 0.0
        self._spans: list[Span] = []
        #: While the number was only told by an update itself: the least number that was handed out.
        self._low: int | None = None
        #: The number before the lowest update that was dropped as known while a difference was due.
        self._lowest: int | None = None
        #: When a difference moved the number last, or a fresh link began, over which it may.
        self.moved = 0.0
        #: The update behind the hole for which the difference was requested.
        self._due_for: int | None = None

    # ---- what is missing -----------------------------------------------------------------------

    @property
    def hole(self) -> tuple[int, float] | None:
        """The number before the first update behind a hole, and when that came; None: nothing is missing."""
        held, spans = self._held, self._spans
        if spans and not (held and held[0].before < spans[0].start):
            return spans[0].start, spans[0].at
        return (held[0].before, held[0].at) if held else None

    def holes_until(self, time: float) -> int:
        """Return the number before the last update behind a hole that came by then, 0 if none did."""
        ends = [span.start for span in self._spans if span.at <= time]
        return max([*ends, *(held.before for held in self._held if held.at <= time)], default=0)

    @property
    def disproved(self) -> bool:
        """Whether lower updates were pushed while the difference is due: the own number may be wrong."""
        return self._lowest is not None

    @property
    def overdue(self) -> bool:
        """Whether a difference was requested for the hole."""
        hole = self.hole
        return hole is not None and self._due_for == hole[0]

    def next_time(self) -> float | None:
        """Return when `expire` has something to do, None: never."""
        hole = self.hole
        if hole is None:
            return None
        times = []
        if self._held and len(self.keys) < AHEAD_LIMIT:
            times.append(self._release_time(self._held_since))
        if self._due_for != hole[0]:
            times.append(hole[1] + LATE_SECONDS)
        return min(times, default=None)

    def expire(self, now: float, out: Out) -> None:
        """Request the difference, and hand out what was held for long enough."""
        hole = self.hole
        if hole is not None and self._due_for != hole[0] and now >= hole[1] + LATE_SECONDS:
            self._due_for = hole[0]
            self.due = True
        kept: list[Item] = []
        behind = -1
        for item in self._held:
            ripe = item.before == behind or now >= self._release_time(item.at)
            if ripe and len(self.keys) < AHEAD_LIMIT:
                self._hand_ahead(item, out)
                behind = item.number
            else:
                kept.append(item)
        self._held = kept
        self._held_since = min((item.at for item in kept), default=0.0)
        self._settle()

    def give_up(self, top: int, out: Out) -> Hole | None:
        """Close the first hole: the server has no more to bring, and its log reaches up to `top`.

        What lies behind the hole but above `top` is nothing of this log: it is handed out, and the hole was
        none. Return the hole that is lost, None if it was none.
        """
        hole = self.hole
        if hole is None or self.at is None:
            return None
        lost = None
        if hole[0] <= top:
            lost = Hole(self.name, self.at + 1, hole[0])
            self.at = hole[0]
        else:
            out += [(item, True) for item in self._held if not item.own]
            self._held.clear()
            self._spans.clear()
        self.absorb(out)
        return lost if lost is not None and lost.first <= lost.last else None

    def skip_to(self, top: int, out: Out) -> list[Hole]:
        """Go on from `top`, or from what was taken behind it; return what never came."""
        missed: list[Hole] = []
        while (hole := self.hole) is not None and self.at is not None:
            missed.append(Hole(self.name, self.at + 1, hole[0]))
            self.at = hole[0]
            self.absorb(out)
        if top > (self.at or 0):
            if self.at is not None:
                missed.append(Hole(self.name, self.at + 1, top))
            self.at = top
        self.due = False
        self.keys.clear()
        self._settle()
        return [hole for hole in missed if hole.size > 0]

    def forget(self) -> None:
        """Go on from what came last, or from the next update, whatever its number: the log began anew."""
        self.drop()
        self.keys.clear()
        self.at = self._low = self._lowest
        self.due = self.at is not None
        self._lowest = None
        self._settle()

    def doubt(self) -> None:
        """Believe the next update that is lower: the server refuses the own number."""
        self._low = self.at
        self._settle()

    def drop(self) -> None:
        """Drop what is behind a hole: the difference brings it."""
        self._held.clear()
        self._spans.clear()
        self._settle()

    # ---- what comes ----------------------------------------------------------------------------

    def take(self, item: Item, out: Out) -> None:
        """Take a live update: hand it out, hold it, or drop it as known."""
        self.deadline = item.at + IDLE_SECONDS
        if self.at is None:
            self._learn(item, out)
        elif item.before == self.at:
            self.at = item.number
            self._hand(item, out)
            if not self.plain:
                self.absorb(out)
        elif item.before < self.at:
            self._take_lower(item, out)
        elif not self._knows(item):
            self._take_ahead(item, out)
        self._settle()

    def take_brought(self, item: Item, out: Out, *, remember: bool = True) -> None:
        """Take an update of a difference: hand it out unless that was done.

        A message has no number of its own there. `remember`: a later difference may bring it again.
        """
        key = message_key(item.update)
        if key is not None:
            if key not in self.keys:
                out.append((item, False))
            if remember:
                self.remember(key, self.keys.get(key, 0))
        elif not self._knows(item):
            out.append((item, False))
            if self.at is not None and item.number > self.at:
                self._add_span(item.before, item.number, item.at)
                self._held = [held for held in self._held if not self._same(held, item)]
                self._settle()

    def remember(self, key: str, number: int) -> None:
        """Note that a message is handed out which a later difference may bring again."""
        if len(self.keys) >= AHEAD_LIMIT:
            del self.keys[next(iter(self.keys))]
        self.keys[key] = number

    def begin(self) -> None:
        """Note that the difference after `at` is requested now."""
        self.asking, self.again = True, False
        self.plain = False
        at = self.at or 0
        if self.keys:
            self.keys = {key: number for key, number in self.keys.items() if not 0 < number <= at}

    def end(self) -> None:
        """Note that the request has ended."""
        self.asking = False
        self._settle()

    def move(self, number: int, now: float, out: Out) -> None:
        """Go on from a number of Telegram's that is not below the own one; hand out what is next then."""
        self._low = self._lowest = None
        if self.at is None or number > self.at:
            self.at = number
            self.moved = now
        self.absorb(out)

    def complete(self, now: float) -> None:
        """Note that a difference was read to its end."""
        # What was wanted after the request went out may not be in its answer.
        self.due, self.again = self.again, False
        self.replayed = False
        self.deadline = now + IDLE_SECONDS
        self._lowest = None
        self._settle()

    def forget_brought(self) -> None:
        """Note that no later difference brings what an earlier one brought."""
        self.keys = {key: number for key, number in self.keys.items() if number}
        self._settle()

    def absorb(self, out: Out) -> None:
        """Go over what lies behind the own number without a hole."""
        spans, held = self._spans, self._held
        while self.at is not None:
            if spans and spans[0].start <= self.at:
                self.at = max(self.at, spans.pop(0).end)
            elif held and held[0].before <= self.at:
                item = held.pop(0)
                if item.before == self.at:
                    self.at = item.number
                    self._hand(item, out)
            else:
                break
        self._settle()

    # ---- inside --------------------------------------------------------------------------------

    def _knows(self, item: Item) -> bool:
        if self.at is not None and item.before < self.at:
            return True
        return any(span.start <= item.before and item.number <= span.end for span in self._spans)

    def _learn(self, item: Item, out: Out) -> None:
        # A read receipt can come with the pts of the message after it, and before that message.
        self.at = item.number if item.number > item.before else max(item.number - 1, 1)
        self._low = min(item.before, self.at)
        self._hand(item, out)

    def _take_lower(self, item: Item, out: Out) -> None:
        at = self.at
        assert at is not None
        low = self._low
        if low is None or item.number > low:
            if item.number > at:  # it covers known numbers and unknown ones
                self.due = True
            if self.due:
                self._lowest = item.before if self._lowest is None else min(self._lowest, item.before)
        elif item.number < low or low < at:
            # The own number is the word of an update only. This one came late, or that one was wrong.
            self._low = item.before
            if item.number < low:
                self.at = item.number
                if low < at:
                    self._add_span(low, at, item.at)
            self._hand(item, out)
            self.absorb(out)

    def _take_ahead(self, item: Item, out: Out) -> None:
        if item.own:
            self._add_span(item.before, item.number, item.at)
        elif self._is_open(item.at) and any(span.end == item.before for span in self._spans):
            self._hand_ahead(item, out)
        elif len(self._held) >= HELD_LIMIT:
            self.due = True
        elif not any(self._same(item, other) for other in self._held_at(item.before)):
            if not self._held:
                self._held_since = item.at
            insort(self._held, item, key=attrgetter("before", "number"))

    def _held_at(self, before: int) -> list[Item]:
        first = bisect_left(self._held, before, key=attrgetter("before"))
        last = bisect_right(self._held, before, lo=first, key=attrgetter("before"))
        return self._held[first:last]

    def _same(self, one: Item, other: Item) -> bool:
        return (one.before, one.number, type(one.update)) == (other.before, other.number, type(other.update))

    def _is_open(self, now: float) -> bool:
        """Return whether the hole was not filled in time: what comes now does not wait."""
        hole = self.hole
        if hole is None or len(self.keys) >= AHEAD_LIMIT:
            return False
        return now >= max(hole[1], self.moved) + LATE_SECONDS + FILL_SECONDS

    def _release_time(self, at: float) -> float:
        return min(max(at, self.moved) + LATE_SECONDS + FILL_SECONDS, at + LONGEST_HOLD)

    def _hand_ahead(self, item: Item, out: Out) -> None:
        if item.number > item.before:
            self._add_span(item.before, item.number, item.at)
        if self._is_news(item, remember=True):
            out.append((item, True))

    def _hand(self, item: Item, out: Out) -> None:
        if self.plain:
            if not item.own:
                out.append((item, False))
        elif self._is_news(item, remember=self.asking):
            out.append((item, False))

    def _is_news(self, item: Item, *, remember: bool) -> bool:
        if item.own:
            return False
        key = message_key(item.update)
        if key is None:
            return True
        if key in self.keys:
            return False
        if remember:
            self.remember(key, item.number)
        return True

    def _add_span(self, start: int, end: int, at: float) -> None:
        spans = [*self._spans, Span(start, end, at)]
        spans.sort(key=attrgetter("start"))
        merged = spans[:1]
        for span in spans[1:]:
            last = merged[-1]
            if span.start <= last.end:
                last.end = max(last.end, span.end)
                last.at = min(last.at, span.at)
            else:
                merged.append(span)
        self._spans = merged

    def _settle(self) -> None:
        missing = bool(self._held or self._spans)
        if not missing:
            self._due_for = None
            if self.keys and not self.asking:
                at = self.at or 0
                self.keys = {key: number for key, number in self.keys.items() if not 0 < number <= at}
        self.plain = not (missing or self.asking or self.keys or self._low is not None)
