"""A clock with timers that stands still until a test advances it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class Clock:
    """A clock that stands still until `advance`, and keeps the timers that are set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self.cancelled: set[int] = set()
        self._count = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Any:
        self._count += 1
        number = self._count
        heapq.heappush(self.timers, (when, number, callback))
        return SimpleNamespace(cancel=lambda: self.cancelled.add(number), when=lambda: when)

    def live(self) -> int:
        return sum(number not in self.cancelled for _, number, _ in self.timers)

    async def advance(self, seconds: float) -> None:
        end = self.now + seconds
        await settle()
        while self.timers and self.timers[0][0] <= end:
            self.now, number, callback = heapq.heappop(self.timers)
            if number not in self.cancelled:
                callback()
                await settle()
        self.now = end


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
