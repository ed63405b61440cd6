from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.locales.languages import Language, nearest, read


@pytest.mark.parametrize(
    ("spellings", "language"),
    [
        (("ru", "RU", "ru-raw", "ru_RAW", "ru-beta", "raw-ru", "rus", "ru-x-private", " ru\n"), "ru"),
        (("pt-BR", "pt-br", "pt_BR", "PT_br", "por-BR", "pt-br-raw", "pt_BR.UTF-8", "pt-BR-x-y"), "pt-BR"),
        (
            ("zh-Hans", "zh-hans", "zh_HANS", "zh-hans-raw", "zh-hans-beta", "zh-chs", "zho-simplified"),
            "zh-Hans",
        ),
        (("zh-Hant-TW", "zh_hant_tw", "cmn-Hant-TW"), "zh-Hant-TW"),
        (("zh-CN", "classic-zh-cn", "zh_CN"), "zh-CN"),
        (("sr-Latn", "sr@latin", "sh", "sr_latin"), "sr-Latn"),
        (("es-419", "es_419"), "es-419"),
        (("he", "iw", "IW", "heb"), "he"),
        (("he-IL", "iw_IL", "iw-IL-raw"), "he-IL"),
        (("id", "in", "ind"), "id"),
        (("yi", "ji"), "yi"),
        (("nb", "no", "nor"), "nb"),
        (("ro-MD", "mo"), "ro-MD"),
        (("tl", "fil", "tgl"), "tl"),
        (("uk", "ua", "UA", "ukr"), "uk"),
        (("tlh",), "tlh"),
    ],
)
def test_a_language_is_the_same_in_each_spelling(spellings: tuple[str, ...], language: str) -> None:
    assert [str(read(code)) for code in spellings] == [language] * len(spellings)


@pytest.mark.parametrize("code", ["", "-", "_", "x", "raw", "readme", "12", "русский", "x-y", "a" * 10_000])
def test_what_names_no_language_is_none(code: str) -> None:
    assert read(code) is None


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True))
def test_a_code_that_was_read_is_read_to_the_same_again(code: str) -> None:
    language = read(code)
    if language is not None:
        assert read(str(language)) == language
        assert nearest(language, [language]) == [language]


@pytest.mark.parametrize(
    ("wanted", "known", "order"),
    [
        ("pt-BR", "pt pt-BR pt-PT", "pt-BR pt pt-PT"),
        ("pt-PT", "pt pt-BR", "pt pt-BR"),
        ("pt", "pt-BR pt-PT en", "pt-BR pt-PT"),
        ("pt-AO", "pt-BR", "pt-BR"),
        ("zh-TW", "zh zh-Hans zh-Hant", "zh-Hant zh zh-Hans"),
        ("zh-Hant-HK", "zh-TW zh-CN zh-Hant", "zh-Hant zh-TW zh-CN"),
        ("zh-Hans-CN", "zh zh-CN zh-Hans zh-Hant", "zh-CN zh-Hans zh zh-Hant"),
        ("zh", "zh-Hant zh-CN", "zh-CN zh-Hant"),
        ("zh-yue", "zh-HK", "zh-HK"),
        ("sh", "sr sr-Latn hr", "sr-Latn sr"),
        ("sr-ME", "sr sr-Latn", "sr-Latn sr"),
        ("nn", "nb nn", "nn nb"),
        ("no", "nn", "nn"),
        ("en-GB", "en ru", "en"),
        ("de", "en ru", ""),
    ],
)
def test_the_nearest_language_is_found_by_region_and_script(wanted: str, known: str, order: str) -> None:
    languages = [language for code in known.split() if (language := read(code)) is not None]
    asked = read(wanted)
    assert asked is not None
    assert [str(language) for language in nearest(asked, languages)] == order.split()


def test_a_code_is_what_its_language_prints() -> None:
    assert str(Language("zh", "Hant", "TW")) == "zh-Hant-TW"
    assert Language("zh", region="TW").written == "Hant"
    assert Language("ru").written == ""
