"""What cannot be read afterwards is counted on the way: updates and their lag, handlers and calls by time."""

from __future__ import annotations

import asyncio
import re
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from telethon import errors
from telethon.tl import TLObject, TLRequest

from tgbot.telegram.calls.call import Call, Caller, method_of
from tgbot.telegram.refusals import Answer, NoAnswerError, answer_of, error_name
from tgbot.telegram.updates.job import Job

T = TypeVar("T")

#: Upper bounds of the classes in which times are counted, in seconds: of calls and handlers; of lags, which
#: are whole seconds.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LAG_BOUNDS: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 10_800.0, 86_400.0)
#: How many pairs of method and outcome are told apart; further ones count under `OTHER`.
MOST_OUTCOMES: Final = 500
OTHER: Final = "OTHER"
#: The outcome of a call that Telegram has answered.
OK: Final = "OK"


class Histogram:
    """How many values fell into each class, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self.bounds = bounds
        #: For each bound the values up to it and above the one before; the last one has those above all.
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def copy(self) -> Histogram:
        made = Histogram(self.bounds)
        made.counts, made.sum = self.counts.copy(), self.sum
        return made


class Meter:
    """Counts updates by kind with their lag, the time of handlers by module, and calls by method.

    `now` is Telegram's time in unix seconds. All labels are out of the code or the schema.
    """

    def __init__(self, now: Callable[[], float], *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._clock = clock
        #: Class of an update → how many were given to handlers.
        self.updates: defaultdict[type, int] = defaultdict(int)
        #: From the date of an update until its handlers begin.
        self.lag = Histogram(LAG_BOUNDS)
        #: Module of a handler → the time from its begin to its end, waiting for Telegram included.
        self.handlers: defaultdict[str, Histogram] = defaultdict(Histogram)
        #: Method → the time from the request of a caller to the outcome, waits and repetitions included.
        self.calls: defaultdict[str, Histogram] = defaultdict(Histogram)
        #: Method and outcome: "OK", or the name of an error with X for its numbers.
        self.outcomes: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._methods: dict[type[TLRequest], str] = {}

    def copy(self) -> Meter:
        """Return the counts of this moment, which do not change afterwards."""
        made = Meter(self._now, clock=self._clock)
        made.updates.update(self.updates)
        made.lag = self.lag.copy()
        made.handlers.update({module: times.copy() for module, times in self.handlers.items()})
        made.calls.update({method: times.copy() for method, times in self.calls.items()})
        made.outcomes.update(self.outcomes)
        return made

    def counted(self, handle: Callable[[Job], Awaitable[None]]) -> Callable[[Job], Awaitable[None]]:
        """Return what handles a job as `handle` does, and counts its update."""

        def counting(job: Job) -> Awaitable[None]:
            update = job.update
            self.updates[type(update)] += 1
            date = _date_of(update)
            if date is not None:
                self.lag.add(max(self._now() - date, 0.0))
            return handle(job)

        return counting

    def measured(
        self, callback: Callable[..., Awaitable[object]], module: str
    ) -> Callable[..., Awaitable[object]]:
        """Return a handler of a module that also counts its time."""
        times, clock = self.handlers[module], self._clock

        async def measuring(event: object) -> None:
            began = clock()
            try:
                await callback(event)
            finally:
                times.add(clock() - began)

        return measuring

    def call(self, request: type[TLRequest], outcome: str, seconds: float) -> None:
        """Note a call that has ended."""
        method = self._methods.get(request)
        if method is None:
            method = self._methods[request] = method_of(request)
        self.calls[method].add(seconds)
        pair = method, outcome
        if pair not in self.outcomes and len(self.outcomes) >= MOST_OUTCOMES:
            pair = OTHER, OTHER
        self.outcomes[pair] += 1


class Metered:
    """Note the outcome of each call and how long it took, with all that the links behind do about it."""

    def __init__(self, then: Caller, meter: Meter, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._then = then
        self._meter = meter
        self._clock = clock

    async def call(self, call: Call) -> TLObject:
        clock, outcome = self._clock, OK
        began = clock()
        try:
            return await self._then.call(call)
        except BaseException as error:
            outcome = _outcome_of(error)
            raise
        finally:
            self._meter.call(type(call.request), outcome, clock() - began)


def _outcome_of(error: BaseException) -> str:
    if isinstance(error, errors.RPCError):
        return re.sub(r"\d+", "X", error_name(error))
    if isinstance(error, asyncio.CancelledError):
        return "CANCELLED"
    if isinstance(error, NoAnswerError):
        return "NO_ANSWER"
    return {Answer.BROKEN: "UNREADABLE", Answer.LATER: "NO_LINK"}.get(answer_of(error) or Answer.NO, "FAILED")


def _date_of(update: object) -> float | None:
    """Return the unix seconds that an update bears, None if it bears none."""
    message = getattr(update, "message", update)
    date = getattr(message, "edit_date", None) or getattr(message, "date", None)
    if date is None:
        date = getattr(update, "date", None)  # a short message, whose `message` is its text
    return date.timestamp() if isinstance(date, datetime) else date if isinstance(date, int) else None
