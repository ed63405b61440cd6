"""Where the page is to be served: a loopback address, and a port or the first that is free."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

#: The ports that are tried where none is named.
PORTS: Final = range(8090, 8190)
HOST: Final = "127.0.0.1"


class PageError(Exception):
    """The page cannot be served; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address on this machine; with port 0 the first free one of `PORTS`."""

    host: str = HOST
    port: int = 0

    @property
    def ports(self) -> Sequence[int]:
        """The ports to try, in this order."""
        return (self.port,) if self.port else PORTS

    @classmethod
    def read(cls, text: str) -> Self:
        """Read HOST:PORT, HOST or PORT; raise PageError."""
        host, colon, port = text.rpartition(":")
        if not colon:
            host, port = ("", text) if text.isdecimal() else (text, "")
        elif text.count(":") > 1 and not host.endswith("]"):
            host, port = text, ""  # an IPv6 address without a port
        if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
            raise PageError(f"{port!r} is no port: expected a number from 1 to 65535")
        return cls(loopback(host or HOST), int(port or 0))


def loopback(host: str) -> str:
    """Return the address for a host; raise PageError unless it is on loopback."""
    host = host.strip("[]")
    if host == "localhost":
        return HOST
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return host
    if "." not in host and ":" not in host:
        raise PageError(
            f"{host!r} is no address: expected HOST:PORT, where each may be left out, "
            f"such as {HOST}:{PORTS[0]}"
        )
    raise PageError(
        f"the page listens on loopback only, not on {host}: anyone could read the chats. Use {HOST}"
    )
