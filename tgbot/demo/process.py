"""The bot of the story: `tgbot run` as a separate process."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from tgbot.demo.stage import LIMIT, StoryError

#: From <linux/prctl.h>.
PR_SET_PDEATHSIG = 1


class BotProcess:
    """`tgbot run` in its own directory, with settings in its environment; `log` gets its log lines."""

    def __init__(self, directory: Path, settings: dict[str, str], log: deque[str]) -> None:
        self._directory = directory
        self._log = log
        own = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
        self._environment = own | settings
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[bool] | None = None

    async def start(self) -> None:
        """Start the bot and return when it is ready; raise StoryError if it exits first or takes too long."""
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
            raise StoryError(f"the bot did not start within {LIMIT:.0f} s") from None
        if not ready:
            raise StoryError(f"the bot did not start: it exited with status {await self._process.wait()}")
        self._reading = asyncio.create_task(self._read(self._process))

    async def kill(self) -> None:
        """Kill the bot at once, with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        await self.stop()

    async def stop(self) -> int:
        """Stop the bot with SIGTERM, if it runs, and return its exit status."""
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), LIMIT)
        except TimeoutError:
            self._process.kill()
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
