"""Chunks as bytes: whole, small, and refused where they are damaged."""

from __future__ import annotations

import random
import sys
from array import array
from contextlib import suppress

import pytest

from tgbot.core.deliveries import CHUNK, Chunk, Outcome
from tgbot.store.chunk_bytes import packed, unpacked

COLUMNS = tuple(name for name in Chunk.__slots__ if not name.startswith("__"))


def filled(seed: int, size: int, parts: int) -> Chunk:
    source = random.Random(seed)
    ids = sorted(source.sample(range(1, 2**62), size))
    chunk = Chunk(7, array("q", ids), parts)
    for index in range(size):
        chunk.outcomes[index] = source.choice(list(Outcome))
        chunk.at[index] = source.randrange(2**32)
        chunk.languages[index] = source.randrange(256)
        chunk.corrections[index] = source.randrange(3)
        chunk.clicks[index] = source.randrange(256)
        chunk.why[index] = source.randrange(3)
        for part in range(parts):
            chunk.messages[index * parts + part] = source.randrange(2**31)
    chunk.errors = ["CHAT_RESTRICTED", "MESSAGE_TOO_LONG"]
    chunk.round = source.randrange(2**32)
    return chunk


@pytest.mark.parametrize(("size", "parts"), [(1, 1), (2, 10), (777, 3), (CHUNK, 1), (CHUNK, 10)])
def test_a_chunk_comes_back_as_it_was(size: int, parts: int) -> None:
    chunk = filled(size, size, parts)
    again = unpacked(7, packed(chunk))
    for name in COLUMNS:
        assert getattr(again, name) == getattr(chunk, name), name


def test_columns_that_say_nothing_take_no_room() -> None:
    chunk = Chunk(0, array("q", range(1, CHUNK + 1)), 10)
    assert len(packed(chunk)) < 8 * CHUNK + 20
    assert list(unpacked(0, packed(chunk)).messages) == [0] * 10 * CHUNK
    for index in range(CHUNK):
        chunk.outcomes[index], chunk.at[index], chunk.languages[index] = Outcome.SENT, 1_700_000_000, 1
    assert len(packed(chunk)) < 15 * CHUNK


def test_what_is_cut_or_of_another_version_is_refused() -> None:
    raw = packed(filled(1, 20, 2))
    for length in range(len(raw)):
        with pytest.raises(ValueError, match="chunk"):
            unpacked(0, raw[:length])
    with pytest.raises(ValueError, match="version"):
        unpacked(0, b"\x02" + raw[1:])
    with pytest.raises(ValueError, match="cut short"):
        unpacked(0, raw + b"more")


def test_damaged_bytes_raise_nothing_else() -> None:
    raw = packed(filled(1, 20, 2))
    source = random.Random(3)
    for _ in range(2_000):
        damaged = bytearray(raw)
        for _ in range(source.randrange(1, 4)):
            damaged[source.randrange(len(raw))] = source.randrange(256)
        with suppress(ValueError):
            unpacked(0, bytes(damaged))


def test_a_file_can_go_to_a_machine_with_another_order_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = filled(5, 50, 2)
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    swapped = packed(chunk)
    again = unpacked(7, swapped)
    assert (again.ids, again.at, again.messages) == (chunk.ids, chunk.at, chunk.messages)
    monkeypatch.undo()
    assert swapped != packed(chunk)
