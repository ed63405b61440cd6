"""The states of broadcasts: who may change which, and what is on disk before the next step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec.structs import replace

from tgbot.core.broadcasts import Broadcast, State
from tgbot.core.deliveries import Outcome, Wanted
from tgbot.core.errors import (
    BroadcastStateError,
    BroadcastUnknownError,
    NobodyToWriteToError,
    ScheduleError,
)
from tgbot.store.base import Broadcasts as Stored

#: What can be done with a broadcast in a state where something else cannot.
_ADVICE: Final = {
    State.DRAFT: "start it first",
    State.SCHEDULED: "it begins by itself at its time; start it now, or cancel it",
    State.RUNNING: "pause it first",
    State.PAUSED: "resume it, or cancel it",
    State.DONE: "make a new one",
    State.CANCELLED: "make a new one",
}
_ENDS: Final = (State.SCHEDULED, State.RUNNING, State.PAUSED)


class States:
    """Change the states of broadcasts, one at a time; each change is on disk on return.

    `stop` lets nothing more of a broadcast go out, and `changed` is called after each change: the runner
    sets both.
    """

    def __init__(
        self,
        stored: Stored,
        *,
        checkpoint: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._stored = stored
        self._checkpoint = checkpoint
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self.stop: Callable[[int], None] = lambda broadcast_id: None
        self.changed: Callable[[], None] = lambda: None

    def get(self, broadcast_id: int) -> Broadcast:
        """Return a broadcast; raise BroadcastUnknownError if there is none of this number."""
        broadcast = self._stored.get(broadcast_id)
        if broadcast is None:
            raise BroadcastUnknownError(broadcast_id)
        return broadcast

    # ---- by hand -------------------------------------------------------------------------------

    def check(self, broadcast_id: int, done: str, *states: State) -> Broadcast:
        """Return a broadcast that is in one of these states; raise BroadcastStateError for another state."""
        broadcast = self.get(broadcast_id)
        if broadcast.state not in states:
            raise BroadcastStateError(broadcast_id, broadcast.state, done, _ADVICE[broadcast.state])
        return broadcast

    async def start(self, prepared: Broadcast, *, now: bool = False) -> Broadcast:
        """Begin a broadcast whose contents are known, or schedule it.

        With `now` it does not wait for its time. Raise NobodyToWriteToError if it has no recipients.
        """
        async with self._one_at_a_time:
            states = (State.DRAFT, State.SCHEDULED) if now else (State.DRAFT,)
            self.check(prepared.id, "started", *states)
            at = int(self._clock())
            if prepared.until is not None and prepared.until <= at:
                raise ScheduleError("The end", "in the past")
            if prepared.at is not None and prepared.at > at and not now:
                return await self._change(replace(prepared, state=State.SCHEDULED))
            return await self._begin(prepared)

    async def pause(self, broadcast_id: int, reason: str = "") -> Broadcast:
        """Let nothing more go out; what is under way is finished."""
        async with self._one_at_a_time:
            broadcast = self.check(broadcast_id, "paused", State.RUNNING)
            self.stop(broadcast_id)
            return await self._change(replace(broadcast, state=State.PAUSED, reason=reason))

    async def resume(self, broadcast_id: int, until: int | None = None) -> Broadcast:
        """Go on with a paused broadcast, or with those who did not get a finished one in time.

        `until` is the new deadline; None is none for a finished one, and for a paused one the old one.
        """
        async with self._one_at_a_time:
            broadcast = self.check(broadcast_id, "resumed", State.PAUSED, State.DONE)
            if until is not None and until <= self._clock():
                raise ScheduleError("The end", "in the past")
            if broadcast.state is State.DONE:
                if not self._stored.tally(broadcast_id).count(Outcome.LATE):
                    raise BroadcastStateError(
                        broadcast_id, "done", "resumed", "everybody has had their turn; make a new one"
                    )
                broadcast = replace(broadcast, until=until)
            elif until is not None:
                broadcast = replace(broadcast, until=until)
            return await self._change(replace(broadcast, state=State.RUNNING, reason="", ended=None))

    async def cancel(self, broadcast_id: int) -> Broadcast:
        """Stop a broadcast for good; what is under way is finished."""
        async with self._one_at_a_time:
            broadcast = self.check(broadcast_id, "cancelled", State.DRAFT, *_ENDS)
            self.stop(broadcast_id)
            ended = int(self._clock())
            return await self._change(replace(broadcast, state=State.CANCELLED, ended=ended))

    # ---- by the clock --------------------------------------------------------------------------

    def next_change(self) -> float | None:
        """Return when the next broadcast begins or ends by itself, in unix seconds; None for never."""
        times: list[int | None] = []
        for broadcast in self._stored.all():
            if broadcast.state in _ENDS:
                times.append(broadcast.until)
            if broadcast.state is State.SCHEDULED:
                times.append(broadcast.at)
        return min((time for time in times if time is not None), default=None)

    async def look(self) -> None:
        """Begin and end what is due."""
        now = self._clock()
        for broadcast in self._stored.all():
            if broadcast.state is State.SCHEDULED and (broadcast.at or 0) <= now:
                await self._begin_scheduled(broadcast.id)
        for broadcast in self._stored.all():
            if broadcast.state in _ENDS and broadcast.until is not None and broadcast.until <= now:
                await self._end(broadcast.id)

    async def finish(self, broadcast_id: int) -> None:
        """Note that each recipient has an outcome; the outcomes are on disk before the state."""
        async with self._one_at_a_time:
            await self._checkpoint()
            broadcast = self.get(broadcast_id)
            if broadcast.state is State.RUNNING:
                await self._change(replace(broadcast, state=State.DONE, ended=int(self._clock())))

    async def reopen(self, broadcast_id: int) -> None:
        """Have deliveries wait again for which the deadline came first."""
        await self._move(broadcast_id, Wanted.LATE, Outcome.LATE, Outcome.WAITING)

    async def _begin_scheduled(self, broadcast_id: int) -> None:
        async with self._one_at_a_time:
            broadcast = self.get(broadcast_id)
            if broadcast.state is not State.SCHEDULED:
                return
            try:
                await self._begin(broadcast)
            except NobodyToWriteToError as error:
                await self._change(replace(broadcast, state=State.DRAFT, size=None, reason=str(error)))

    async def _begin(self, broadcast: Broadcast) -> Broadcast:
        """Freeze the audience; the broadcast runs from here on, also after a kill."""
        now = self._clock()
        running = replace(broadcast, state=State.RUNNING, started=int(now), reason="")
        frozen = await self._stored.freeze(running, now)
        if not frozen.size:
            await self._change(replace(broadcast, state=State.DRAFT, size=None))
            raise NobodyToWriteToError(broadcast.id)
        self.changed()
        return frozen

    async def _end(self, broadcast_id: int) -> None:
        """End a broadcast at its deadline: what is left is late."""
        self.stop(broadcast_id)
        async with self._one_at_a_time:
            broadcast = self.get(broadcast_id)
            if broadcast.state not in (State.RUNNING, State.PAUSED):
                return
            await self._move(broadcast_id, Wanted.WAITING, Outcome.WAITING, Outcome.LATE)
            await self._checkpoint()
            await self._change(replace(broadcast, state=State.DONE, ended=int(self._clock())))

    async def _move(self, broadcast_id: int, wanted: Wanted, before: Outcome, after: Outcome) -> None:
        at, number = int(self._clock()), -1
        while (chunk := await self._stored.next_chunk(broadcast_id, number, wanted=wanted)) is not None:
            self._stored.settle_all(broadcast_id, chunk, before, after, at)
            number = chunk.number
            await asyncio.sleep(0)

    async def _change(self, broadcast: Broadcast) -> Broadcast:
        await self._stored.change(broadcast)
        self.changed()
        return broadcast
