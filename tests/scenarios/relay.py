"""A relay in front of a server, which can make an open link half-open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Relay:
    """Pass bytes both ways. `swallow` drops what comes over the links that are open; later ones are whole."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._server_port = port
        self._open: set[_Way] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def swallow(self, *, up: bool = False, down: bool = False) -> None:
        """Drop from now on what the open links bring to the server (`up`), or from it (`down`)."""
        for way in self._open:
            way.dropping |= up if way.up else down

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay a new link until one end closes it."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
            ways = _Way(reader, to_server, up=True), _Way(from_server, writer, up=False)
            self._open.update(ways)
            try:
                await asyncio.wait(
                    [asyncio.ensure_future(way.relay()) for way in ways], return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                self._open.difference_update(ways)
                to_server.close()
        finally:
            writer.close()
            self._tasks.discard(task)

    async def stop(self) -> None:
        """End all links."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


class _Way:
    """One direction of a link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        self.up = up
        self.dropping = False
        self._reader = reader
        self._writer = writer

    async def relay(self) -> None:
        with suppress(OSError):
            while data := await self._reader.read(65536):
                if not self.dropping:
                    self._writer.write(data)
                    await self._writer.drain()


@asynccontextmanager
async def open_relay(port: int) -> AsyncIterator[Relay]:
    """Open a relay to a port of this machine, on a free port."""
    relay = Relay(port)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = int(server.sockets[0].getsockname()[1])
    try:
        yield relay
    finally:
        server.close()
        await asyncio.sleep(0)  # a link that was just taken begins, so that it can be ended
        await relay.stop()
