"""The commands for jobs: of the running bot, and of the command line where no bot runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from tgbot.operate.control import Command, Say
from tgbot.plugins.jobs.entries import JOBS, every_key, row
from tgbot.store.base import Planned

#: How often a command says that a job still runs, in seconds.
SAY_SECONDS: Final = 5.0


class Jobs(Protocol):
    """The jobs of a running bot."""

    async def status(self) -> list[dict[str, object]]:
        """Return how each job that comes again and again stands."""

    async def run_now(self, name: str, /) -> str:
        """Run one of them now; return its error, "" for none."""


def commands(jobs: Jobs) -> dict[str, Command]:
    """Return the commands of a running bot by name."""

    async def show(say: Say) -> object:
        return {"jobs": await jobs.status()}

    async def run(say: Say, name: str) -> object:
        running = asyncio.ensure_future(jobs.run_now(name))
        try:
            while not (await asyncio.wait([running], timeout=SAY_SECONDS))[0]:
                await say({"running": name})  # whoever asks would take silence for a bot that hangs
            return {"name": name, "error": running.result()}
        finally:
            running.cancel()

    return {"jobs.list": show, "jobs.run": run}


def kept_commands(
    note: Callable[[str], str | None], get: Callable[[str], Awaitable[Planned | None]]
) -> dict[str, Command]:
    """Return those commands that need no running bot; the jobs are those of its last run."""

    async def show(say: Say) -> object:
        names = sorted(json.loads(note(JOBS) or "[]"))
        entries = [entry for name in names if (entry := await get(every_key(name))) is not None]
        return {"jobs": [row(entry, running=False) for entry in entries]}

    return {"jobs.list": show}
