"""The commands `checkpoint` and `drain`: what is finished goes to disk; nothing new is begun."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tgbot.operate.control import Command, Say
from tgbot.telegram.drain import Drain

#: How often it is told how much is left, in seconds.
TOLD_SECONDS: Final = 0.5


def checkpoint(make: Callable[[], Awaitable[None]]) -> Command:
    """Return the command that puts on disk all that is finished."""

    async def checkpoint(say: Say) -> object:
        await make()
        return {}

    return checkpoint


def drain(drain: Drain, checkpoint: Callable[[], Awaitable[None]]) -> Command:
    """Return the command that lets the bot finish its work and take nothing new, or take up again."""

    async def finish(say: Say, undo: bool = False) -> object:
        if undo:
            drain.resume()
            return {"draining": False, "left": drain.left}
        drain.begin()
        finishing = asyncio.ensure_future(drain.finish())
        try:
            while drain.begun and not finishing.done():
                await asyncio.wait((finishing,), timeout=TOLD_SECONDS)
                await say({"left": drain.left})
        finally:
            finishing.cancel()  # only the waiting for it; the bot takes nothing new all the same
        await checkpoint()
        return {"draining": drain.begun, "left": drain.left}

    return finish
