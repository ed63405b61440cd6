"""Telegram's limits: flood waits of each method and chat, and the daily budget of username look-ups."""

from __future__ import annotations

import asyncio
import logging
import time

from telethon import errors
from telethon.tl import TLObject, functions

from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram.calls.call import Call, Caller
from tgbot.telegram.refusals import FLOOD_WAITS
from tgbot.telegram.updates.dispatch import waiting

logger = logging.getLogger(__name__)

#: Above this many flood waits those that are over are forgotten.
MAX_FLOOD_WAITS = 1000


class FloodWaits:
    """Hold a flood wait against requests of the same method to the same chat only.

    A wait of up to `call.flood_threshold` seconds is waited for, and the request made again. A longer one is
    raised, and until it is over the same request is not made but raises FloodWaitError at once.
    """

    def __init__(self, then: Caller) -> None:
        self._then = then
        #: (constructor of the request, marked chat id) → when the wait is over, by the monotonic clock.
        self._due: dict[tuple[int, int], float] = {}

    async def call(self, call: Call) -> TLObject:
        key = (call.request.CONSTRUCTOR_ID, call.chat_id)
        while True:
            if self._due:
                await self._wait(call, key)
            try:
                return await self._then.call(call)
            except FLOOD_WAITS as error:
                now = time.monotonic()
                if len(self._due) > MAX_FLOOD_WAITS:
                    self._due = {key: due for key, due in self._due.items() if due > now}
                self._due[key] = now + max(1, error.seconds)
                if error.seconds > call.flood_threshold:
                    raise

    async def _wait(self, call: Call, key: tuple[int, int]) -> None:
        while (left := self._due.get(key, 0.0) - time.monotonic()) > 0:
            if left > call.flood_threshold:
                raise errors.FloodWaitError(request=call.request, capture=round(left) or 1)
            logger.info("waiting %.0f s, as Telegram asks (%s)", left, type(call.request).__name__)
            async with waiting():
                await asyncio.sleep(left)


class LookupBudget:
    """Count each `contacts.resolveUsername`, and raise FloodWaitError instead of making one too many.

    Telegram would refuse all of them for a day.
    """

    def __init__(self, then: Caller, session: DurableSession) -> None:
        self._then = then
        self._session = session

    async def call(self, call: Call) -> TLObject:
        if type(call.request) is functions.contacts.ResolveUsernameRequest:
            if wait := self._session.resolves_again_in():
                raise errors.FloodWaitError(request=call.request, capture=wait)
            self._session.count_resolve()
        return await self._then.call(call)
