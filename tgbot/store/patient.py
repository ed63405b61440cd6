"""A store that cannot be reached now and then: what is asked of it waits, is said once, and is counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from math import inf
from typing import Final

from tgbot.core.errors import StorageUnreachableError
from tgbot.store.base import Store, UpdateState

logger = logging.getLogger(__name__)

#: The pause before the next attempt, in seconds.
PAUSE: Final = 0.25


class PatientStore:
    """A `Store` in front of another, whose loads and checkpoints wait while the database cannot be reached.

    Whether the bot may still answer meanwhile is for the lease to say: what waits is done once the database
    is back, or dropped with the bot. Every other error is raised at once.
    """

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        #: Asked for each batch of updates, so it goes there in one step.
        self.loaded = store.loaded
        #: How often the database could not be reached, since the start.
        self.errors = 0
        self._since: float | None = None
        self._until = inf

    @property
    def changed(self) -> bool:
        """Whether anything waits to be written."""
        return self._store.changed

    @property
    def out_of_reach(self) -> bool:
        """Whether the last attempt did not reach the database."""
        return self._since is not None

    def end_within(self, seconds: float) -> None:
        """Have whatever waits give up after so many seconds: the bot stops."""
        self._until = self._monotonic() + seconds

    async def load(self, ids: Iterable[int]) -> None:
        wanted = list(ids)
        await self._outlast(lambda: self._store.load(wanted))

    async def checkpoint(self, state: UpdateState | None) -> None:
        await self._outlast(lambda: self._store.checkpoint(state))

    async def _outlast(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except StorageUnreachableError as error:
                self._begin(error)
                if self._monotonic() >= self._until:
                    raise
                await asyncio.sleep(PAUSE)
            else:
                return self._end()

    def _begin(self, error: StorageUnreachableError) -> None:
        self.errors += 1
        if self._since is None:
            self._since = self._monotonic()
            logger.warning("%s The bot answers for as long as its lease lasts", error)

    def _end(self) -> None:
        if self._since is not None:
            lasted, self._since = self._monotonic() - self._since, None
            logger.warning("the database is reached again, after %.1f s", lasted)
