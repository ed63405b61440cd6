"""Lines from standard input, typed or piped, in a running event loop."""

from __future__ import annotations

import os

from tgbot.sandbox.stdin import typed_lines


async def test_lines_come_whole_however_the_bytes_do() -> None:
    reading, writing = os.pipe()
    lines = typed_lines(reading)
    os.write(writing, b"one\r\ntw")
    assert await anext(lines) == "one"
    os.write(writing, "o и ещё\n\nrest".encode())
    os.close(writing)
    assert [line async for line in lines] == ["two и ещё", "", "rest"]
    os.close(reading)


async def test_bytes_that_are_no_text_disturb_nothing() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"\xff\xfe\nnext\n")
    os.close(writing)
    assert [line async for line in typed_lines(reading)] == ["\N{REPLACEMENT CHARACTER}" * 2, "next"]
    os.close(reading)


async def test_nothing_to_read_is_the_end_of_input() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    assert [line async for line in typed_lines(nothing)] == []
    os.close(nothing)


async def test_a_descriptor_that_cannot_be_read_is_the_end_of_input() -> None:
    reading, writing = os.pipe()
    assert [line async for line in typed_lines(writing)] == []
    os.close(reading)
    os.close(writing)
