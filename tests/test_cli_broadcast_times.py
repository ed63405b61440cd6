"""Times as operators type them, in zones that put their clocks forward and back, and as they read them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tgbot.cli.broadcast.times import length, moment_of, past_of, shown, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


NOW = at("2026-11-27T15:30:40+00:00")


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The system's zone is Asia/Tokyo."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-12-01 09:00", "2026-12-01T08:00+00:00"),
        ("2026-12-01T9:00", "2026-12-01T08:00+00:00"),
        ("2026-12-01 09:00:00", "2026-12-01T08:00+00:00"),
        ("2026-07-01 09:00", "2026-07-01T07:00+00:00"),
        ("2026-12-01T09:00Z", "2026-12-01T09:00+00:00"),
        ("2026-12-01 09:00+05:30", "2026-12-01T03:30+00:00"),
        ("21:00", "2026-11-27T20:00+00:00"),
        ("16:30", "2026-11-28T15:30+00:00"),  # the clock of Berlin shows 16:30:40
        ("16:31", "2026-11-27T15:31+00:00"),
        ("9:05", "2026-11-28T08:05+00:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30+00:00"),  # the first of two
    ],
)
def test_a_time_is_one_on_the_clocks_of_its_zone(typed: str, meant: str) -> None:
    assert moment_of(typed, NOW, BERLIN) == at(meant)


@pytest.mark.usefixtures("in_tokyo")
def test_without_a_zone_the_system_s_counts() -> None:
    assert moment_of("2026-12-01 09:00", NOW, None) == at("2026-12-01T00:00+00:00")
    assert moment_of("0:31", NOW, None) == at("2026-11-27T15:31+00:00")
    assert moment_of("0:30", NOW, None) == at("2026-11-28T15:30+00:00")
    assert past_of("2026-11-01", NOW, None) == at("2026-10-31T15:00+00:00")
    assert shown(NOW, None) == "Sat 2026-11-28 00:30 JST"


@pytest.mark.parametrize(
    "typed",
    [
        *("", "now", "9", "24:00", "12:60", "1:2", "2026-12-01", "2026-13-01 09:00", "2026-02-30 09:00"),
        *(
            "2026-12-01 25:00",
            "2026-12-01 09:61",
            "01.12.2026 09:00",
            "2026-12-01 09:00 CET",
            "20261201 09:00",
        ),
        *("1999-12-01 09:00", "2100-01-01 09:00", "2026-12-01 09:00+99:00", "7d", "٢١:٠٠", "21:00\n"),
    ],
)
def test_what_is_no_time_is_refused_with_what_was_expected(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^a time such as .2026-12-01 09:00., or 21:00 for the next one$"):
        moment_of(typed, NOW, UTC)


def test_a_time_that_the_clocks_leave_out_is_refused() -> None:
    with pytest.raises(ValueError, match="put forward"):
        moment_of("2027-03-28 02:30", NOW, BERLIN)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("30d", NOW - 30 * 86_400),
        ("2w", NOW - 14 * 86_400),
        ("12h", NOW - 12 * 3_600),
        ("90m", NOW - 90 * 60),
        ("999999w", 0),
        ("2026-11-01", at("2026-10-31T23:00+00:00")),
        ("2026-11-01 09:00", at("2026-11-01T08:00+00:00")),
    ],
)
def test_a_date_in_the_past_may_be_so_long_ago(typed: str, meant: int) -> None:
    assert past_of(typed, NOW, BERLIN) == meant


@pytest.mark.parametrize("typed", ["", "5x", "d", "-5d", "1.5d", "yesterday", "2026-11-31", "21:00"])
def test_what_is_no_date_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^a date such as 2026-11-01, .* such as 30d, 12h or 90m$"):
        past_of(typed, NOW, BERLIN)


def test_a_zone_is_known_by_its_name() -> None:
    assert zone_of("") is None
    assert zone_of("Europe/Berlin") == BERLIN
    for name in ("Mars", "../etc/passwd", "Europe", "/etc/localtime", "a" * 500, "\0"):
        with pytest.raises(ValueError, match="name of a time zone"):
            zone_of(name)


def test_a_time_is_shown_with_its_day_and_zone() -> None:
    assert shown(at("2026-12-01T08:00+00:00"), BERLIN) == "Tue 2026-12-01 09:00 CET (Europe/Berlin)"
    assert shown(at("2026-12-01T08:00+00:00"), ZoneInfo("UTC")) == "Tue 2026-12-01 08:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (60, "1 min"),
        (3_334, "56 min"),
        (3_600, "1 h"),
        (12_000, "3 h 20 min"),
        (47 * 3_600 + 3_599, "2 days"),
        (100 * 3_600, "4 days 4 h"),
    ],
)
def test_a_duration_is_in_words(seconds: float, words: str) -> None:
    assert length(seconds) == words
