"""A proxy on the way to Telegram: SOCKS5 or HTTP CONNECT."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit


class ProxyRefusedError(OSError):
    """The proxy is there, and does not connect us: it wants another password, or cannot reach the server."""


class Proxy:
    """A proxy, by its address; neither its repr nor an error shows user name and password."""

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        self._shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def __repr__(self) -> str:
        return f"Proxy({self._shown})"

    def __str__(self) -> str:
        return self._shown

    async def open(self, host: str, port: int) -> socket.socket:
        """Return a socket that is connected to an address; raise OSError, or ProxyRefusedError."""
        # Imported here: few bots are behind a proxy.
        from python_socks import ProxyError
        from python_socks.async_.asyncio import Proxy as Route

        try:
            return await Route.from_url(self._url, rdns=True).connect(host, port)
        except ProxyError as error:
            code = error.error_code
        # Raised here, the error does not hold the proxy's own, whose text comes from a stranger.
        raise ProxyRefusedError(f"refused by {self}" + (f" (code {code})" if code else ""))
