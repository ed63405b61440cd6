"""Wrong numbers of updates and states."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from telethon.tl import types

FAR: Final = 1_000_000
HUGE: Final = (1 << 31) - 1
TEN_YEARS: Final = 10 * 365 * 24 * 60 * 60


class Nonsense(Enum):
    """The wrong number of an update or of a state."""

    #: A pts that is 1,000,000 above the account's.
    PTS_AHEAD = "pts-ahead"
    #: A pts of 1, far below that of an account with a log.
    PTS_BEHIND = "pts-behind"
    #: A negative pts.
    PTS_NEGATIVE = "pts-negative"
    #: The next pts, but with a pts_count of 0.
    COUNT_ZERO = "count-zero"
    #: The next pts, but with the largest pts_count.
    COUNT_HUGE = "count-huge"
    #: A qts that is 1,000,000 above the account's.
    QTS_AHEAD = "qts-ahead"
    #: A negative qts.
    QTS_NEGATIVE = "qts-negative"
    #: A seq that is 1,000,000 above the account's.
    SEQ_AHEAD = "seq-ahead"
    #: A date ten years in the future.
    DATE_AHEAD = "date-ahead"


#: The kinds that a state can have: it has no pts_count.
OF_STATES: Final = tuple(kind for kind in Nonsense if not kind.value.startswith("count"))


def distort(answer: Any, kind: Nonsense) -> None:
    """Give a wrong number to the state in the answer to getState, getDifference or getChannelDifference."""
    state = answer
    if isinstance(answer, types.updates.Difference):
        state = answer.state
    elif isinstance(answer, types.updates.DifferenceSlice):
        state = answer.intermediate_state
    name, change = _CHANGES[kind]
    before = getattr(state, name, None)
    # A state without this number, such as the seq of a channel, stays as it is.
    if before is not None:
        setattr(state, name, change(before))


_CHANGES: Final[dict[Nonsense, tuple[str, Callable[[int], int]]]] = {
    Nonsense.PTS_AHEAD: ("pts", lambda pts: pts + FAR),
    Nonsense.PTS_BEHIND: ("pts", lambda pts: 1),
    Nonsense.PTS_NEGATIVE: ("pts", lambda pts: -pts),
    Nonsense.QTS_AHEAD: ("qts", lambda qts: qts + FAR),
    Nonsense.QTS_NEGATIVE: ("qts", lambda qts: -qts),
    Nonsense.SEQ_AHEAD: ("seq", lambda seq: seq + FAR),
    Nonsense.DATE_AHEAD: ("date", lambda date: date + TEN_YEARS),
}
