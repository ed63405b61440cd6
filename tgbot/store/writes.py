"""Reads of rows beside writes of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Writes:
    """How many writes of some rows have ended: what a read did not find yet may have left memory since."""

    def __init__(self) -> None:
        self.ended = 0

    async def apart(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return what a read gives during which no write ended; it is made again until then."""
        while True:
            ended = self.ended
            found = await read()
            if ended == self.ended:
                return found
