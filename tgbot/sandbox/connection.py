"""A client's TCP connection: from bytes to payloads and back, and the key exchange."""

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Protocol, cast

from .authkey import SessionError
from .delivery import Link
from .exchange import Exchange, ExchangeError, Stage, WrongDc
from .transport import Framer, TransportError
from .websocket import WebSocket, WebSocketError, is_http

_UNKNOWN_KEY = struct.pack("<i", -404)
_WRONG_DC = struct.pack("<i", -444)
#: Unsent bytes above which a slow client gets no more updates.
_HIGH_WATER = 1 << 20

_log = logging.getLogger(__name__)


class Host(Protocol):
    """The part of the server that a connection uses."""

    def opened(self, connection: "Connection") -> bool:
        """Register a new connection; return False to refuse it."""

    def closed(self, connection: "Connection") -> None:
        """Forget a connection that was closed."""

    def obstructs(self, connection: "Connection") -> bool:
        """Answer an unencrypted packet with a transport error, if a fault asks for it."""

    def exchange(self, connection: "Connection", payload: bytes) -> Exchange:
        """Return the key exchange that this payload continues, else a new one."""

    def exchanged(self, connection: "Connection", exchange: Exchange) -> None:
        """Store the auth key of a finished exchange."""

    def writable(self, link: Link) -> None:
        """Resume the updates of a session whose client was too slow."""

    def packet(self, connection: "Connection", payload: bytes) -> bool:
        """Process an encrypted payload; return False if its auth key is unknown."""


class Connection(asyncio.Protocol):
    """One connection. Bad input closes it, with a logged reason, and affects no other connection."""

    def __init__(self, host: Host, random: Callable[[int], bytes], dc_id: int, secret: bytes = b"") -> None:
        self._host = host
        #: The data centre that the client connected to. A client that uses the proxy secret names one.
        self.dc_id = dc_id
        self._framer = Framer(random, secret)
        #: The first bytes, until they tell whether this is HTTP; then None.
        self._first: bytearray | None = bytearray()
        self._web: WebSocket | None = None
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport | None = None
        self._peer: tuple[str, int] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self.writable = True
        #: The sessions that use this connection.
        self.links: dict[Link, None] = {}
        #: Who closed it, or why it was cut.
        self.reason = "by the client"

    @property
    def name(self) -> str:
        """The connection as people tell it from others: by the port of its client."""
        peer = self._peer or ("?", 0)
        return f"connection from port {peer[1]}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = transport.get_extra_info("peername")
        if not self._host.opened(self):
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._transport = None
        self._host.closed(self)

    def pause_writing(self) -> None:
        self.writable = False
        # Whoever asks without reading the answers would fill the memory with them.
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.writable = True
        if self._transport is not None:
            self._transport.resume_reading()
        for link in self.links:
            self._host.writable(link)

    def data_received(self, data: bytes) -> None:
        try:
            if self._first is not None:
                self._first += data
                http = is_http(bytes(self._first))
                if http is None:
                    return
                data, self._first = bytes(self._first), None
                self._web = WebSocket() if http else None
            self._stream(data if self._web is None else self._unwrap(self._web, data))
            if self._web is not None and self._web.closed:
                self.close()
        except WrongDc as error:
            self.send(_WRONG_DC)
            self._end(str(error))
        except WebSocketError as error:
            self._write(error.reply)
            self._end(str(error))
        except (TransportError, ExchangeError, SessionError) as error:
            self.cut(str(error))
        except Exception:
            # This is the outermost loop for one client: a defect must not affect the other connections.
            _log.exception("processing the bytes of a client failed")
            self.cut("internal error of the sandbox")

    def _unwrap(self, web: WebSocket, data: bytes) -> bytes:
        """Return the stream inside a WebSocket, and write what the protocol answers."""
        inside = web.feed(data)
        replies = web.take()
        if replies:
            self._write(replies)
        if web.dc_id is not None:
            self.dc_id = web.dc_id
        return inside

    def _stream(self, data: bytes) -> None:
        """Process bytes of an MTProto transport."""
        payloads = self._framer.feed(data)
        if not payloads:
            return
        if self._web is not None and not self._framer.obfuscated:
            raise TransportError("inside a WebSocket the transport has to be obfuscated")
        if self._framer.dc_id:
            self.dc_id = self._framer.dc_id
        for payload in payloads:
            if self._transport is None or self._transport.is_closing():
                return
            self._payload(payload)

    def _payload(self, payload: bytes) -> None:
        if len(payload) < 20:
            raise TransportError(f"a payload of {len(payload)} bytes is too short for a message")
        if any(payload[:8]):
            if not self._host.packet(self, payload):
                self.send(_UNKNOWN_KEY)
                self.close()
            return
        if self._host.obstructs(self):
            return
        exchange = self._exchange
        if exchange is None or not exchange.concerns(payload):
            exchange = self._exchange = self._host.exchange(self, payload)
        was = exchange.stage
        answer = exchange.step(payload)
        if exchange.stage is Stage.DONE and was is not Stage.DONE:
            self._host.exchanged(self, exchange)
        if answer is not None:
            self.send(answer)

    def send(self, payload: bytes) -> None:
        """Write one payload; do nothing if the connection is closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._put(self._framer.pack(payload))

    def quick_ack(self, token: int) -> None:
        """Write that a packet has arrived, for a client that asked for it."""
        if self._transport is not None and not self._transport.is_closing():
            self._put(self._framer.quick_ack(token))

    def send_bare(self, data: bytes) -> None:
        """Write bytes that are in no frame; do nothing if the connection is closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._put(self._framer.bare(data))

    def _put(self, data: bytes) -> None:
        self._write(data if self._web is None else self._web.pack(data))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection after sending what was written."""
        if self._transport is not None:
            self.reason = "by the server"
            self._transport.close()

    def cut(self, reason: str) -> None:
        """Close the connection at once and log the reason."""
        if self._transport is not None and not self._transport.is_closing():
            self.reason = reason
            _log.info("%s closed: %s", self.name, reason)
            self._transport.abort()

    def _end(self, reason: str) -> None:
        """Close the connection after sending what was written, and log the reason."""
        if self._transport is not None:
            _log.info("%s closed: %s", self.name, reason)
            self._transport.close()
            self.reason = reason

    def close_when_silent(self, seconds: float) -> None:
        """Close the connection if the client sends nothing for this long (ping_delay_disconnect)."""
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(seconds, self.cut, "silent for its ping_delay_disconnect")
