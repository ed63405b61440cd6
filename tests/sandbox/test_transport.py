"""The five transports of MTProto: framed by this test as by a client, and read by the sandbox."""

import os
import struct
import zlib
from collections.abc import Callable
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from tgbot.sandbox.transport import MAX_PAYLOAD, Framer, Transport, TransportError, UrgentPayload

ENCRYPTED = b"\x01" * 8 + b"k" * 16 + bytes(range(256)) * 4
SHORT = b"\x01" * 8 + b"k" * 16 + bytes(32)


def abridged(payload: bytes) -> bytes:
    words = len(payload) // 4
    return (bytes([words]) if words < 127 else b"\x7f" + words.to_bytes(3, "little")) + payload


def intermediate(payload: bytes) -> bytes:
    return struct.pack("<I", len(payload)) + payload


def padded(payload: bytes) -> bytes:
    return intermediate(payload + b"\xaa" * 15)


class Full:
    def __init__(self) -> None:
        self.number = 0

    def __call__(self, payload: bytes) -> bytes:
        head = struct.pack("<II", len(payload) + 12, self.number) + payload
        self.number += 1
        return head + struct.pack("<I", zlib.crc32(head))


OPENINGS: dict[Transport, tuple[bytes, Callable[[], Callable[[bytes], bytes]]]] = {
    Transport.ABRIDGED: (b"\xef", lambda: abridged),
    Transport.INTERMEDIATE: (b"\xee" * 4, lambda: intermediate),
    Transport.PADDED: (b"\xdd" * 4, lambda: padded),
    Transport.FULL: (b"", Full),
}


class Obfuscated:
    """The client's side of obfuscated2, for any transport with a tag."""

    def __init__(self, tag: bytes, dc_id: int, secret: bytes = b"") -> None:
        opening = bytearray(b"\x11" * 8 + bytes(range(48)) + tag + struct.pack("<h", dc_id) + b"zz")
        backwards = bytes(opening[8:56])[::-1]

        def stream(keys: bytes) -> CipherContext:
            key = sha256(keys[:32] + secret).digest() if secret else keys[:32]
            return Cipher(algorithms.AES(key), modes.CTR(keys[32:])).encryptor()

        self.encrypt = stream(bytes(opening[8:56]))
        self.decrypt = stream(backwards)
        hidden = self.encrypt.update(bytes(opening))
        self.opening = bytes(opening[:56]) + hidden[56:]


@pytest.mark.parametrize("transport", Transport)
def test_a_transport_is_told_by_its_first_bytes_and_its_payloads_come_out(transport: Transport) -> None:
    opening, make = OPENINGS[transport]
    frame = make()
    framer = Framer()
    assert framer.feed(opening + frame(ENCRYPTED) + frame(SHORT)) == [ENCRYPTED, SHORT]
    assert framer.transport is transport
    assert framer.feed(frame(SHORT)) == [SHORT]


@pytest.mark.parametrize("transport", Transport)
def test_payloads_come_out_whole_when_the_bytes_come_one_by_one(transport: Transport) -> None:
    opening, make = OPENINGS[transport]
    frame = make()
    framer = Framer()
    stream = opening + frame(SHORT) + frame(ENCRYPTED)
    assert [p for i in range(len(stream)) for p in framer.feed(stream[i : i + 1])] == [SHORT, ENCRYPTED]


@pytest.mark.parametrize("transport", Transport)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6), cuts=st.lists(st.integers(1, 999)))
def test_any_cutting_of_the_stream_gives_the_same_payloads(
    transport: Transport, sizes: list[int], cuts: list[int]
) -> None:
    opening, make = OPENINGS[transport]
    frame = make()
    payloads = [b"\x01" * 24 + b"x" * (16 * size) for size in sizes]
    stream = opening + b"".join(frame(p) for p in payloads)
    framer, got = Framer(), []
    for cut in cuts:
        got += framer.feed(stream[:cut])
        stream = stream[cut:]
    assert got + framer.feed(stream) == payloads


SECRET = b"sixteen bytes!!!"


