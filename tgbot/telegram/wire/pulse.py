"""The pulse of a link: pings that have to be answered, and a clock of this machine that has to keep pace."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from telethon.tl import functions

from tgbot.core.places import places
from tgbot.core.plural import counted
from tgbot.telegram.wire.link import LinkState, Sender

logger = logging.getLogger(__name__)

#: How often Telegram is pinged, in seconds.
PING_SECONDS = 30.0
#: How long an answer to a ping may take, in seconds.
PONG_SECONDS = 15.0
#: How often the clocks and an open ping are looked at, in seconds.
LOOK_SECONDS = 1.0
#: By how many seconds the two clocks of this machine may drift apart between two looks.
STEP_SECONDS = 5.0


class Pulse:
    """Have the link renewed when a ping is not answered in time, and when this machine's clock was set.

    The machine has slept, or its clock is another now: in both cases nothing says that the link still is of
    use. `wall` is this machine's time in unix seconds, `monotonic` never jumps.
    """

    def __init__(
        self,
        sender: Sender,
        state: LinkState,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sender = sender
        self._state = state
        self._wall = wall
        self._monotonic = monotonic
        self._ahead = wall() - monotonic()
        #: The answer to the ping that is under way, None where none is.
        self._pong: asyncio.Future[Any] | None = None
        #: When the last ping was sent, and over which link.
        self._sent, self._link = monotonic(), 0

    async def keep(self, tidy: Callable[[], Awaitable[object]]) -> None:
        """Look once a second and call `tidy` after it, until cancelled."""
        failures = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.look()
                await tidy()
            except Exception as error:  # the loop is owned here: without it nobody notices a dead link
                failures += 1
                if failures & (failures - 1) == 0:  # the first, the second, the fourth, ...
                    times = counted(failures, "time")
                    logger.warning("looking after the link failed %s: %s", times, places(error))

    def look(self) -> None:
        """Renew the link if the clocks or an open ping say so; send a ping if one is due."""
        now = self._monotonic()
        ahead = self._wall() - now
        step, self._ahead = ahead - self._ahead, ahead
        if abs(step) > STEP_SECONDS:
            self._state.renew(f"this machine's clock was set, or it slept ({step:+.0f} s)")
        self._state.unanswered = 0.0
        if not self._state.up.running:
            return
        if self._link != self._state.links:  # whatever was asked over another link says nothing of this one
            self._link, self._sent, self._pong = self._state.links, now, None
        if self._pong is None or self._pong.done():
            if now - self._sent >= (self._state.ping_seconds or PING_SECONDS):
                self._sent = now
                self._pong = self._sender.send(functions.PingRequest(time.monotonic_ns()))
                self._pong.add_done_callback(lambda pong: pong.cancelled() or pong.exception())
            return
        self._state.unanswered = now - self._sent
        if now - self._sent >= PONG_SECONDS:
            self._state.renew(f"no answer to a ping within {PONG_SECONDS:g} s")
