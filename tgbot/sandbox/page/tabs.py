"""A tab of a browser that shows the page: what it asks for, and what it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

#: A tab that reads so slowly that more than this waits for it is closed; it connects again, and starts anew.
MAX_WAITING: Final = 10_000


class DeedError(Exception):
    """What a tab asked for cannot be done; the message is for the person who looks at it."""


class Tab:
    """One open page. `tell` never waits; what is told arrives in this order."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(MAX_WAITING)

    def tell(self, event: str, **values: object) -> None:
        """Tell the page that something happened: `event` and its values, which are JSON."""
        self._put({"event": event, **values})

    def answer(self, number: object, **values: object) -> None:
        """Answer what the page asked for under this number."""
        self._put({"id": number, **values})

    def close(self) -> None:
        """End the page's connection."""
        while self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def said(self) -> str | None:
        """Return the next line for the page, None at the end."""
        return await self._waiting.get()

    def _put(self, value: object) -> None:
        if self._waiting.qsize() >= MAX_WAITING - 1:
            self.close()
            return
        self._waiting.put_nowait(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


#: Does what a tab asks for, and returns the answer, which is JSON. It raises DeedError or RpcError.
Deed = Callable[[Tab, Mapping[str, Any]], Awaitable[object]]


class Part(Protocol):
    """A part of the page: a subject, with what can be asked of it."""

    @property
    def deeds(self) -> Mapping[str, Deed]:
        """What a tab can ask for, by name."""

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab what it has to know."""

    def leave(self, tab: Tab) -> None:
        """Forget a tab that is gone."""


def text(asked: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a text that a tab has sent; raise DeedError if it is missing or no text."""
    value = asked.get(name, default)
    if not isinstance(value, str):
        raise DeedError(f"{name} is missing, or is not a text")
    return value


def number(asked: Mapping[str, Any], name: str) -> int:
    """Return an integer that a tab has sent; raise DeedError if it is missing or no integer."""
    value = asked.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DeedError(f"{name} is missing, or is not a whole number")
    return value
