"""Requests made again: after a fault of Telegram's, after a move to another data center, and duplicates."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from telethon import errors
from telethon.tl import TLObject

from tgbot.telegram.calls.call import SENDS, Call, Caller
from tgbot.telegram.calls.unanswered import REPEATED_ELSEWHERE
from tgbot.telegram.refusals import error_name, is_fault, is_migration
from tgbot.telegram.updates.job import waiting
from tgbot.telegram.wire.reading import UnreadableError

logger = logging.getLogger(__name__)

#: Pauses before a request that failed with a 500 is made again, in seconds.
FAULT_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
#: Pauses before a send whose earlier copy is still under way is made again, in seconds; 10 in all.
DUPLICATE_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 4.0)
#: Pauses before a send whose answer cannot be read is made again, in seconds.
UNREADABLE_PAUSES = (0.2, 1.0, 4.0)
#: Why a request is made again.
REASONS: Final = ("fault", "duplicate", "unreadable")
#: How often one call follows its data centre.
MAX_MOVES = 3


class Retries:
    """Make a request again after an error that says nothing about the request.

    A fault of Telegram's (500) is asked again with growing pauses, then raised; so is RANDOM_ID_DUPLICATE,
    until Telegram returns the messages of the earlier copy, and a send whose answer cannot be read: Telegram
    has the message, and does not send a second one with the same random_id. `switch_dc` moves the connection
    to another data center, by its id. Requests for states and differences are not made again after a fault:
    their reader does that.
    """

    def __init__(self, then: Caller, switch_dc: Callable[[int], Awaitable[None]]) -> None:
        self._then = then
        self._switch_dc = switch_dc
        #: How often a request was made again since the start, by the reason.
        self.made_again: Counter[str] = Counter()

    async def call(self, call: Call) -> TLObject:
        kind = type(call.request)
        faults = iter(() if kind in REPEATED_ELSEWHERE else FAULT_PAUSES)
        duplicates = iter(DUPLICATE_PAUSES)
        unreadable = iter(UNREADABLE_PAUSES if kind in SENDS else ())
        moves = 0
        while True:
            try:
                return await self._then.call(call)
            except errors.RandomIdDuplicateError:
                reason, pause = "duplicate", next(duplicates, None)
                if pause is None:
                    raise
            except UnreadableError:
                reason, pause = "unreadable", next(unreadable, None)
                if pause is None:
                    raise
                logger.warning("the answer to a send cannot be read; asking again (%s)", kind.__name__)
            except errors.RPCError as error:
                if is_migration(error) and moves < MAX_MOVES:
                    moves += 1
                    await self._switch_dc(error.new_dc)
                    continue
                reason, pause = "fault", next(faults, None) if is_fault(error) else None
                if pause is None:
                    raise
                logger.warning("Telegram has a fault (%s); asking again", error_name(error))
            self.made_again[reason] += 1
            async with waiting():
                await asyncio.sleep(pause)
