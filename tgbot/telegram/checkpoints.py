"""The checkpoint: when it is made, in which order, and how fresh it is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from tgbot.store.sqlite.session import DurableSession, UpdateState
from tgbot.telegram.calls.chain import waiting

logger = logging.getLogger(__name__)

#: How old the last checkpoint may be while messages are sent, in seconds; how far a start looks back.
LOOK_BACK = 10.0
#: Added to the look-back for what the clocks of two machines may differ by, in seconds.
_CLOCK_MARGIN = 5
#: How often a checkpoint is made while anything changes, in seconds.
EVERY = 1.0


class Checkpoints:
    """Puts on disk, in this order: the registry, then peers and update state in one transaction.

    `mark` gives the state that may go to disk and a count that changes with it; it is asked *before* the
    registry is flushed, so that the state on disk is never past an update whose work is not. `busy` says
    whether requests are under way: then the checkpoint's time is kept fresh although nothing changed.
    """

    def __init__(
        self,
        session: DurableSession,
        *,
        flush: Callable[[], Awaitable[None]],
        mark: Callable[[], tuple[int, UpdateState | None]],
        busy: Callable[[], bool],
        made: Callable[[], None],
        server_time: Callable[[], int],
    ) -> None:
        self._session = session
        self._flush = flush
        self._mark = mark
        self._busy = busy
        self._tell_made = made
        self._server_time = server_time
        self._lock = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._made = asyncio.Event()
        self._at = float("-inf")
        self._written: int | None = None

    async def make(self) -> None:
        """Put everything finished so far on disk; raises a StorageError if that cannot be done."""
        async with self._lock:
            at, began = self._server_time(), time.monotonic()
            count, state = self._mark()
            await self._flush()
            await self._session.checkpoint(state, at)
            self._written, self._at = count, began
            self._made.set()
        self._tell_made()

    async def keep(self) -> None:
        """Make one every second while anything changes, and when one is wanted, until cancelled.

        Raises the StorageError that keeps one from being made.
        """
        while True:
            try:
                async with asyncio.timeout(EVERY):
                    await self._wanted.wait()
            except TimeoutError:
                changed = self._written != self._mark()[0] or self._session.changed
                stale = time.monotonic() - self._at > LOOK_BACK / 2
                if not changed and not (stale and self._busy()):
                    continue
            self._wanted.clear()
            await self.make()

    async def fresh(self) -> None:
        """Return once the last checkpoint is younger than LOOK_BACK: what is sent now will be found again."""
        while time.monotonic() - self._at > LOOK_BACK:
            with waiting():
                self._made.clear()
                self._wanted.set()
                await self._made.wait()

    async def begin(self) -> int | None:
        """Note that updates are handled from now on, and return how far to look back into the last run.

        The server time (unix seconds) up to which it may have sent answers that no checkpoint knows of; None
        if it ended cleanly, or there was none.
        """
        at, clean = self._session.value("checkpoint_at"), self._session.value("clean")
        await asyncio.to_thread(self._session.set_value, "clean", 0)
        return None if clean or at is None else int(at + LOOK_BACK) + _CLOCK_MARGIN

    async def end(self, *, clean: bool) -> None:
        """Make the last one; `clean` if nothing is left to be handled again."""
        await self.make()
        if clean:
            await asyncio.to_thread(self._session.set_value, "clean", 1)
