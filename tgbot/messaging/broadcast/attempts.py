"""Calls of a pass that were refused: made again, given up, or the reason why the pass stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tgbot.core.broadcasterrors import SourceError
from tgbot.messaging.broadcast.passes import Delivery, Pass
from tgbot.messaging.broadcast.refusals import Refusal, Subject, refusal_of

logger = logging.getLogger(__name__)

#: Seconds before a call is made again that failed with a fault of Telegram's or of the link; after the last
#: one it is given up.
PAUSES: Final = (2.0, 10.0, 60.0, 300.0)
#: After so many faults in a row, with no success between, Telegram is taken to be out of order: no call is
#: given up for that, and there are pauses between the attempts.
OUTAGE: Final = 20
#: Which of `PAUSES` is the longest one then.
LONGEST: Final = 2
#: So many refusals of the content in a row, with no success between, stop the pass.
REFUSALS: Final = 5
#: A call for which the content had to be fetched so often is given up.
FETCHES: Final = 3


class Attempts:
    """Decide what becomes of deliveries whose call was refused.

    What is about the recipient is given up at once, what is about the rate or the moment is tried again, and
    what is about the content waits: if others have success it is given up, else the pass stops.
    """

    def __init__(
        self,
        broadcast_id: int,
        passing: Pass,
        *,
        refused: str,
        slow_down: Callable[[float], None],
        give_up: Callable[[Delivery, Refusal], None],
        fetch: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
        succeeded: bool,
    ) -> None:
        """`refused` says in words what Telegram refused, and what to do; its `{}` is the name of the error.

        `give_up` settles a delivery, `fetch` fetches the content anew, and `succeeded` says whether there was
        a success before.
        """
        self._id = broadcast_id
        self._pass = passing
        self._words = refused
        self._slow_down = slow_down
        self._give_up = give_up
        self._fetch_content = fetch
        self._clock = clock
        self._monotonic = asyncio.get_running_loop().time
        self._succeeded = succeeded
        #: Calls that were refused for the content since the last success.
        self._refused: list[tuple[Sequence[Delivery], Refusal]] = []
        #: How many faults came in a row, how many pauses there were for that, and when the last one ends by
        #: the loop's clock.
        self._faults = self._outages = 0
        self._next_try = 0.0
        #: How often the content was fetched; one fetches at a time, and not before this moment.
        self.fetched, self._fetching, self._next_fetch = 0, asyncio.Lock(), 0.0

    def succeed(self) -> None:
        """Take in that a call was answered."""
        self._faults = self._outages = 0
        self._succeeded = True
        if self._refused:
            self._settle_refused()

    async def take(self, deliveries: Sequence[Delivery], refusal: Refusal, fetched: int) -> None:
        """Take in that a call was refused; `fetched` is what `Attempts.fetched` was before it was made."""
        about = refusal.about
        if about is Subject.RECIPIENT:
            self._give_all_up(deliveries, refusal)
        elif about is Subject.RATE:
            self._slow_down(refusal.wait)
            self._again(deliveries, 0.0)
        elif about is Subject.FILE and deliveries[0].attempts < FETCHES:
            await self._renew(deliveries, fetched)
        elif about is Subject.MOMENT:
            self._later(deliveries, refusal)
        else:
            self._refused.append((deliveries, refusal))
            if len(self._refused) >= REFUSALS:
                self._pass.stop(self._words.format(refusal.name))

    def end(self) -> str:
        """Settle what is left at the end of a pass that nobody stopped; return why it cannot be, or ""."""
        if self._refused and not self._succeeded:
            return self._words.format(self._refused[0][1].name)
        self._settle_refused()
        return ""

    # ---- tried again -----------------------------------------------------------------------------

    def _again(self, deliveries: Sequence[Delivery], seconds: float, *, failed: int = 0) -> None:
        for delivery in deliveries:
            attempts = delivery.attempts + failed
            self._pass.again(delivery._replace(attempts=attempts), seconds)

    def _later(self, deliveries: Sequence[Delivery], refusal: Refusal) -> None:
        self._faults += 1
        attempts = deliveries[0].attempts
        if self._faults >= OUTAGE:
            # Everything fails: more of it would say nothing of these deliveries.
            present = self._monotonic()
            if present >= self._next_try:
                seconds = PAUSES[min(self._outages, LONGEST)]
                self._outages += 1
                self._next_try = present + seconds
                self._slow_down(seconds)
                said = "broadcast %d: Telegram has a fault (%s); a pause of %g s"
                logger.warning(said, self._id, refusal.name, seconds)
            self._again(deliveries, self._next_try - present)
        elif attempts < len(PAUSES):
            self._again(deliveries, PAUSES[attempts], failed=1)
        else:
            self._give_all_up(deliveries, refusal)

    async def _renew(self, deliveries: Sequence[Delivery], fetched: int) -> None:
        """Have the content fetched again, once for all whose calls were refused for it."""
        async with self._fetching:
            wait = self._next_fetch - self._monotonic()
            if fetched == self.fetched and wait <= 0 and not self._pass.stopped:
                wait = await self._fetch()
                self._next_fetch = self._monotonic() + wait
        if fetched != self.fetched:
            self._again(deliveries, 0.0, failed=1)
        else:
            self._again(deliveries, max(0.0, wait))

    async def _fetch(self) -> float:
        """Fetch the content again; return in how many seconds to try that once more, 0 if it was done."""
        try:
            await self._fetch_content()
        except SourceError as error:
            self._pass.stop(str(error))
        except Exception as error:
            refusal = refusal_of(error, int(self._clock()))
            if refusal is None or refusal.about is Subject.CONTENT:
                raise
            logger.warning("broadcast %d: its message cannot be fetched now (%s)", self._id, refusal.name)
            return refusal.wait or PAUSES[1]
        else:
            self.fetched += 1
        return 0.0

    # ---- given up --------------------------------------------------------------------------------

    def _give_all_up(self, deliveries: Sequence[Delivery], refusal: Refusal) -> None:
        for delivery in deliveries:
            self._give_up(delivery, refusal)

    def _settle_refused(self) -> None:
        """Others had success meanwhile: what was refused is given up."""
        refused, self._refused = self._refused, []
        for deliveries, refusal in refused:
            self._give_all_up(deliveries, refusal)


class Attempted:
    """A work whose refused calls follow the rules of `Attempts`, over all deliveries of its pass."""

    _pass: Pass
    _attempts: Attempts

    @property
    def stopped(self) -> bool:
        return self._pass.stopped

    def stop(self) -> None:
        self._pass.stop()

    async def run(self) -> str:
        """Work until all is done or the pass is stopped; return why it stopped itself, "" for nothing."""
        await self._pass.run()
        return self._pass.reason if self._pass.stopped else self._attempts.end()
