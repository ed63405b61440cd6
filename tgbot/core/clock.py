"""Telegram's time, learned from what Telegram sends; pure."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

#: Dates that the time is computed from; one more than half of them must agree before it moves.
SAMPLES: Final = 11
#: Seconds between two samples: dates that arrive together, such as a backlog, count as one.
SAMPLE_SECONDS: Final = 1.0
#: By how much a date may be ahead of the clock and still be believed, in seconds.
BELIEVED_AHEAD: Final = 5
#: Seconds by which two clocks may differ and still agree.
AGREEMENT_SECONDS: Final = 5.0
#: By how much a stored time may be ahead of the clock and still be believed, in seconds.
STORED_AHEAD: Final = 300


def is_future(stored: int, now: float) -> bool:
    """Return whether a stored time is of the future: the clock was wrong when it was stored."""
    return stored > now + STORED_AHEAD


class ServerClock:
    """Telegram's time in unix seconds; this machine's until the first date of Telegram's is noted.

    The clock follows Telegram both ways: it is the median of the last `SAMPLES` dates, each compared with
    `monotonic` when it was noted, so a few wrong dates do not move it and setting `wall` never does.
    After the machine has slept, the first date sets it. Dates are whole seconds and need time to arrive: the
    result is behind by less than a second plus the usual latency, but never behind a date that has arrived
    and is at most `BELIEVED_AHEAD` seconds ahead: what the bot does in answer to an update is never stamped
    earlier than the update. The clock can go back when Telegram's dates do.
    """

    def __init__(self, *, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """`wall` is this machine's time in unix seconds (`time.time`), `monotonic` never jumps."""
        self._wall = wall
        self._monotonic = monotonic
        self._offsets: deque[float] = deque(maxlen=SAMPLES)
        self._offset: float | None = None
        #: `monotonic` at the last sample, and how far `wall` was ahead of it.
        self._sampled = 0.0
        self._ahead = 0.0
        #: The date that was noted last.
        self._noted: datetime | None = None
        #: The latest date that was ahead of the clock and believed.
        self._latest = 0
        #: The time that was told last, and up to when, by `monotonic`, it is the same second.
        self._told, self._until = 0, float("-inf")

    def __call__(self) -> int:
        """Return Telegram's time in unix seconds."""
        monotonic = self._monotonic
        if monotonic() < self._until:
            return self._told  # it is asked for many times in a second
        if self._offset is None:
            return int(self._wall())
        second = int(monotonic() + self._offset)
        self._until = second + 1 - self._offset
        self._told = self._latest if second < self._latest <= second + BELIEVED_AHEAD else second
        return self._told

    def forget(self) -> None:
        """Forget all dates: the next one sets the clock at once, as after a start."""
        self._offsets.clear()
        self._latest, self._noted, self._until = 0, None, float("-inf")

    def note(self, date: datetime | None) -> None:
        """Learn from a date that Telegram gave for the present; None is ignored."""
        if date is self._noted or date is None:
            return  # of updates that arrive together, most have one date
        self._noted = date
        self.note_unix(date.timestamp())

    def note_unix(self, seconds: float) -> None:
        """Learn from unix seconds that Telegram gave for the present."""
        now = self._monotonic()
        if self._offset is not None and 0 < seconds - now - self._offset <= BELIEVED_AHEAD:
            self._latest = max(int(seconds), self())
            self._until = float("-inf")
        if self._offsets and now - self._sampled < SAMPLE_SECONDS:
            return
        offset, ahead = seconds - now, self._wall() - now
        if self._offset is not None:
            # `monotonic` stands still while the machine sleeps: `wall` and Telegram then agree on how long.
            slept = ahead - self._ahead
            if slept > AGREEMENT_SECONDS and abs(offset - self._offset - slept) < AGREEMENT_SECONDS:
                self._offsets.clear()
        self._sampled, self._ahead = now, ahead
        self._offsets.append(offset)
        low, high = statistics.median_low(self._offsets), statistics.median_high(self._offsets)
        # Of an even number, the one nearer to the time so far: the second date alone does not move it.
        so_far = low if self._offset is None else self._offset
        self._offset = low if abs(low - so_far) <= abs(high - so_far) else high
        self._until = float("-inf")
