"""The states of broadcasts: who may change which, and what is on disk before the next step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Final

from msgspec.structs import replace

from tgbot.core.broadcasterrors import (
    BroadcastStateError,
    BroadcastUnknownError,
    NobodyToWriteToError,
    ScheduleError,
)
from tgbot.core.broadcasts import Action, Broadcast, State
from tgbot.core.deliveries import Outcome, Wanted
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
_DOING: Final = {Action.EDIT: "edited", Action.DELETE: "deleted"}
_ENDS: Final = (State.SCHEDULED, State.RUNNING, State.PAUSED)


class States:
    """Change the states of broadcasts, one at a time; each change is on disk on return.

    The runner sets `halted` and `changed`. While a block with `halted` runs, nothing of a broadcast goes out
    and nothing is under way. So no state but RUNNING is on disk while results are not known yet, unless they
    take longer than a pass waits for them.
    `changed` is called after each change.
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
        self.halted: Callable[[int], AbstractAsyncContextManager[None]] = lambda broadcast_id: nullcontext()
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
        """Let nothing more go out, and finish what is under way."""
        async with self._one_at_a_time:
            broadcast = self.check(broadcast_id, "paused", State.RUNNING)
            async with self.halted(broadcast_id):
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
                broadcast = replace(self._with_late(broadcast), until=until)
            elif broadcast.action is not Action.SEND:
                if until is not None:
                    doing = f"being {_DOING[broadcast.action]}"
                    raise BroadcastStateError(broadcast_id, doing, "given an end", "resume it without one")
                return await self._change(replace(broadcast, state=State.RUNNING, reason=""))
            elif until is not None:
                broadcast = replace(broadcast, until=until)
            return await self._change(replace(broadcast, state=State.RUNNING, reason="", ended=None))

    def _with_late(self, broadcast: Broadcast) -> Broadcast:
        """Return a finished broadcast that is sent on, with its contents as they were edited last."""
        if broadcast.action is Action.DELETE:
            raise BroadcastStateError(broadcast.id, "deleted", "resumed", "make a new one")
        if not self._stored.tally(broadcast.id).count(Outcome.LATE):
            raise BroadcastStateError(
                broadcast.id, "done", "resumed", "everybody has had their turn; make a new one"
            )
        return replace(broadcast, action=Action.SEND)

    def delivered(self, broadcast_id: int, done: str) -> Broadcast:
        """Return a broadcast whose delivered messages can be edited or deleted; else raise the error.

        While it is sent they cannot, also while it pauses: who already has it and is not known to have it
        yet, after a kill, would be passed over.
        """
        broadcast = self.get(broadcast_id)
        state, action = broadcast.state, broadcast.action
        said, advice = state.value, ""
        if action is Action.SEND and state in (State.RUNNING, State.PAUSED):
            advice = "cancel it first, or wait until it is done"
        elif state is State.RUNNING:
            said, advice = f"being {_DOING[action]}", "pause or cancel that first"
        elif action is Action.DELETE and done != _DOING[action]:
            said, advice = _DOING[action], "make a new one"
        elif not self._stored.tally(broadcast_id).count(Outcome.SENT):
            advice = "nobody has got it"
        if advice:
            raise BroadcastStateError(broadcast_id, said, done, advice)
        return broadcast

    async def correct(self, before: Broadcast, after: Broadcast) -> Broadcast:
        """Begin to edit or delete what was delivered; each such round begins with the first recipient.

        Raise BroadcastStateError if the broadcast is no longer as it was `before`.
        """
        async with self._one_at_a_time:
            if self.get(before.id) != before:
                raise BroadcastStateError(
                    before.id, "changed meanwhile", "edited or deleted", "look at it and try again"
                )
            started = int(self._clock())
            return await self._change(
                replace(
                    after,
                    state=State.RUNNING,
                    round=before.round + 1,
                    reason="",
                    round_started=started,
                    round_ended=None,
                )
            )

    async def cancel(self, broadcast_id: int) -> Broadcast:
        """Stop a broadcast for good; what is under way is finished."""
        async with self._one_at_a_time:
            broadcast = self.check(broadcast_id, "cancelled", State.DRAFT, *_ENDS)
            async with self.halted(broadcast_id):
                return await self._change(self._ended(broadcast, State.CANCELLED))

    async def remove(self, broadcast_id: int) -> None:
        """Delete all that is kept of a draft, or of a broadcast that has ended."""
        async with self._one_at_a_time:
            self.check(broadcast_id, "removed", State.DRAFT, State.DONE, State.CANCELLED)
            await self._stored.remove(broadcast_id)

    # ---- by the clock --------------------------------------------------------------------------

    def next_change(self) -> float | None:
        """Return when the next broadcast begins or ends by itself, in unix seconds; None for never."""
        times: list[int | None] = []
        for broadcast in self._stored.all():
            if _has_deadline(broadcast):
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
            if _has_deadline(broadcast) and broadcast.until is not None and broadcast.until <= now:
                await self._end(broadcast.id)

    async def finish(self, broadcast_id: int) -> None:
        """Note that each recipient has had their turn; what came of it is on disk before the state.

        What was sent only in part, and then edited or deleted, is cancelled as it was before.
        """
        async with self._one_at_a_time:
            await self._checkpoint()
            broadcast = self.get(broadcast_id)
            if broadcast.state is State.RUNNING:
                whole = not self._stored.tally(broadcast_id).count(Outcome.WAITING)
                await self._change(self._ended(broadcast, State.DONE if whole else State.CANCELLED))

    async def reopen(self, broadcast_id: int) -> None:
        """Have deliveries of a broadcast that is sent wait again for which the deadline came first."""
        if self.get(broadcast_id).action is Action.SEND:
            await self._move(broadcast_id, Wanted.LATE, Outcome.LATE, Outcome.WAITING)

    async def _begin_scheduled(self, broadcast_id: int) -> None:
        async with self._one_at_a_time:
            broadcast = self.get(broadcast_id)
            if broadcast.state is not State.SCHEDULED:
                return
            with suppress(NobodyToWriteToError):  # its reason is in the draft
                await self._begin(broadcast)

    async def _begin(self, broadcast: Broadcast) -> Broadcast:
        """Freeze the audience; the broadcast runs from here on, also after a kill."""
        now = self._clock()
        running = replace(broadcast, state=State.RUNNING, started=int(now), reason="")
        frozen = await self._stored.freeze(running, now)
        if not frozen.size:
            error = NobodyToWriteToError(broadcast.id)
            reason = str(error) if broadcast.state is State.SCHEDULED else ""
            await self._change(replace(broadcast, state=State.DRAFT, size=None, reason=reason))
            raise error
        self.changed()
        return frozen

    async def _end(self, broadcast_id: int) -> None:
        """End a broadcast at its deadline: what is left is late."""
        async with self._one_at_a_time, self.halted(broadcast_id):
            broadcast = self.get(broadcast_id)
            if broadcast.state not in (State.RUNNING, State.PAUSED):
                return
            await self._move(broadcast_id, Wanted.WAITING, Outcome.WAITING, Outcome.LATE)
            await self._checkpoint()
            await self._change(self._ended(broadcast, State.DONE))

    async def _move(self, broadcast_id: int, wanted: Wanted, before: Outcome, after: Outcome) -> None:
        at, number = int(self._clock()), -1
        while (chunk := await self._stored.next_chunk(broadcast_id, number, wanted=wanted)) is not None:
            self._stored.settle_all(broadcast_id, chunk, before, after, at)
            number = chunk.number
            await asyncio.sleep(0)

    def _ended(self, broadcast: Broadcast, state: State) -> Broadcast:
        """Return a broadcast that has ended: when it was sent, or when it was edited or deleted."""
        now = int(self._clock())
        if broadcast.action is Action.SEND:
            return replace(broadcast, state=state, ended=now)
        return replace(broadcast, state=state, round_ended=now)

    async def _change(self, broadcast: Broadcast) -> Broadcast:
        await self._stored.change(broadcast)
        self.changed()
        return broadcast


def _has_deadline(broadcast: Broadcast) -> bool:
    """Return whether the broadcast ends at its deadline: what was sent is edited and deleted at any time."""
    return broadcast.state in _ENDS and broadcast.action is Action.SEND