@pytest.mark.parametrize("transport", [t for t in Transport if t is not Transport.FULL])
@pytest.mark.parametrize("secret", [b"", SECRET])
def test_obfuscated_transports_are_read_and_answered_in_their_keys(
    transport: Transport, secret: bytes
) -> None:
    plain, make = OPENINGS[transport]
    frame = make()
    client = Obfuscated((plain * 4)[:4], dc_id=-2, secret=secret)
    framer = Framer(lambda n: bytes(n), SECRET)
    assert framer.feed(client.opening[:40]) == []
    assert framer.feed(client.opening[40:] + client.encrypt.update(frame(SHORT))) == [SHORT]
    assert framer.feed(client.encrypt.update(frame(ENCRYPTED))) == [ENCRYPTED]
    answer = client.decrypt.update(framer.pack(SHORT))
    assert answer == (abridged if transport is Transport.ABRIDGED else intermediate)(SHORT)
    assert framer.dc_id == (2 if secret else None)


@pytest.mark.parametrize(("named", "dc_id"), [(4, 4), (-4, 4), (10_004, 4), (-10_004, 4), (0, 0)])
def test_a_clients_data_centre_is_the_same_for_tests_and_media(named: int, dc_id: int) -> None:
    framer = Framer(secret=SECRET)
    framer.feed(Obfuscated(b"\xee" * 4, named, SECRET).opening)
    assert framer.dc_id == dc_id


def test_another_secret_is_refused() -> None:
    with pytest.raises(TransportError, match="no known proxy secret"):
        Framer(secret=SECRET).feed(Obfuscated(b"\xee" * 4, 2, b"another secret!!").opening)


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("size", [4, 24, 504, 508, 512, 70000])
def test_answers_are_framed_in_the_transport_of_the_client(transport: Transport, size: int) -> None:
    opening, make = OPENINGS[transport]
    framer = Framer(random=lambda n: b"\x02" * n)
    framer.feed(opening + make()(SHORT))
    frame: Callable[[bytes], bytes] = intermediate if transport is Transport.PADDED else make()
    for _ in range(2):
        payload = os.urandom(size)
        padding = b"\x02\x02" if transport is Transport.PADDED and size > 4 else b""
        assert framer.pack(payload) == frame(payload + padding)


def test_padding_is_cut_from_a_message_of_the_key_exchange() -> None:
    message = bytes(8) + b"\x04" * 8 + struct.pack("<I", 20) + b"b" * 20
    assert Framer().feed(b"\xdd" * 4 + padded(message)) == [message]


@pytest.mark.parametrize(
    ("transport", "marked", "answer"),
    [
        (Transport.ABRIDGED, bytes([len(SHORT) // 4 | 0x80]), bytes.fromhex("81020304")),
        (Transport.ABRIDGED, b"\xff" + (len(SHORT) // 4).to_bytes(3, "little"), bytes.fromhex("81020304")),
        (Transport.INTERMEDIATE, struct.pack("<I", len(SHORT) | 1 << 31), bytes.fromhex("04030281")),
        (Transport.PADDED, struct.pack("<I", len(SHORT) | 1 << 31), bytes.fromhex("04030281")),
    ],
)
def test_a_payload_that_wants_a_quick_ack_is_marked(
    transport: Transport, marked: bytes, answer: bytes
) -> None:
    opening, make = OPENINGS[transport]
    framer = Framer()
    [urgent, other] = framer.feed(opening + marked + SHORT + make()(SHORT))
    assert urgent == other == SHORT
    assert isinstance(urgent, UrgentPayload)
    assert not isinstance(other, UrgentPayload)
    assert framer.quick_ack(0x01020304) == answer


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "TLS"),
        (b"\xee" * 4 + struct.pack("<I", MAX_PAYLOAD + 4), "a payload cannot have"),
        (b"\xee" * 4 + struct.pack("<I", 0), "a payload cannot have"),
        (b"\xef\x00", "a payload cannot have"),
        (struct.pack("<II", 11, 0), "a payload cannot have"),
        (b"abc" + b"\x01" * 61, "no known transport"),
        (Full()(SHORT)[:-4] + b"oops", "checksum"),
        (Full()(SHORT) * 2, "packet number 0 where 1 was expected"),
    ],
)
def test_bad_bytes_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(TransportError, match=reason):
        Framer().feed(data)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_framer_fail_otherwise_than_by_its_own_error(data: bytes) -> None:
    framer = Framer()
    try:
        for payload in framer.feed(data):
            framer.pack(payload)
    except TransportError:
        pass


def test_nothing_is_written_before_the_client_has_chosen() -> None:
    with pytest.raises(TransportError, match="chosen"):
        Framer().pack(SHORT)
