"""A chunk of deliveries as bytes, which is how every store keeps it."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Final, TypeAlias

from tgbot.core.deliveries import CHUNK, Chunk

#: What the first byte says; another version of the form has another number.
VERSION: Final = 1

#: Version, which columns follow (a bit each), parts, round, number of recipients, length of the errors.
_HEAD: Final = struct.Struct("<BBBIHI")
#: The columns in the order in which they follow the ids; one that is all zeros is left out.
_COLUMNS: Final = ("outcomes", "at", "languages", "messages", "clicks", "corrections", "why", "refusals")
_ZEROS: Final = bytes(8 * CHUNK)

_Column: TypeAlias = "bytearray | array[int]"


def packed(chunk: Chunk) -> bytes:
    """Return the chunk as bytes, about 20 for each recipient; its number is not in them."""
    given, columns = 0, [_bytes(chunk.ids)]
    for bit, column in enumerate(_columns(chunk)):
        raw = _bytes(column)
        if not _is_zero(raw):
            given |= 1 << bit
            columns.append(raw)
    errors = "\n".join(chunk.errors).encode()
    head = _HEAD.pack(VERSION, given, chunk.parts, chunk.round, len(chunk.ids), len(errors))
    return b"".join((head, *columns, errors))


def unpacked(number: int, raw: bytes) -> Chunk:
    """Return the chunk that was packed; ValueError if these bytes hold none."""
    if len(raw) < _HEAD.size or raw[0] != VERSION:
        raise ValueError("not a chunk of deliveries of this version")
    _, given, parts, round, size, errors = _HEAD.unpack_from(raw)
    chunk = Chunk(number, array("q", bytes(8 * size)), parts)
    chunk.round = round
    named = [("ids", chunk.ids), *zip(_COLUMNS, _columns(chunk), strict=True)]
    columns = [(name, column) for bit, (name, column) in enumerate(named) if (given << 1 | 1) >> bit & 1]
    lengths = [len(memoryview(column)) * memoryview(column).itemsize for _, column in columns]
    rest, place = memoryview(raw)[_HEAD.size :], 0
    if sum(lengths) + errors != len(rest):
        raise ValueError("a chunk of deliveries that is cut short")
    for (name, column), length in zip(columns, lengths, strict=True):
        setattr(chunk, name, _like(column, rest[place : place + length]))
        place += length
    if errors:
        chunk.errors = str(rest[place:], "utf-8").split("\n")
    return chunk


def _columns(chunk: Chunk) -> Iterator[_Column]:
    return (getattr(chunk, name) for name in _COLUMNS)


def _bytes(column: _Column) -> bytes:
    return bytes(column) if isinstance(column, bytearray) else _native(column).tobytes()


def _is_zero(raw: bytes) -> bool:
    if len(raw) <= len(_ZEROS):
        return _ZEROS.startswith(raw)
    return not any(raw)


def _like(column: _Column, part: memoryview) -> _Column:
    if isinstance(column, bytearray):
        return bytearray(part)
    filled: array[int] = array(column.typecode)
    filled.frombytes(part)
    return _native(filled)


def _native(column: array[int]) -> array[int]:
    """Return the numbers with the lowest byte first, or from that order: a file may go to another machine."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column
