from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import types

from tgbot.core.names import LONGEST, clean_name, full_name, usernames_of

FAMILY = "👩🏻\u200d👩🏽\u200d👧🏿\u200d👦"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

#: Text in which joiners, marks, fillers and tags meet what they belong to, and what they do not.
texts = st.text() | st.text(
    st.sampled_from("a Ж1م\u093f\u094d\u0d4dക👩🏻❤\ufe0f\u200c\u200d\u0301\u3164\u2800\t\0\u202e" + SCOTLAND),
    max_size=200,
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, ""),
        ("", ""),
        ("Anna", "Anna"),
        ("  Anna \t Maria\u2028S ", "Anna Maria S"),
        ("Борис", "Борис"),
        ("*bold* [x](y) {{ $name }}", "*bold* [x](y) {{ $name }}"),
        ("\0x\x7f", "x"),
        ("\ud800broken", "broken"),
        ("an\u00adna\ufeff", "anna"),
        ("\u202eevil\u2066", "evil"),
        ("a\u200db\u200c", "ab"),
        (f"{FAMILY} \u0645\u0631\u062d\u0628\u0627", f"{FAMILY} \u0645\u0631\u062d\u0628\u0627"),
        ("❤️\u200d🔥", "❤️\u200d🔥"),
        ("\u200d🔥\u200d", "🔥"),
        # Persian and Malayalam are spelled with joiners; the latter also at the end of a word.
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("അവന\u0d4d\u200d", "അവന\u0d4d\u200d"),
        (f"Ann {SCOTLAND}", f"Ann {SCOTLAND}"),
        (f"Ann{SCOTLAND[1:]}", "Ann"),
        (SCOTLAND[:-1], SCOTLAND[0]),
        ("1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("\U0001faf6🏽", "\U0001faf6🏽"),
        ("\U0001fae8\U0001faea", "\U0001fae8\U0001faea"),  # unassigned for some versions of Python
        ("أ\u200d\u3164", "أ"),
    ],
)
def test_a_name_is_shown_as_its_owner_spells_it_and_no_more(name: str | None, shown: str) -> None:
    assert clean_name(name) == shown


@pytest.mark.parametrize(
    "name",
    [
        " ",
        "\u3164",
        "\u2800\u2800",
        "\u200d",
        "\ufe0f",
        "\u0301",
        DIRECTIONS,
        "\u115f\u1160",
        "\ufffc\U0001d159",
    ],
)
def test_a_name_in_which_nothing_is_visible_is_nameless(name: str) -> None:
    assert clean_name(name) == ""


def test_a_long_name_is_cut_by_what_is_visible() -> None:
    assert clean_name("x" * 64) == "x" * 64
    assert clean_name("x" * 65) == "x" * 63 + "…"
    assert clean_name("x" * 63 + " ") == "x" * 63
    assert clean_name("x" * 62 + " yy") == "x" * 62 + "…"
    assert clean_name(FAMILY * 64) == FAMILY * 64
    assert clean_name(FAMILY * 65) == FAMILY * 63 + "…"
    assert clean_name("é" * 64 + " ") == "é" * 64
    assert clean_name("e\u0301" * 65) == "e\u0301" * 63 + "…"
    assert clean_name("abcdef", 4) == "abc…"
    assert clean_name("абвгде", 4) == "абв…"


def test_full_names_have_both_parts_cleaned() -> None:
    assert full_name(" Anna\n", "\u202eS") == "Anna S"
    assert full_name("\u3164", "S") == "S"
    assert full_name("Anna", None) == "Anna"
    assert full_name(None, "") == ""
    assert full_name("x" * 65, "y" * 64) == "x" * 63 + "… " + "y" * 64


@pytest.mark.parametrize("name", ["שָׁלוֹם", "บ้านน้ำ", "ကျွန်ုပ်", "မြွှေ့", "ཧཱུྃ", "Việt Nam", "1\ufe0f\u20e3", "हिन्दी"])
def test_no_writing_stacks_more_marks_than_are_shown(name: str) -> None:
    assert clean_name(name) == name


def test_marks_and_pictures_cannot_be_piled_up_without_end() -> None:
    assert clean_name("ก" + "\u0e47" * 30 + "z") == "ก" + "\u0e47" * 4 + "z"
    assert len(clean_name("e" + "\u0301" * 4000)) <= 16
    assert len(clean_name("👩\u200d" * 2000)) <= 64 * 17


@given(texts)
def test_every_cleaned_name_is_one_safe_line(name: str) -> None:
    shown = clean_name(name)
    assert shown == shown.strip()
    assert len(shown.splitlines()) <= 1
    assert "  " not in shown
    assert not set(shown) & set(DIRECTIONS + "\0\u3164\u2800")
    assert len(shown) <= LONGEST * 17
    if shown:
        assert any(unicodedata.category(char)[0] in "LNPS" or char >= "\U0001f300" for char in shown)
    for at, char in enumerate(shown):
        if char in "\u200c\u200d":
            assert at > 0
            assert shown[at - 1] not in " \u200c\u200d"


@given(texts)
def test_a_cleaned_name_stays_as_it_is(name: str) -> None:
    shown = clean_name(name)
    assert clean_name(shown) == shown


def test_the_usernames_are_the_active_ones_the_main_one_first() -> None:
    names = [types.Username("b", active=True), types.Username("old"), types.Username("a", active=True)]
    assert usernames_of(types.User(id=5, usernames=names)) == ("b", "a")
    assert usernames_of(types.User(id=5, username="One")) == ("One",)
    assert usernames_of(types.User(id=5, username="c", usernames=names)) == ("c", "b", "a")
    assert usernames_of(types.User(id=5)) == ()
    assert usernames_of(types.PeerChat(5)) == ()
    assert usernames_of(types.UpdateUserName(5, "", "", names)) == ("b", "a")
