"""Which encoding a file's first bytes show, and what is said of a text in another than UTF-8."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.encodings import decoded, encoding_of

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@given(st.text("abc,;=[]\"'0123456789\n", min_size=2), st.text(), st.sampled_from(ENCODINGS))
def test_text_that_begins_with_ascii_is_read_in_each_encoding(first: str, rest: str, encoding: str) -> None:
    content = (first + rest).encode(encoding)
    assert content.decode(encoding_of(content)) == first + rest


@given(st.text())
def test_utf_8_is_decoded_with_and_without_a_mark(text: str) -> None:
    if encoding_of(text.encode()) == "utf-8-sig":
        assert decoded(text.encode()) == text.removeprefix("\ufeff")
        assert decoded(b"\xef\xbb\xbf" + text.encode()) == text


@pytest.mark.parametrize("content", [b"", b"a", b"\0", b"a\0", "я".encode("utf-16-le")])
def test_too_little_to_tell_counts_as_utf_8(content: bytes) -> None:
    assert encoding_of(content) == "utf-8-sig"


@given(st.binary())
def test_whatever_the_bytes_are_they_are_text_or_refused_in_a_sentence(content: bytes) -> None:
    said = ": save it as UTF-8"
    try:
        decoded(content)
    except ValueError as error:
        said = str(error)
    assert said.endswith(": save it as UTF-8")
