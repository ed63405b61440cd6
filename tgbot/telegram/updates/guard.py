"""The guard of a loop: an error that nobody expects is logged with its place, and the loop goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tgbot.core.places import places

logger = logging.getLogger(__name__)

#: Pauses before the loop begins again, in seconds.
PAUSES = (0.2, 1.0, 5.0, 10.0)


async def keep(
    what: str, work: Callable[[], Awaitable[None]], *, raising: tuple[type[Exception], ...] = ()
) -> None:
    """Run `work` again whenever it ends with an error, with growing pauses; raise those in `raising`."""
    count, last = 0, ""
    while True:
        try:
            return await work()
        except raising:
            raise
        except Exception as error:
            count += 1
            place = places(error)
            if place != last:
                last = place
                logger.error("%s failed (%d so far), going on: %s", what, count, place)
            await asyncio.sleep(PAUSES[min(count, len(PAUSES)) - 1])
