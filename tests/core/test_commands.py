from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.commands import Command, parse, word_of
from tgbot.core.names import GAP

OURS = ("Our_Bot", "second")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/start", Command("start", "", None, True)),
        ("/start abc", Command("start", "abc", None, True)),
        ("/Start  a b \n", Command("start", "a b", None, True)),
        ("/start\nabc", Command("start", "abc", None, True)),
        ("/start\u00a0abc", Command("start", "abc", None, True)),
        ("/start ", Command("start", "", None, True)),
        ("/start@our_bot", Command("start", "", "our_bot", True)),
        ("/start@OUR_bot x", Command("start", "x", "OUR_bot", True)),
        ("/start@Second", Command("start", "", "Second", True)),
        ("/start@other_bot x", Command("start", "x", "other_bot", False)),
        ("/start @our_bot", Command("start", "@our_bot", None, True)),
        (" /start", Command("start", "", None, True)),
        ("\ufeff/Help\u200b", Command("help", "", None, True)),
        ("/start\u200b\u00a0abc\u2060", Command("start", "abc", None, True)),
        ("/start\u202eabc", Command("start", "abc", None, True)),
        ("/start a\u200bb ❤\ufe0f", Command("start", "a\u200bb ❤\ufe0f", None, True)),
        ("/link group - a\nb", Command("link", "group - a\nb", None, True)),
    ],
)
def test_commands(text: str, command: Command) -> None:
    assert parse(text, OURS) == command


@pytest.mark.parametrize(
    "text",
    [
        "",
        "start",
        "/",
        "/ start",
        "//start",
        "/start@",
        "/héllo",
        "/a-b",
        "/x" * 9,
        "/" + "x" * 65,
    ],
)
def test_what_is_no_command(text: str) -> None:
    assert parse(text, OURS) is None


def test_without_a_name_of_our_own_a_mention_means_another_bot() -> None:
    assert parse("/start@our_bot", ()) == Command("start", "", "our_bot", False)
    assert parse("/start", ()) == Command("start", "", None, True)


@given(st.text() | st.text().map("/start".__add__))
def test_any_text_is_a_command_or_none(text: str) -> None:
    command = parse(text, OURS)
    if command is not None:
        assert text.strip(GAP).startswith("/")
        assert word_of(text) == command.name
        assert command.args == command.args.strip()
        assert command.name == command.name.lower()


def test_every_white_space_is_a_gap() -> None:
    assert [char for char in map(chr, range(0x11_0000)) if char.isspace() and char not in GAP] == []


@pytest.mark.parametrize(
    "text", ["", "start", "hello /start", " ", "/", "/ start", "//start", "/@our_bot", "\n"]
)
def test_a_text_that_is_no_command_has_no_word(text: str) -> None:
    assert word_of(text) == ""
