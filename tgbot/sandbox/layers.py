"""TL layers: bytes ↔ Telethon's TL objects, for clients of Telethon's layer and of older ones.

Objects in memory are of Telethon's layer. `layers/api.tl` has the definitions of all listed layers.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

from telethon.errors import TypeNotFoundError
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, TLRequest
from telethon.tl.alltlobjects import LAYER, tlobjects

from . import catalogue, older, reading
from .mtproto import GZIP_PACKED
from .older import EncodeError
from .schema import BOOL_FALSE, BOOL_TRUE, VECTOR
from .signatures import members, wraps

__all__ = ["DecodeError", "EncodeError", "UnknownConstructor", "decode", "encode", "read"]

_BOOLS = {int.from_bytes(BOOL_TRUE, "little"): True, int.from_bytes(BOOL_FALSE, "little"): False}
_MAX_DEPTH = 64
#: Limit of the unpacked bytes of all gzip_packed bodies in one request.
_MAX_UNPACKED = 2 << 20
#: The same where a value that the sandbox has sent is read again.
_MAX_READ = 16 << 20


class DecodeError(Exception):
    """The bytes are not a request; `name` is the RPC error (code 400) that Telegram answers."""

    name = "INPUT_FETCH_ERROR"


class UnknownConstructor(DecodeError):
    """None of the known layers has this method or type."""

    def __init__(self, constructor_id: int, *, method: bool) -> None:
        older = catalogue.entries().get(constructor_id)
        known = f", {older.name} of layers {older.spans}" if older else ""
        super().__init__(f"unknown {'method' if method else 'type'} #{constructor_id:08x}{known}")
        self.constructor_id = constructor_id
        self.name = f"INPUT_{'METHOD' if method else 'CONSTRUCTOR'}_INVALID_{constructor_id}_0"


def decode(data: bytes, layer: int) -> Any:
    """Return the request in `data` as Telethon's TLRequest; the `.query` of a wrapper is the wrapped request.

    The constructor ids of all known layers are accepted, whatever `layer` is: none of them is ambiguous.
    Bodies may be gzip_packed. Raise UnknownConstructor or DecodeError, and nothing else.
    """
    reader = _Reader(data)
    try:
        request = reader.tgread_object()
    except (struct.error, BufferError, RuntimeError, ValueError, TypeNotFoundError, zlib.error) as error:
        # Telethon's messages quote the bytes, which hold texts and hashes: pass on only the kind of error.
        raise DecodeError(f"malformed request: {type(error).__name__}") from None
    if not isinstance(request, TLRequest):
        raise UnknownConstructor(int.from_bytes(data[:4], "little"), method=True)
    if reader.position != len(data):
        raise DecodeError("bytes follow the request")
    return request


def read(data: bytes, request: Any = None) -> Any:
    """Return the TL value in `data`, of any known layer.

    It is an object, or what a call of the class `request` gets, and may be gzip_packed. Raise DecodeError,
    and nothing else.
    """
    try:
        if int.from_bytes(data[:4], "little") == GZIP_PACKED:
            inflate = zlib.decompressobj(47)
            data = inflate.decompress(BinaryReader(data[4:]).tgread_bytes(), _MAX_READ)
            if not inflate.eof:
                raise DecodeError("gzip_packed is incomplete or too large")
        reader = _Reader(data)
        if data[:4] == VECTOR and (request is None or "read_result" not in vars(request)):
            reader.read_int()
            return [reader.tgread_object() for _ in range(reader.read_int())]
        return reader.tgread_object() if request is None else request.read_result(reader)
    except (struct.error, BufferError, RuntimeError, ValueError, TypeNotFoundError, zlib.error) as error:
        raise DecodeError(f"unreadable: {type(error).__name__}") from None


def encode(value: object, layer: int) -> bytes:
    """Return the bytes of `value` for a client of `layer` (0: not known yet).

    `value` is a TLObject, bool, int, str, a list of these (a Vector), or bytes that are encoded already.
    Members that the layer does not have are left out; raise EncodeError if the whole value has no form in it.
    """
    if isinstance(value, TLObject):
        if layer >= LAYER or not layer:
            try:
                return bytes(value)
            except (AssertionError, AttributeError, TypeError, ValueError, struct.error) as error:
                raise EncodeError(f"{type(value).__name__} ({type(error).__name__})", LAYER) from error
        body = older.table(layer).encode(value)
        if body is None:
            raise EncodeError(type(value).__name__, layer)
        return body
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return BOOL_TRUE if value else BOOL_FALSE
    if isinstance(value, int):
        return struct.pack("<i" if -(1 << 31) <= value < 1 << 31 else "<q", value)
    if isinstance(value, str):
        return bytes(TLObject.serialize_bytes(value))
    if isinstance(value, list | tuple):
        return VECTOR + struct.pack("<i", len(value)) + b"".join([encode(item, layer) for item in value])
    raise TypeError(f"{type(value).__name__} has no TL form")


class _Reader(BinaryReader):  # type: ignore[misc]  # Telethon is untyped
    """The reader that Telethon's `from_reader` methods call: bounded, type-checked, for all known layers."""

    stream: bytes
    position: int

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.stream = data
        self.depth = 0
        self.method_depth = 1  # depth of the method inside the wrappers read so far
        self.unpacked = 0

    def tgread_object(self) -> Any:
        constructor_id = self.read_int(signed=False)
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise DecodeError("nested too deeply")
        cls = tlobjects.get(constructor_id)
        if cls is not None:
            if self.depth == self.method_depth and wraps(cls):
                self.method_depth += 1
            value = cls.from_reader(self)
        elif constructor_id in _BOOLS:
            value = _BOOLS[constructor_id]
        elif constructor_id == GZIP_PACKED and self.depth == self.method_depth:
            self.method_depth += 1
            value = self._unpack()
        else:
            value = self._read_older(constructor_id)
        self.depth -= 1
        _check(value)
        return value

    def _read_older(self, constructor_id: int) -> Any:
        found = reading.reading(constructor_id)
        if found is None:
            raise UnknownConstructor(constructor_id, method=self.depth == self.method_depth)
        definition, build = found
        return build(definition.read(self))

    def _unpack(self) -> Any:
        packed = self.tgread_bytes()
        inflate = zlib.decompressobj(47)  # gzip, or zlib as TDLib packs
        data = inflate.decompress(packed, max(1, _MAX_UNPACKED - self.unpacked))  # 0 would mean no limit
        self.unpacked += len(data)
        if not inflate.eof:
            raise DecodeError("gzip_packed is incomplete or too large")
        outer, position = self.stream, self.position
        self.stream, self.position = data, 0
        value = self.tgread_object()
        if self.position != len(data):
            raise DecodeError("bytes follow the packed object")
        self.stream, self.position = outer, position
        return value


def _check(value: Any) -> None:
    """Raise DecodeError unless the members of `value` have the types of its definition."""
    cls: Any = type(value)
    for member in members(cls):
        held = getattr(value, member.name)
        if held is None:
            continue
        for item in held if member.many else (held,):
            if member.allowed:
                if getattr(item, "SUBCLASS_OF_ID", None) not in member.allowed:
                    raise DecodeError(f"{cls.__name__}.{member.name} has a wrong type")
            elif not isinstance(item, TLRequest):
                raise DecodeError(f"{cls.__name__}.{member.name} is not a method")
