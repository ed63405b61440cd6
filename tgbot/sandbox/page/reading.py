"""What the records of the wire say: names, short texts, and TL JSON."""

from __future__ import annotations

import re
import struct
import zlib
from collections import OrderedDict
from typing import Any, Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.alltlobjects import tlobjects

from .. import layers
from ..mentions import named
from ..methods import WRAPPERS
from ..mtproto import GZIP_PACKED
from ..records import RPC_ERROR, SERVICE, Kind, Record
from ..rpc import RpcError
from ..schema import VECTOR
from .tljson import schema_name, to_json

#: Records whose messages are kept as objects, once they were read.
_MAX_READ: Final = 2000
#: Messages of more bytes are not shown; the list reads, and the cache keeps, only shorter ones.
LARGEST: Final = 1 << 20
_LISTED: Final = 16 << 10
#: The most characters of a text in the list.
_CUT: Final = 80

_CONTAINERS: Final = (types.Updates.CONSTRUCTOR_ID, types.UpdatesCombined.CONSTRUCTOR_ID)
_PACKED: Final = struct.pack("<I", GZIP_PACKED)
#: Constructors around what has a name.
_NOT_NAMES: Final = frozenset((RPC_ERROR, *(cls.CONSTRUCTOR_ID for cls in WRAPPERS)))
#: Why a message was refused: https://core.telegram.org/mtproto/service_messages_about_messages
_REFUSALS: Final = {
    16: "its msg_id is too low: the client's clock is behind",
    17: "its msg_id is too high: the client's clock is ahead",
    18: "its msg_id is not divisible by four",
    19: "its container's msg_id was used before",
    20: "it is too old to say whether it arrived",
    32: "its seq_no is too low",
    33: "its seq_no is too high",
    34: "its seq_no should be even",
    35: "its seq_no should be odd",
    48: "wrong server salt",
    64: "its container cannot be read",
}
#: A bot's token.
_TOKEN: Final = re.compile(r"\b\d{5,}:[\w-]{20,}")


class Unreadable:
    """A message that cannot be read, as a fault may have wanted it; `why` says what is wrong with it."""

    def __init__(self, why: str) -> None:
        self.why = why


class Readings:
    """Read the messages of records; each is read once, and the last ones stay read."""

    def __init__(self) -> None:
        self._values: OrderedDict[Record, Any] = OrderedDict()

    def value(self, record: Record) -> Any:  # Any: a TL value
        """Return what a record holds: a TL object, a plain value, a list of them, RpcError or Unreadable."""
        values = self._values
        if record in values:
            values.move_to_end(record)
            return values[record]
        value = self._read(record)
        if record.size > _LISTED:
            return value
        values[record] = value
        if len(values) > _MAX_READ:
            values.popitem(last=False)
        return value

    def call(self, record: Record) -> Any:  # Any: a TLRequest
        """Return the call in a record without the wrappers around it, None if it cannot be read."""
        value = self.value(record)
        while isinstance(value, WRAPPERS):
            value = value.query
        return value if isinstance(value, TLRequest) else None

    def _read(self, record: Record) -> Any:
        body = record.body
        if record.size > LARGEST:
            return Unreadable(f"{record.size:,} bytes are too many to show")
        try:
            if record.kind is not Kind.ANSWER:
                return layers.read(body)
            if int.from_bytes(body[12:16], "little") == RPC_ERROR:
                return _error(body)
            call = None if record.call is None else self.call(record.call)
            return layers.read(body[12:], None if call is None else type(call))
        except layers.DecodeError as error:
            return Unreadable(str(error))

    def name(self, record: Record) -> str:
        """Return the method, the first update, the type of an answer, or the name of its error.

        Most names are found without reading the message.
        """
        body = record.body
        match record.kind:
            case Kind.CONNECTION | Kind.EXCHANGE:
                return record.kind.value
            case Kind.SERVICE:
                return SERVICE[int.from_bytes(body[:4], "little")]
            case Kind.ANSWER:
                head = _head(body, 12)
            case _:
                head = _head(body, 0)
        found = int.from_bytes(head[:4], "little")
        if record.kind is Kind.UPDATE and found in _CONTAINERS and head[8:12] != bytes(4):
            found = int.from_bytes(head[12:16], "little")
        elif record.kind is Kind.UPDATE and found == types.UpdateShort.CONSTRUCTOR_ID:
            found = int.from_bytes(head[4:8], "little")
        cls = tlobjects.get(found)
        if cls is not None and found not in _NOT_NAMES:
            return schema_name(cls)
        if record.size > _LISTED and found not in _NOT_NAMES:
            return "many" if head[:4] == VECTOR else "unreadable"
        value = self._said(record)
        return _name(value)

    def summary(self, record: Record) -> str:
        """Return a short text about the message: what a person would look for in it."""
        if record.words or record.size > _LISTED:
            return record.words
        value = self._said(record)
        if record.kind is Kind.UPDATE and isinstance(value, types.Updates | types.UpdatesCombined):
            more = len(value.updates) - 1
            first = _summary(value.updates[0]) if value.updates else ""
            return f"{first} and {more} more" if more > 0 else first
        if isinstance(value, types.UpdateShort):
            value = value.update
        return _summary(value)

    def _said(self, record: Record) -> Any:
        """Return the call in a record without its wrappers; of other records, the value."""
        call = self.call(record) if record.kind in (Kind.CALL, Kind.PAGE) else None
        return self.value(record) if call is None else call

    def about(self, record: Record) -> int:
        """Return the marked id of the chat that a call or an update is about, 0 for none."""
        if record.kind in (Kind.CALL, Kind.PAGE):
            call = self.call(record)
            held = [getattr(call, name, None) for name in ("peer", "to_peer", "channel", "user_id", "bot")]
            return next(named([each for each in held if isinstance(each, TLObject)]), 0)
        if record.kind is not Kind.UPDATE or record.size > _LISTED:
            return 0
        value = self.value(record)
        if isinstance(value, types.Updates | types.UpdatesCombined):
            value = value.updates[0] if value.updates else None
        message = getattr(value, "message", None)
        return next(named(getattr(message, "peer_id", None) or getattr(value, "peer", None) or value), 0)

    def json(self, record: Record) -> Any:  # Any: what JSON has
        """Return the message as TL JSON."""
        if not record.body:
            return None
        value = self.value(record)
        if isinstance(value, Unreadable):
            return {"_": "unreadable", "why": value.why, "bytes": to_json(record.body[:LARGEST])}
        if isinstance(value, RpcError):
            return {"_": "rpc_error", "error_code": value.code, "error_message": value.name}
        return to_json(value)


