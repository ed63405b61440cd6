"""A clock that stands still while the link is down."""

from __future__ import annotations

import time


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
