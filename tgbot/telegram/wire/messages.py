"""The MTProto session of a link: packets are sealed and opened, and numbered by a clock that never jumps."""

from __future__ import annotations

import asyncio
import os
import struct
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from telethon import crypto
from telethon.errors import InvalidBufferError, SecurityError
from telethon.tl import TLObject

from tgbot.telegram.wire.reading import CONTAINER

#: By how many seconds a message may be older or newer than our time, as the protocol has it.
_OLDEST, _NEWEST = 300, 30
#: By how many seconds our time may differ from that of a link's first message before it is corrected.
_AGREEMENT = 5
#: Above this an id is of the last year that ids of 63 bits have, 2037: ours would not fit any more.
_LAST_ID = 2**63 - 2**57
#: How many bytes of padding a message has.
_LEAST_PADDING, _MOST_PADDING = 12, 1024
#: How many of Telegram's last msg_ids are remembered.
_REMEMBERED = 500
#: What a message begins with: msg_id, seq_no, and the length of its body.
_HEAD = struct.Struct("<qii")


class ClockMovedError(Exception):
    """Telegram's clock moved, or ours stood still: a fresh link sets it."""


class Sent(msgspec.Struct, eq=False):  # made in C: there is one for each message
    """A message of ours."""

    request: TLObject
    data: bytes
    future: asyncio.Future[Any]
    #: Whether Telegram answers it, and has to acknowledge it.
    answered: bool
    msg_id: int = 0
    #: The msg_id of the container that it is in, 0 if it is in none.
    container_id: int = 0
    #: How often Telegram refused it with bad_msg_notification.
    refused: int = 0


