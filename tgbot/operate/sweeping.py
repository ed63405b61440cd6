"""The commands for the sweep: of the running bot, and its status on files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Final

from pydantic import Field

from tgbot.core.access import Access
from tgbot.core.sweeps import RATE, USUAL, Progress
from tgbot.messaging.sweep import Sweep
from tgbot.operate.control import Command, Say

#: How often it is told how far the sweep is, in seconds.
TOLD_SECONDS: Final = 0.5

Rate = Annotated[float, Field(gt=0, le=1000)]
Seconds = Annotated[int, Field(ge=0)]


def commands(sweep: Sweep) -> dict[str, Command]:
    """Return the commands by name."""

    async def start(
        say: Say, access: Sequence[Access] = USUAL, older_than: Seconds = 0, rate: Rate = RATE
    ) -> object:
        return described(await sweep.start(access=access, older_than=older_than, rate=rate))

    async def pause(say: Say) -> object:
        return described(await sweep.pause())

    async def resume(say: Say) -> object:
        return described(await sweep.resume())

    async def cancel(say: Say) -> object:
        return described(await sweep.cancel())

    async def watch(say: Say) -> object:
        ended = asyncio.ensure_future(sweep.ended())
        try:
            while not ended.done():
                await say(described(sweep.status()))
                await asyncio.wait((ended,), timeout=TOLD_SECONDS)
        finally:
            ended.cancel()  # only the waiting for it
        return described(sweep.status())

    return {
        "sweep.start": start,
        "sweep.pause": pause,
        "sweep.resume": resume,
        "sweep.cancel": cancel,
        "sweep.watch": watch,
        "sweep.status": status(sweep.status),
    }


def status(find: Callable[[], Progress | None]) -> Command:
    """Return the command that says how far the sweep is that `find` returns."""

    async def show(say: Say) -> object:
        return described(find())

    return show


def described(progress: Progress | None) -> dict[str, object]:
    """Return a sweep as JSON holds it; times are unix seconds of Telegram's clock."""
    if progress is None:
        return {"state": None}
    return {
        "state": progress.state,
        "access": list(progress.access),
        "older_than": progress.older_than,
        "rate": progress.rate,
        "started_at": progress.started_at,
        "ended_at": progress.ended_at,
        "total": progress.total,
        "looked_at": progress.looked_at,
        "probed": progress.probed,
        "skipped": progress.skipped,
        "changes": [{"from": old, "to": new, "users": users} for old, new, users in progress.found()],
        "errors": progress.errors,
        "floods": progress.floods,
    }
