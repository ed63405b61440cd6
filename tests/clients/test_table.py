"""The libraries in the project's own environment do what the table of clients says, and the table is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients import table
from tests.clients.libraries import LIBRARIES, Library
from tests.clients.stage import ROWS, WORKS, column, server_key

#: `make clients` has the others.
HERE = [each for each in LIBRARIES if each.own]


@pytest.mark.parametrize("library", HERE, ids=lambda library: library.name)
async def test_what_worked_with_a_library_still_works(library: Library, tmp_path: Path) -> None:
    known = table.known()
    found = await column(library, server_key(), tmp_path / "files", known[library.name])
    assert table.worse({library.title: found}, known) == []


def test_the_page_has_a_column_for_each_library_and_a_row_for_each_check() -> None:
    known = table.known()
    assert list(known) == [each.name for each in LIBRARIES]
    for name, found in known.items():
        assert list(found) == list(ROWS), name
        assert set(found.values()) <= {WORKS, "no"}


def test_a_table_is_read_as_it_was_written_and_what_is_worse_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "clients.md"
    page.write_text(f"Before.\n\n{table.BEGIN}\nold\n{table.END}\n\nAfter.\n")
    monkeypatch.setattr(table, "PAGE", page)
    assert table.known() == {}
    good = dict.fromkeys(ROWS, WORKS)
    bad = good | {"polls": "as a bot: RpcError: NO_POLLS"}
    table.write({"One 1.2": good, "Two (older) 0.3": bad})
    text = page.read_text()
    assert text.startswith("Before.\n\n")
    assert text.endswith("\n\nAfter.\n")
    assert "- Two (older) 0.3, polls: `as a bot: RpcError: NO_POLLS`\n" in text
    assert table.known() == {"One": good, "Two (older)": good | {"polls": "no"}}
    assert table.worse({"One 1.3": bad, "Two (older) 0.3": bad}, table.known()) == [
        "One 1.3, polls: it worked, and now: as a bot: RpcError: NO_POLLS"
    ]
    assert table.better({"Two (older) 0.4": good}, table.known()) == ["Two (older) 0.4, polls"]


def test_the_printed_table_has_each_outcome_and_the_errors_below() -> None:
    shown = table.shown(
        {"One 1.2": dict.fromkeys(ROWS, WORKS) | {"edit": "as a person: Error: MESSAGE_ID_INVALID"}}
    )
    lines = shown.splitlines()
    assert lines[0].split() == ["One", "1.2"]
    assert [line.split()[-1] for line in lines[1 : 1 + len(ROWS)]] == [
        "no" if row == "edit" else WORKS for row in ROWS
    ]
    assert lines[-1] == "One 1.2, edit: as a person: Error: MESSAGE_ID_INVALID"


def test_every_check_says_what_it_is_about() -> None:
    for row in ROWS:
        assert table.meaning(row).endswith("."), row
