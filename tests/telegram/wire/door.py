"""A proxy on loopback."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress

USER, PASSWORD = "ann", "sesame@open"
LOGIN = f"{USER}:sesame%40open@"


class Door:
    """A proxy that speaks SOCKS5 (RFC 1928, 1929) or HTTP CONNECT, and wants user name and password."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.port = 0
        #: Where connections went, and how many were refused.
        self.opened: list[tuple[str, int]] = []
        self.refused = 0
        #: Whether connections to servers are refused.
        self.shut = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def url(self, login: str = LOGIN) -> str:
        return f"{self.scheme}://{login}127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop to listen, and end all connections."""
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        try:
            greet = self._socks if self.scheme == "socks5" else self._http
            if (where := await greet(reader, writer)) is None:
                self.refused += 1
                return
            self.opened.append(where)
            far_reader, far_writer = await asyncio.open_connection(*where)
            ends.append(far_writer)
            copies = [_copy(reader, far_writer), _copy(far_reader, writer)]
            await asyncio.wait([asyncio.create_task(copy) for copy in copies], return_when="FIRST_COMPLETED")
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in ends:
                end.close()

    async def _socks(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        _, count = await reader.readexactly(2)
        if 2 not in await reader.readexactly(count):
            writer.write(b"\x05\xff")
            return None
        writer.write(b"\x05\x02")
        await reader.readexactly(1)
        user = await reader.readexactly((await reader.readexactly(1))[0])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        if (user.decode(), password.decode()) != (USER, PASSWORD):
            writer.write(b"\x01\x01")
            return None
        writer.write(b"\x01\x00")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = ".".join(str(byte) for byte in await reader.readexactly(4))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(b"\x05" + (b"\x05" if self.shut else b"\x00") + b"\x00\x01" + bytes(6))
        return None if self.shut else (host, port)

    async def _http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if f"Basic {wanted}" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return None
        if self.shut:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return None
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        host, _, port = head.split()[1].rpartition(":")
        return host, int(port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
