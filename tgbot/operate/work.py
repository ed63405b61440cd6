"""The command `checkpoint`: what is finished goes to disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tgbot.operate.control import Command, Say


def checkpoint(make: Callable[[], Awaitable[None]]) -> Command:
    """Return the command that puts on disk all that is finished."""

    async def checkpoint(say: Say) -> object:
        await make()
        return {}

    return checkpoint
