"""Whether the bot is well: connected, and able to put everything on disk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from tgbot.core.errors import StorageError

#: A checkpoint younger than this is young, and how long making one may take, in seconds.
YOUNG: Final = 10.0
SLOW: Final = 5.0

log = logging.getLogger(__name__)


class Health:
    """Whether the bot is well: connected, with a checkpoint that is young, or made when asked.

    An idle bot makes none, so an old one alone says nothing: then one is made, which proves that it can be.
    However many ask, it is one at a time, and at most one in `YOUNG` seconds.
    """

    def __init__(
        self,
        connected: Callable[[], bool],
        checkpoint: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connected = connected
        self._checkpoint = checkpoint
        self._clock = clock
        self._made = float("-inf")
        self._making = asyncio.Lock()

    async def trouble(self) -> str:
        """What is wrong in a few words, "" if all is well."""
        if not self._connected():
            return "not connected to Telegram"
        try:
            async with asyncio.timeout(SLOW), self._making:
                if self._clock() - self._made > YOUNG:
                    began = self._clock()
                    await self._checkpoint()
                    self._made = began
        except TimeoutError:
            return "a checkpoint takes too long"
        except StorageError as error:
            log.warning("no checkpoint can be made: %s", error)
            return "no checkpoint can be made"
        return ""
