"""The runner: carries out one broadcast after another, begins and ends them by Telegram's clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

from tgbot.core.broadcasterrors import BroadcastStateError
from tgbot.core.broadcasts import Broadcast, State
from tgbot.core.errors import LeaseLostError, StorageUnreachableError, TgbotError
from tgbot.core.places import places
from tgbot.messaging.broadcast.states import States
from tgbot.store.base import Broadcasts as Stored
from tgbot.telegram.updates.guard import keep

logger = logging.getLogger(__name__)

#: After so many seconds the times are looked at again: Telegram's clock may move.
LOOK_SECONDS: Final = 30.0
#: How long a broadcast waits for a database that cannot be reached, and how often the log tells of it.
_AWAY_SECONDS: Final = 0.5
_TOLD_SECONDS: Final = 60.0


class Work(Protocol):
    """What is done with the recipients of one broadcast."""

    @property
    def stopped(self) -> bool:
        """Whether it was stopped before the end."""

    def stop(self) -> None:
        """Let nothing more begin."""

    async def run(self) -> str:
        """Do it until the end, or until it is stopped; return why it stopped itself, "" for nothing."""


class Runner:
    """Carry out the running broadcasts, the one that began first before the others.

    An error in one pauses it with a reason and never ends the bot; where a database cannot be reached, it
    waits and goes on by itself. After a kill the results of the last
    second are not known: those deliveries are made again, and Telegram returns the earlier messages.
    """

    def __init__(
        self,
        stored: Stored,
        states: States,
        work: Callable[[Broadcast], Work],
        *,
        clock: Callable[[], float],
    ) -> None:
        """`work` makes the work for a broadcast that is carried out now."""
        self._stored = stored
        self._states = states
        self._work = work
        self._clock = clock
        self._wake = asyncio.Event()
        self._closing = False
        self._current: int | None = None
        self._working: Work | None = None
        #: Set while nothing is under way.
        self._rests = asyncio.Event()
        self._rests.set()
        #: The broadcast that does not go on now, because its state changes.
        self._halted: int | None = None
        self._task: asyncio.Task[None] | None = None
        #: Before this time the log does not tell again that the database is away.
        self._told_until = 0.0
        states.halted, states.changed = self._halt, self._wake.set

    @property
    def current(self) -> int | None:
        """The number of the broadcast that is carried out, None for none."""
        return self._current

    def before(self, broadcast: Broadcast) -> int | None:
        """Return the number of the broadcast for which a running one waits, None if it waits for none."""
        waits = broadcast.state is State.RUNNING and self._current not in (None, broadcast.id)
        return self._current if waits else None

    async def run(self) -> None:
        """Run until cancelled, or closed."""
        try:
            await keep("broadcasts", self._run)
        except asyncio.CancelledError:
            if self._task is not None:
                self._task.cancel()
            raise

    async def close(self, grace: float) -> None:
        """Let nothing more go out, and wait for what is under way; not longer than `grace` seconds.

        The results of what is cut off come after the next start, when it is sent again.
        """
        self._closing = True
        self._wake.set()
        if self._current is not None:
            self._stop(self._current)
        if self._task is not None:
            _, left = await asyncio.wait([self._task], timeout=grace)
            for task in left:
                task.cancel()

    def look(self) -> None:
        """Look at the states and times at once."""
        self._wake.set()

    # ---- the loop ------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            await self._states.look()
            if self._task is None and (chosen := self._next()) is not None:
                self._current = chosen.id
                self._task = asyncio.get_running_loop().create_task(self._carry_out(chosen.id))
                self._task.add_done_callback(self._ended)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds()):
                    await self._wake.wait()

    def _next(self) -> Broadcast | None:
        running = [one for one in self._stored.all() if one.state is State.RUNNING and one.id != self._halted]
        return min(running, key=lambda one: (one.started or 0, one.id), default=None)

    def _seconds(self) -> float:
        at = self._states.next_change()
        # Telegram's time is behind by up to a second, so a bit later it has certainly come.
        return LOOK_SECONDS if at is None else min(LOOK_SECONDS, max(0.1, at - self._clock()))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = self._current = None
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a broadcast ended with an error: %s", places(error))

    @asynccontextmanager
    async def _halt(self, broadcast_id: int) -> AsyncIterator[None]:
        """Stop a broadcast; while the block runs, nothing of it goes out and nothing is under way."""
        self._halted = broadcast_id
        try:
            self._stop(broadcast_id)
            if broadcast_id == self._current:
                await self._rests.wait()
            yield
        finally:
            self._halted = None
            self._wake.set()

    def _stop(self, broadcast_id: int) -> None:
        if broadcast_id == self._current and self._working is not None:
            self._working.stop()

    async def _carry_out(self, broadcast_id: int) -> None:
        try:
            await self._work_on(broadcast_id)
        except (StorageUnreachableError, LeaseLostError) as error:
            # Nothing that was settled is lost; whoever leads later goes on with what waits.
            now = asyncio.get_running_loop().time()
            if now >= self._told_until:
                logger.warning("broadcast %d waits: %s", broadcast_id, error)
                self._told_until = now + _TOLD_SECONDS
            await asyncio.sleep(_AWAY_SECONDS)

    async def _work_on(self, broadcast_id: int) -> None:
        reason = ""
        try:
            await self._states.reopen(broadcast_id)
            broadcast = self._stored.get(broadcast_id)
            if broadcast is None or broadcast.state is not State.RUNNING:
                return
            if self._closing or self._halted == broadcast_id:
                return
            logger.info("broadcast %d goes on: %d recipients", broadcast_id, broadcast.size or 0)
            work = self._work(broadcast)
            try:
                self._working = work
                self._rests.clear()
                reason = await work.run()
            finally:
                self._working = None
                self._rests.set()
            stopped = work.stopped
        except Exception as error:
            innermost: BaseException = error
            while isinstance(innermost, BaseExceptionGroup):
                innermost = innermost.exceptions[0]
            if isinstance(innermost, (StorageUnreachableError, LeaseLostError)):
                raise innermost from None
            logger.error("broadcast %d failed: %s", broadcast_id, places(innermost))
            known = isinstance(innermost, TgbotError)
            reason = (
                str(innermost)
                if known
                else f"an error of the bot ({type(innermost).__name__}), whose place is in its log"
            )
            stopped = True
        broadcast = self._stored.get(broadcast_id)
        if broadcast is None or broadcast.state is not State.RUNNING:
            return
        if reason:
            logger.warning("broadcast %d pauses: %s", broadcast_id, reason)
            with suppress(BroadcastStateError):  # somebody was faster
                await self._states.pause(broadcast_id, reason)
        elif not stopped:
            await self._states.finish(broadcast_id)
            logger.info("broadcast %d is done", broadcast_id)
