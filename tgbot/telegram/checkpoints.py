"""The checkpoint: when it is made, and of which update state."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from tgbot.store.base import Store, UpdateState

logger = logging.getLogger(__name__)

#: How often a checkpoint is made while anything changes, in seconds.
CHECKPOINT_SECONDS = 1.0


class Checkpoints:
    """Have the store write everything that changed, with the update state below all unfinished updates.

    `state` returns that update state, None where there is none yet. It is read before the store begins to
    write, so the state on disk is never past an update whose work is not on disk.
    """

    def __init__(self, store: Store, state: Callable[[], UpdateState | None]) -> None:
        self._store = store
        self._state = state
        self._lock = asyncio.Lock()
        self._written: UpdateState | None = None
        #: When the last one was complete, by the monotonic clock; before the first, the start.
        self.made_at = time.monotonic()

    async def make(self) -> None:
        """Put everything finished so far on disk; raise a StorageError if that cannot be done."""
        async with self._lock:
            state, began = self._state(), time.monotonic()
            await self._store.checkpoint(state)
            self._written = state
            self.made_at = now = time.monotonic()
            if logger.isEnabledFor(logging.DEBUG):
                pts, qts = (state.pts, state.qts) if state is not None else (0, 0)
                logger.debug("checkpoint of pts %d, qts %d in %.0f ms", pts, qts, (now - began) * 1000)

    async def keep(self) -> None:
        """Make a checkpoint every second while anything changes, until cancelled.

        Raise the StorageError that keeps one from being made.
        """
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            if self._store.changed or self._state() != self._written:
                await self.make()
