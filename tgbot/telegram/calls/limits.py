"""Telegram's limits: flood waits of each method and chat, and the daily budget of username look-ups."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from telethon import errors
from telethon.tl import TLObject, TLRequest, functions

from tgbot.store.session import BotSession
from tgbot.telegram.calls.call import SENDS, Call, Caller
from tgbot.telegram.calls.unanswered import REPEATED_ELSEWHERE
from tgbot.telegram.refusals import is_flood, wait_of
from tgbot.telegram.updates.job import waiting

logger = logging.getLogger(__name__)

#: Above this many flood waits those that are over are forgotten.
MAX_FLOOD_WAITS = 1000
#: The rest of an earlier wait, in seconds, that every call waits for.
_SHORT_SECONDS = 1.0
#: Whether the running task does not wait for slow mode.
_slow_mode_raises: ContextVar[bool] = ContextVar("slow_mode_raises", default=False)


class FloodWaits:
    """Hold a flood wait against requests of the same method to the same chat only, slow mode against sends.

    A call waits for `call.flood_threshold` seconds in all, however often Telegram asks it to. What goes
    beyond that is raised at once, and until the wait is over the same request is not made but raises the
    error at once. States and differences wait for nothing: their reader has other work meanwhile. In
    `slow_mode_raises`, a send to a chat in slow mode does not wait at all. Sends of a broadcast do not wait
    here, and keep no answer from being sent: the broadcast itself becomes slower.
    """

    def __init__(self, then: Caller) -> None:
        self._then = then
        #: (constructor of the request, marked chat id) → when the wait is over, by the monotonic clock. Slow
        #: mode has 0 for the constructor.
        self.due: dict[tuple[int, int], float] = {}
        #: How often Telegram asked to wait since the start, and for how many seconds in all, by the request.
        self.asked: Counter[type[TLRequest]] = Counter()
        self.seconds: Counter[type[TLRequest]] = Counter()

    async def call(self, call: Call) -> TLObject:
        left = 0.0 if type(call.request) in REPEATED_ELSEWHERE else call.flood_threshold
        begun = call.begun is not None
        own_rule = call.flood_threshold < 0
        while True:
            if self.due and not begun and not own_rule:
                left -= await self._wait(call, left)
            begun = False
            try:
                return await self._then.call(call)
            except errors.RPCError as error:
                if not is_flood(error):
                    raise
                wait = max(1, wait_of(error))
                self.asked[type(call.request)] += 1
                self.seconds[type(call.request)] += wait
                if own_rule:
                    raise
                slow = isinstance(error, errors.SlowModeWaitError)
                self._note(0 if slow else call.request.CONSTRUCTOR_ID, call.chat_id, wait)
                if wait > left or (slow and _slow_mode_raises.get()):
                    raise

    def hold(self, call: Call) -> bool:
        """Return whether a request may have to wait for what Telegram asked for before."""
        return (call.request.CONSTRUCTOR_ID, call.chat_id) in self.due or (0, call.chat_id) in self.due

    def _note(self, constructor: int, chat_id: int, seconds: float) -> None:
        """Note that a wait begins now; forget those that are over once there are many."""
        now, key = time.monotonic(), (constructor, chat_id)
        if len(self.due) > MAX_FLOOD_WAITS:
            self.due = {one: due for one, due in self.due.items() if due > now}
        self.due[key] = max(self.due.get(key, 0.0), now + seconds)

    def waits(self) -> list[float]:
        """Return how many seconds each flood wait still lasts."""
        now = time.monotonic()
        return [due - now for due in self.due.values() if due > now]

    async def _wait(self, call: Call, longest: float) -> float:
        """Wait for what Telegram asked for before, and return the seconds; raise if they are too many."""
        waited, now = 0.0, time.monotonic()
        while True:
            flood = self.due.get((call.request.CONSTRUCTOR_ID, call.chat_id), 0.0) - now
            slow = self.due.get((0, call.chat_id), 0.0) - now if type(call.request) in SENDS else 0.0
            seconds = max(flood, slow)
            if seconds <= 0:
                return waited
            if waited + seconds > max(longest, _SHORT_SECONDS) or (slow > 0 and _slow_mode_raises.get()):
                kind = errors.SlowModeWaitError if slow >= flood else errors.FloodWaitError
                raise kind(request=call.request, capture=math.ceil(seconds))
            logger.info("waiting %.0f s, as Telegram asks (%s)", seconds, type(call.request).__name__)
            async with waiting():
                await asyncio.sleep(seconds)
            waited, now = waited + seconds, time.monotonic()


@contextmanager
def slow_mode_raises() -> Iterator[None]:
    """Have sends to a chat in slow mode raise SlowModeWaitError at once instead of waiting."""
    before = _slow_mode_raises.set(True)
    try:
        yield
    finally:
        _slow_mode_raises.reset(before)


class LookupBudget:
    """Count each `contacts.resolveUsername`, and raise FloodWaitError instead of making one too many.

    Telegram would refuse all of them for a day.
    """

    def __init__(self, then: Caller, session: BotSession) -> None:
        self._then = then
        self._session = session

    def call(self, call: Call) -> Coroutine[object, object, TLObject]:
        if type(call.request) is functions.contacts.ResolveUsernameRequest:
            if wait := self._session.resolves_again_in():
                raise errors.FloodWaitError(request=call.request, capture=wait)
            self._session.count_resolve()
        return self._then.call(call)
