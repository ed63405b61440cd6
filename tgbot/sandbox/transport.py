"""MTProto transports, server side: from the bytes of a TCP stream to payloads and back, without I/O.

Source: https://core.telegram.org/mtproto/mtproto-transports
"""

import os
import struct
import zlib
from collections.abc import Callable
from enum import Enum
from hashlib import sha256
from typing import Literal

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

#: A larger payload is not MTProto; Telegram's own limit is one megabyte.
MAX_PAYLOAD = 4 * 1024 * 1024

#: What was received instead of MTProto, by its first four bytes.
_NOT_MTPROTO = {
    b"HEAD": "an HTTP request",
    b"POST": "an HTTP request",
    b"GET ": "an HTTP request",
    b"OPTI": "an HTTP request",
    b"\x16\x03\x01\x02": "a TLS handshake (secrets that begin with ee need it, and the sandbox has no TLS)",
}

_INT = struct.Struct("<I")
_FULL_HEADER = struct.Struct("<II")
_QUICK_ACK = 0x80000000


class TransportError(Exception):
    """The bytes are not an MTProto transport; the connection must be closed."""


class UrgentPayload(bytes):
    """A payload that the client wants a quick ack for."""


class Transport(Enum):
    """The framing of payloads on a connection."""

    #: One length byte (or 0x7f and three), in units of four bytes.
    ABRIDGED = "abridged"
    #: Four length bytes.
    INTERMEDIATE = "intermediate"
    #: Four length bytes; the length includes up to 15 bytes of padding.
    PADDED = "padded intermediate"
    #: Length, packet number and CRC32 around each payload.
    FULL = "full"


_TAGS = {
    b"\xef\xef\xef\xef": Transport.ABRIDGED,
    b"\xee\xee\xee\xee": Transport.INTERMEDIATE,
    b"\xdd\xdd\xdd\xdd": Transport.PADDED,
}


