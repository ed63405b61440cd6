"""The proof that updates reach the bot: its state is compared with Telegram's whenever nothing arrives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from telethon import functions
from telethon.tl import types

from tgbot.telegram.updates.guard import keep
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.updates.requests import FailedError, Requests

logger = logging.getLogger(__name__)

#: After so many seconds without a proof Telegram is asked for its state.
LOOK_SECONDS = 60.0
#: How long updates that are on their way may take, in seconds.
READING_SECONDS = 3.0
#: How long updates.getState may stay unanswered, in seconds.
STATE_SECONDS = 10.0


class Watch:
    """Notice within about a minute that updates no longer reach the bot, and cure it.

    A state that equals Telegram's is a proof, as is an update. Where the bot is behind for longer than a
    reading takes, the difference is requested and a fresh link made, which `renew` does. While the link is
    down, by `up`, nothing is asked.
    """

    def __init__(
        self,
        intake: Intake,
        requests: Requests,
        *,
        renew: Callable[[str], None],
        up: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._intake = intake
        self._requests = requests
        self._renew = renew
        self._up = up
        self._clock = clock
        #: How many looks in a row found the bot behind, or no answer; how often that began since the start.
        self._deaf = 0
        self.deafnesses = 0
        #: When the last proof was at the last of these looks.
        self._proved_at = 0.0

    @property
    def deaf(self) -> bool:
        """Whether the last look found the bot behind, or no answer."""
        return self._deaf > 0

    def proof_age(self) -> float:
        """Return the seconds since the last proof that updates reach the bot."""
        return max(self._clock() - self._intake.proved_at, 0.0)

    async def run(self) -> None:
        """Watch until cancelled."""
        await keep("watching for updates", self._watch)

    async def _watch(self) -> None:
        while True:
            left = LOOK_SECONDS - self.proof_age()
            if left > 0 or not self._intake.taking or self._intake.overflowing:
                await asyncio.sleep(max(left, LOOK_SECONDS / 20))
            elif not await self._look():
                await asyncio.sleep(LOOK_SECONDS / 2)

    async def _look(self) -> bool:
        """Compare our state with Telegram's; return whether updates reach the bot."""
        intake, before = self._intake, self._up()
        try:
            state = await self._state()
            if not intake.told(state):
                await asyncio.sleep(READING_SECONDS)
            if intake.told(state):
                self._deaf = 0
                if intake.log.mark().pts == state.pts:
                    intake.prove()
                    return True
                intake.begin_difference()  # which is refused where Telegram's log began anew
                return False
            reason = "updates do not arrive"
        except FailedError as failed:
            if self._up() == before:
                return False  # there is no link
            if failed.refused or failed.wait:
                logger.info("updates.getState failed (%s)", failed.name)
                return False
            reason = f"updates.getState: {failed.name}"
        self._cure(reason)
        return False

    def _cure(self, reason: str) -> None:
        intake, mark = self._intake, self._intake.log.mark()
        self._deaf += 1
        self.deafnesses += self._deaf == 1
        logger.warning("%s (pts %d, qts %d); requesting them (%d in a row)",
                       reason, mark.pts, mark.qts, self._deaf)  # fmt: skip
        if self._deaf > 1 and intake.proved_at == self._proved_at:
            intake.restart()  # nothing came since the last look, not even a difference
        self._proved_at = intake.proved_at
        intake.begin_difference()
        if self._deaf & (self._deaf - 1) == 0:
            # At the 1st, 2nd, 4th, 8th … look: where a fresh link does not help, it is no use every minute.
            self._renew(reason)

    async def _state(self) -> types.updates.State:
        return await self._requests.make(
            functions.updates.GetStateRequest(), types.updates.State, limit=STATE_SECONDS
        )