def _head(body: bytes, start: int) -> bytes:
    """Return the first bytes of the value that begins there, unpacked."""
    if body[start : start + 4] != _PACKED:
        return body[start : start + 16]
    # The length of the packed bytes takes one byte, or four.
    begin = start + (8 if body[start + 4 : start + 5] == b"\xfe" else 5)
    try:
        return zlib.decompressobj(47).decompress(body[begin : begin + 256], 16)
    except zlib.error:
        return b""


def error_of(record: Record, value: object) -> str:
    """Return the error in an answer, "" if it is none."""
    return f"{value.code} {value.name}" if isinstance(value, RpcError) else record.error


def _error(body: bytes) -> RpcError:
    code = struct.unpack_from("<i", body, 16)[0]
    length, start = body[20], 21
    if length == 254:
        length, start = int.from_bytes(body[21:24], "little"), 24
    return RpcError(code, body[start : start + length].decode("utf-8", "replace"))


def _name(value: object) -> str:
    if isinstance(value, RpcError):
        return value.name
    if isinstance(value, Unreadable):
        return "unreadable"
    if isinstance(value, TLObject):
        return schema_name(type(value))
    if isinstance(value, list):
        inner = _name(value[0]) if value else "nothing"
        return f"{len(value)} × {inner}" if len(value) > 1 else inner
    return str(value).lower() if isinstance(value, bool) or value is None else type(value).__name__


def _summary(value: Any) -> str:  # Any: a TL value
    if isinstance(value, Unreadable):
        return value.why
    if isinstance(value, RpcError):
        return f"error {value.code}"
    if not isinstance(value, TLObject):
        return ""
    message = getattr(value, "message", None)
    if isinstance(message, TLObject):
        return _message(message)
    if isinstance(message, str) and message:
        return _quoted(message)
    code = getattr(value, "error_code", None)
    if isinstance(code, int):
        return _REFUSALS.get(code, f"code {code}")
    for name in ("data", "query", "username", "start_param", "offset"):
        held = getattr(value, name, None)
        if isinstance(held, bytes) and held:
            held = held.decode("utf-8", "replace")
        if isinstance(held, str) and held:
            return _quoted(held)
    action = getattr(value, "action", None)
    if isinstance(action, TLObject):
        return schema_name(type(action))
    for name, word in (("messages", "messages"), ("id", "ids"), ("msg_ids", "messages")):
        held = getattr(value, name, None)
        if isinstance(held, list):
            return f"{len(held)} {word}" if len(held) != 1 else f"1 {word[:-1]}"
    return ""


def _message(message: Any) -> str:  # Any: a TL message
    text = getattr(message, "message", "")
    if text:
        return _quoted(text)
    inner = getattr(message, "action", None) or getattr(message, "media", None)
    return schema_name(type(inner)) if inner is not None else ""


def _quoted(text: str) -> str:
    """Return a text on one line, cut, and without tokens: a list is looked at over the shoulder."""
    line = " ".join(_TOKEN.sub("(a token)", text[: 4 * _CUT]).split())
    return f"“{line[:_CUT]}…”" if len(line) > _CUT else f"“{line}”"
