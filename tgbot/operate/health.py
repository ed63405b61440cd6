"""Whether the bot is healthy: connected, and able to put everything on disk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from tgbot.core.errors import StorageError

#: Seconds that a checkpoint counts as a proof that one can be made.
PROVEN_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)


class Trouble(StrEnum):
    """What is wrong with the bot; a member's value is what `/healthz` answers."""

    #: There is no connection now; the bot keeps trying to connect.
    NOT_CONNECTED = "not connected to Telegram"
    #: The disk answers too slowly.
    CHECKPOINT_SLOW = "a checkpoint takes too long"
    #: The disk is full or broken; the log says more.
    CHECKPOINT_FAILED = "no checkpoint can be made"


class Health:
    """Check that the bot is connected and that a checkpoint can be made.

    An idle bot makes no checkpoint by itself, so the check makes one: one at a time and at most one in
    `PROVEN_SECONDS`, however many callers ask.
    """

    def __init__(
        self,
        connected: Callable[[], bool],
        checkpoint: Callable[[], Awaitable[None]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        checkpoint_seconds: float = 5.0,
    ) -> None:
        self._connected = connected
        self._checkpoint = checkpoint
        self._monotonic = monotonic
        self._checkpoint_seconds = checkpoint_seconds
        self._proven_at = float("-inf")
        self._checking = asyncio.Lock()

    async def trouble(self) -> Trouble | None:
        """Return what is wrong, or None."""
        if not self._connected():
            return Trouble.NOT_CONNECTED
        try:
            async with asyncio.timeout(self._checkpoint_seconds), self._checking:
                if self._monotonic() - self._proven_at > PROVEN_SECONDS:
                    began = self._monotonic()
                    await self._checkpoint()
                    self._proven_at = began
        except TimeoutError:
            return Trouble.CHECKPOINT_SLOW
        except StorageError as error:
            logger.warning("no checkpoint can be made: %s", error)
            return Trouble.CHECKPOINT_FAILED
        return None
