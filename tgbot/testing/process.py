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

from tgbot.testing.inside import SOCKET

#: The most seconds that a start or a stop may take; usually it is less than one.
LIMIT: Final = 30.0


class BotProcess:
    """One `tgbot run`, from its start to its end; its log lines go to `log`.

    `ended` is called when it has ended.
    """

    def __init__(self, log: Callable[[str], object], ended: Callable[[], object]) -> None:
        self._log = log
        self._ended = ended
        self._ready = asyncio.Event()
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
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tgbot.cli", "--config", str(config), "run"),
                cwd=directory,
                env={**environment, SOCKET: str(theirs.fileno())},
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C must reach only the test, which then stops the bot
            )
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._tasks = [
            asyncio.create_task(self._read_log(self._process)),
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
            return 0
        self._signal(number)
        try:
            async with asyncio.timeout(LIMIT):
                await process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
        await asyncio.gather(*self._tasks)
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
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number) if number == signal.SIGKILL else self._process.send_signal(
                number
            )

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        """Read the log to its end, which is the end of the process."""
        assert process.stderr is not None
        async for line in process.stderr:
            text = line.decode(errors="replace").rstrip()
            self._log(text)
            if "running as @" in text:
                self._ready.set()
        self.status = await process.wait()
        self._ready.set()
        self._ended()

    async def _read_answers(self, reader: asyncio.StreamReader) -> None:
        """Read answers to its end; let those fail who still wait for one."""
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
        assert self._writer is not None
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


def ending(status: int) -> str:
    """Return in words how a process ended."""
    if status < 0:
        return f"{signal.Signals(-status).name} ended it"
    return f"it exited with status {status}"
