"""Waiting for what others bring about, without looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Bell:
    """Wakes whoever waits for a condition, each time that it may have become true."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Let everybody who waits check their condition again."""
        for each in self._waiting:
            each.set()

    async def until(self, so: Callable[[], object], seconds: float) -> bool:
        """Return True as soon as `so()` is true, False if it is not within this many seconds."""
        rung = asyncio.Event()
        self._waiting.add(rung)
        try:
            async with asyncio.timeout(seconds):
                while not so():
                    rung.clear()
                    await rung.wait()
        except TimeoutError:
            return bool(so())
        finally:
            self._waiting.discard(rung)
        return True
