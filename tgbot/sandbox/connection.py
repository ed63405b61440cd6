"""One client's TCP connection: bytes to payloads, the key exchange, and back."""

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Protocol, cast

from .authkey import SessionError
from .delivery import Link
from .exchange import Exchange, ExchangeError, Stage
from .transport import Framer, TransportError

_UNKNOWN_KEY = struct.pack("<i", -404)
#: Bytes that may wait for a slow client before it is sent no more updates.
_HIGH_WATER = 1 << 20

_log = logging.getLogger(__name__)


class Host(Protocol):
    """What a connection needs of the server."""

    def opened(self, connection: "Connection") -> bool:
        """Whether this connection is taken at all."""

    def closed(self, connection: "Connection") -> None:
        """The connection is gone."""

    def exchange(self) -> Exchange:
        """A new key exchange."""

    def exchanged(self, exchange: Exchange) -> None:
        """An exchange is done and has a key."""

    def writable(self, link: Link) -> None:
        """A slow client of this session can be sent updates again."""

    def packet(self, connection: "Connection", payload: bytes) -> bool:
        """Takes an encrypted payload; False if nobody here knows its key."""


class Connection(asyncio.Protocol):
    """Whatever a client sends ends its own connection at worst, with a logged reason."""

    def __init__(self, host: Host, random: Callable[[int], bytes]) -> None:
        self._host = host
        self._framer = Framer(random)
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self.writable = True
        #: The sessions that talk over this connection.
        self.links: dict[Link, None] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
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

    def resume_writing(self) -> None:
        self.writable = True
        for link in self.links:
            self._host.writable(link)

    def data_received(self, data: bytes) -> None:
        try:
            for payload in self._framer.feed(data):
                if self._transport is None or self._transport.is_closing():
                    return
                self._payload(payload)
        except (TransportError, ExchangeError, SessionError) as error:
            self.cut(str(error))
        except Exception:
            # The last one to know about a client: a defect here must not reach the other connections.
            _log.exception("a client's bytes were not understood")
            self.cut("of an error of the sandbox")

    def _payload(self, payload: bytes) -> None:
        if len(payload) < 20:
            raise TransportError(f"a payload of {len(payload)} bytes is no message")
        if any(payload[:8]):
            if not self._host.packet(self, payload):
                self.send(_UNKNOWN_KEY)
                self.close()
            return
        if self._exchange is None:
            self._exchange = self._host.exchange()
        answer = self._exchange.step(payload)
        if self._exchange.stage is Stage.DONE:
            self._host.exchanged(self._exchange)
            self._exchange = None
        if answer is not None:
            self.send(answer)

    def send(self, payload: bytes) -> None:
        """Writes one payload; nothing happens once the connection is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._framer.pack(payload))

    def close(self) -> None:
        """Closes the connection after what has been written."""
        if self._transport is not None:
            self._transport.close()

    def cut(self, reason: str) -> None:
        """Closes the connection at once; the reason is logged."""
        if self._transport is not None and not self._transport.is_closing():
            peer = self._transport.get_extra_info("peername") or ("?", 0)
            _log.info("connection of port %s cut: %s", peer[1], reason)
            self._transport.abort()

    def close_when_silent(self, seconds: float) -> None:
        """Closes the connection when nothing has come for this long (ping_delay_disconnect)."""
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(seconds, self.cut, "the client asked to be cut off after this silence")
