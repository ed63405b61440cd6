"""The differences of channels: beside the account's and beside each other, each with its own failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from telethon import errors, functions
from telethon.tl import types

from tgbot.core.places import places
from tgbot.core.plural import counted
from tgbot.telegram.updates.contents import channel_brought
from tgbot.telegram.updates.denials import Denials
from tgbot.telegram.updates.differences import MAX_REFUSALS, REFUSAL_SECONDS
from tgbot.telegram.updates.log import PLAUSIBLE_JUMP, Log
from tgbot.telegram.updates.numbers import Numbers
from tgbot.telegram.updates.portions import Hole
from tgbot.telegram.updates.requests import FailedError, Narrowing, Outage, Requests
from tgbot.telegram.updates.sink import Sink, tell_holes, tell_lost

logger = logging.getLogger(__name__)

#: How many channels' differences are requested at the same time.
SIDE_BY_SIDE = 8
#: How many updates a difference may hold; Telegram gives a bot that many.
LIMIT = 100_000
#: The bot is no longer in the channel, or the channel is gone.
_CLOSED = (errors.ChannelPrivateError, errors.ChannelInvalidError, errors.ChannelPublicGroupNaError)
_DIFFERENCES = (
    types.updates.ChannelDifference,
    types.updates.ChannelDifferenceEmpty,
    types.updates.ChannelDifferenceTooLong,
)


class _Trouble:
    """The failures of one channel."""

    def __init__(self, channel: int, clock: Callable[[], float]) -> None:
        # A fresh link would not help one channel, and would disturb all others.
        self.outage = Outage(f"updates.getChannelDifference of {channel}", lambda reason: None, clock)
        self.narrowing = Narrowing()
        self.denials = Denials()
        #: When the next request may be made.
        self.until = 0.0


class ChannelDifferences:
    """Read the differences of the channels that need one, a few at the same time.

    A channel whose difference fails pauses on its own and keeps nobody else waiting. `access_hash` returns
    the access hash of a channel, None for an unknown one.
    """

    def __init__(
        self,
        log: Log,
        requests: Requests,
        sink: Sink,
        *,
        access_hash: Callable[[int], int | None],
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._requests = requests
        self._sink = sink
        self._access_hash = access_hash
        self._clock = clock
        self._troubles: dict[int, _Trouble] = {}
        #: The channels whose difference is being requested.
        self._running: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Whether no channel needs a difference."""
        return not (self._log.channels_due or self._running)

    def look(self) -> None:
        """Begin with channels that need a difference since the last call."""
        self._wake.set()

    async def run(self) -> None:
        """Read differences until cancelled."""
        try:
            while True:
                self._wake.clear()
                pause = self._start_due() if self._sink.taking else None
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
        finally:
            tasks = tuple(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start_due(self) -> float | None:
        """Start what may run now; return in how many seconds to look again, None: at the next wake."""
        now, pause = self._clock(), None
        for channel in tuple(self._log.channels_due):
            if len(self._running) >= SIDE_BY_SIDE:
                break
            if channel in self._running:
                continue
            trouble = self._troubles.get(channel)
            if trouble is not None and trouble.until > now:
                pause = trouble.until - now if pause is None else min(pause, trouble.until - now)
                continue
            task = asyncio.get_running_loop().create_task(self._read(channel))
            self._running[channel] = task
            task.add_done_callback(lambda task, channel=channel: self._ended(channel, task))  # type: ignore[misc] # bound early on purpose
        return pause

    def _ended(self, channel: int, task: asyncio.Task[None]) -> None:
        del self._running[channel]
        self._wake.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(self._trouble(channel), places(error))

    def _trouble(self, channel: int) -> _Trouble:
        return self._troubles.setdefault(channel, _Trouble(channel, self._clock))

    def _fail(self, trouble: _Trouble, reason: str, wait: float = 0.0, *, refused: bool = False) -> None:
        trouble.until = self._clock() + trouble.outage.failed(reason, wait=wait, refused=refused)

    # ---- one channel ---------------------------------------------------------------------------

    async def _read(self, channel: int) -> None:
        """Request the difference of a channel once and take it."""
        numbers = self._log.channels.get(channel)
        access_hash = self._access_hash(channel)
        if numbers is None or numbers.at is None or access_hash is None:
            self._log.forget_channel(channel)  # its next update tells its pts
            return
        trouble = self._trouble(channel)
        peer = types.InputChannel(channel, access_hash)
        began = self._clock()
        top = None
        if trouble.denials.lasting(began):
            top = await self._top(peer)
        numbers.begin()
        try:
            answer = await self._requests.make(
                self._request(peer, numbers.at, trouble.narrowing.limit), *_DIFFERENCES
            )
            if self._sink.taking and self._log.channels.get(channel) is numbers:
                await self._take(channel, numbers, peer, answer, trouble, top, began)
        except FailedError as failed:
            await self._failed(channel, numbers, peer, failed, trouble)
        finally:
            numbers.end()

    async def _take(
        self,
        channel: int,
        numbers: Numbers,
        peer: types.InputChannel,
        answer: types.updates.TypeChannelDifference,
        trouble: _Trouble,
        top: int | None,
        began: float,
    ) -> None:
        log, at = self._log, numbers.at or 0
        too_long = isinstance(answer, types.updates.ChannelDifferenceTooLong)
        told = (answer.dialog.pts or 0) if too_long else answer.pts
        believed = True
        if told - at - channel_brought(answer) > PLAUSIBLE_JUMP:
            believed = await self._readable(peer, told) is True
        before, replayed = log.mark([channel]), numbers.replayed
        portions, progress = log.apply_channel_difference(channel, answer, self._clock(), believed=believed)
        self._sink.hand_out(portions, before, replayed=replayed)
        if too_long and believed and told > at:
            why = f"Telegram no longer has all updates of channel {channel}"
            holes = [Hole(numbers.name, at + 1, told)]
            tell_lost("difference_too_long", why, holes, self._sink, brought=len(answer.messages))
        trouble.narrowing.widen()
        if answer.final:
            trouble.denials.note(numbers, began)
        else:
            trouble.denials.end()
        if answer.final and numbers.overdue:
            if top is not None and numbers.at == at:
                portions, lost = log.close_holes(numbers, top, trouble.denials.lasting(self._clock()))
                self._sink.hand_out(portions, before, replayed=False)
                tell_holes(lost, self._sink)
            if numbers.overdue:
                log.request_channel(channel)
                if numbers.hole and numbers.hole[1] <= began:
                    self._fail(trouble, "it does not reach what was pushed")
                return
        if not progress:
            self._fail(trouble, "it does not advance")
        else:
            trouble.outage.over()
            if answer.final:
                self._troubles.pop(channel, None)

    async def _failed(
        self,
        channel: int,
        numbers: Numbers,
        peer: types.InputChannel,
        failed: FailedError,
        trouble: _Trouble,
    ) -> None:
        log = self._log
        trouble.denials.end()
        if isinstance(failed.error, _CLOSED):
            logger.info("channel %d is closed to the bot (%s)", channel, failed.name)
            log.forget_channel(channel)
            self._troubles.pop(channel, None)
        elif failed.unreadable:
            await self._narrow(numbers, peer, failed.name, trouble)
        else:
            self._fail(trouble, failed.name, failed.wait, refused=failed.refused)
            if trouble.outage.is_refused(MAX_REFUSALS, REFUSAL_SECONDS):
                portions, holes = log.skip_to(numbers, numbers.at or 0)
                self._sink.hand_out(portions, log.mark([channel]), replayed=False)
                log.forget_channel(channel)
                self._troubles.pop(channel, None)
                why = f"Telegram refuses the difference of channel {channel} ({failed.name})"
                tell_lost("difference_refused", why, holes, self._sink)

    async def _top(self, peer: types.InputChannel) -> int | None:
        """Return the pts of a channel that Telegram tells beside its differences, None if it does not."""
        try:
            full = await self._requests.make(
                functions.channels.GetFullChannelRequest(peer), types.messages.ChatFull
            )
        except FailedError as failed:
            logger.info("channels.getFullChannel failed (%s)", failed.name)
            return None
        pts = getattr(full.full_chat, "pts", None)
        return pts if isinstance(pts, int) else None

    # ---- what cannot be read -------------------------------------------------------------------

    async def _narrow(
        self, numbers: Numbers, peer: types.InputChannel, reason: str, trouble: _Trouble
    ) -> None:
        if trouble.narrowing.limit is None and not trouble.outage.count:
            self._fail(trouble, reason)  # it may have been this answer only
        elif not trouble.narrowing.narrow() and not await self._pass_over(numbers, peer):
            trouble.narrowing.limit = None
            self._fail(trouble, reason)

    async def _pass_over(self, numbers: Numbers, peer: types.InputChannel) -> bool:
        """Go over the least numbers that cannot be read; return False if nothing at all can be read."""
        at = numbers.at or 0
        for step in range(1, Narrowing.ONE_BY_ONE + 1):
            readable = await self._readable(peer, at + step)
            if readable is not False:
                break
        if not readable:
            return False
        if await self._readable(peer, at) is not False or numbers.at != at:
            return True  # it can be read now
        portions = self._log.skip_over(numbers, at + step, self._clock())
        passed = Hole(numbers.name, at + 1, at + step)
        logger.error("%s passed over: unreadable (%s)", counted(step, "update"), passed)
        self._sink.hand_out(portions, self._log.mark([numbers.channel or 0]), replayed=False)
        self._sink.lose("unreadable", step)
        return True

    async def _readable(self, peer: types.InputChannel, pts: int) -> bool | None:
        """Return whether the number after `pts` can be read, None: Telegram refuses, or is silent."""
        try:
            await self._requests.make(self._request(peer, pts, 1), *_DIFFERENCES)
        except FailedError as failed:
            return False if failed.unreadable else None
        return True

    def _request(
        self, peer: types.InputChannel, pts: int, limit: int | None
    ) -> functions.updates.GetChannelDifferenceRequest:
        return functions.updates.GetChannelDifferenceRequest(
            channel=peer,
            filter=types.ChannelMessagesFilterEmpty(),
            pts=pts,
            limit=limit or LIMIT,
            force=False,
        )
