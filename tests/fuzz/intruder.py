"""A client that seals any bytes into packets of its own session, and opens what comes back."""

from __future__ import annotations

import asyncio
import struct
from hashlib import sha256
from random import Random
from typing import Any, Final

import cryptg

from tests.fuzz.packets import CONTAINER, GZIP, RPC_RESULT
from tgbot.sandbox.server import Sandbox

#: The salt of every key here.
SALT: Final = 1
#: How many turns of the loop an answer may take; answers out of threads may take SECONDS after that.
TURNS: Final = 3000
SECONDS: Final = 10.0


class Wire(asyncio.Protocol):
    """A TCP connection that splits what it writes, and cuts what it reads into frames."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.closed = False
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        self.received += data

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        if self.transport is not None:
            self.transport.abort()


async def connect(sandbox: Sandbox) -> Wire:
    """Return a new connection to the first data centre."""
    _, wire = await asyncio.get_running_loop().create_connection(Wire, sandbox.host, sandbox.port)
    return wire


async def settled(condition: Any) -> bool:
    """Wait for a condition: for some turns of the loop, then for a time; return whether it came true."""
    for _ in range(TURNS):
        if condition():
            return True
        await asyncio.sleep(0)
    end = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < end:
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


class Intruder:
    """One MTProto session of an auth key that was put into the sandbox; it connects again when it is cut."""

    def __init__(self, sandbox: Sandbox, random: Random, key: bytes) -> None:
        self.sandbox = sandbox
        self.key = key
        self.name = b""
        self.wire: Wire | None = None
        #: Results by the msg_id of their request.
        self.results: dict[int, bytes] = {}
        #: Bodies of all other messages, which may be cleared.
        self.others: list[bytes] = []
        self._random = random
        self.session_id = random.getrandbits(63)
        self.last_id = 0
        self._content = 0

    async def open(self) -> None:
        """Connect if there is no connection."""
        if self.wire is None or self.wire.closed:
            self.wire = await connect(self.sandbox)
            self.wire.write(b"\xee" * 4)

    def renew(self) -> None:
        """Begin a new session: the numbers of the old one are spoiled."""
        self.session_id = self._random.getrandbits(63)
        self._content = 0

    def next_id(self) -> int:
        now = int(self.sandbox.world.now() * 2**32) & ~3
        self.last_id = max(now, self.last_id + 4)
        return self.last_id

    def sealed(
        self, body: bytes, msg_id: int, seq_no: int, *, length: int | None = None, salt: int = SALT
    ) -> bytes:
        """Return the packet of a message; `length` is what it says of itself."""
        said = len(body) if length is None else length
        plain = struct.pack("<qqqii", salt, self.session_id, msg_id, seq_no, said) + body
        plain += self._random.randbytes(-(len(plain) + 12) % 16 + 12)
        msg_key = sha256(self.key[88:120] + plain).digest()[8:24]
        aes = _aes(self.key[0:36], self.key[40:76], msg_key)
        return self.name + msg_key + bytes(cryptg.encrypt_ige(plain, *aes))

    def send(self, body: bytes, *, content: bool = True) -> int:
        """Write a message and return its msg_id."""
        msg_id = self.next_id()
        seq_no = self._content * 2 + content
        self._content += content
        self.put(self.sealed(body, msg_id, seq_no))
        return msg_id

    def put(self, packet: bytes) -> None:
        """Write a packet in its frame."""
        assert self.wire is not None
        self.wire.write(struct.pack("<I", len(packet)) + packet)

    def take(self) -> None:
        """Open all packets that have come."""
        buffer = self.wire.received if self.wire is not None else bytearray()
        while len(buffer) >= 4:
            length = struct.unpack_from("<I", buffer)[0]
            if len(buffer) < 4 + length:
                break
            payload = bytes(buffer[4 : 4 + length])
            del buffer[: 4 + length]
            if length >= 72 and payload[:8] == self.name:
                self._packet(payload)

    def _packet(self, payload: bytes) -> None:
        aes = _aes(self.key[8:44], self.key[48:84], payload[8:24])
        plain = bytes(cryptg.decrypt_ige(payload[24:], *aes))
        if struct.unpack_from("<q", plain, 8)[0] != self.session_id:
            return
        length = struct.unpack_from("<i", plain, 28)[0]
        body = plain[32 : 32 + length]
        if body[:4] != CONTAINER:
            self._message(body)
            return
        at = 8
        while at + 16 <= len(body):
            size = struct.unpack_from("<i", body, at + 12)[0]
            self._message(body[at + 16 : at + 16 + size])
            at += 16 + size

    def _message(self, body: bytes) -> None:
        if body[:4] == RPC_RESULT:
            self.results[struct.unpack_from("<q", body, 4)[0]] = body[12:]
        else:
            self.others.append(body)

    async def answer(self, msg_id: int) -> bytes | None:
        """Return the result of a request, b"" if the connection was closed, None if neither comes."""

        def done() -> bool:
            self.take()
            assert self.wire is not None
            return msg_id in self.results or self.wire.closed

        if not await settled(done):
            return None
        return self.results.pop(msg_id, b"")

    async def ask(self, request: bytes) -> bytes | None:
        await self.open()
        return await self.answer(self.send(request))


def is_packed(result: bytes) -> bool:
    return result[:4] == GZIP


def _aes(one: bytes, two: bytes, msg_key: bytes) -> tuple[bytes, bytes]:
    a, b = sha256(msg_key + one).digest(), sha256(two + msg_key).digest()
    return a[:8] + b[8:24] + a[24:32], b[:8] + a[8:24] + b[24:32]
