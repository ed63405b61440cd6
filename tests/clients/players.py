"""Who takes part in a check: a program on a library, in its own process, and plain Telethon in this one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from tests.clients.programs.on_telethon import Telethon

ROOT: Final = Path(__file__).parents[2]
#: The longest line of a program, in bytes.
_LONGEST_LINE: Final = 1 << 24


class CheckError(Exception):
    """A check went wrong; the message is what the table shows."""


class Heard:
    """What happened at a player, and who waits for it."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        #: Seconds that one event may take.
        self.patience = 0.0
        #: All events, in their order.
        self.all: list[dict[str, Any]] = []
        self._unread: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._end: str | None = None

    def note(self, event: str, **fields: Any) -> None:
        """Add an event."""
        found = {"event": event, **fields}
        self.all.append(found)
        self._unread.append(found)
        self._news.set()

    def end(self, reason: str) -> None:
        """Let those fail who wait for more."""
        self._end = reason
        self._news.set()

    def begin(self) -> None:
        """Take events again after an end."""
        self._end = None

    async def next(self, event: str, **fields: Any) -> dict[str, Any]:
        """Return the first unread event with these fields, and leave it out from now on."""
        try:
            async with asyncio.timeout(self.patience):
                return await self._next(event, fields)
        except TimeoutError:
            what = " ".join([event, *(f"{name}={str(value)[:40]!r}" for name, value in fields.items())])
            raise CheckError(f"{self._whose} got no {what}") from None

    async def _next(self, event: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            for one in self._unread:
                if one["event"] == event and all(one.get(name) == value for name, value in fields.items()):
                    self._unread.remove(one)
                    return one
            if self._end is not None:
                raise CheckError(self._end)
            self._news.clear()
            await self._news.wait()


class Player(Protocol):
    """A bot or a person, on some library."""

    id: int
    username: str
    heard: Heard
    #: The order that is carried out.
    busy: str | None

    async def do(self, act: str, **arguments: Any) -> dict[str, Any]:
        """Carry out an order; raise CheckError with the library's own error."""

    async def leave(self) -> None:
        """Stop, in order."""


class Program:
    """A program of `programs/`, which the command starts; what it needs is in `stage`."""

    def __init__(self, command: Sequence[str], id: int, username: str, stage: Mapping[str, Any]) -> None:
        self.id = id
        self.username = username
        self.heard = Heard("it")
        self.busy: str | None = None
        self._command = command
        self._stage = stage
        self._numbers = itertools.count()
        self._orders: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the program; it does nothing until it is told."""
        self.heard.begin()
        errors = Path(self._stage["directory"], "stderr")
        with errors.open("ab") as stderr:  # noqa: ASYNC230 - a file of this machine, opened at once
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._stage["directory"],
                env={**os.environ, "STAGE": json.dumps(self._stage), "PYTHONPATH": str(ROOT)},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=_LONGEST_LINE,
                start_new_session=True,
            )
        self._reading = asyncio.create_task(self._read(self._process))

    async def do(self, act: str, **arguments: Any) -> dict[str, Any]:
        if self._process is None or self._process.stdin is None:
            raise CheckError("the program does not run")
        order = next(self._numbers)
        answer = self._orders[order] = asyncio.get_running_loop().create_future()
        line = json.dumps({"order": order, "do": act, **arguments})
        self.busy = act
        try:
            self._process.stdin.write(line.encode() + b"\n")
            done: dict[str, Any] = await answer
            self.busy = None
            return done
        finally:
            self._orders.pop(order, None)

    async def leave(self) -> None:
        """Close its input, at which it ends; kill it if it does not."""
        if self._process is None or self._process.stdin is None or self._reading is None:
            return
        self._process.stdin.close()
        try:
            async with asyncio.timeout(20):
                status = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            status = await self._process.wait()
        await self._reading
        self._process = None
        if status:
            raise CheckError(f"the program ended with status {status}")

    def kill(self) -> None:
        """End it at once if it runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if not line.startswith(b"{"):
                continue  # what a library itself prints
            found: dict[str, Any] = json.loads(line)
            if "event" in found:
                self.heard.note(**found)
            elif (order := self._orders.get(found["order"])) is not None and not order.done():
                if "error" in found:
                    order.set_exception(CheckError(found["error"]))
                else:
                    order.set_result(found["answer"])
        ended = "the program ended"
        for order in self._orders.values():
            if not order.done():
                order.set_exception(CheckError(ended))
        self.heard.end(ended)


class Other:
    """The other side: plain Telethon in this process."""

    def __init__(self, id: int, username: str, stage: Mapping[str, Any]) -> None:
        self.id = id
        self.username = username
        self.heard = Heard("the other side")
        self.busy: str | None = None
        self._client = Telethon(dict(stage), self.heard.note)

    async def do(self, act: str, **arguments: Any) -> dict[str, Any]:
        self.busy = act
        done = await getattr(self._client, act)(**arguments)
        self.busy = None
        return done or {}

    async def leave(self) -> None:
        await self._client.close()
