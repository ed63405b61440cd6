from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.extensions import html
from telethon.tl import types

from tgbot.messaging.lengths import length, pieces, shortened

FAMILY = "👩🏻\u200d👩🏽\u200d👧🏿\u200d👦"


def test_a_length_is_in_utf_16_units() -> None:
    for text in ("", "abc", "привет", "👩🏻", "a👦\u200db"):
        assert length(text) == len(text.encode("utf-16-le")) // 2


def cut(text: str, limit: int) -> list[str]:
    return [part for part, _ in pieces(text, limit=limit)]


def test_a_text_is_cut_at_a_line_else_between_words_else_between_characters() -> None:
    assert cut("one\ntwo three\nfour", 14) == ["one\ntwo three", "four"]
    assert cut("one two three four", 14) == ["one two three", "four"]
    assert cut("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert cut("short", 4096) == ["short"]
    assert cut("a\n\n\n\n\n\n\nb", 3) == ["a", "b"]


def test_no_visible_character_is_cut() -> None:
    assert cut("👦" * 5, 3) == ["👦"] * 5
    assert cut(FAMILY * 3, 20) == [FAMILY] * 3
    assert cut("e\u0301" * 5, 3) == ["e\u0301"] * 5
    assert cut("e" + "\u0301" * 9, 4) == [
        "e" + "\u0301" * 3,
        "\u0301" * 4,
        "\u0301" * 2,
    ]  # nothing else helps


@given(st.text(st.sampled_from("ab \n👦é\u0301\u200d"), max_size=60), st.integers(8, 20))
def test_nothing_but_white_space_is_lost_and_no_piece_is_too_long(text: str, limit: int) -> None:
    parts = cut(text, limit)
    assert re.sub(r"\s", "", "".join(parts)) == re.sub(r"\s", "", text)
    assert all(0 < length(part) <= limit for part in parts)


def test_an_entity_over_a_cut_is_in_both_pieces() -> None:
    text, entities = html.parse("<b>👦 one\ntwo</b> <i>three</i>")
    assert [(part, html.unparse(part, inside)) for part, inside in pieces(text, entities, 8)] == [
        ("👦 one", "<strong>👦 one</strong>"),
        ("two", "<strong>two</strong>"),
        ("three", "<em>three</em>"),
    ]


@given(st.text(st.sampled_from("ab \n👦"), min_size=1, max_size=60), st.data())
def test_the_same_characters_are_in_an_entity_before_and_after(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, length(text) - 1))
    entity = types.MessageEntityBold(start, data.draw(st.integers(1, length(text) - start)))
    inside = "".join(part_of(part, one) for part, found in pieces(text, [entity], 9) for one in found)
    assert re.sub(r"\s", "", inside) == re.sub(r"\s", "", part_of(text, entity))


def part_of(text: str, entity: types.MessageEntityBold) -> str:
    units = text.encode("utf-16-le")[2 * entity.offset : 2 * (entity.offset + entity.length)]
    return units.decode("utf-16-le", "ignore")


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("ab cdef", 5, "ab…"), ("👦👦👦", 5, "👦👦…")],
)
def test_a_shortened_text_ends_in_an_ellipsis(text: str, limit: int, shown: str) -> None:
    assert shortened(text, limit) == shown
