"""The session of a link: which packets it opens, and the time that it takes from them."""

from __future__ import annotations

import os
import struct

import pytest
from telethon.crypto import AuthKey
from telethon.errors import InvalidBufferError, SecurityError

from tgbot.sandbox.authkey import AuthKey as ServerKey
from tgbot.telegram.wire.messages import ClockMovedError, Messages

KEY = bytes(range(256))
NOW = 1_800_000_000
BODY = b"body"


class Telegram:
    """The server side: it seals packets, and its clock is set."""

    def __init__(self) -> None:
        self.messages = Messages(AuthKey(KEY), wall=lambda: NOW, monotonic=lambda: 1000.0)
        self._key = ServerKey(KEY, 1, 0.0)

    def packet(
        self, msg_id: int, body: bytes = BODY, *, length: int | None = None, padding: int = 12
    ) -> bytes:
        length = len(body) if length is None else length
        plain = struct.pack("<qqqii", 1, self.messages.id, msg_id, 1, length) + body
        return self._key.encrypt(plain, os.urandom(padding))

    def written(self) -> float:
        """Return the time in the msg_id of what we write now."""
        return int.from_bytes(self.messages.pack(b"data", [], {})[:8], "little") / 2**32


@pytest.fixture
def telegram() -> Telegram:
    return Telegram()


def at(seconds: float) -> int:
    """Return an odd msg_id of a time."""
    return int(seconds * 2**32) & ~3 | 1


def test_a_message_is_opened_once(telegram: Telegram) -> None:
    packet = telegram.packet(at(NOW))
    assert telegram.messages.open(packet) == (at(NOW), BODY)
    assert telegram.messages.open(packet) is None


def test_a_message_that_is_older_than_all_that_are_remembered_counts_as_known(telegram: Telegram) -> None:
    first = telegram.packet(at(NOW))
    assert telegram.messages.open(first) is not None
    for number in range(1, 501):
        assert telegram.messages.open(telegram.packet(at(NOW) + 4 * number)) is not None
    assert telegram.messages.open(first) is None
    late = telegram.packet(at(NOW) + 2)
    assert telegram.messages.open(late) is None


def test_a_message_that_was_overtaken_is_opened(telegram: Telegram) -> None:
    assert telegram.messages.open(telegram.packet(at(NOW) + 8)) is not None
    assert telegram.messages.open(telegram.packet(at(NOW) + 4)) is not None


@pytest.mark.parametrize("msg_id", [2**63 - 1, 2**63 - 2**56 - 1, -3, -(2**63) + 1, 1 - 4])
def test_a_time_that_no_id_of_ours_could_follow_is_not_taken(telegram: Telegram, msg_id: int) -> None:
    with pytest.raises(SecurityError):
        telegram.messages.open(telegram.packet(msg_id))
    assert telegram.written() == NOW


def test_the_time_of_the_first_message_of_a_session_is_taken(telegram: Telegram) -> None:
    telegram.messages.open(telegram.packet(at(NOW + 4000)))
    assert telegram.written() == NOW + 4000
    with pytest.raises(ClockMovedError):
        telegram.messages.open(telegram.packet(at(NOW)))
    telegram.messages.reset()
    telegram.messages.open(telegram.packet(at(NOW)))
    assert telegram.written() == NOW


@pytest.mark.parametrize("padding", [12, 28, 1020])
def test_padding_is_of_12_to_1024_bytes(telegram: Telegram, padding: int) -> None:
    # 32 bytes of head, 4 of body: the sum is a multiple of 16.
    assert telegram.messages.open(telegram.packet(at(NOW), padding=padding)) == (at(NOW), BODY)


@pytest.mark.parametrize(
    ("length", "padding"),
    [(4, 1036), (8, 12), (16, 12), (-4, 12), (3, 28), (2**31 - 1, 12), (-(2**31), 12)],
)
def test_a_wrong_length_is_no_message(telegram: Telegram, length: int, padding: int) -> None:
    with pytest.raises(SecurityError, match="a wrong length"):
        telegram.messages.open(telegram.packet(at(NOW), length=length, padding=padding))


@pytest.mark.parametrize("cut", [0, 4, 7])
def test_what_is_too_short_is_a_transport_error(telegram: Telegram, cut: int) -> None:
    with pytest.raises(InvalidBufferError):
        telegram.messages.open(telegram.packet(at(NOW))[:cut])
