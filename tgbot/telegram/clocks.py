"""Two clocks: Telegram's, as well as it is known, and one that stands still while the link is down."""

from __future__ import annotations

import time
from datetime import datetime


class UpClock:
    """Seconds during which the connection was up: stands still while it is down."""

    def __init__(self) -> None:
        self._counted = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        if self._since is None:
            return self._counted
        return self._counted + time.monotonic() - self._since

    @property
    def running(self) -> bool:
        return self._since is not None

    def start(self) -> None:
        if self._since is None:
            self._since = time.monotonic()

    def stop(self) -> None:
        if self._since is not None:
            self._counted += time.monotonic() - self._since
            self._since = None


class ServerClock:
    """Telegram's time, learned from the dates in what it sends; ours until the first of them."""

    def __init__(self) -> None:
        self._offset: float | None = None

    def __call__(self) -> int:
        """Return Telegram's time in unix seconds."""
        if self._offset is None:
            return int(time.time())
        return int(time.monotonic() + self._offset)

    def note(self, date: datetime | None) -> None:
        """Learn from a date that Telegram gave just now."""
        if date is None:
            return
        # Against a clock that nobody sets.
        offset = date.timestamp() - time.monotonic()
        # Dates come late and are cut to seconds, so the greatest one seen is the nearest.
        if self._offset is None or offset > self._offset:
            self._offset = offset
