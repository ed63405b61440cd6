"""Files by address: what a client names by its URL is fetched, from this machine only."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from .rpc import RpcError

_SECONDS: Final = 10.0
_REDIRECTS: Final = 5
_CHUNK: Final = 64 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address gave."""

    content: bytes = field(repr=False)
    mime_type: str
    #: The last part of the path, which may be empty.
    name: str


class _Loopback(AbstractResolver):
    """Resolves every name to this machine: no name server can lead elsewhere."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Do nothing: nothing is open."""


def is_here(url: str) -> bool:
    """Return whether an address is of this machine: `localhost`, 127.0.0.0/8 or ::1, by http or https."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def fetch(url: str, limit: int) -> Fetched:
    """Return what is at an address of this machine, at most `limit` bytes.

    Raise WEBPAGE_CURL_FAILED for any other address, for more bytes, and for whatever goes wrong.
    """
    failed = RpcError(400, "WEBPAGE_CURL_FAILED")
    try:
        async with (
            asyncio.timeout(_SECONDS),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=_Loopback())) as session,
        ):
            for _ in range(_REDIRECTS):
                if not is_here(url):
                    _log.warning("the sandbox fetches files from loopback addresses only")
                    raise failed
                async with session.get(url, allow_redirects=False) as answer:
                    if answer.status in (301, 302, 303, 307, 308):
                        url = urljoin(url, answer.headers.get("Location", ""))
                        continue
                    if answer.status != 200:
                        raise failed
                    content = await _read(answer, limit)
                    name = unquote(PurePosixPath(urlsplit(url).path).name)
                    return Fetched(content, answer.content_type, name)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise failed from error
    raise failed


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_chunked(_CHUNK):
        size += len(part)
        if size > limit:
            raise RpcError(400, "WEBPAGE_CURL_FAILED")
        parts.append(part)
    return b"".join(parts)
