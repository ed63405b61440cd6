"""The account's differences: requested until Telegram answers, read around what cannot be read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from telethon import errors, functions
from telethon.tl import types

from tgbot.core.clock import ServerClock
from tgbot.core.plural import counted
from tgbot.store.base import UpdateState
from tgbot.telegram.updates.contents import state_of, unexplained
from tgbot.telegram.updates.denials import Denials
from tgbot.telegram.updates.log import PLAUSIBLE_JUMP, Log
from tgbot.telegram.updates.missed import Missed
from tgbot.telegram.updates.numbers import Numbers
from tgbot.telegram.updates.place import channels_of
from tgbot.telegram.updates.portions import Hole
from tgbot.telegram.updates.requests import PAUSES, FailedError, Narrowing, Outage, Requests
from tgbot.telegram.updates.sink import Sink, tell_holes, tell_lost

logger = logging.getLogger(__name__)

#: A difference is given up after that many refusals (400, 403, 404) in a row, and not before so many seconds.
MAX_REFUSALS, REFUSAL_SECONDS = 5, 30.0
#: How long updates.getState may stay unanswered, in seconds.
STATE_SECONDS = 10.0
#: Refusals that stay the same however often the difference is requested.
_NO_DIFFERENCES = (errors.MethodInvalidError, errors.InputMethodInvalidError)
_TOO_LONG = "Telegram no longer has all updates since the last state"
_DIFFERENCES = (
    types.updates.Difference,
    types.updates.DifferenceEmpty,
    types.updates.DifferenceSlice,
    types.updates.DifferenceTooLong,
)


class AccountDifferences:
    """Read the difference of the account, one answer each `read`.

    What makes no progress is a failure: pauses between failures grow, and a fresh link is made. While
    something cannot be read, less is requested, until one number is left, which is passed over.
    """

    def __init__(
        self,
        log: Log,
        requests: Requests,
        sink: Sink,
        *,
        server_time: ServerClock,
        renew: Callable[[str], None],
        clock: Callable[[], float],
        missed: Missed | None = None,
    ) -> None:
        self._log = log
        self._requests = requests
        self._sink = sink
        self._server_time = server_time
        self._clock = clock
        self._missed = missed
        self._outage = Outage("updates.getDifference", renew, clock)
        self._narrowing = Narrowing()
        #: Telegram's pts and qts, up to which less is requested at a time.
        self._top = (0, 0)
        #: How many differences in a row were empty, and when the last one was.
        self._empty = 0
        self._empty_at = 0.0
        self._nudged = asyncio.Event()
        #: Of pts and qts.
        self._denials = Denials(), Denials()

    def nudge(self) -> None:
        """End a pause: there is a new reason to request the difference."""
        self._nudged.set()

    async def state(self) -> types.updates.State | None:
        """Return Telegram's present state, None if it cannot be had now."""
        try:
            answer = await self._requests.make(
                functions.updates.GetStateRequest(), types.updates.State, limit=STATE_SECONDS
            )
        except FailedError as failed:
            logger.info("updates.getState failed (%s)", failed.name)
            return None
        return answer

    async def read(self) -> None:
        """Request a difference once and take it, or pause."""
        now = self._clock()
        lasting = any(denials.lasting(now) for denials in self._denials)
        state = await self.state() if lasting else None
        part = self._part() if self._narrowing.limit is not None else ""
        asked = self._asked(part)
        request = self._request(asked, part, self._narrowing.limit)
        began = self._clock()
        for numbers in self._sequences:
            numbers.begin()
        try:
            answer = await self._requests.make(request, *_DIFFERENCES)
            if self._sink.taking:
                await self._take(answer, asked, part, state, began)
        except FailedError as failed:
            await self._failed(failed)
        finally:
            for numbers in self._sequences:
                numbers.end()

    @property
    def _sequences(self) -> tuple[Numbers, Numbers]:
        return self._log.account, self._log.qts

    # ---- what comes ----------------------------------------------------------------------------

    async def _take(
        self,
        answer: types.updates.TypeDifference,
        asked: UpdateState,
        part: str,
        state: types.updates.State | None,
        began: float,
    ) -> None:
        log = self._log
        if isinstance(answer, types.updates.DifferenceTooLong):
            await self._take_too_long(answer, asked)
            return
        believed = True
        if unexplained(answer, log.account.at or 0) > PLAUSIBLE_JUMP:
            believed = await self._confirmed(state_of(answer), asked)
        before, replayed = log.mark(channels_of(getattr(answer, "other_updates", ()))), log.account.replayed
        numbers_before = (log.account.at, log.qts.at)
        portions, progress = log.apply_difference(answer, asked, self._clock(), believed=believed, part=part)
        self._sink.hand_out(portions, before, replayed=replayed)
        # The intermediate state of a slice has a date of the past.
        told = answer if isinstance(answer, types.updates.DifferenceEmpty) else getattr(answer, "state", None)
        self._server_time.note(getattr(told, "date", None))
        final = not isinstance(answer, types.updates.DifferenceSlice)
        if part and final:
            # Nothing is left of this part.
            self._top = (
                (log.account.at or 0, self._top[1]) if part == "pts" else (self._top[0], log.qts.at or 0)
            )
        self._narrowing.widen()
        if final and not part:
            await self._take_last(state, numbers_before, progress, began, empty=not portions)
            return
        self._end_denials()
        if progress:
            self._outage.over()
        else:
            await self._pause(self._outage.failed("it does not advance", renew=True))

    async def _take_last(
        self,
        state: types.updates.State | None,
        before: tuple[int | None, int | None],
        progress: bool,
        began: float,
        *,
        empty: bool,
    ) -> None:
        """Look what is missing although a difference was read to its end."""
        log = self._log
        for numbers, denials in zip(self._sequences, self._denials, strict=True):
            denials.note(numbers, began)
        if state is not None and (log.account.at, log.qts.at) == before:
            tops = state.pts, state.qts
            for numbers, denials, top in zip(self._sequences, self._denials, tops, strict=True):
                if denied := denials.lasting(self._clock()):
                    self._close(numbers, top, denied)
        missing = [numbers for numbers in self._sequences if numbers.overdue]
        if missing:
            log.account.due = True
            if any(numbers.hole and numbers.hole[1] <= began for numbers in missing):
                await self._pause(self._outage.failed("it does not reach what was pushed"))
        elif not progress:
            await self._pause(self._outage.failed("its state is below ours", renew=True))
        else:
            self._outage.over()
            self._sink.prove()
            await self._slow_down(empty=empty)

    async def _slow_down(self, *, empty: bool) -> None:
        """Pause where one empty difference is requested after another."""
        now = self._clock()
        self._empty = self._empty + 1 if empty and now - self._empty_at < PAUSES[-1] else 0
        self._empty_at = now
        if self._empty > 1:
            await self._pause(PAUSES[min(self._empty - 1, len(PAUSES)) - 1])

    async def _take_too_long(self, answer: types.updates.DifferenceTooLong, asked: UpdateState) -> None:
        log, known = self._log, self._log.account.at or 0
        if asked.pts < answer.pts <= known:
            return  # all up to there was taken meanwhile
        told = types.updates.State(answer.pts, 0, None, 0, 0)
        if unexplained(answer, known) > PLAUSIBLE_JUMP and not await self._confirmed(told, log.mark()):
            await self._pause(self._outage.failed("its pts is not to be believed"))
            return
        read = 0
        if answer.pts > known and self._missed is not None:
            read = await self._missed.hand_out(self._sink, log.mark(), answer.pts)
            if not self._sink.taking:
                return  # the state stays before the hole
        before, holes = log.mark(), list[Hole]()
        if answer.pts > (at := before.pts):
            portions = log.skip_over(log.account, answer.pts, self._clock())
            holes = [Hole(log.account.name, at + 1, answer.pts)]
            self._sink.hand_out(portions, before, replayed=False)
            log.account.due = True  # the rest comes next
        else:
            log.account.complete(self._clock())  # the pts that we sent: the next answer would be the same
            log.qts.complete(self._clock())
        if not holes or sum(hole.size for hole in holes) > read:
            tell_lost("difference_too_long", _TOO_LONG, holes, self._sink, brought=read)

    async def _confirmed(self, state: types.updates.State | None, asked: UpdateState) -> bool:
        """Return whether Telegram takes a state for its own: it answers a difference from there."""
        if state is None or not 0 <= state.pts < 2**31 or state.pts <= asked.pts:
            return False
        request = self._request(UpdateState(state.pts, asked.qts, asked.date, asked.seq), "", None)
        try:
            await self._requests.make(request, *_DIFFERENCES)
        except FailedError as failed:
            if failed.refused:
                logger.info("pts %d was told after %d, and refused", state.pts, asked.pts)
            return False
        return True

    def _end_denials(self) -> None:
        for denials in self._denials:
            denials.end()

    def _close(self, numbers: Numbers, top: int, denied: int) -> None:
        before = self._log.mark()
        portions, lost = self._log.close_holes(numbers, top, denied)
        self._sink.hand_out(portions, before, replayed=False)
        tell_holes(lost, self._sink)

    # ---- what fails ----------------------------------------------------------------------------

    async def _failed(self, failed: FailedError) -> None:
        self._end_denials()
        if not self._sink.taking:
            return
        if failed.unreadable:
            await self._narrow(failed.name)
            return
        self._narrowing.limit = None
        code = getattr(failed.error, "code", 0)
        known = self._log.account.at
        no_pts = not known and isinstance(failed.error, errors.PersistentTimestampEmptyError)
        if isinstance(failed.error, _NO_DIFFERENCES) or code == 501 or no_pts:
            await self._go_on_without()
            return
        if isinstance(failed.error, errors.PersistentTimestampInvalidError) and await self._began_anew():
            return
        pause = self._outage.failed(failed.name, wait=failed.wait, refused=failed.refused)
        if self._outage.is_refused(MAX_REFUSALS, REFUSAL_SECONDS):
            await self._go_on_without()
        else:
            await self._pause(pause)

    async def _began_anew(self) -> bool:
        """Return whether Telegram's log is another one than ours, and go on with it then."""
        log, state = self._log, await self.state()
        known = log.account.at
        if state is None or known is None:
            return False
        if state.pts >= known and not (self._outage.count and log.account.disproved):
            return False
        logger.warning("the server's log begins anew (pts %d, ours %d)", state.pts, known)
        log.account.forget()
        if log.account.at is None and state.pts < known:
            log.start_over(state)
        return True

    async def _go_on_without(self) -> None:
        """Give the difference up and go on from Telegram's present state."""
        log, state = self._log, await self.state()
        before, known, holes = log.mark(), log.account.at or 0, list[Hole]()
        if state is not None and state.pts < known:
            log.start_over(state)
        else:
            for numbers, top in ((log.account, state and state.pts), (log.qts, state and state.qts)):
                portions, missed = log.skip_to(numbers, top or numbers.at or 0)
                holes += missed
                self._sink.hand_out(portions, before, replayed=False)
            log.account.doubt()
        for numbers in self._sequences:
            numbers.complete(self._clock())
        self._outage.over()
        why = "Telegram refuses the difference; going on with what arrives from now on"
        tell_lost("difference_refused", why, holes, self._sink)

    async def _pause(self, seconds: float) -> None:
        """Wait before the next request; a new reason to request ends the wait."""
        self._nudged.clear()
        for numbers in self._sequences:
            numbers.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._nudged.wait()

    # ---- what cannot be read -------------------------------------------------------------------

    async def _narrow(self, reason: str) -> None:
        log, narrowing = self._log, self._narrowing
        if narrowing.limit is None and not self._outage.count:
            await self._pause(self._outage.failed(reason))  # it may have been this answer only
            return
        if narrowing.limit is None:
            state = await self.state()
            if state is None:
                await self._pause(self._outage.failed(reason, renew=True))
                return
            self._top = (state.pts, state.qts)
            if not self._part():
                # Nothing of ours is missing; what cannot be read concerns channels, if anything.
                logger.info("a difference that cannot be read (%s) is left: there is nothing new", reason)
                for numbers in self._sequences:
                    numbers.complete(self._clock())
                log.request_channels()
                return
        if narrowing.narrow():
            return
        try:
            if await self._pass_over():
                return
        except FailedError as failed:
            reason = failed.name
        narrowing.limit = None
        await self._pause(self._outage.failed(reason, renew=True))

    def _part(self) -> str:
        """Return which sequence is requested next while less is requested, "" for all that is left."""
        pts, qts = self._top
        if (self._log.account.at or 0) < pts:
            return "pts"
        if (self._log.qts.at or 0) < qts:
            return "qts"
        self._narrowing.limit = None
        return ""

    async def _pass_over(self) -> bool:
        """Go over the least numbers that cannot be read; return False if nothing at all can be read."""
        part = self._part()
        numbers = self._log.account if part == "pts" else self._log.qts
        at = numbers.at or 0
        readable: bool | None = False
        for step in self._narrowing.steps(self._top[part == "qts"] - at):
            readable = await self._readable(part, step)
            if readable is not False:
                break
        if not readable:
            return False
        if await self._readable(part, 0) is not False or (numbers.at or 0) != at:
            return True  # it can be read now
        portions = self._log.skip_over(numbers, at + step, self._clock())
        passed = Hole(numbers.name, at + 1, at + step)
        logger.error("%s passed over: unreadable (%s)", counted(step, "update"), passed)
        self._sink.hand_out(portions, self._log.mark(), replayed=False)
        self._sink.lose("unreadable", step)
        return True

    async def _readable(self, part: str, step: int) -> bool | None:
        """Return whether one number can be read, `step` numbers behind the state; None: Telegram refuses."""
        asked = self._asked(part)
        moved = (step, 0) if part == "pts" else (0, step)
        asked = UpdateState(asked.pts + moved[0], asked.qts + moved[1], asked.date, asked.seq)
        try:
            await self._requests.make(self._request(asked, part, 1), *_DIFFERENCES)
        except FailedError as failed:
            if failed.unreadable:
                return False
            if failed.refused:
                return None
            raise
        return True

    def _asked(self, part: str) -> UpdateState:
        mark = self._log.mark()
        if part == "pts":
            return UpdateState(mark.pts, max(mark.qts, self._top[1]), mark.date, mark.seq)
        return mark

    def _request(
        self, asked: UpdateState, part: str, limit: int | None
    ) -> functions.updates.GetDifferenceRequest:
        return functions.updates.GetDifferenceRequest(
            pts=asked.pts,
            date=asked.date,
            qts=asked.qts,
            pts_limit=limit if part == "pts" else None,
            qts_limit=limit if part == "qts" else None,
        )
