"""The requests that are not answered yet, and how long each may stay so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import msgspec
from telethon.tl import TLRequest, functions

#: How often open requests are looked at, in seconds.
TICK_SECONDS = 0.5
#: How long a request may stay unanswered over a link that is up, in seconds.
LIMIT_SECONDS = 10.0
#: How long a difference may.
DIFFERENCE_SECONDS = 15.0
#: How long a request may that brings or fetches a file, or makes Telegram fetch one or ask somebody else.
SLOW_SECONDS = 60.0
#: A request that stayed unanswered over so many links in a row is given up.
MAX_TRIES = 3
#: A request during which so many links ended is held back from the next one: it may be what ends them.
MAX_LOST = 2

_DIFFERENCES = frozenset(
    {functions.updates.GetDifferenceRequest, functions.updates.GetChannelDifferenceRequest}
)
#: Requests that are made again by who makes them: each is tried over one link only.
REPEATED_ELSEWHERE = _DIFFERENCES | {functions.updates.GetStateRequest}
_SLOW = frozenset(
    {
        functions.messages.EditMessageRequest,
        functions.messages.EditInlineBotMessageRequest,
        functions.messages.GetBotCallbackAnswerRequest,
        functions.messages.GetInlineBotResultsRequest,
        functions.messages.SendMediaRequest,
        functions.messages.SendMultiMediaRequest,
        functions.messages.SetInlineBotResultsRequest,
        functions.messages.UploadImportedMediaRequest,
        functions.messages.UploadMediaRequest,
    }
)
_FILES = functions.upload.__name__
_SLOW_MODULES = frozenset(
    space.__name__ for space in (functions.upload, functions.photos, functions.stickers, functions.payments)
)


class Rules(NamedTuple):
    """What holds for all requests of one class."""

    #: Whether it is one of the two differences.
    difference: bool
    #: Whether it takes Telegram long, such as one with a file.
    slow: bool
    #: Over how many links it is tried.
    tries: int
    #: Whether it carries a part of a file: on a slow line, what comes after it waits for that.
    of_file: bool
    #: Whether it is about one channel: nobody else waits for it.
    of_channel: bool

    @property
    def limit(self) -> float:
        """Return how long one may stay unanswered, in seconds."""
        return SLOW_SECONDS if self.slow else DIFFERENCE_SECONDS if self.difference else LIMIT_SECONDS


@cache
def rules_of(kind: type[TLRequest]) -> Rules:
    """Return the rules for requests of this class."""
    return Rules(
        kind in _DIFFERENCES,
        not _SLOW.isdisjoint(kind.__mro__) or kind.__module__ in _SLOW_MODULES,
        1 if kind in REPEATED_ELSEWHERE else MAX_TRIES,
        of_file=kind.__module__ == _FILES,
        of_channel=kind is functions.updates.GetChannelDifferenceRequest,
    )


class Open(msgspec.Struct, eq=False):  # made in C: there is one for each request
    """A request that is not answered yet."""

    #: The answer, as Telethon's sender promised it.
    future: asyncio.Future[Any]  # Any: a TLObject, or what a vector holds
    rules: Rules
    #: The place of this request among those that went over its sender.
    number: int
    #: The tick since which the answer could have come.
    since: int
    tries_left: int
    #: How many links ended before its answer.
    lost: int
    #: The number of the login with which it was sent.
    login: int

    @property
    def given_up(self) -> bool:
        """Whether it was given up: its future is cancelled then."""
        return not self.tries_left

    @property
    def held_back(self) -> bool:
        """The same, to be made again after a pause."""
        return self.lost >= MAX_LOST


class Unanswered:
    """Requests over one sender. Each that stays unanswered for too long has its link renewed.

    What is unanswered goes again over the fresh link, with the same random_id. A request that stays
    unanswered there, too, is given up after `MAX_TRIES` links; the difference of a channel at once, on the
    same link. One during which links end again and again is held back, so that the others are answered over
    the next link.

    Time is counted in ticks that a link was up: a process that was stopped, or a loop that was blocked, makes
    no request late. It does not begin for a request while earlier ones are being answered, and is as long as
    that of a part of a file which went out before it.
    """

    def __init__(self, *, renew: Callable[[], None], is_up: Callable[[], bool]) -> None:
        self._renew = renew
        self._is_up = is_up
        self._renewing = False
        self._open: dict[int, Open] = {}
        #: How many requests there were so far.
        self._made = 0
        #: The greatest number of a request that was answered.
        self._answered = 0
        #: Whether any request was answered since the last tick.
        self._progress = False
        self._tick = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self, future: asyncio.Future[Any], kind: type[TLRequest], lost: int = 0, login: int = 0
    ) -> Open:  # Any: as above
        """Note a request that was handed to the sender just now, with the login of this number.

        `lost` links have ended during it before.
        """
        self._made = number = self._made + 1
        rules = rules_of(kind)  # type: ignore[arg-type]  # mypy does not see that a class is hashable
        made = self._open[number] = Open(future, rules, number, self._tick, rules.tries, lost, login)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self.look)
        return made

    def drop(self, made: Open) -> None:
        """Note that a request ended, in whatever way."""
        del self._open[made.number]
        if not made.future.cancelled():
            self._progress = True
            if made.number > self._answered:
                self._answered = made.number

    def look(self) -> None:
        """Give up or renew what is late; called at each tick while any request is open."""
        self._timer = None
        if not self._open:
            return
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self.look)
        self._tick += 1
        up, progress = self._is_up(), self._progress
        self._progress = False
        late, behind_file = False, False
        for made in self._open.values():
            limit = SLOW_SECONDS if behind_file else made.rules.limit
            behind_file = behind_file or made.rules.of_file
            if not up or (progress and made.number > self._answered):
                made.since = self._tick
            elif (self._tick - made.since) * TICK_SECONDS >= limit:
                # What is silent about one channel would be so over each link, and pings tell a dead one.
                late = late or not made.rules.of_channel
                made.tries_left -= 1
                if made.given_up:
                    made.future.cancel()
        if late:
            for made in self._open.values():
                made.since = self._tick
            self._renewing = True
            try:
                self._renew()
            finally:
                self._renewing = False

    def link_ended(self) -> None:
        """Note that the link ended, before what is unanswered goes out again."""
        if self._renewing:
            return
        for made in self._open.values():
            made.lost += 1
            if made.held_back:
                made.future.cancel()
