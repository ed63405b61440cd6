"""The report of a broadcast in the chat: a chart, a table, and what there is without one of them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from tests.handlers.test_broadcast import Office
from tests.handlers.test_broadcast import office as office
from tests.telegram.conftest import until


def files(office: Office) -> list[tuple[str, Any]]:
    """Return the texts and media that the bot sent to the admin with a medium."""
    box = office.desk.world.accounts[office.boss].box
    copies = [box.get(number) for number in box.dialogs[office.desk.bot_id].ids]
    return [(one.post.text, one.post.media) for one in copies if one and not one.out and one.post.media]


def content(office: Office, media: types.MessageMediaDocument) -> str:
    document = media.document
    stored = office.desk.world.files.get(document.id, document.access_hash, document.file_reference, "")
    return bytes(stored.content).decode()


async def done(office: Office) -> Any:
    await office.open(2)
    copy = await office.command("news")
    await office.press(copy, "Start")
    await office.press(copy, "Yes, send it")
    await office.reads(copy, "It is done.")
    return copy


async def test_the_report_is_a_chart_and_a_table(office: Office) -> None:
    pytest.importorskip("matplotlib")
    copy = await done(office)
    assert await office.press(copy, "Report") == "I am making the report."
    await until(lambda: len(files(office)) == 2)
    (chart, photo), (caption, table) = files(office)
    assert isinstance(photo, types.MessageMediaPhoto)
    assert chart.startswith("Broadcast 1\n3 of 3 delivered (100 %)")
    assert caption == "Broadcast 1\nWhat came of each delivery."
    assert table.document.mime_type == "text/csv"
    assert [one.file_name for one in table.document.attributes] == ["broadcast-1.csv"]
    rows = content(office, table).splitlines()
    assert rows[0].startswith("id,outcome,")
    assert [row.split(",")[1] for row in rows[1:]] == ["sent"] * 3


@pytest.fixture
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib is not installed."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)


async def test_without_matplotlib_the_report_has_the_numbers_as_text(
    office: Office, no_matplotlib: None
) -> None:
    copy = await done(office)
    await office.press(copy, "Report")
    await until(lambda: len(files(office)) == 1)
    (text,) = (text for text in office.desk.stage.heard(office.boss) if "matplotlib" in text)
    assert '"sent": 3' in text
    assert '"steps"' not in text
    assert await office.press(copy, "Report") == "I am making the report.", "the first one is made"
    await until(lambda: len(files(office)) == 2)


async def test_a_report_is_made_once_at_a_time(office: Office, no_matplotlib: None) -> None:
    copy = await done(office)
    office.desk.faults.silence("upload.saveFilePart")
    assert await office.press(copy, "Report") == "I am making the report."
    assert await office.press(copy, "Report") == "I am making it already."


async def test_a_table_that_cannot_be_written_is_told(
    office: Office, no_matplotlib: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = await done(office)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    await office.press(copy, "Report")
    words = "I cannot make the table: No such file or directory."
    await until(lambda: words in office.desk.stage.heard(office.boss))
