"""Bytes from the wire, read with limits: containers are cut into messages, packed data is unpacked."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from telethon.errors import TypeNotFoundError, rpc_message_to_error
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, TLRequest, types
from telethon.tl.alltlobjects import tlobjects
from telethon.tl.core import GzipPacked

from tgbot.telegram.wire.readers import Reader, read_object

#: The most bytes that one packed object may unpack to; Telegram sends nothing as large.
MAX_UNPACKED = 8 << 20
#: How much is unpacked at a time, in bytes; nearly everything that Telegram packs is smaller.
_PIECE = 1 << 20
#: What tells zlib to take gzip and its own format.
_FORMATS = 47
#: Containers and packed objects within each other; Telegram nests two.
_MAX_DEPTH = 4
CONTAINER = 0x73F1F8DC
RPC_RESULT: Final = b"\x01\x6d\x5c\xf3"
_CONTAINER: Final = CONTAINER.to_bytes(4, "little")
_RPC_ERROR: Final = types.RpcError.CONSTRUCTOR_ID.to_bytes(4, "little")
_TRUE: Final = (0x997275B5).to_bytes(4, "little")
_GZIP_PACKED: Final = GzipPacked.CONSTRUCTOR_ID.to_bytes(4, "little")
#: What messages begin with that hold others.
_NESTED: Final = frozenset({_CONTAINER, _GZIP_PACKED})
#: Answers that are no object of the request's type as they are.
_NO_RESULT: Final = frozenset({_RPC_ERROR, _GZIP_PACKED})
#: What a message in a container begins with: msg_id, seq_no, length.
_INNER: Final = struct.Struct("<q4xi")
#: The result of requests that are answered with true or false.
_BOOL = 0xF5B399AC
#: The results that are one object, by the id of their type.
_OBJECTS = frozenset(kind.SUBCLASS_OF_ID for kind in tlobjects.values() if not issubclass(kind, TLRequest))


class UnreadableError(ValueError):
    """What Telegram sent cannot be read. The text names the reason and never shows what was sent."""


def unpack(data: bytes, most: int = MAX_UNPACKED) -> bytes:
    """Return what gzip or zlib data unpacks to; raise UnreadableError for more than `most` bytes."""
    unpacking = zlib.decompressobj(_FORMATS)
    try:
        unpacked = unpacking.decompress(data, _PIECE)
        size = len(unpacked)
        if unpacking.eof and size <= most:
            return unpacked
        # It is large: how large is known before memory is taken for it, which the process would keep.
        while size <= most and not unpacking.eof:
            piece = len(unpacking.decompress(unpacking.unconsumed_tail, _PIECE))
            size += piece
            if not piece and not unpacking.eof:
                raise UnreadableError("packed data is cut off")
        if size > most:
            raise UnreadableError(f"packed data is larger than {most} bytes")
        return zlib.decompress(data, _FORMATS)
    except zlib.error:
        raise UnreadableError("packed data is damaged") from None


def reason(error: Exception) -> str:
    """Return why something cannot be read, without any of its bytes."""
    if isinstance(error, TypeNotFoundError):
        return f"unknown constructor {error.invalid_constructor_id:08x}"
    return str(error) if isinstance(error, UnreadableError) else type(error).__name__


def limit_unpacking() -> None:
    """Have all of Telethon unpack within the limit: answers, pushed updates, and what is nested in them."""

    def from_reader(reader: BinaryReader) -> GzipPacked:
        return GzipPacked(unpack(reader.tgread_bytes()))

    GzipPacked.from_reader = from_reader


def name_of(body: bytes) -> str:
    """Return the name of the constructor that an object begins with, for the log."""
    known = tlobjects.get(int.from_bytes(body[:4], "little"))
    return "something unknown" if known is None else str(known.__name__)


def messages_in(msg_id: int, body: bytes) -> tuple[Sequence[tuple[int, bytes]], UnreadableError | None]:
    """Return msg_id and body of each message in a message that may be a container, or packed, or both.

    Return as well what is wrong, if any of them is damaged, or if all that is packed in it unpacks to more
    than `MAX_UNPACKED` bytes; then the messages are those before and behind, as far as they can be told.
    """
    if body[:4] not in _NESTED:
        return ((msg_id, body),), None
    unpacking = _Unpacking()
    unpacking.take(msg_id, body, 0)
    return unpacking.messages, unpacking.damage


class _Unpacking:
    """One message that is cut into messages."""

    def __init__(self) -> None:
        #: What was in it, each with its msg_id.
        self.messages: list[tuple[int, bytes]] = []
        #: What is wrong with one of them.
        self.damage: UnreadableError | None = None
        #: The bytes that it may still unpack to.
        self._left = MAX_UNPACKED

    def take(self, msg_id: int, body: bytes, depth: int) -> None:
        """Take a container or a packed message apart."""
        if depth > _MAX_DEPTH:
            self.damage = UnreadableError("containers are nested too deeply")
            return
        try:
            if body[:4] == _CONTAINER:
                self._cut(body, depth)
                return
            unpacked = unpack(packed_in(body), self._left)
        except UnreadableError as error:
            self.damage = error
            return
        self._left -= len(unpacked)
        if unpacked[:4] in _NESTED:
            self.take(msg_id, unpacked, depth + 1)
        else:
            self.messages.append((msg_id, unpacked))

    def _cut(self, body: bytes, depth: int) -> None:
        found, unpack, nested = self.messages.append, _INNER.unpack_from, _NESTED
        try:
            (count,), start = struct.unpack_from("<i", body, 4), 8
            for _ in range(count):
                inner_id, length = unpack(body, start)
                start += 16
                inner = body[start : start + length]
                if len(inner) != length:
                    raise UnreadableError("a container is cut off")
                start += length
                if inner[:4] in nested:
                    self.take(inner_id, inner, depth + 1)
                else:
                    found((inner_id, inner))
        except struct.error:
            raise UnreadableError("a container is cut off") from None


def packed_in(body: bytes) -> bytes:
    """Return the data of a packed object; raise UnreadableError if it is cut off."""
    try:
        data: bytes = BinaryReader(body[4:]).tgread_bytes()
    except (BufferError, struct.error):
        raise UnreadableError("packed data is cut off") from None
    return data


def innermost(request: TLRequest) -> TLRequest:
    """Return the request inside of invokeWithLayer, initConnection and the like."""
    while isinstance(getattr(request, "query", None), TLRequest):
        request = request.query
    return request


def read_answer(request: TLRequest, body: bytes, at: int = 0) -> Any:  # Any: as the request has it
    """Return what an rpc_result holds at an offset; raise the RPC error that it is.

    Raise UnreadableError, or whatever Telethon's readers raise, for what is no answer to this request.
    """
    head = body[at : at + 4]
    if head == _TRUE and request.SUBCLASS_OF_ID == _BOOL:
        return True
    if head in _NO_RESULT:
        if head == _RPC_ERROR:
            raise rpc_message_to_error(types.RpcError.from_reader(BinaryReader(body[at + 4 :])), request)
        unpacked = unpack(packed_in(body[at:]))
        if unpacked[:4] == _GZIP_PACKED:
            raise UnreadableError("packed data holds packed data")
        return read_answer(request, unpacked)
    if type(request).read_result is TLRequest.read_result:
        result = read_object(body, at)
    else:
        result = request.read_result(Reader(body[at:]))
    if getattr(result, "SUBCLASS_OF_ID", None) == request.SUBCLASS_OF_ID:
        return result
    if not answers(innermost(request), result):
        raise UnreadableError("it is of another type")
    return result


def answers(request: TLRequest, result: object) -> bool:
    """Return whether a result is of the type that an innermost request is answered with."""
    wanted = request.SUBCLASS_OF_ID
    if isinstance(result, TLObject):
        return bool(wanted == result.SUBCLASS_OF_ID)
    if isinstance(result, bool):
        return bool(wanted == _BOOL)
    return wanted != _BOOL and wanted not in _OBJECTS


def own_updates(result: Any) -> Any:  # Any: an answer; Updates
    """Return the updates that an answer is, marked as our own; None where it is none.

    An answer that only says how far it moved the log is one, too.
    """
    kind = type(result)
    if kind in _OWN:
        result._self_outgoing = True
        return result
    if kind in _AFFECTED:
        moved = types.UpdateDeleteMessages([], result.pts, result.pts_count)
        result = types.UpdateShort(moved, datetime.fromtimestamp(0, UTC))
    elif kind in _WITH_UPDATES:
        result = result.updates
    else:
        return None
    result._self_outgoing = True
    return result


#: Answers that are updates, that hold updates, and that tell how far they moved the log.
_OWN: Final = frozenset(
    {
        types.UpdateShortMessage,
        types.UpdateShortChatMessage,
        types.UpdateShort,
        types.UpdatesCombined,
        types.Updates,
        types.UpdateShortSentMessage,
    }
)
_WITH_UPDATES: Final = frozenset({types.messages.InvitedUsers, types.messages.ChatInviteJoinResultOk})
_AFFECTED: Final = frozenset(
    {
        types.messages.AffectedHistory,
        types.messages.AffectedMessages,
        types.messages.AffectedFoundMessages,
    }
)
