"""A relay to a database that can stand still in the middle of what it passes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Stall:
    """Pass bytes both ways until it is told to stand still; links stay open meanwhile."""

    def __init__(self) -> None:
        self.port = 0
        #: Set while everything passes.
        self.passing = asyncio.Event()
        self.passing.set()
        #: Set once something is held back.
        self.holding = asyncio.Event()
        #: From this text on, in what goes to the database, the relay stands still.
        self._marker = b""

    def stand_still_at(self, marker: bytes) -> None:
        """Hold back what goes to the database from the next occurrence of a text on."""
        self._marker = marker

    def go_on(self) -> None:
        """Pass everything on, also what was held back."""
        self._marker = b""
        self.passing.set()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if up and self._marker and (at := data.find(self._marker)) >= 0:
                    self._marker = b""
                    writer.write(data[:at])
                    data = data[at:]
                    self.passing.clear()
                if not self.passing.is_set():
                    self.holding.set()
                    await self.passing.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def stalling(server_port: int) -> AsyncIterator[Stall]:
    """Give a relay to a port of this machine; all its links end with it."""
    stall = Stall()
    tasks: set[asyncio.Task[None]] = set()
    both: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", server_port)
        ways = {
            asyncio.create_task(stall.pass_on(reader, to_server, True)),
            asyncio.create_task(stall.pass_on(from_server, writer, False)),
        }
        both.update(ways)
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (to_server, writer):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()
            tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    stall.port = server.sockets[0].getsockname()[1]
    try:
        yield stall
    finally:
        server.close()
        await asyncio.sleep(0)  # a link that was just taken begins, so that it can be ended
        while tasks:
            for way in both:
                way.cancel()
            await asyncio.wait(tasks, timeout=0.05)
