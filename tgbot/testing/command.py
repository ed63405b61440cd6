"""A bot on another library, or in another language: any command that reads its environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tgbot.signals import send
from tgbot.testing.process import LIMIT, LONGEST_LINE, ORPHAN_SECONDS, ending

#: Seconds for which a bot that has logged in asks for nothing more.
_SETTLED_SECONDS: Final = 0.15


class CommandProcess:
    """One run of a command, from its start to its end; what it prints goes to `log`.

    `ended` is called when it has ended, `connected` says whether the sandbox sends it updates, and `calls`
    counts what the sandbox was asked.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Callable[[str], object],
        ended: Callable[[], object],
        connected: Callable[[], object],
        calls: Callable[[], int],
    ) -> None:
        self._command = command
        self._log = log
        self._ended = ended
        self._connected = connected
        self._calls = calls
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        #: The exit status, once it has ended; negative for a signal.
        self.status: int | None = None

    async def start(self, config: Path, directory: Path, environment: Mapping[str, str]) -> str | None:
        """Start it in a directory; return None once it is logged in, or why it is not."""
        program, *arguments = self._command
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable if program == "python" else program,
                *arguments,
                cwd=directory,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=LONGEST_LINE,
                start_new_session=True,  # Ctrl-C must reach only the test, which then stops the bot
            )
        except OSError as error:
            return f"{program} cannot be started: {error.strerror}"
        self._watching = asyncio.create_task(self._watch(self._process))
        try:
            async with asyncio.timeout(LIMIT):
                await self._logged_in()
        except TimeoutError:
            await self.end(signal.SIGKILL)
            return f"it was not logged in to the sandbox within {LIMIT:g} s"
        return None if self.status is None else ending(self.status)

    async def _logged_in(self) -> None:
        """Return once it gets updates and asks for nothing more, or has ended.

        What is sent to some libraries while they fetch their first state is lost to them.
        """
        before = -1
        while self.status is None and (before != (now := self._calls()) or not self._connected()):
            before = now
            await asyncio.sleep(_SETTLED_SECONDS)

    async def end(self, number: int) -> int:
        """Send a signal and return 0 if it ended as one does at this signal, else the exit status."""
        if self._process is None or self._watching is None:
            return 0
        self._signal(number)
        try:
            async with asyncio.timeout(LIMIT):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
        await self._watching
        status = await self._process.wait()
        return 0 if status in (-number, 128 + number) else status

    async def ask(self, do: str, **arguments: object) -> None:
        """Raise TypeError: only a tgbot answers a test."""
        raise TypeError(f"{self._command[0]} cannot be asked for this: {do}")

    def _signal(self, number: int) -> None:
        assert self._process is not None
        send(self._process, number)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Read what it prints until it has ended, and end all that it has started."""
        reading = asyncio.create_task(self._read(process))
        ended = asyncio.create_task(process.wait())
        await asyncio.wait((ended, reading), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((ended,))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.wait((reading,), timeout=ORPHAN_SECONDS)
        reading.cancel()
        self.status = await ended
        self._ended()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._log(line.decode(errors="replace").rstrip())


def environment(environ: Mapping[str, str], stage: Mapping[str, object]) -> dict[str, str]:
    """Return an environment with SANDBOX_ variables: `stage` has their values by the rest of their names."""
    return {**environ, **{f"SANDBOX_{name.upper()}": str(value) for name, value in stage.items()}}
