"""What hypothesis draws for the wire: bodies of messages as Telegram sends them, and damaged in every way."""

from __future__ import annotations

import gzip
import struct
import zlib
from contextlib import suppress
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st
from telethon.tl import TLRequest, functions, types
from telethon.tl.alltlobjects import tlobjects

from tests.scenarios.oddities import Oddities
from tgbot.telegram.wire.messages import tl_bytes
from tgbot.telegram.wire.readers import HOT

CONTAINER, RPC_RESULT, GZIP, VECTOR = (
    number.to_bytes(4, "little") for number in (0x73F1F8DC, 0xF35C6D01, 0x3072CFA1, 0x1CB5C415)
)
#: People whom a bot may know, and strangers.
USERS: Final = [5_000_000_001, 5_000_000_002, 7, 2**40, -1, 0]
#: How many different objects are made of each class.
_VARIANTS: Final = 6
#: Numbers at which readers may stumble.
NUMBERS: Final = (0, 1, 3, 255, 0x7FFF, 0x10000, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)

#: What is no request: about 1,500 classes.
_OBJECTS: Final = sorted(
    (kind for kind in tlobjects.values() if not issubclass(kind, TLRequest)), key=lambda kind: kind.__name__
)
_UPDATES: Final = [kind for kind in _OBJECTS if kind.SUBCLASS_OF_ID in (0x8AF52AAC, 0x9F89304E)]
_SERVICE: Final = [
    types.Pong,
    types.NewSessionCreated,
    types.BadServerSalt,
    types.BadMsgNotification,
    types.MsgsAck,
    types.MsgDetailedInfo,
    types.MsgNewDetailedInfo,
    types.MsgsStateReq,
    types.MsgResendReq,
    types.MsgsStateInfo,
    types.MsgsAllInfo,
    types.FutureSalts,
    types.DestroySessionOk,
    types.RpcError,
]


@cache
def made(kind: Any, variant: int) -> bytes:
    """Return the bytes of an object of a class, where they can be made; each variant is another one."""
    oddities = Oddities(kind.CONSTRUCTOR_ID * 31 + variant, USERS)
    for large in (0.1, 0.0, 0.0):
        # With a wrong field or a type that it lacks, Telethon raises any exception.
        with suppress(Exception):
            return bytes(oddities._value(kind, 0, large))
    return int(kind.CONSTRUCTOR_ID).to_bytes(4, "little")


def packed(body: bytes, *, zlibbed: bool = False) -> bytes:
    return GZIP + tl_bytes(zlib.compress(body, 1) if zlibbed else gzip.compress(body, 1, mtime=0))


def container(*messages: tuple[int, bytes]) -> bytes:
    inner = b"".join(struct.pack("<qii", number, 0, len(body)) + body for number, body in messages)
    return CONTAINER + struct.pack("<i", len(messages)) + inner


def bomb(size: int) -> bytes:
    """Return a packed body that is small, and `size` bytes when it is unpacked."""
    return GZIP + tl_bytes(gzip.compress(bytes(size), 9, mtime=0))


def _of(kinds: Any) -> st.SearchStrategy[bytes]:
    return st.builds(made, st.sampled_from(kinds), st.integers(0, _VARIANTS - 1))


@st.composite
def damaged(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """Draw a body, and change some of its bytes: cut, flipped, repeated, exchanged, numbers set."""
    data = bytearray(draw(bodies))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.integers(0, 6)):
            case 0:
                del data[at:]
            case 1:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 2:
                word = draw(st.sampled_from(NUMBERS)).to_bytes(8, "little")[: draw(st.sampled_from((4, 8)))]
                data[at & ~3 : (at & ~3) + len(word)] = word
            case 3:
                end = draw(st.integers(at, min(len(data), at + 64)))
                data[at:at] = data[at:end] * draw(st.integers(1, 3))
            case 4:
                end = draw(st.integers(at, min(len(data), at + 64)))
                del data[at:end]
            case 5:
                data[at & ~3 : (at & ~3) + 4] = draw(_of(_OBJECTS))[:4]
            case _:
                data[at:at] = draw(st.binary(max_size=16))
    return bytes(data)


#: One message: updates most often, then what the protocol says of itself, then anything.
whole: Final = st.one_of(_of(_UPDATES), _of(HOT), _of(_SERVICE), _of(_OBJECTS))
one: Final = st.one_of(whole, damaged(whole), damaged(whole), st.binary(max_size=64))
#: Ids of messages.
ids: Final = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.sampled_from([number - 2**63 for number in NUMBERS])
)


@st.composite
def nested(draw: st.DrawFn, inside: st.SearchStrategy[bytes]) -> bytes:
    """Draw what holds other bodies: containers, packed data, answers, vectors; some are damaged."""
    bodies = draw(st.lists(inside, max_size=4))
    match draw(st.integers(0, 4)):
        case 0 | 1:
            made = container(*((draw(ids), body) for body in bodies))
        case 2:
            made = packed(b"".join(bodies), zlibbed=draw(st.booleans()))
        case 3:
            made = RPC_RESULT + struct.pack("<q", draw(ids)) + b"".join(bodies)
        case _:
            made = VECTOR + struct.pack("<i", len(bodies)) + b"".join(bodies)
    return draw(damaged(st.just(made))) if draw(st.booleans()) else made


def whole_words(body: bytes) -> bytes:
    """Return a body of the length that each message has: a multiple of four."""
    return body + bytes(-len(body) % 4)


#: Bodies of messages, up to some containers and packed objects deep.
bodies: Final = st.recursive(one, nested, max_leaves=6).map(whole_words)
#: What a request could be answered with.
answers: Final = st.one_of(bodies, st.builds(packed, one)).map(whole_words)
#: Requests with answers of different kinds: an object, a vector, true or false, updates.
REQUESTS: Final = (
    functions.help.GetConfigRequest(),
    functions.users.GetUsersRequest([types.InputUserSelf()]),
    functions.messages.SetTypingRequest(types.InputPeerSelf(), types.SendMessageTypingAction()),
    functions.messages.SendMessageRequest(types.InputPeerSelf(), "text", random_id=1),
    functions.updates.GetDifferenceRequest(1, None, 1),
    functions.messages.DeleteMessagesRequest([1]),
)
