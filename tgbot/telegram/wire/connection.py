"""The socket: frames with limits; a half-open link is noticed, transport errors are told from packets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast
from zlib import crc32

from telethon.errors import InvalidBufferError, InvalidChecksumError

from tgbot.telegram.wire.proxy import Proxy

#: How long TCP waits for an acknowledgement before it gives the link up, in milliseconds.
_DEAD_AFTER_MS = 10_000
#: How long the other side may take what was sent before the socket is closed, in seconds.
_CLOSE_SECONDS = 1.0
#: The most bytes of a packet. Telegram's are below 2 MiB.
MAX_PACKET = 4 << 20
#: How many packets may wait for `recv` before the socket is read no further.
_WAITING = 16
_HEAD = struct.Struct("<ii")
#: The value of SO_LINGER with which closing a socket resets it: TCP drops what it still has to send.
_NO_LINGER = struct.pack("ii", 1, 0)


class BotConnection(asyncio.Protocol):
    """The full transport of MTProto over TCP: each frame has its length, its number and a checksum.

    After `connect`, packets are awaited with `recv`, which is what Telethon does, or handed to a function,
    from `listen` on, as they are read from the socket.
    """

    def __init__(self, host: str, port: int, proxy: Proxy | None = None) -> None:
        self._host = host
        self._port = port
        self._proxy = proxy
        self._transport: asyncio.Transport | None = None
        #: Done once the socket is closed.
        self._closed: asyncio.Future[None] | None = None
        #: The beginning of a frame, and how many bytes have to be there before it is looked at again.
        self._pieces: list[bytes] = []
        self._have, self._need = 0, 0
        self._sent = 0
        #: What `recv` returns, and the error that it raises afterwards.
        self._packets: deque[bytes] = deque()
        self._error: Exception | None = None
        self._arrived = asyncio.Event()
        self._take: Callable[[bytes], None] | None = None
        self._ended: Callable[[Exception], None] = lambda error: None
        self._room: Callable[[], None] = lambda: None
        #: Whether what is sent now goes out at once: the other side takes what was sent before.
        self.writable = False

    def __str__(self) -> str:
        way = "" if self._proxy is None else f" by way of {self._proxy}"
        return f"{self._host}:{self._port}{way}"

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as Telethon calls it
        """Connect anew; raise OSError, or TimeoutError after `timeout` seconds."""
        self._have = self._need = self._sent = 0
        self._error = self._take = None
        self._pieces.clear()
        self._packets.clear()
        self._arrived.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._open()
        except BaseException:
            # The loop closes the socket. uvloop does not tell us so, even where it told us of the socket.
            self._transport = None
            self.writable = False
            raise

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        if self._proxy is None:
            await loop.create_connection(lambda: self, self._host, self._port)
            return
        sock = await self._proxy.open(self._host, self._port)
        try:
            await loop.create_connection(lambda: self, sock=sock)
        except BaseException:
            sock.close()
            raise

    def listen(
        self, take: Callable[[bytes], None], ended: Callable[[Exception], None], room: Callable[[], None]
    ) -> None:
        """Hand each packet to `take` from now on, the error that ends the link to `ended`.

        `room` is called whenever the connection is `writable` again.
        """
        self._take, self._ended, self._room = take, ended, room
        while self._packets and self._take is take:
            take(self._packets.popleft())
        if self._error is not None:
            ended(self._error)

    async def recv(self) -> bytes:
        """Return the next packet; raise the error that ended the link.

        That is InvalidBufferError for a transport error (with its `code`) and for a frame of no possible
        size, InvalidChecksumError for a damaged one, OSError or IncompleteReadError for a link that was cut.
        """
        while not self._packets:
            if self._error is not None:
                raise self._error
            self._arrived.clear()
            await self._arrived.wait()
        packet = self._packets.popleft()
        if len(self._packets) < _WAITING and self._transport is not None:
            self._transport.resume_reading()
        return packet

    async def send(self, data: bytes) -> None:
        """Send a packet; raise ConnectionError if there is no connection."""
        self.write(data)

    def write(self, *packets: bytes) -> None:
        """Send packets in one go; raise ConnectionError if there is no connection."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("not connected")
        frames: list[bytes] = []
        for data in packets:
            frame = _HEAD.pack(len(data) + 12, self._sent) + data
            frames += (frame, crc32(frame).to_bytes(4, "little"))
            self._sent += 1
        transport.write(b"".join(frames))

    async def disconnect(self) -> None:
        """Close the socket; what the other side does not take within a second is dropped."""
        if self._transport is None or self._closed is None:
            return
        self._transport.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.shield(self._closed)
        self.abort()
        await asyncio.shield(self._closed)  # at once

    def abort(self) -> None:
        """Close the socket at once, without waiting until the other side has taken what was sent."""
        if self._transport is not None:
            self._transport.abort()

    def cut(self) -> None:
        """Close the socket at once as `abort` does; what TCP has not brought to the other side is dropped."""
        if self._transport is not None and not self._transport.is_closing():
            made = self._transport.get_extra_info("socket")
            with suppress(OSError):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.abort()

    # ---- what asyncio calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the socket up."""
        self._transport = cast(asyncio.Transport, transport)
        self._closed = asyncio.get_running_loop().create_future()
        self.writable = True
        # What is written leaves now, not when the loop turns: the other side works on it meanwhile.
        self._transport.set_write_buffer_limits(high=0)
        _notice_dead_links(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Cut packets from what arrives."""
        if self._error is not None:
            return
        if self._pieces:
            self._pieces.append(data)
            self._have += len(data)
            if self._have < self._need:
                return
            data = b"".join(self._pieces)
            self._pieces.clear()
        at = 0
        try:
            while len(data) - at >= (need := _length(data, at)):
                packet = _payload(data, at, at + need)
                at += need
                if self._take is not None:
                    self._take(packet)
                else:
                    self._packets.append(packet)
                    self._arrived.set()
        except (InvalidBufferError, InvalidChecksumError) as error:
            self._end(error)
            return
        if at < len(data):
            self._pieces.append(data[at:])
            self._have, self._need = len(data) - at, need
        if len(self._packets) >= _WAITING and self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the socket is closed."""
        if self._transport is None:
            return  # it is the socket of an attempt that was given up
        self.writable = False
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)
        self._end(error or asyncio.IncompleteReadError(b"", None))

    def pause_writing(self) -> None:
        """Note that the other side takes nothing for now."""
        self.writable = False

    def resume_writing(self) -> None:
        """Note that there is room again."""
        self.writable = True
        self._room()

    def _end(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
            self._arrived.set()
            self._ended(error)


def _length(data: bytes, at: int) -> int:
    """Return how many bytes the frame has that begins here, as far as that is known; at least four.

    Raise InvalidBufferError for a transport error as soon as its four bytes are there, framed or bare.
    """
    if len(data) - at < 4:
        return 4
    length = int.from_bytes(data[at : at + 4], "little", signed=True)
    if length < 0:
        raise InvalidBufferError(data[at : at + 4])
    if not 12 < length <= MAX_PACKET:
        raise InvalidBufferError(b"")
    return length


def _payload(data: bytes, at: int, end: int) -> bytes:
    found, wanted = int.from_bytes(data[end - 4 : end], "little"), crc32(memoryview(data)[at : end - 4])
    if found != wanted:
        raise InvalidChecksumError(found, wanted)
    payload = data[at + 8 : end - 4]
    if len(payload) == 4:
        raise InvalidBufferError(payload)
    return payload


def _notice_dead_links(sock: Any) -> None:  # Any: asyncio's or uvloop's socket
    """Have TCP give up a link on which nothing is acknowledged for about ten seconds."""
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
