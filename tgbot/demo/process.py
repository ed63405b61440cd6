"""The bot of the story: `tgbot run` as a separate process."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tgbot.demo.idle import handled
from tgbot.demo.stage import LIMIT
from tgbot.sandbox.page.bot import ProgramError
from tgbot.signals import send
from tgbot.store.sqlite.copies import copies, put_back

#: From <linux/prctl.h>.
PR_SET_PDEATHSIG = 1


class BotProcess:
    """`tgbot run` in its own directory; `log` gets its log lines. `set_up` comes before the first start."""

    def __init__(self, directory: Path, bot: int, log: deque[str]) -> None:
        self._directory = directory
        self._log = log
        self._environment: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[bool] | None = None
        #: The account id of the bot.
        self.bot = bot
        #: Why the page must leave it alone now, "" if it need not.
        self.held = "the story is still going on: wait until it is over"

    @property
    def pid(self) -> int | None:
        """The number of the process, None while none runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def status(self) -> int | None:
        """How its last run ended, negative for a signal; None while it runs."""
        return self._process.returncode if self._process is not None else None

    @property
    def lines(self) -> Sequence[str]:
        """Its last log lines."""
        return self._log

    def copies(self) -> Mapping[str, bytes]:
        """Return copies of its files; raise OSError."""
        return copies(self._directory / "sessions")

    def put_back(self, copied: Mapping[str, bytes]) -> None:
        """Make its files what they were; raise OSError."""
        put_back(self._directory / "sessions", copied)

    async def handled(self, pts: int, qts: int) -> bool:
        """Return whether the bot says that it is past this place, and handles nothing now."""
        return await handled(self._directory / "sessions", pts)

    def set_up(self, settings: dict[str, str]) -> None:
        """Set the settings for the next start; they are given in the bot's environment."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
        self._environment = own | settings

    async def start(self) -> None:
        """Start the bot and return when it is ready; raise ProgramError if it ends first or takes long."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tgbot.cli", "run"),
            cwd=self._directory,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C must reach only the story, which then stops the bot
            preexec_fn=_ends_with_its_parent(),
        )
        self._reading = None
        try:
            ready = await asyncio.wait_for(self._read(self._process), LIMIT)
        except TimeoutError:
            raise ProgramError(f"the bot did not start within {LIMIT:.0f} s") from None
        if not ready:
            raise ProgramError(f"the bot did not start: it exited with status {await self._process.wait()}")
        self._reading = asyncio.create_task(self._read(self._process))

    async def kill(self) -> None:
        """Kill the bot at once, with SIGKILL."""
        assert self._process is not None
        send(self._process, signal.SIGKILL)
        await self._ended()

    async def stop(self) -> int:
        """Stop the bot with SIGTERM, if it runs, and return its exit status."""
        if self._process is None:
            return 0
        send(self._process, signal.SIGTERM)
        return await self._ended()

    async def _ended(self) -> int:
        assert self._process is not None
        try:
            await asyncio.wait_for(self._process.wait(), LIMIT)
        except TimeoutError:
            send(self._process, signal.SIGKILL)
        if self._reading is not None:
            await self._reading
        return await self._process.wait()

    async def _read(self, process: asyncio.subprocess.Process) -> bool:
        """Read log lines until the bot says that it is ready; return False if it ends before."""
        assert process.stderr is not None
        async for line in process.stderr:
            self._log.append(line.decode(errors="replace").rstrip())
            if "running as @" in self._log[-1]:
                return True
        return False


def _ends_with_its_parent() -> Callable[[], object] | None:
    """Return a function for the child process: it gets SIGTERM if this process dies. None except on Linux."""
    if sys.platform != "linux":
        return None
    control = ctypes.CDLL(None).prctl
    return lambda: control(PR_SET_PDEATHSIG, signal.SIGTERM)
