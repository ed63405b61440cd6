"""The socket: a half-open link is noticed, frames have limits, transport errors are told from packets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from zlib import crc32

from telethon.errors import InvalidBufferError, InvalidChecksumError
from telethon.network import ConnectionTcpFull
from telethon.network.connection.tcpfull import FullPacketCodec

from tgbot.telegram.wire.loggers import SafeLogger

#: How long TCP waits for an acknowledgement before it gives the link up, in milliseconds.
_DEAD_AFTER_MS = 10_000
#: How long the other side may take what was sent before the socket is closed, in seconds.
_CLOSE_SECONDS = 1.0
#: The most bytes of a packet. Telegram's are below 2 MiB.
MAX_PACKET = 16 << 20


class BotCodec(FullPacketCodec):
    """Telethon's frames. A transport error is raised as soon as its four bytes are there, framed or bare."""

    async def read_packet(self, reader: asyncio.StreamReader) -> bytes:
        """Return the payload of the next frame.

        Raise InvalidBufferError for a transport error (with its `code`) and for a frame of no possible size,
        InvalidChecksumError for a damaged one.
        """
        head = await reader.readexactly(4)
        length = int.from_bytes(head, "little", signed=True)
        if length < 0:
            raise InvalidBufferError(head)
        if not 12 < length <= MAX_PACKET:
            raise InvalidBufferError(b"")
        rest = await reader.readexactly(length - 4)
        payload, found = rest[4:-4], int.from_bytes(rest[-4:], "little")
        wanted = crc32(rest[:-4], crc32(head))
        if found != wanted:
            raise InvalidChecksumError(found, wanted)
        if len(payload) == 4:
            raise InvalidBufferError(payload)
        return payload


class BotConnection(ConnectionTcpFull):
    """Telethon's full transport on a socket that notices a half-open link within about ten seconds."""

    packet_codec = BotCodec

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log: Any = SafeLogger(self._log, {})

    def __str__(self) -> str:
        return str(super().__str__()).rpartition("/")[0]  # address and port, without the kind of connection

    async def _connect(self, timeout: float | None = None, ssl: Any = None) -> None:  # noqa: ASYNC109 - Telethon's signature
        await super()._connect(timeout=timeout, ssl=ssl)
        # Telethon keeps the queues, and an unread error of the previous link would end this one at once.
        self._recv_queue: Any = asyncio.Queue(1)
        self._send_queue: Any = asyncio.Queue(1)
        sock = self._writer.get_extra_info("socket")
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Not every system has these. Without them only the pings notice a dead link.
        for name, value in (
            ("TCP_USER_TIMEOUT", _DEAD_AFTER_MS),
            ("TCP_KEEPIDLE", 5),
            ("TCP_KEEPINTVL", 3),
            ("TCP_KEEPCNT", 2),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    async def close(self) -> None:
        """Close the socket; what the other side does not take within a second is dropped."""
        aborting = asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self.abort)
        try:
            await self.disconnect()  # Telethon's own waits for ten seconds
        finally:
            aborting.cancel()

    def abort(self) -> None:
        """Close the socket at once, without waiting until the other side has taken what was sent."""
        if self._writer is not None:
            self._writer.transport.abort()

    def _send(self, data: bytes) -> None:
        try:
            super()._send(data)
        except RuntimeError as error:
            # uvloop raises this where a transport is closed. Telethon only expects what asyncio raises.
            raise ConnectionResetError(str(error)) from error
