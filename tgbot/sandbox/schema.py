"""TL definitions such as `name#id flags:# text:flags.0?string = Type;`: from values to bytes and back."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from telethon.tl import TLObject

VECTOR = b"\x15\xc4\xb5\x1c"
BOOL_TRUE = b"\xb5\x75\x72\x99"
BOOL_FALSE = b"\x37\x97\x79\xbc"

#: Argument names that are keywords in Python → Telethon's names for them.
_RENAMED = {"self": "is_self", "from": "from_"}

_LINE = re.compile(r"(?P<name>[\w.]+)#(?P<id>[0-9a-f]{1,8})(?P<args>(?: \w+:\S+)*) = (?P<result>[\w.<>]+);")
_ARGUMENT = re.compile(r"(?P<name>\w+):(?:(?P<flags>\w+)\.(?P<bit>\d+)\?)?(?P<type>\S+)")


@dataclass(frozen=True)
class Field:
    name: str  #: as Telethon spells it
    kind: str  #: "#", "true", "int", "string", "Vector<Peer>", "Peer" …
    flags: str | None  #: the flags field whose `bit` is set if this one is present
    bit: int
    #: From the value that is read to the one that Telethon's class has, and back.
    newer: Callable[[Any], Any] | None = None
    older: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Definition:
    """One constructor or method of a layer."""

    name: str
    constructor_id: int
    fields: tuple[Field, ...]
    result: str

    def read(self, reader: Any) -> dict[str, Any]:
        """Read the values by name from `reader`, a Telethon BinaryReader behind the constructor id."""
        values: dict[str, Any] = {}
        flags: dict[str, int] = {}
        for field in self.fields:
            if field.kind == "#":
                flags[field.name] = reader.read_int(signed=False)
            elif field.kind == "true":
                values[field.name] = bool(flags[field.flags or ""] >> field.bit & 1)
            elif field.flags is None or flags[field.flags] >> field.bit & 1:
                value = _read(reader, field.kind)
                values[field.name] = value if field.newer is None else field.newer(value)
            else:
                values[field.name] = None
        return values

    def write(
        self,
        values: Mapping[str, Any],
        encode: Callable[[Any], bytes | None],
        default: Callable[[str], bytes],
    ) -> bytes:
        """Return the bytes of `values`, with the constructor id.

        `encode` returns the bytes of an object; None leaves it out, because it has no form in the layer.
        `default` returns the bytes of a required object of a type.
        """
        flags = {field.name: 0 for field in self.fields if field.kind == "#"}
        bodies: dict[str, bytes] = {}
        for field in self.fields:
            value = values.get(field.name)
            if field.kind == "true":
                present = bool(value)
            elif field.kind == "#" or value is None or (value is False and field.kind != "Bool"):
                continue
            else:
                if field.older is not None:
                    value = field.older(value)
                body = None if value is None else _write(value, field.kind, encode)
                if body is None:
                    continue
                bodies[field.name] = body
                present = True
            if present and field.flags:
                flags[field.flags] |= 1 << field.bit
        parts = [struct.pack("<I", self.constructor_id)]
        for field in self.fields:
            if field.kind == "#":
                parts.append(struct.pack("<I", flags[field.name]))
            elif field.kind != "true" and (field.flags is None or flags[field.flags] >> field.bit & 1):
                # Two fields can share a bit: the one without a value gets a default.
                parts.append(bodies[field.name] if field.name in bodies else _default(field.kind, default))
        return b"".join(parts)


def parse(line: str) -> Definition:
    """Parse the definition in `line`; raise ValueError if it is not one."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"not a TL definition: {line!r}")
    fields = []
    for name, flags, bit, kind in _ARGUMENT.findall(match["args"]):
        fields.append(Field(_RENAMED.get(name, name), kind, flags or None, int(bit or 0)))
    return Definition(match["name"], int(match["id"], 16), tuple(fields), match["result"])


_READERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda reader: reader.read_int(),
    "date": lambda reader: reader.tgread_date(),
    "long": lambda reader: reader.read_long(),
    "int128": lambda reader: reader.read_large_int(bits=128),
    "int256": lambda reader: reader.read_large_int(bits=256),
    "double": lambda reader: reader.read_double(),
    "string": lambda reader: reader.tgread_string(),
    "bytes": lambda reader: reader.tgread_bytes(),
    "Bool": lambda reader: reader.tgread_bool(),
}

_WRITERS: dict[str, Callable[[Any], bytes]] = {
    "int": lambda value: struct.pack("<i", value),
    "date": TLObject.serialize_datetime,
    "long": lambda value: struct.pack("<q", value),
    "int128": lambda value: value.to_bytes(16, "little", signed=True),
    "int256": lambda value: value.to_bytes(32, "little", signed=True),
    "double": lambda value: struct.pack("<d", value),
    "string": TLObject.serialize_bytes,
    "bytes": TLObject.serialize_bytes,
    "Bool": lambda value: BOOL_TRUE if value else BOOL_FALSE,
}


def _read(reader: Any, kind: str) -> Any:
    read = _READERS.get(kind)
    if read is not None:
        return read(reader)
    if kind.startswith("Vector<"):
        if reader.read(4) != VECTOR:
            raise ValueError("not a vector")
        return [_read(reader, kind[7:-1]) for _ in range(reader.read_int())]
    return reader.tgread_object()


def _write(value: Any, kind: str, encode: Callable[[Any], bytes | None]) -> bytes | None:
    write = _WRITERS.get(kind)
    if write is not None:
        return write(value)
    if kind.startswith("Vector<"):
        items = [body for item in value if (body := _write(item, kind[7:-1], encode)) is not None]
        return VECTOR + struct.pack("<i", len(items)) + b"".join(items)
    return encode(value)


def _default(kind: str, default: Callable[[str], bytes]) -> bytes:
    write = _WRITERS.get(kind)
    if write is not None:
        return write({"string": "", "bytes": b"", "double": 0.0}.get(kind, 0))
    return VECTOR + bytes(4) if kind.startswith("Vector<") else default(kind)
