"""The bot as a process of its own: the real command, which can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tgbot.signals import send
from tgbot.testing.inside import SOCKET

#: The most seconds that a start or a stop may take; usually it is less than one.
LIMIT: Final = 30.0
#: The longest line of a log, in bytes.
LONGEST_LINE: Final = 1024 * 1024
#: How long processes that the bot has started may outlive it, in seconds.
ORPHAN_SECONDS: Final = 1.0


class BotProcess:
    """One `tgbot run`, from its start to its end; its log lines go to `log`.

    `ended` is called when it has ended.
    """

    def __init__(self, log: Callable[[str], object], ended: Callable[[], object]) -> None:
        self._log = log
        self._ended = ended
        self._ready = asyncio.Event()
        self._hung_up = asyncio.Event()
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        #: The exit status, once it has ended; negative for a signal.
        self.status: int | None = None

    async def start(self, config: Path, directory: Path, environment: Mapping[str, str]) -> str | None:
        """Start it in a directory; return None once it runs, or why it does not."""
        ours, theirs = socket.socketpair()
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tgbot.cli", "--config", str(config), "run"),
                cwd=directory,
                env={**environment, SOCKET: str(theirs.fileno())},
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                limit=LONGEST_LINE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C must reach only the test, which then stops the bot
            )
        self._tasks = [
            asyncio.create_task(self._watch(self._process)),
            asyncio.create_task(self._read_answers(reader)),
        ]
        try:
            async with asyncio.timeout(LIMIT):
                await self._ready.wait()
        except TimeoutError:
            await self.end(signal.SIGKILL)
            return f"it was not ready within {LIMIT:g} s"
        return None if self.status is None else ending(self.status)

    async def end(self, number: int) -> int:
        """Send a signal and return the exit status; a process that does not stop in time is killed."""
        process = self._process
        if process is None:
            if self._writer is not None:
                self._writer.close()
            return 0
        self._signal(number)
        try:
            async with asyncio.timeout(LIMIT):
                await process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
        watching, answering = self._tasks
        await watching
        if not (await asyncio.wait((answering,), timeout=ORPHAN_SECONDS))[0]:
            answering.cancel()
        return await process.wait()

    async def ask(self, do: str, **arguments: object) -> None:
        """Have the bot carry out a method of `Inside`; raise ConnectionError if it ends before."""
        if self._writer is None or self.status is not None:
            raise ConnectionError("the bot does not run")
        number = next(self._numbers)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"number": number, "do": do, "with": arguments}).encode() + b"\n")
        try:
            await asked
        finally:
            self._asked.pop(number, None)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        send(self._process, number)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Read the log until the process has ended, and end all that it has started."""
        reading = asyncio.create_task(self._read_log(process))
        ended, hung_up = asyncio.create_task(process.wait()), asyncio.create_task(self._hung_up.wait())
        await asyncio.wait((ended, hung_up), return_when=asyncio.FIRST_COMPLETED)
        # What it has started may hold the log open, and in some versions of Python `wait` waits for that.
        await asyncio.wait((ended,), timeout=ORPHAN_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        self.status = await ended
        _, left = await asyncio.wait((reading, hung_up), timeout=ORPHAN_SECONDS)
        for task in left:  # somebody has left the process group, and holds a file open
            task.cancel()
        self._ready.set()
        self._ended()

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            text = line.decode(errors="replace").rstrip()
            self._log(text)
            if "running as @" in text:
                self._ready.set()

    async def _read_answers(self, reader: asyncio.StreamReader) -> None:
        """Read answers until the process hangs up; let those fail who still wait for one."""
        with contextlib.suppress(ConnectionError):
            async for line in reader:
                answer = json.loads(line)
                asked = self._asked.get(answer["number"])
                if asked is None or asked.done():
                    continue
                if "error" in answer:
                    asked.set_exception(RuntimeError(answer["error"]))
                else:
                    asked.set_result(None)
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ConnectionError("the bot has ended"))
        self._hung_up.set()
        assert self._writer is not None
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


def ending(status: int) -> str:
    """Return in words how a process ended."""
    if status < 0:
        return f"{signal.Signals(-status).name} ended it"
    return f"it exited with status {status}"
