"""Texts of broadcasts, checked before anything is stored."""

from __future__ import annotations

import pytest
from telethon.tl import types

from tgbot.core.broadcasterrors import ContentError
from tgbot.core.broadcasts import Audience, Content
from tgbot.messaging.broadcast.drafts import Markup, checked, text_content, unpacked


def test_a_plain_text_goes_as_it_is() -> None:
    (part,) = text_content("**not bold** <b>nor this</b>").parts
    assert (part.text, part.entities, part.media) == ("**not bold** <b>nor this</b>", b"", b"")


@pytest.mark.parametrize(
    ("text", "markup"), [("some **bold** text", Markup.MARKDOWN), ("some <b>bold</b> text", Markup.HTML)]
)
def test_markup_becomes_entities(text: str, markup: Markup) -> None:
    (part,) = text_content(text, markup).parts
    assert part.text == "some bold text"
    assert unpacked(part.entities) == [types.MessageEntityBold(5, 4)]


def test_a_text_may_have_4096_characters_as_telegram_counts_them() -> None:
    assert text_content("x" * 4096)
    assert text_content("🙂" * 2048)
    assert text_content(f"**{'x' * 4096}**", Markup.MARKDOWN)
    with pytest.raises(ContentError, match="4,098 characters of 4,096"):
        text_content("🙂" * 2049)


@pytest.mark.parametrize(
    ("text", "markup"), [("", Markup.PLAIN), (" \n", Markup.PLAIN), ("<b></b>", Markup.HTML)]
)
def test_an_empty_text_is_refused(text: str, markup: Markup) -> None:
    with pytest.raises(ContentError, match="empty"):
        text_content(text, markup)


def contents(*codes: str) -> dict[str, Content]:
    return {code: text_content(f"in {code}") for code in codes}


def test_the_codes_of_languages_are_read_in_any_spelling() -> None:
    assert list(checked(contents("", "pt_BR", "rus", "zh-hant"), Audience())) == [
        "",
        "pt-br",
        "ru",
        "zh-hant",
    ]


@pytest.mark.parametrize(
    ("codes", "audience", "problem"),
    [
        ((), Audience(), "there is none"),
        (("klingon!",), Audience(), "no code of a language"),
        (("", "pt-BR", "pt_br"), Audience(), "two texts for pt-br"),
        (("ru",), Audience(), "others would get nothing"),
        (("ru",), Audience(languages=("ru", "de")), "others would get nothing"),
    ],
)
def test_contents_with_which_somebody_gets_nothing_are_refused(
    codes: tuple[str, ...], audience: Audience, problem: str
) -> None:
    with pytest.raises(ContentError, match=problem):
        checked(contents(*codes), audience)


def test_contents_without_a_default_are_for_an_audience_that_speaks_those_languages() -> None:
    assert checked(contents("ru", "de"), Audience(languages=("ru",)))


def test_a_content_shows_none_of_its_text() -> None:
    assert "secret" not in repr(text_content("secret"))
