"""Greetings of people who asked to join a chat: in a queue of their own, while the bot may write to them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final, Protocol

from tgbot.core.access import JOIN_REQUEST_SECONDS
from tgbot.core.plural import counted

log = logging.getLogger(__name__)

#: How many greetings are under way at a time; the bot's pace has as many of them to wait for.
RUNNERS: Final = 8
#: How many may wait: at 30 a second all of them have their turn in time.
LIMIT: Final = JOIN_REQUEST_SECONDS * 30
#: After that many people who were not greeted in time, the log says so again.
_TOLD_EACH: Final = 1000


class Spawn(Protocol):
    """Run something beside the handlers, with a name."""

    def __call__(self, work: Coroutine[object, object, object], name: str) -> object: ...


@dataclass(slots=True, eq=False)
class Greeting:
    """One person to be greeted, before `until` in Telegram's time; None if there is nothing to be said."""

    until: float | None
    #: Greets, if it is called with True, and does what comes after that; it keeps its update in flight.
    work: Callable[[bool], Coroutine[object, object, None]]


class Greetings:
    """Do the work of greetings in order, a few at a time; each update is finished with its greeting.

    Those whose time is over when their turn comes take no turn of the bot's pace.
    """

    def __init__(self, clock: Callable[[], float], spawn: Spawn) -> None:
        self._clock = clock
        self._spawn = spawn
        self._queue: deque[Greeting] = deque()
        self._runners = 0
        #: How many people were not greeted in time, and are not in the log yet.
        self._late = 0

    def put(self, greeting: Greeting) -> None:
        """Take a greeting. If too many wait already, it is not sent; what comes after it is done."""
        if len(self._queue) >= LIMIT and greeting.until is not None:
            greeting.until = 0
        self._queue.append(greeting)
        if self._runners < RUNNERS:
            self._runners += 1
            self._spawn(self._run(), "greetings")

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._do(self._queue.popleft())
        finally:
            self._runners -= 1

    async def _do(self, one: Greeting) -> None:
        in_time = one.until is not None and self._clock() < one.until
        await one.work(in_time)
        if not in_time and one.until is not None:
            self._late += 1
        if self._late and (not self._queue or self._late >= _TOLD_EACH):
            people = counted(self._late, "person", "people")
            log.warning("%s asked to join and could not be greeted within five minutes", people)
            self._late = 0
