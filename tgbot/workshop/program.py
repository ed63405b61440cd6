"""The bot of a workshop, as the page of the sandbox kills and starts it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tgbot.demo.idle import handled
from tgbot.sandbox.page.bot import ProgramError
from tgbot.store.sqlite.copies import copies, put_back
from tgbot.workshop.restarts import Restarts

#: How many of its last log lines are kept.
LINES: Final = 100
#: What a shell adds to the number of a signal that ended a process.
_OF_SIGNALS: Final = 128


class BotProgram:
    """The bot that `restarts` runs; `bot` is its account, and `files` the directory of its SQLite files."""

    def __init__(self, bot: int, files: Path) -> None:
        self.bot = bot
        self._files = files
        self.lines: deque[str] = deque(maxlen=LINES)
        self.held = ""
        self.status: int | None = None
        self.restarts: Restarts | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, None while none runs."""
        child = None if self.restarts is None else self.restarts.running
        return None if child is None else child.pid

    async def start(self) -> None:
        """Start it; raise ProgramError if it does not come up."""
        if not await self._all().start():
            raise ProgramError("the bot did not start; its log says why")

    async def kill(self) -> None:
        """Kill it with SIGKILL; return once it has ended."""
        await self._end(kill=True)

    async def stop(self) -> None:
        """Stop it as SIGTERM does."""
        await self._end(kill=False)

    def copies(self) -> Mapping[str, bytes]:
        """Return copies of its files; raise OSError."""
        return copies(self._files)

    def put_back(self, copied: Mapping[str, bytes]) -> None:
        """Make its files what they were; raise OSError."""
        put_back(self._files, copied)

    async def handled(self, pts: int, qts: int) -> bool:
        """Return whether it says that it is past this place, and handles nothing now."""
        return await handled(self._files, pts)

    async def _end(self, *, kill: bool) -> None:
        status = await self._all().end(kill=kill)
        self.status = _OF_SIGNALS - status if status > _OF_SIGNALS else status

    def _all(self) -> Restarts:
        if self.restarts is None:
            raise ProgramError("the bot is not started yet")
        return self.restarts
