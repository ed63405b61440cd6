"""What the client tells, and asks of, whoever keeps the users."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


async def _nothing() -> None:
    return None


def _ignore(*_: Any) -> None:
    return None


def _zero(_: int) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the client tells, and asks of, whoever keeps the users. None of them may block.

    `flush` returns when everything told before is on disk. `finished(chat, message id, own id)`: the private
    message was handled to its end, and `own id` is the greatest of our own in that chat known then (or 0).
    `seen(users, source)`: full (never min) users that arrived, once a container. `outcome(request, user id,
    error name or None, at)`: how a call about a private user ended that went out at that time of Telegram's.
    `lost(what)`: something is gone for good.
    """

    flush: Callable[[], Awaitable[None]] = _nothing
    finished: Callable[[int, int, int], None] = _ignore
    last_finished: Callable[[int], int] = _zero
    last_own: Callable[[int], int] = _zero
    seen: Callable[[list[Any], str], None] = _ignore
    outcome: Callable[[Any, int, str | None, int], None] = _ignore
    lost: Callable[[str], None] = _ignore
