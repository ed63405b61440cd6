"""The bot that runs beside the page: how it is, and buttons to kill, start and stop it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from .shown import Shown
from .tabs import Deed, DeedError, Tab

#: How many of its last log lines are shown.
LINES: Final = 30


class ProgramError(Exception):
    """The bot could not be started or stopped; the message says why."""


class Program(Protocol):
    """The process of a bot, by whoever started it. Each method returns once it is so; ProgramError if not."""

    @property
    def bot(self) -> int:
        """The account id of the bot."""

    @property
    def pid(self) -> int | None:
        """The number of the process, None while none runs."""

    @property
    def status(self) -> int | None:
        """How its last run ended: an exit status, negative for a signal; None before the first end."""

    @property
    def lines(self) -> Sequence[str]:
        """Its last log lines."""

    @property
    def held(self) -> str:
        """Why the page must leave it alone now; "" if it need not."""

    async def start(self) -> None:
        """Start it; return once it handles updates."""

    async def kill(self) -> None:
        """Kill it with SIGKILL; return once it has ended."""

    async def stop(self) -> object:
        """Stop it as SIGTERM does."""

    def copies(self) -> Mapping[str, bytes]:
        """Return copies of its files that agree with each other; raise OSError. Called in a thread."""

    def put_back(self, copied: Mapping[str, bytes]) -> None:
        """Make its files what they were, while it does not run; raise OSError. Called in a thread."""

    async def handled(self, pts: int, qts: int) -> bool:
        """Return whether it says that it has handled everything up to this place, and does nothing now."""


class BotPart:
    """Tell how the bot is, as the event "bot", and carry out bot_kill, bot_start, bot_stop, bot_restart."""

    def __init__(self, program: Program | None, now: Callable[[], float]) -> None:
        self._program = program
        self._now = now
        self._turn = asyncio.Lock()
        #: How often the page has killed it.
        self.killed = 0
        self._pid: int | None = None
        self._since = 0.0
        self.shown = Shown("bot", self._state)
        #: Called after each kill, with what was done ("kill", "start", "stop").
        self.heard: list[Callable[[str], object]] = []
        self.deeds: Mapping[str, Deed] = {
            "bot_kill": self._deed(self.kill),
            "bot_start": self._deed(self.start),
            "bot_stop": self._deed(self.stop),
            "bot_restart": self._deed(self.restart),
        }

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab how the bot is."""
        self.shown.welcome(tab)

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self.shown.leave(tab)

    async def kill(self) -> None:
        """Kill the bot with SIGKILL."""
        async with self._turn:
            program = self._free()
            if program.pid is None:
                raise DeedError("the bot does not run")
            await program.kill()
            self.killed += 1
        self._tell("kill")

    async def start(self) -> None:
        """Start the bot if it does not run."""
        async with self._turn:
            program = self._free()
            if program.pid is None:
                await program.start()
        self._tell("start")

    async def stop(self) -> None:
        """Stop the bot in order."""
        async with self._turn:
            program = self._free()
            if program.pid is not None:
                await program.stop()
        self._tell("stop")

    async def restart(self) -> None:
        """Stop the bot in order, and start it."""
        await self.stop()
        await self.start()

    def _tell(self, what: str) -> None:
        for heard in self.heard:
            heard(what)
        self.shown.look()

    def _free(self) -> Program:
        if self._program is None:
            raise DeedError("this page has not started a bot, so it has none to kill or start")
        if self._program.held:
            raise DeedError(self._program.held)
        return self._program

    def _deed(self, act: Callable[[], Any]) -> Deed:
        async def deed(tab: Tab, asked: Mapping[str, Any]) -> object:
            try:
                await act()
            except ProgramError as error:
                raise DeedError(str(error)) from None
            return True

        return deed

    def _state(self) -> dict[str, object]:
        program = self._program
        if program is None:
            return {"ours": False}
        if program.pid != self._pid:
            self._pid, self._since = program.pid, self._now()
        return {
            "ours": True,
            "account": program.bot,
            "pid": program.pid,
            "since": int(self._since),
            "killed": self.killed,
            "ended": None if program.status is None else ending(program.status),
            "lines": [*program.lines][-LINES:],
        }


def ending(status: int) -> str:
    """Return in words how a process ended."""
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
