"""The chart of a broadcast: what it shows in which words, and the process that draws it."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests.messaging.broadcast.deliveries import BEGAN, Delivery, chunk_of, made
from tests.patience import PATIENCE
from tgbot.core.broadcasterrors import ChartFailedError, ChartFormError, ChartMissingError
from tgbot.core.deliveries import Outcome, tally_of
from tgbot.handlers.wording import Words
from tgbot.locales.texts import Texts
from tgbot.messaging.broadcast import chart
from tgbot.messaging.broadcast.chart import MOST_BARS, draw, form_of, number, picture
from tgbot.messaging.broadcast.picture import Form, Picture
from tgbot.messaging.broadcast.report import DeliveryCounts, Report

TEXTS = Texts.load()
EN, RU = Words(TEXTS, "en"), Words(TEXTS, "ru")
DELIVERIES = [
    Delivery(1, Outcome.SENT, BEGAN, 1, (11,), clicks=1),
    Delivery(2, Outcome.SENT, BEGAN + 1, 2, (12,)),
    Delivery(3, Outcome.BLOCKED, BEGAN + 3, 2),
    Delivery(4, Outcome.WAITING),
]
drawing = pytest.mark.skipif(
    find_spec("matplotlib") is None, reason="needs matplotlib (make setup), which draws the charts"
)


def report_of(deliveries: list[Delivery], **fields: object) -> Report:
    chunk, counts = chunk_of(deliveries), DeliveryCounts()
    counts.add(chunk)
    return counts.report(made(**fields), tally_of([chunk], 0))


# ---- what it shows --------------------------------------------------------------------------------


def test_a_picture_has_running_totals_and_a_bar_for_each_language() -> None:
    shown = picture(report_of(DELIVERIES), EN, ZoneInfo("Europe/Moscow"))
    assert msgspec.to_builtins(shown) == {
        "title": "Broadcast 7 – Autumn",
        "summary": "2 of 3 delivered (66.7 %) in 0:00:03, 1.0 per second; 1 without a turn",
        "over_time": "Recipients over time",
        "by_language": "Recipients by language of the text",
        "time": "Time (Europe/Moscow)",
        "zone": "Europe/Moscow",
        "times": [BEGAN, BEGAN + 1, BEGAN + 2, BEGAN + 3, BEGAN + 4],
        "bands": [
            {"outcome": "sent", "text": "delivered: 2", "until": [0, 1, 2, 2, 2]},
            {"outcome": "blocked", "text": "blocked me: 1", "until": [0, 0, 0, 0, 1]},
        ],
        "bars": [
            {"text": "ru", "note": "2, 50.0 % delivered", "parts": [1, 1]},
            {"text": "default", "note": "1, 100 % delivered", "parts": [1, 0]},
        ],
    }


def test_the_words_are_those_of_the_language() -> None:
    shown = picture(report_of(DELIVERIES), RU)
    assert shown.title == "Рассылка 7 – Autumn"
    assert [band.text for band in shown.bands] == ["доставлено: 2", "заблокировали меня: 1"]


def test_a_broadcast_that_has_delivered_nothing_says_so() -> None:
    shown = picture(report_of([Delivery(1, Outcome.WAITING)], name=""), EN)
    assert (shown.title, shown.summary) == ("Broadcast 7", "Nothing has been delivered yet")
    assert (shown.times, shown.bands, shown.bars) == ([], [], [])


def test_the_smallest_languages_share_a_bar() -> None:
    codes = tuple(f"l{code}" for code in range(12))
    deliveries = [Delivery(1, Outcome.SENT, BEGAN, code + 1) for code in range(12) for _ in range(12 - code)]
    bars = picture(report_of(deliveries, languages=codes), EN).bars
    assert [bar.text for bar in bars] == [*codes[: MOST_BARS - 1], "5 others"]
    assert [bar.parts for bar in bars] == [[12], [11], [10], [9], [8], [7], [6], [5 + 4 + 3 + 2 + 1]]


def test_a_picture_holds_nothing_of_the_message_and_only_clean_names() -> None:
    shown = picture(
        report_of(DELIVERIES, name="Au\u202etumn\x1b" + "n" * 99, languages=("", "r\u202eu\x1b")), EN
    )
    assert shown.title.startswith("Broadcast 7 – Autumn n")
    assert len(shown.title) < 80
    assert [bar.text for bar in shown.bars] == ["ru", "default"]
    text = msgspec.json.encode(shown).decode()
    assert "Open" not in text
    assert "spring" not in text


@pytest.mark.parametrize(
    ("zone", "given", "name"),
    [
        (UTC, 0, "UTC"),
        (ZoneInfo("Asia/Kolkata"), "Asia/Kolkata", "Asia/Kolkata"),
        (timezone(timedelta(hours=5, minutes=30)), 19_800, "UTC+05:30"),
        (timezone(timedelta(hours=-3), "BRT"), -10_800, "BRT"),
    ],
)
def test_a_zone_is_given_by_its_name_or_by_its_offset(zone: timezone, given: str | int, name: str) -> None:
    shown = picture(report_of(DELIVERIES), EN, zone)
    assert (shown.zone, shown.time) == (given, f"Time ({name})")


def test_a_percentage_is_whole_only_where_it_is_exact() -> None:
    def percent(sent: int, blocked: int) -> str:
        deliveries = [Delivery(1, Outcome.SENT, BEGAN, 1)] * sent
        deliveries += [Delivery(1, Outcome.BLOCKED, BEGAN, 1)] * blocked
        return picture(report_of(deliveries), EN).bars[0].note.split(", ")[1].removesuffix(" % delivered")

    assert percent(1, 0) == "100"
    assert percent(0, 1) == "0"
    assert percent(4_999, 1) == "99.9"
    assert percent(1, 4_999) == "0.1"
    assert percent(1, 2) == "33.3"


def test_large_numbers_are_grouped() -> None:
    assert [number(one) for one in (0, 999, 1_000, 1_234_567)] == [
        *("0", "999", "1\u00a0000", "1\u00a0234\u00a0567")
    ]


@pytest.mark.parametrize(
    ("name", "form"), [("chart.png", Form.PNG), ("chart.SVG", Form.SVG), ("a.b/c.svg", Form.SVG)]
)
def test_the_ending_of_a_file_chooses_its_form(name: str, form: Form) -> None:
    assert form_of(Path(name)) is form


@pytest.mark.parametrize("name", ["chart", "chart.jpg", "png", ".svg"])
def test_another_ending_is_refused_with_what_is_expected(name: str) -> None:
    with pytest.raises(ChartFormError, match=r"expected a name that ends in \.png or \.svg") as refused:
        form_of(Path(name))
    assert refused.value.exit_status == 2


# ---- the process that draws it --------------------------------------------------------------------


def odd() -> Picture:
    """Return a picture with what a name must not do to a drawing, of several days with a pause."""
    deliveries = [Delivery(1, Outcome.SENT, BEGAN + 3_600 * hour, 1, (1,)) for hour in (0, 1, 2, 90, 91)]
    report = report_of(deliveries, name="$x^2$ <b>& 秋\U0001f342 \\frac")
    return picture(report, RU, ZoneInfo("America/New_York"))


@drawing
@pytest.mark.parametrize(
    "shown",
    [
        picture(report_of(DELIVERIES), EN, ZoneInfo("Europe/Moscow")),
        picture(report_of(DELIVERIES[:1]), EN, timezone(timedelta(hours=5, minutes=30))),
        picture(report_of([]), EN),
        odd(),
    ],
    ids=["some", "one", "none", "odd"],
)
async def test_a_chart_is_drawn_in_both_forms(shown: Picture) -> None:
    png = await draw(shown, Form.PNG)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert width == 1200
    assert 600 < height < 1300
    svg = await draw(shown, Form.SVG)
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [
        " ".join("".join(one.itertext()).split()) for one in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    said = [shown.summary, shown.over_time, shown.by_language, shown.time]
    said += [band.text for band in shown.bands] + [
        text for bar in shown.bars for text in (bar.text, bar.note)
    ]
    for text in said:
        assert " ".join(text.split()) in texts
    assert any(text.startswith(shown.title[:10]) for text in texts)
    assert b"\x1b" not in svg
    assert svg == await draw(shown, Form.SVG)


@drawing
async def test_the_axis_of_time_is_in_the_zone() -> None:
    async def ticks(zone: timezone | ZoneInfo) -> str:
        deliveries = [Delivery(1, Outcome.SENT, BEGAN + second, 1) for second in (0, 7_200)]
        return (await draw(picture(report_of(deliveries), EN, zone), Form.SVG)).decode()

    assert "14:15" in await ticks(ZoneInfo("UTC"))
    moscow = await ticks(ZoneInfo("Europe/Moscow"))
    assert "17:15" in moscow
    assert "14:15" not in moscow
    assert "19:45" in await ticks(timezone(timedelta(hours=5, minutes=30)))


async def test_where_matplotlib_is_missing_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ChartMissingError, match=r"^A chart needs matplotlib, .*: pip install 'tgbot\[chart\]'$"
    ):
        await draw(picture(report_of(DELIVERIES), EN), Form.PNG)


Fake = Callable[[str], Path]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    """Return what makes a module matplotlib with this source be found in the place of the real one."""

    def write(source: str) -> Path:
        (tmp_path / "matplotlib.py").write_text(source)
        monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])]))
        return tmp_path

    return write


async def test_a_drawing_that_fails_says_where_and_shows_no_text_of_the_error(fake: Fake) -> None:
    fake("raise RuntimeError('Autumn')")
    with pytest.raises(ChartFailedError, match=r"RuntimeError < matplotlib\.py:1") as failed:
        await draw(picture(report_of(DELIVERIES), EN), Form.PNG)
    assert "Autumn" not in str(failed.value)


async def test_a_process_that_the_system_refuses_is_told_in_its_words(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ChartFailedError, match=r"could not be drawn \(No such file or directory\)"):
        await draw(picture(report_of(DELIVERIES), EN), Form.PNG)


async def test_the_process_does_not_get_the_secrets_of_the_bot(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TGBOT_BOT_TOKEN", "1:a")
    fake(
        "import os\n"
        "given = [name for name in os.environ if name.startswith('TGBOT_')]\n"
        "raise type(f'Secrets{len(given)}', (Exception,), {})"
    )
    with pytest.raises(ChartFailedError, match="Secrets0"):
        await draw(picture(report_of(DELIVERIES), EN), Form.PNG)


#: Says that it runs, and waits to be killed.
STUCK = """
import os, pathlib, signal
pathlib.Path(__file__).with_name("pid").write_text(f"{os.getpid()}.")
signal.pause()
"""


async def pid_in(directory: Path) -> int:
    """Return the process that runs, as soon as it says so."""
    async with asyncio.timeout(PATIENCE):
        while not (file := directory / "pid").exists() or file.read_text()[-1:] != ".":  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)
    return int(file.read_text()[:-1])


async def test_the_process_ends_with_who_waits_for_it(fake: Fake) -> None:
    directory = fake(STUCK)
    waiting = asyncio.create_task(draw(picture(report_of(DELIVERIES), EN), Form.PNG))
    pid = await pid_in(directory)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_drawing_that_takes_too_long_is_ended(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(STUCK)
    monkeypatch.setattr(chart, "SECONDS", 0.05)
    with pytest.raises(ChartFailedError, match=r"it took longer than 0\.05 s"):
        await draw(picture(report_of(DELIVERIES), EN), Form.PNG)
