"""Files of users in every form, valid and broken."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.errors import (
    NobodysSessionError,
    SessionDamagedError,
    TgbotError,
    UnknownFormError,
    WrongBotError,
)
from tgbot.store.transfer.fields import A_CHAT
from tgbot.store.transfer.forms import Form, UserFile
from tgbot.store.transfer.sessions import make_session

BOT, NOW = 42, 1_000_000


def read(path: Path, content: str | bytes) -> tuple[Form, list[int], list[tuple[int, str]]]:
    """Return the form, the ids in order, and the refused entries."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    file = UserFile(path, BOT, NOW)
    refused: list[tuple[int, str]] = []
    ids = [entry.id for entry in file.entries(lambda line, reason: refused.append((line, reason)))]
    return file.form, ids, refused


@pytest.mark.parametrize(
    ("content", "form", "ids"),
    [
        ("[1, 2,\n3]", Form.JSON, [1, 2, 3]),
        ("[]", Form.JSON, []),
        ("\ufeff[1, 2]", Form.JSON, [1, 2]),
        (' [{"id": 1}, 2, {"id": "3"}]\n', Form.JSON, [1, 2, 3]),
        ('[\n  {\n    "id": 1\n  },\n  {"id": 2}\n]\n', Form.JSON, [1, 2]),
        ('{"id": 1}\n{"id": 2}\n\n', Form.JSON, [1, 2]),
        ("1\n2\n3", Form.JSON, [1, 2, 3]),
        ("1\r\n2\r\n", Form.JSON, [1, 2]),
        ("id\n1\n2\n", Form.CSV, [1, 2]),
        ("\ufeffID,First_Name\n1,Anna\n", Form.CSV, [1]),
        ("name;id\n\nAnna;1\n", Form.CSV, [1]),
        ('id\tname\n1\t"two\nlines"\n2\tx\n', Form.CSV, [1, 2]),
        ("user_id,username\n1,anna\n", Form.CSV, [1]),
    ],
)
def test_each_form_is_recognised_and_read(content: str, form: Form, ids: list[int], tmp_path: Path) -> None:
    assert read(tmp_path / "file", content) == (form, ids, [])


@pytest.mark.parametrize(
    ("content", "ids", "refused"),
    [
        ('{"id": 1}\n{"id": \n{"id": 3}', [1, 3], [(2, "not JSON")]),
        ("1\nx\n0\n4", [1, 4], [(2, "not JSON"), (3, "the id is not that of a user: those are above 0")]),
        ('[1,\n"x",\n3]', [1, 3], [(2, "the id is not a number")]),
        ("[1,\n2,\n3", [1, 2, 3], [(4, "the list does not end; the rest cannot be read")]),
        ("[1, 2\n3]", [1, 2], [(3, "not JSON; the rest cannot be read")]),
        ("[1, 2,\nx, 4]", [1, 2], [(3, "not JSON; the rest cannot be read")]),
        ("[1, 2] x", [1, 2], [(3, "not JSON; the rest cannot be read")]),
        (b'[1, "\xff", 3]', [1], [(2, "not JSON; the rest cannot be read")]),
        ("[1.5, 2]", [2], [(1, "the id is not a number")]),
        ("id\n1\n\nx\n4", [1, 4], [(4, "the id is not a number")]),
        ("id,name\n1,a,b\n2,a", [2], [(2, "more cells than the header names")]),
        ("id\n1\n-1001234567890\n4", [1, 4], [(3, A_CHAT)]),
        (b"1\n\xff\n3", [1, 3], [(2, "not UTF-8")]),
    ],
)
def test_an_unreadable_entry_is_reported_by_its_place_and_skipped(
    content: str | bytes, ids: list[int], refused: list[tuple[int, str]], tmp_path: Path
) -> None:
    assert read(tmp_path / "file", content)[1:] == (ids, refused)


@pytest.mark.parametrize(
    "content", ["", "hello", "name,age\nAnna,5", "<html>", "\0\0\0", "PK\x03\x04", "1,2\n3,4\n"]
)
def test_what_is_none_of_these_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownFormError, match="expected a Telethon session, JSON"):
        read(tmp_path / "file", content)


@given(content=st.binary(max_size=60) | st.text('[]{},:"1 \nid\\u', max_size=40).map(str.encode))
def test_no_content_does_more_than_be_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    with suppress(TgbotError):
        read(tmp_path_factory.getbasetemp() / "any", content)


@pytest.mark.parametrize("before", range(22))
def test_a_list_comes_back_whole_wherever_a_chunk_ends(before: int, tmp_path: Path) -> None:
    ids = [10**number + place for place in range(4_000) for number in range(10, 19)]
    text = " " * before + json.dumps(ids, indent=before % 2 or None)
    assert len(text) > 600_000  # more than two chunks
    assert read(tmp_path / "file", text) == (Form.JSON, ids, [])


def test_a_line_without_end_is_left_out_and_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("1\n" + "2" * 8_000_000 + "\n3\n")
    refused: list[tuple[int, str]] = []
    tracemalloc.start()
    try:
        file = UserFile(path, BOT, NOW)
        assert [e.id for e in file.entries(lambda line, reason: refused.append((line, reason)))] == [1, 3]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert refused == [(2, "the line is too long")]
    assert file.done == file.size


def test_an_entry_of_a_list_without_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('[1, "' + "2" * 50_000_000 + '", 3]')
    refused: list[tuple[int, str]] = []
    file = UserFile(path, BOT, NOW)
    assert [e.id for e in file.entries(lambda number, reason: refused.append((number, reason)))] == [1]
    assert refused == [(2, "the entry is too long; the rest cannot be read")]
    assert file.done < 5_000_000


def test_a_session_of_this_bot_is_taken_and_of_another_refused(tmp_path: Path) -> None:
    make_session(tmp_path / "ours.session", BOT, [])
    assert UserFile(tmp_path / "ours.session", BOT, NOW).form is Form.SESSION
    make_session(tmp_path / "other.session", BOT + 1, [])
    with pytest.raises(WrongBotError):
        UserFile(tmp_path / "other.session", BOT, NOW, same_bot=True)
    make_session(tmp_path / "nobodys.session", None, [])
    with pytest.raises(NobodysSessionError, match="--same-bot"):
        UserFile(tmp_path / "nobodys.session", BOT, NOW)
    UserFile(tmp_path / "nobodys.session", BOT, NOW, same_bot=True)


def test_another_database_is_no_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(SessionDamagedError):
        UserFile(tmp_path / "file", BOT, NOW)
