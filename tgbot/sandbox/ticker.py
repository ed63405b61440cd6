"""The running server does what is on the agenda of its world."""

from __future__ import annotations

import asyncio
from typing import Final

from .agenda import Agenda

#: The world's clock can be set, so the next moment is not waited for in one go; seconds.
_LONGEST: Final = 0.25


class Ticker:
    """Run the agenda when something on it is due; there is no timer while it is empty."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        agenda.subscribe(self._wind)

    def open(self) -> None:
        """Start in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._wind()

    def close(self) -> None:
        """Stop; what is due meanwhile happens at the next start."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wind(self) -> None:
        if self._timer is None and self._loop is not None and self._agenda.next is not None:
            self._timer = self._loop.call_later(_LONGEST, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._agenda.run()
        self._wind()
