"""The data centres of the sandbox: each listens on a port and proves itself with a server key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .exchange import ServerKey


class DataCentre:
    """One data centre. A port of 0 selects a free one, which a restart keeps."""

    def __init__(self, dc_id: int, key: ServerKey, port: int = 0) -> None:
        self.id = dc_id
        self.key = key
        self.port = port
        self._server: asyncio.Server | None = None

    @property
    def public_key(self) -> str:
        """The server's public key as PEM text, for clients."""
        return self.key.pem

    async def listen(self, host: str, connect: Callable[[], asyncio.Protocol]) -> None:
        """Start to listen; raise OSError if that fails."""
        self._server = await asyncio.get_running_loop().create_server(
            connect, host, self.port, reuse_address=True, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop to listen; open connections stay."""
        if self._server is not None:
            self._server.close()

    async def wait_closed(self) -> None:
        """Wait until all connections are closed, after `close`."""
        server, self._server = self._server, None
        if server is not None:
            await server.wait_closed()