class Framer:
    """Split the stream of one connection into payloads, and frame answers in the client's transport.

    The first bytes tell the transport, and whether it is obfuscated (obfuscated2): with the 16 bytes of
    `secret`, as clients do that use an MTProto proxy, or without. `feed` raises `TransportError` if they are
    of no transport; nothing may be fed after that. A payload that the client wants a quick ack for is an
    `UrgentPayload`. `random` returns the padding of the padded transport.
    """

    def __init__(self, random: Callable[[int], bytes] = os.urandom, secret: bytes = b"") -> None:
        self.transport: Transport | None = None
        #: The data centre that a client names to its proxy, None if it does not use the secret.
        self.dc_id: int | None = None
        self._random = random
        self._secret = secret
        self._buffer = bytearray()
        self._decrypt: CipherContext | None = None
        self._encrypt: CipherContext | None = None
        self._received = 0
        self._sent = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads that these bytes complete, in order."""
        if self._decrypt is not None:
            data = self._decrypt.update(data)
        buffer = self._buffer
        buffer += data
        if self.transport is None and not self._detect():
            return []
        payloads: list[bytes] = []
        if self.transport is Transport.ABRIDGED:
            used = self._cut_abridged(buffer, payloads)
        elif self.transport is Transport.FULL:
            used = self._cut_full(buffer, payloads)
        else:
            used = self._cut_intermediate(buffer, payloads)
        if used:
            del buffer[:used]
        return payloads

    def pack(self, payload: bytes) -> bytes:
        """Return the bytes to write for this payload; `feed` must have returned a payload before."""
        match self.transport:
            case Transport.ABRIDGED:
                words = len(payload) >> 2
                if words < 0x7F:
                    data = words.to_bytes(1, "little") + payload
                else:
                    data = b"\x7f" + words.to_bytes(3, "little") + payload
            case Transport.INTERMEDIATE:
                data = _INT.pack(len(payload)) + payload
            case Transport.PADDED:
                # At most three bytes: Telethon removes only the remainder of a division by four.
                padding = self._random(self._random(1)[0] & 3) if len(payload) > 4 else b""
                data = _INT.pack(len(payload) + len(padding)) + payload + padding
            case Transport.FULL:
                head = _FULL_HEADER.pack(len(payload) + 12, self._sent) + payload
                data = head + _INT.pack(zlib.crc32(head))
                self._sent += 1
            case None:
                raise TransportError("the client has not chosen a transport yet")
        if self._encrypt is not None:
            return self._encrypt.update(data)
        return data

    def quick_ack(self, token: int) -> bytes:
        """Return the bytes to write for a quick ack: the token, whose highest bit tells it from a length."""
        order: Literal["big", "little"] = "big" if self.transport is Transport.ABRIDGED else "little"
        return self.bare((token | _QUICK_ACK).to_bytes(4, order))

    @property
    def obfuscated(self) -> bool:
        """Whether the client's stream is obfuscated."""
        return self._decrypt is not None

    def bare(self, data: bytes) -> bytes:
        """Return the bytes to write for data without a frame: obfuscated if the client's stream is."""
        return data if self._encrypt is None else self._encrypt.update(data)

    def _detect(self) -> bool:
        buffer = self._buffer
        if buffer[:1] == b"\xef":
            self.transport = Transport.ABRIDGED
            del buffer[:1]
            return True
        if len(buffer) < 4:
            return False
        first = bytes(buffer[:4])
        transport = _TAGS.get(first)
        if transport is not None:
            self.transport = transport
            del buffer[:4]
            return True
        if first in _NOT_MTPROTO:
            raise TransportError(f"this is {_NOT_MTPROTO[first]}, not MTProto")
        if len(buffer) < 8:
            return False
        if not any(buffer[4:8]):
            self.transport = Transport.FULL
            return True
        if len(buffer) < 64:
            return False
        self._deobfuscate()
        return True

    def _deobfuscate(self) -> None:
        """Read the 64 first bytes of obfuscated2: the keys of both directions, and the transport."""
        opening = bytes(self._buffer[:64])
        # Only the right keys show one of the tags: with others, three of 2^32 openings would.
        for secret in (b"", self._secret) if self._secret else (b"",):
            decrypt = _stream(opening[8:56], secret)
            clear = decrypt.update(opening)
            transport = _TAGS.get(clear[56:60])
            if transport is not None:
                break
        else:
            raise TransportError("the first 64 bytes name no known transport, and use no known proxy secret")
        self.transport = transport
        if secret:
            # Test servers have 10000 added, servers for media only are negative.
            self.dc_id = abs(int.from_bytes(clear[60:62], "little", signed=True)) % 10000
        self._decrypt = decrypt
        self._encrypt = _stream(opening[55:7:-1], secret)
        self._buffer[:] = decrypt.update(bytes(self._buffer[64:]))

    def _cut_abridged(self, buffer: bytearray, payloads: list[bytes]) -> int:
        at, end = 0, len(buffer)
        while at < end:
            words, start = buffer[at] & 0x7F, at + 1
            if words == 0x7F:
                if end < at + 4:
                    break
                words, start = int.from_bytes(buffer[at + 1 : at + 4], "little"), at + 4
            stop = start + _checked(words << 2)
            if end < stop:
                break
            kind = UrgentPayload if buffer[at] & 0x80 else bytes
            payloads.append(kind(buffer[start:stop]))
            at = stop
        return at

    def _cut_intermediate(self, buffer: bytearray, payloads: list[bytes]) -> int:
        at, end = 0, len(buffer)
        padded = self.transport is Transport.PADDED
        while end - at >= 4:
            word = _INT.unpack_from(buffer, at)[0]
            stop = at + 4 + _checked(word & ~_QUICK_ACK)
            if end < stop:
                break
            payload = bytes(buffer[at + 4 : stop])
            if padded:
                payload = _without_padding(payload)
            payloads.append(UrgentPayload(payload) if word & _QUICK_ACK else payload)
            at = stop
        return at

    def _cut_full(self, buffer: bytearray, payloads: list[bytes]) -> int:
        at, end = 0, len(buffer)
        while end - at >= 8:
            length, number = _FULL_HEADER.unpack_from(buffer, at)
            _checked(length - 12)
            if number != self._received:
                raise TransportError(f"got packet number {number} where {self._received} was expected")
            stop = at + length
            if end < stop:
                break
            if zlib.crc32(buffer[at : stop - 4]) != _INT.unpack_from(buffer, stop - 4)[0]:
                raise TransportError(f"the checksum of packet {number} is wrong")
            payloads.append(bytes(buffer[at + 8 : stop - 4]))
            self._received += 1
            at = stop
        return at


def _stream(keys: bytes, secret: bytes) -> CipherContext:
    """Return the cipher of one direction; 32 bytes of `keys` are its key, the other 16 its counter."""
    key = sha256(keys[:32] + secret).digest() if secret else keys[:32]
    return Cipher(algorithms.AES(key), modes.CTR(keys[32:])).encryptor()


def _checked(length: int) -> int:
    if not 4 <= length <= MAX_PAYLOAD:
        raise TransportError(f"a payload cannot have {length} bytes")
    return length


def _without_padding(payload: bytes) -> bytes:
    if len(payload) >= 20 and not any(payload[:8]):
        return payload[: 20 + _INT.unpack_from(payload, 16)[0]]
    if len(payload) >= 40:
        return payload[: len(payload) - (len(payload) - 24) % 16]
    return payload