class Messages:
    """A session with Telegram. Its time is Telegram's once a message of a link has arrived.

    Until the first message ever the time is that of `wall`. From then on it goes on with `monotonic`:
    setting this machine's clock changes nothing.
    """

    def __init__(
        self,
        auth_key: Any,  # Any: an AuthKey
        *,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.auth_key = auth_key
        self.salt = 0
        self._wall = wall
        self._monotonic = monotonic
        #: How far Telegram's time is ahead of `monotonic`.
        self._ahead = wall() - monotonic()
        self.reset()

    def reset(self) -> None:
        """Begin a new session."""
        self.id = int.from_bytes(os.urandom(8), "little", signed=True)
        #: Twice the number of messages that Telegram has to acknowledge.
        self._sequence = 0
        self._last_id = 0
        #: The highest msg_id of Telegram's in this session, and the last ones, to know one that comes again.
        self._highest = 0
        self._recent: deque[int] = deque(maxlen=_REMEMBERED)

    # ---- the clock -------------------------------------------------------------------------------

    @property
    def time_offset(self) -> float:
        """Seconds by which Telegram's time is ahead of `wall`: Telethon sets it after a key exchange."""
        return self._ahead + self._monotonic() - self._wall()

    @time_offset.setter
    def time_offset(self, seconds: float) -> None:
        self._ahead = seconds + self._wall() - self._monotonic()

    @property
    def server_time(self) -> float:
        """Telegram's time in unix seconds when the latest packet was sent; 0.0 before the first one."""
        return self._highest / 2**32

    def take_time(self) -> None:
        """Take the time from the latest packet."""
        self._ahead = self.server_time - self._monotonic()
        self._last_id = 0

    def move_sequence(self, by: int) -> None:
        """Correct the numbers of messages in which Telegram found an error."""
        self._sequence = max(0, self._sequence + 2 * by)

    # ---- out -------------------------------------------------------------------------------------

    def pack(self, acks: bytes, batch: Sequence[Sent], unanswered: dict[int, Sent]) -> bytes:
        """Return acknowledgements and messages as one message: a container, unless there is only one.

        The messages get their numbers, and those that are answered are put into `unanswered` by theirs.
        """
        monotonic, head = self._monotonic, _HEAD.pack
        msg_id = max(int((monotonic() + self._ahead) * 4294967296) & -4, self._last_id + 4)
        sequence = self._sequence
        parts: list[bytes] = []
        inside = len(batch) + (acks != b"")
        container_id = msg_id + 4 * inside if inside > 1 else 0
        if acks:
            parts += (head(msg_id, sequence, len(acks)), acks)
            msg_id += 4
        for sent in batch:
            sent.msg_id, sent.container_id, data = msg_id, container_id, sent.data
            if sent.answered:
                parts += (head(msg_id, sequence + 1, len(data)), data)
                sequence += 2
                unanswered[msg_id] = sent
            else:
                parts += (head(msg_id, sequence, len(data)), data)
            msg_id += 4
        self._sequence = sequence
        self._last_id = msg_id if container_id else msg_id - 4
        body = b"".join(parts)
        if not container_id:
            return body
        return head(container_id, sequence, len(body) + 8) + struct.pack("<Ii", CONTAINER, inside) + body

    def seal(self, data: bytes) -> bytes:
        """Return the packet that carries a message."""
        plain = struct.pack("<qq", self.salt, self.id) + data
        plain += os.urandom(-(len(plain) + 12) % 16 + 12)
        msg_key = sha256(self.auth_key.key[88:120] + plain).digest()[8:24]
        sealed = crypto.AES.encrypt_ige(plain, *_aes_key(self.auth_key.key, msg_key, 0))
        return struct.pack("<Q", self.auth_key.key_id) + msg_key + bytes(sealed)

    # ---- in --------------------------------------------------------------------------------------

    def open(self, packet: bytes) -> tuple[int, bytes] | None:
        """Return msg_id and body of the message in a packet; None if it arrived before, or may have.

        Raise InvalidBufferError for a transport error, SecurityError for a packet that is not of this
        session, and ClockMovedError for a message of another time than ours.
        """
        if len(packet) < 8:
            raise InvalidBufferError(packet)
        if int.from_bytes(packet[:8], "little") != self.auth_key.key_id:
            raise SecurityError("another auth key")
        msg_key, sealed = packet[8:24], packet[24:]
        if not sealed or len(sealed) % 16:
            raise SecurityError("a packet of the wrong size")
        plain = bytes(crypto.AES.decrypt_ige(sealed, *_aes_key(self.auth_key.key, msg_key, 8)))
        if msg_key != sha256(self.auth_key.key[96:128] + plain).digest()[8:24]:
            raise SecurityError("a wrong msg_key")
        if len(plain) < 32:
            raise SecurityError("a packet of the wrong size")
        session, msg_id, _seq_no, length = struct.unpack_from("<qqii", plain, 8)
        if session != self.id:
            raise SecurityError("another session")
        if msg_id % 2 != 1:
            raise SecurityError("an even msg_id")
        if not 0 < msg_id < _LAST_ID:
            raise SecurityError("a msg_id of another century")
        if length < 0 or length % 4 or not _LEAST_PADDING <= len(plain) - 32 - length <= _MOST_PADDING:
            raise SecurityError("a wrong length")
        if msg_id <= self._highest and self._may_be_known(msg_id):
            return None
        self._check_time(msg_id)
        self._recent.append(msg_id)
        self._highest = max(msg_id, self._highest)
        return msg_id, plain[32 : 32 + length]

    def _may_be_known(self, msg_id: int) -> bool:
        recent = self._recent
        return msg_id in recent or (len(recent) == _REMEMBERED and msg_id < min(recent))

    def _check_time(self, msg_id: int) -> None:
        ahead = msg_id / 2**32 - self._monotonic() - self._ahead
        if not self._highest:
            # A session begins with each link, so its first message is of now.
            if abs(ahead) > _AGREEMENT:
                self._highest = msg_id
                self.take_time()
        elif not -_OLDEST <= ahead <= _NEWEST:
            raise ClockMovedError


def tl_bytes(data: bytes) -> bytes:
    """Return bytes as TL has them: their length, themselves, and zeros up to a multiple of four."""
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)


def _aes_key(key: bytes, msg_key: bytes, side: int) -> tuple[bytes, bytes]:
    """Return key and initialisation vector of a packet; `side` is 0 for the client's, 8 for the server's."""
    one = sha256(msg_key + key[side : side + 36]).digest()
    two = sha256(key[side + 40 : side + 76] + msg_key).digest()
    return one[:8] + two[8:24] + one[24:], two[:8] + one[8:24] + two[24:]
