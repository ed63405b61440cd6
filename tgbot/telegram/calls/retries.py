"""Requests made again: after a fault of Telegram's, after a move to another data center, and duplicates."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from telethon import errors
from telethon.tl import TLObject, functions

from tgbot.telegram.calls.call import Call, Caller
from tgbot.telegram.refusals import FAULTS, MIGRATIONS, error_name
from tgbot.telegram.updates.dispatch import waiting

logger = logging.getLogger(__name__)

#: Pauses before a request that failed with a 500 is made again, in seconds.
FAULT_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
#: Pauses before a send whose earlier copy is still under way is made again, in seconds; 10 in all.
DUPLICATE_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 4.0)


class Retries:
    """Make a request again after an error that says nothing about the request.

    A fault of Telegram's (500) is asked again with growing pauses, then raised; so is RANDOM_ID_DUPLICATE,
    until Telegram returns the messages of the earlier copy. `switch_dc` moves the connection to another data
    center, by its id.
    """

    def __init__(self, then: Caller, switch_dc: Callable[[int], Awaitable[None]]) -> None:
        self._then = then
        self._switch_dc = switch_dc

    async def call(self, call: Call) -> TLObject:
        faults, duplicates = iter(FAULT_PAUSES), iter(DUPLICATE_PAUSES)
        while True:
            try:
                return await self._then.call(call)
            except MIGRATIONS as error:
                await self._switch_dc(error.new_dc)
                continue
            except errors.RandomIdDuplicateError:
                pause = next(duplicates, None)
                if pause is None:
                    raise
            except FAULTS as error:
                pause = next(faults, None)
                # The reader of differences repeats its own requests.
                if pause is None or type(call.request) is functions.updates.GetDifferenceRequest:
                    raise
                logger.warning("Telegram has a fault (%s); asking again", error_name(error))
            async with waiting():
                await asyncio.sleep(pause)
