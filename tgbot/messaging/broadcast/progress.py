"""How fast a broadcast goes, and its status as JSON holds it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from tgbot.core.broadcasts import Action, Broadcast, State
from tgbot.core.deliveries import Outcome, Tally
from tgbot.messaging.broadcast.buttons import counted

#: Over how many seconds the rate is taken.
SECONDS: Final = 10


class Rate:
    """How many a second there were lately; `monotonic` is a clock in seconds that never jumps."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        #: Second → how many, the latest last.
        self._counts: deque[list[int]] = deque(maxlen=SECONDS + 1)

    def count(self, number: int = 1) -> None:
        """Count so many."""
        second = int(self._monotonic())
        if self._counts and self._counts[-1][0] == second:
            self._counts[-1][1] += number
        else:
            self._counts.append([second, number])

    def per_second(self) -> float:
        """Return how many a second there were lately."""
        now = self._monotonic()
        recent = sum(number for second, number in self._counts if second > now - SECONDS)
        return recent / min(SECONDS, max(1.0, now - self._began))


def status(
    broadcast: Broadcast, tally: Tally, *, rate: float, behind: int | None, flood_wait: float, now: float
) -> dict[str, object]:
    """Return how far a broadcast is, as JSON holds it.

    `rate` is how many deliveries a second there were lately, `behind` the number of the broadcast that runs
    before it, `flood_wait` for how many seconds nothing goes out because Telegram asked for it. The times are
    unix seconds.
    """
    waiting = tally.count(Outcome.WAITING)
    left = 0 if broadcast.action is Action.SEND else tally.uncorrected
    rest = waiting if broadcast.action is Action.SEND else left
    runs = broadcast.state is State.RUNNING and behind is None
    return {
        "id": broadcast.id,
        "name": broadcast.name,
        "state": broadcast.state.value,
        "action": broadcast.action.value,
        "audience": broadcast.size,
        "sent": tally.count(Outcome.SENT),
        "blocked": tally.count(Outcome.BLOCKED),
        "deactivated": tally.count(Outcome.DEACTIVATED),
        "not_allowed": tally.count(Outcome.NOT_ALLOWED),
        "failed": tally.count(Outcome.FAILED),
        "no_news": tally.count(Outcome.NO_NEWS),
        "not_in_time": tally.count(Outcome.LATE),
        "forgotten": tally.count(Outcome.FORGOTTEN),
        "waiting": waiting,
        "rate": round(rate, 1) if runs else 0.0,
        "flood_wait": math.ceil(flood_wait) if runs else 0,
        "started": broadcast.started,
        "ended": broadcast.ended,
        "at": broadcast.at,
        "until": broadcast.until,
        "behind": behind,
        "reason": broadcast.reason,
        "errors": dict(sorted(tally.errors.items())),
        "clicks": tally.clicks[: len(counted(broadcast.buttons))],
        "corrected": tally.corrected,
        "refused": tally.refused,
        "untouched": tally.untouched,
        "left": left,
        "removed": tally.removed,
        "refusals": dict(sorted(tally.refusals.items())),
        "round_started": broadcast.round_started,
        "round_ended": broadcast.round_ended,
        "eta": int(now + rest / rate) if runs and rate and rest else None,
    }
