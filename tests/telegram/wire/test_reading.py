"""Bytes from the wire: containers, packed data and its limits, answers of the right type."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.extensions import BinaryReader
from telethon.tl import TLRequest, functions, types
from telethon.tl.alltlobjects import tlobjects
from telethon.tl.core import GzipPacked, RpcResult

from tgbot.telegram.wire.messages import tl_bytes
from tgbot.telegram.wire.readers import read_object
from tgbot.telegram.wire.reading import (
    MAX_UNPACKED,
    UnreadableError,
    answers,
    innermost,
    limit_unpacking,
    messages_in,
    read_answer,
    unpack,
)

CONTAINER = 0x73F1F8DC
GZIP = struct.pack("<I", GzipPacked.CONSTRUCTOR_ID)
#: 100 MB in 100 kB.
BOMB = zlib.compress(bytes(100_000_000), 9)


def container(*messages: tuple[int, bytes]) -> bytes:
    inner = b"".join(struct.pack("<qii", number, 0, len(body)) + body for number, body in messages)
    return struct.pack("<Ii", CONTAINER, len(messages)) + inner


def packed(body: bytes) -> bytes:
    return GZIP + tl_bytes(gzip.compress(body, mtime=0))


ONE, TWO = b"one.", b"two."


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (ONE, [(1, ONE)]),
        (packed(ONE), [(1, ONE)]),
        (container((3, ONE), (5, TWO)), [(3, ONE), (5, TWO)]),
        (container((3, packed(ONE)), (5, TWO)), [(3, ONE), (5, TWO)]),
        (packed(container((3, ONE))), [(3, ONE)]),
        (container(), []),
        (b"", [(1, b"")]),
    ],
    ids=["one", "packed", "a container", "packed within", "packed around", "empty", "nothing"],
)
def test_a_message_is_cut_into_messages(body: bytes, found: list[tuple[int, bytes]]) -> None:
    messages, damage = messages_in(1, body)
    assert [*messages] == found
    assert damage is None


@pytest.mark.parametrize(
    "bad",
    [
        container((3, ONE), (5, TWO))[:-1],
        container((3, ONE), (5, TWO))[:-5],
        container((3, ONE))[:4] + b"\xff\xff\x00\x00" + container((3, ONE))[8:],
        container((3, ONE), (5, GZIP + tl_bytes(b"no gzip"))),
        container((3, ONE), (5, GZIP + tl_bytes(BOMB))),
    ],
    ids=["cut", "cut in a head", "a wrong count", "no gzip", "a bomb"],
)
def test_messages_before_a_damaged_one_are_read(bad: bytes) -> None:
    messages, damage = messages_in(1, bad)
    assert messages == [(3, ONE)]
    assert damage is not None
    assert "one." not in str(damage)


@pytest.mark.parametrize(
    "bad",
    [
        GZIP,
        GZIP + b"\x14\x1f\x8b",
        GZIP + tl_bytes(b"no gzip"),
        GZIP + tl_bytes(BOMB),
        container((7, ONE))[:-1],
        container((7, container((9, GZIP)))),
    ],
    ids=["nothing packed", "packed and cut", "no gzip", "a bomb", "a container that is cut", "deep inside"],
)
def test_messages_behind_a_damaged_one_are_read(bad: bytes) -> None:
    messages, damage = messages_in(1, container((3, ONE), (5, bad), (11, TWO)))
    assert messages == [(3, ONE), (11, TWO)]
    assert damage is not None


def test_all_that_is_packed_in_one_message_has_one_limit() -> None:
    large = packed(bytes(MAX_UNPACKED // 2 + 1))
    messages, damage = messages_in(1, container((3, large), (5, large), (7, packed(ONE))))
    assert [number for number, _ in messages] == [3, 7]
    assert "larger than" in str(damage)


def test_containers_within_containers_end_somewhere() -> None:
    body = ONE
    for _ in range(50):
        body = container((1, body))
    _, damage = messages_in(1, body)
    assert "nested" in str(damage)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_unreadable(body: bytes) -> None:
    for start in (b"", struct.pack("<I", CONTAINER), GZIP):
        messages, damage = messages_in(1, start + body)
        assert damage is None or isinstance(messages, list)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_both_formats_are_unpacked(pack: Any) -> None:
    assert unpack(pack(b"x" * 1000)) == b"x" * 1000


@pytest.mark.parametrize(
    "data", [b"", b"junk", gzip.compress(b"x" * 1000, mtime=0)[:-9]], ids=["empty", "junk", "cut"]
)
def test_damaged_data_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        unpack(data)


def test_a_bomb_is_refused_before_memory_is_taken_for_it() -> None:
    limit_unpacking()
    answer = struct.pack("<I", RpcResult.CONSTRUCTOR_ID) + bytes(8) + GZIP + tl_bytes(BOMB)
    vector = struct.pack("<Ii", 0x1CB5C415, 3) + 3 * (GZIP + tl_bytes(BOMB))
    tracemalloc.start()
    try:
        for read in (
            lambda: unpack(BOMB),
            lambda: read_answer(functions.updates.GetStateRequest(), GZIP + tl_bytes(BOMB)),
            # Telethon's own readers, for other data centers and for what is nested.
            lambda: BinaryReader(answer).tgread_object(),
            lambda: BinaryReader(vector).tgread_object(),
        ):
            with pytest.raises(UnreadableError, match="larger than"):
                read()
        _, damage = messages_in(1, GZIP + tl_bytes(BOMB))
        assert "larger than" in str(damage)
        assert (
            tracemalloc.get_traced_memory()[1] < MAX_UNPACKED * 3 / 4
        )  # most of it is the packed data itself
    finally:
        tracemalloc.stop()


def test_what_just_fits_is_unpacked() -> None:
    assert len(unpack(gzip.compress(bytes(MAX_UNPACKED - 1), 1))) == MAX_UNPACKED - 1


# ---- answers -----------------------------------------------------------------------------------------

STATE = types.updates.State(1, 1, None, 1, 0)
REQUESTS = [kind for kind in tlobjects.values() if issubclass(kind, TLRequest)]


@pytest.mark.parametrize(
    ("request_", "right", "wrong"),
    [
        (functions.updates.GetStateRequest(), STATE, [True, [], [STATE], types.UpdatesTooLong(), None]),
        (functions.messages.SetTypingRequest(None, None), True, [STATE, [], 1]),
        (functions.users.GetUsersRequest([]), [], [STATE, True]),
    ],
)
def test_an_answer_of_another_type_is_told(request_: Any, right: Any, wrong: list[Any]) -> None:
    assert answers(request_, right)
    assert not [one for one in wrong if answers(request_, one)]


TRUE, FALSE = (constructor.to_bytes(4, "little") for constructor in (0x997275B5, 0xBC799737))


def test_true_and_false_are_read_for_requests_that_are_answered_so() -> None:
    request = functions.messages.SetTypingRequest(None, None)
    wrapped = functions.InvokeWithLayerRequest(1, request)
    for asked in (request, wrapped):
        assert read_answer(asked, bytes(12) + TRUE, 12) is True
        assert read_answer(asked, bytes(12) + FALSE, 12) is False
    with pytest.raises(UnreadableError):
        read_answer(functions.updates.GetStateRequest(), TRUE)


def test_a_wrapped_request_is_answered_with_what_is_inside() -> None:
    inner = functions.updates.GetStateRequest()
    wrapped = functions.InvokeWithLayerRequest(1, functions.InitConnectionRequest(*[None] * 7, inner))
    assert innermost(wrapped) is inner
    query = functions.messages.GetInlineBotResultsRequest(None, None, "text", "")
    assert innermost(query) is query


def test_every_request_has_a_type_that_is_checked_or_a_list() -> None:
    known = {kind.SUBCLASS_OF_ID for kind in tlobjects.values() if not issubclass(kind, TLRequest)}
    checked = [kind for kind in REQUESTS if kind.SUBCLASS_OF_ID in known or kind.SUBCLASS_OF_ID == 0xF5B399AC]
    assert len(checked) > 0.9 * len(REQUESTS)


@pytest.mark.parametrize(
    "inside", [packed(ONE), GZIP + tl_bytes(BOMB), container((3, ONE)), b"\x01\x6d\x5c\xf3" * 4]
)
def test_no_object_holds_messages_or_packed_data(inside: bytes) -> None:
    vector = struct.pack("<Ii", 0x1CB5C415, 1) + inside
    with pytest.raises(ValueError, match="no object holds"):
        read_answer(functions.users.GetUsersRequest([]), vector)
    with pytest.raises(ValueError, match="no object holds"):
        read_object(vector)
