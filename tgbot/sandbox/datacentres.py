"""The data centres of the sandbox: each listens on a port and proves itself with a server key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from .exchange import ServerKey


class DataCentre:
    """One data centre. With port 0 it takes the first free one of `ports`; a restart keeps it.

    A 0 in `ports` is a port that the system selects.
    """

    def __init__(self, dc_id: int, key: ServerKey, port: int = 0, ports: Sequence[int] = (0,)) -> None:
        self.id = dc_id
        self.key = key
        self.port = port
        self._ports = ports
        self._server: asyncio.Server | None = None

    @property
    def public_key(self) -> str:
        """The server's public key as PEM text, for clients."""
        return self.key.pem

    async def listen(self, host: str, connect: Callable[[], asyncio.Protocol]) -> None:
        """Start to listen; raise OSError if that fails."""
        listen = partial(asyncio.get_running_loop().create_server, connect, host, backlog=1024)
        *others, last = [self.port] if self.port else self._ports
        for port in others:
            with suppress(OSError):
                self._server = await listen(port, reuse_address=True)
                break
        else:
            self._server = await listen(last, reuse_address=True)
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
