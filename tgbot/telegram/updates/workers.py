"""Workers: how many jobs may run at a time, and how one that waits lends its worker to another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

#: How many jobs may have lent their workers at a time. A further one keeps its worker while it waits.
LENT_LIMIT = 10_000


class Workers:
    """So many jobs may run at a time. `on_free` is called when a worker is free and no job returns to it."""

    def __init__(self, on_free: Callable[[], None]) -> None:
        #: How many workers have nothing to do.
        self.free = 0
        self._on_free = on_free
        self._lent = 0
        self._stopped = False
        #: The jobs whose wait is over and that have no worker yet, the first that returned first.
        self.returning: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a free worker for a job that begins; return whether there was one."""
        if not self.free or self.returning:
            return False
        self.free -= 1
        return True

    def give(self) -> None:
        """Take in the worker of a job that has ended, or has no more use for it."""
        self.free += 1
        if self.returning:
            self._let_return()
        if self.free:
            on_free = self._on_free
            on_free()

    def lend(self) -> bool:
        """Take in the worker of a job that waits; return False if too many jobs have lent theirs."""
        if self._lent >= LENT_LIMIT:
            return False
        self._lent += 1
        self.give()
        return True

    def returned(self) -> None:
        """Note that a job has a worker again that had lent its own, or that it has ended."""
        self._lent -= 1

    async def take_in_turn(self) -> None:
        """Take a worker for a job whose wait is over; the first that returned comes first."""
        if self._stopped or self.take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.returning.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had its turn in the same moment
                self.give()
            raise

    def stop(self) -> None:
        """Let jobs whose wait is over run on at once: they are about to be cancelled."""
        self._stopped = True
        for turn in self.returning:
            if not turn.done():
                turn.set_result(None)
        self.returning.clear()

    def _let_return(self) -> None:
        while self.free and self.returning:
            turn = self.returning.popleft()
            if not turn.done():
                self.free -= 1
                turn.set_result(None)
