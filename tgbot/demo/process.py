"""The bot of the story: `tgbot run` as a process of its own."""

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

#: What a log line of the bot holds once it takes updates.
READY = "running as @"
#: From <linux/prctl.h>.
PR_SET_PDEATHSIG = 1


class BotProcess:
    """`tgbot run` in a directory of its own, with the settings in its environment and its log read here."""

    def __init__(self, directory: Path, settings: dict[str, str], log: deque[str]) -> None:
        self._directory = directory
        self._log = log
        own = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
        self._environment = own | settings
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Return once the bot takes updates; after `kill` it may be started again."""
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tgbot.cli", "run"),
            cwd=self._directory,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the story, which stops the bot in order
            preexec_fn=_ends_with_its_parent(),
        )
        self._reading = asyncio.create_task(self._read())
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait((ready, self._reading), timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._ready.is_set():
            return
        if self._reading.done():
            raise StoryError(f"the bot did not come up; it ended with status {await self._process.wait()}")
        raise StoryError(f"the bot did not come up within {LIMIT:.0f} s")

    async def kill(self) -> None:
        """End it in the middle of whatever it does, as `kill -9` and a power cut do."""
        assert self._process is not None
        assert self._reading is not None
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def stop(self) -> int:
        """Stop it as a system does, if it runs, and return its exit status."""
        if self._process is None or self._reading is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), LIMIT)
        except TimeoutError:
            self._process.kill()
        status = await self._process.wait()
        await self._reading
        return status

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._log.append(line.decode(errors="replace").rstrip())
            if READY in self._log[-1]:
                self._ready.set()


def _ends_with_its_parent() -> Callable[[], object] | None:
    """What a child process calls so that it is told to stop if this one is killed; only Linux has it."""
    if sys.platform != "linux":
        return None
    control = ctypes.CDLL(None).prctl
    return lambda: control(PR_SET_PDEATHSIG, signal.SIGTERM)
