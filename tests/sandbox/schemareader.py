"""A reader of TL that shares nothing with the sandbox's: it knows one layer's schema, and is strict."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from typing import Any

from tgbot.sandbox import layers

PATH = Path(layers.__file__).with_name("layers") / "api.tl"
#: What is in the language and not in a schema.
BOOLS = {0x997275B5: True, 0xBC799737: False}
VECTOR = 0x1CB5C415


@cache
def lines() -> list[tuple[str, bool, str]]:
    """Return (layers, is a method, definition) of each line of the schema file."""
    found = []
    method = False
    for line in PATH.read_text("utf-8").splitlines():
        if line.startswith("---"):
            method = line == "---functions---"
        elif not line.startswith("//"):
            spans, _, definition = line.partition(" ")
            found.append((spans, method, definition))
    return found


def listed() -> list[int]:
    return [int(word) for word in PATH.read_text("utf-8").splitlines()[0].split()[2:]]


def covers(spans: str, layer: int) -> bool:
    ends = [span.split("-") for span in spans.split(",")]
    return any(int(end[0]) <= layer <= int(end[-1]) for end in ends)


@cache
def of_layer(layer: int, *, methods: bool = False) -> dict[int, str]:
    """Return the definitions of the types, or the methods, of a layer by constructor id."""
    return {
        int(definition.split(" ")[0].split("#")[1], 16): definition
        for spans, method, definition in lines()
        if method is methods and covers(spans, layer)
    }


class SchemaReader:
    """Read values as a client of one layer does; an unknown or misplaced constructor raises."""

    def __init__(self, layer: int, data: bytes) -> None:
        self.definitions = of_layer(layer)
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        assert self.at <= len(self.data), "the value ends too early"
        return self.data[self.at - count : self.at]

    def value(self, kind: str) -> Any:
        if kind in ("int", "#"):
            return struct.unpack("<i" if kind == "int" else "<I", self.take(4))[0]
        if kind in ("long", "double"):
            return struct.unpack("<q" if kind == "long" else "<d", self.take(8))[0]
        if kind in ("int128", "int256"):
            return self.take(int(kind[3:]) // 8)
        if kind == "Bool":
            return BOOLS[self.value("#")]
        if kind in ("string", "bytes"):
            length = self.take(1)[0]
            head = 1
            if length == 254:
                length, head = int.from_bytes(self.take(3), "little"), 4
            body = self.take(length)
            self.take(-(head + length) % 4)
            return body.decode() if kind == "string" else body
        if kind.startswith("Vector<"):
            assert self.value("#") == VECTOR
            return [self.value(kind[7:-1]) for _ in range(self.value("int"))]
        return self.object(kind)

    def object(self, kind: str | None = None) -> dict[str, Any]:
        number = self.value("#")
        assert number in self.definitions, f"#{number:08x} is not in the layer"
        head, result = self.definitions[number].rstrip(";").split(" = ")
        assert kind in (None, result), f"{head.split('#')[0]} is no {kind}"
        name, *args = head.split(" ")
        found: dict[str, Any] = {"_": name.split("#")[0]}
        for arg in args:
            name, kind = arg.split(":")
            if "?" in kind:
                flag, kind = kind.split("?")
                flags, bit = flag.split(".")
                if not found[flags] & 1 << int(bit):
                    continue
            found[name] = True if kind == "true" else self.value(kind)
        return found


def read_as_client(layer: int, value: object, kind: str = "") -> Any:
    """Return what a client of `layer` reads when it gets `value`, of the type `kind`."""
    reader = SchemaReader(layer, layers.encode(value, layer))
    found = reader.value(kind) if kind else reader.object()
    assert reader.at == len(reader.data), "bytes follow the value"
    return found


def written(layer: int, values: dict[str, Any], *, method: bool = False) -> bytes:
    """Return what a client of `layer` writes: `values` by the schema's names, "_" is the constructor's."""
    (number, definition), *_ = [
        (number, definition)
        for number, definition in of_layer(layer, methods=method).items()
        if definition.startswith(values["_"] + "#")
    ]
    arguments = [word.split(":") for word in definition.split(" = ")[0].split(" ")[1:]]
    names = {name for name, _ in arguments}
    assert set(values) - {"_"} <= names, f"{values['_']} of layer {layer} has no such fields"
    flags = {name: 0 for name, kind in arguments if kind == "#"}
    for name, kind in arguments:
        if "?" in kind and values.get(name) is not None:
            field, bit = kind.split("?")[0].split(".")
            flags[field] |= 1 << int(bit)
    parts = [struct.pack("<I", number)]
    for name, kind in arguments:
        if kind == "#":
            parts.append(struct.pack("<I", flags[name]))
        elif not kind.endswith("?true") and (values.get(name) is not None or "?" not in kind):
            parts.append(_written(layer, values[name], kind.rpartition("?")[2]))
    return b"".join(parts)


def _written(layer: int, value: Any, kind: str) -> bytes:
    if kind == "int":
        return struct.pack("<i", value)
    if kind in ("long", "double"):
        return struct.pack("<q" if kind == "long" else "<d", value)
    if kind in ("string", "bytes"):
        data: bytes = value.encode() if kind == "string" else value
        assert len(data) < 254, "only short texts are written"
        return bytes([len(data)]) + data + bytes(-(len(data) + 1) % 4)
    if kind.startswith("Vector<"):
        items = [_written(layer, item, kind[7:-1]) for item in value]
        return struct.pack("<Ii", VECTOR, len(items)) + b"".join(items)
    return written(layer, value)


def has(layer: int, name: str, field: str | None = None, *, method: bool = False) -> bool:
    """Return whether a layer has a type or method called `name`, with a field called `field`."""
    return any(
        definition.startswith(name + "#") and (field is None or f" {field}:" in definition)
        for definition in of_layer(layer, methods=method).values()
    )
