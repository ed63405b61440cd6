"""Turns for calls to many people: they get what all other sends leave of the bot's pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from tgbot.telegram.updates.job import waiting

#: Seconds by which the timer of an event loop may fire early.
EARLY: Final = 0.002
#: Seconds of a rate that may go out at once.
BURST_SECONDS: Final = 0.1
#: The part of the pace that is given out however much the others send. Without it a broadcast of a bot that
#: answers at its full pace would never end, and the answers lose nothing that anybody notices.
TRICKLE: Final = 1 / 30
#: What others send beyond the pace holds turns back for so many seconds at most, once they send less.
MOST_DEBT: Final = 1.0
#: What a flood wait leaves of the rate, and what of the pace comes back each second after it: from half to
#: all in 250 seconds.
AFTER_FLOOD: Final = 0.5
REGAINED: Final = 0.002


class Timeline(Protocol):
    """A clock with timers, as an event loop is one."""

    def time(self) -> float:
        """Return the seconds since any fixed moment."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        """Call back once when `time` has reached this moment, or a little earlier."""


class Leftover:
    """Give out turns, so that they and what others send together keep a pace of `overall` a second.

    `sends` returns how many messages the others have sent so far; it is called when a turn is asked for or
    due. Work that makes many calls has a `stream` of turns; those streams that wait get turns alternately.
    """

    def __init__(
        self, overall: float, *, sends: Callable[[], int] = lambda: 0, timeline: Timeline | None = None
    ) -> None:
        self._overall = overall
        self._sends = sends
        self._timeline = timeline
        self._seen = sends()
        #: When all that was sent so far would have been sent at the pace exactly.
        self._at = 0.0
        #: When the last turn was given.
        self._last = float("-inf")
        #: The rate after the last flood wait, and when that wait ends; the pace before the first.
        self._slowed, self._until = overall, float("-inf")
        #: The streams with calls that wait; who got a turn goes to the end.
        self._streams: dict[Stream, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._fires = 0.0

    def stream(self, rate: float | None = None) -> Stream:
        """Return turns for one work, at most `rate` a second; None: as many as are left."""
        return Stream(self, rate)

    def rate(self) -> float:
        """Return how many a second may go out now, with what the others send: less after a flood wait."""
        return self._rate(self._line().time())

    def paused(self) -> float:
        """Return for how many seconds no turn is given, because Telegram asked for it."""
        return max(0.0, self._until - self._line().time())

    def slow_down(self, seconds: float) -> None:
        """Give no turn for so long, then turns at half the rate, which grows again.

        Calls under way at the same time are refused for one reason: while it waits, the rate stays.
        """
        now = self._line().time()
        if now >= self._until:
            self._slowed = max(self._overall * TRICKLE, self._rate(now) * AFTER_FLOOD)
        self._until = max(self._until, now + seconds)

    # ---- for its streams -----------------------------------------------------------------------

    def take(self, stream: Stream, messages: int) -> bool:
        """Give a stream a turn at once, if nobody waits and one is due."""
        if self._streams:
            return False
        now = self._line().time()
        if self._due(now) > now or stream.due() > now:
            return False
        self._give(stream, messages, now)
        return True

    def queue(self, stream: Stream) -> None:
        """Give a stream turns for its waiting calls, each when it is due."""
        self._streams.setdefault(stream, None)
        self._serve()

    def put_back(self, messages: int) -> None:
        """Take back a turn that was given and not used."""
        self._at -= messages / self._rate(self._line().time())
        if self._streams:
            self._serve()

    # ---- when turns are due --------------------------------------------------------------------

    def _line(self) -> Timeline:
        if self._timeline is None:
            self._timeline = asyncio.get_running_loop()
        return self._timeline

    def _rate(self, now: float) -> float:
        if self._slowed == self._overall:
            return self._overall
        rate = self._slowed + max(0.0, now - self._until) * self._overall * REGAINED
        if rate >= self._overall:
            self._slowed = rate = self._overall
        return rate

    def _due(self, now: float) -> float:
        """Return when the next turn is due, with all that the others have sent until now."""
        rate = self._rate(now)
        sends = self._sends()
        if sends > self._seen:
            self._at = min(self._at + (sends - self._seen) / rate, now + MOST_DEBT)
            self._seen = sends
        if self._at < now:
            self._at = now
        due = min(self._at - _slack(rate), self._last + 1 / (self._overall * TRICKLE))
        return max(due, self._until)

    def _give(self, stream: Stream, messages: int, now: float) -> None:
        self._at += messages / self._rate(now)
        self._last = now
        stream.given(messages, now)

    def _serve(self) -> None:
        """Give the turns that are due, and wait for the next one with one timer."""
        timeline = self._line()
        now = timeline.time() + EARLY
        while True:
            for stream in [each for each in self._streams if not each.waits()]:
                del self._streams[stream]
            if not self._streams:
                return
            due = max(self._due(now), min(stream.due() for stream in self._streams))
            if due > now:
                break
            stream = next(each for each in self._streams if each.due() <= now)
            del self._streams[stream]
            self._streams[stream] = None
            self._give(stream, stream.wake(), now)
        if self._timer is not None:
            if self._fires <= due:
                return
            self._timer.cancel()
        self._fires = due
        self._timer = timeline.call_at(due, partial(self._fired, timeline))

    def _fired(self, timeline: Timeline) -> None:
        self._timer = None
        self._serve()


class Stream:
    """The turns of one work, in the order in which they are asked for."""

    def __init__(self, leftover: Leftover, rate: float | None) -> None:
        self._leftover = leftover
        self._gap, self._slack = (0.0, 0.0) if rate is None else (1 / rate, _slack(rate))
        self._at = float("-inf")
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def turn(self, messages: int = 1) -> None:
        """Return when a call that sends so many messages may go out.

        Who is cancelled while waiting takes no turn.
        """
        if self._leftover.take(self, messages):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, messages))
        self._leftover.queue(self)
        try:
            async with waiting():
                await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._at -= messages * self._gap
                self._leftover.put_back(messages)
            raise

    def waits(self) -> bool:
        """Return whether a call waits; forget those that gave up."""
        while self._waiting and self._waiting[0][0].done():
            self._waiting.popleft()
        return bool(self._waiting)

    def due(self) -> float:
        """Return when its own rate allows the next turn."""
        return self._at - self._slack

    def given(self, messages: int, now: float) -> None:
        """Note that it got a turn."""
        if self._gap:
            self._at = max(self._at, now) + messages * self._gap

    def wake(self) -> int:
        """Let the first call that waits go on; return how many messages it sends."""
        turn, messages = self._waiting.popleft()
        turn.set_result(None)
        return messages


def _slack(rate: float) -> float:
    """Return by how many seconds a call may be ahead of its rate: the rest of a burst."""
    return (max(1.0, rate * BURST_SECONDS) - 1) / rate
