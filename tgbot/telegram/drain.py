"""The end of work: take nothing new, and finish what is under way; or take up again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tgbot.telegram.compat.albums import Albums
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.updates.parking import Parking


class Drain:
    """Takes no more updates and tries no parked ones, until `resume`."""

    def __init__(self, intake: Intake, albums: Albums, batches: Batches, parking: Parking) -> None:
        self._intake = intake
        self._albums = albums
        self._batches = batches
        self._parking = parking
        #: Whether nothing new is taken.
        self.begun = False

    @property
    def left(self) -> int:
        """How many updates are not finished."""
        return self._batches.waiting + self._parking.trying

    def begin(self) -> None:
        """Take nothing new from `finish` on, and try nothing again from now on."""
        self.begun = True
        self._parking.stop()

    async def finish(self) -> None:
        """Take nothing new; return once everything under way is finished."""
        self.begin()
        await self._albums.settle()  # what is missing of them comes now, or not at all
        if self.begun:
            self._intake.stop()
        await self._batches.wait_until(0)
        await self._parking.wait_until_idle()

    async def within(self, seconds: float) -> bool:
        """Finish as `finish` does, for so many seconds at most; return whether everything is finished."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.finish()
                return True
        return False

    def resume(self) -> None:
        """Take updates again, first all that came meanwhile; do nothing where nothing was drained."""
        if self.begun:
            self.begun = False
            self._parking.resume()
            if not self._intake.taking:
                self._intake.start()
