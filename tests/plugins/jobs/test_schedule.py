from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tgbot.plugins.jobs.schedule import Interval, Schedule, schedule

HOUR = 3600
DAY = 24 * HOUR
#: The clocks are set by an hour at 2:00 or 3:00, by half an hour at 2:00, at midnight, and never.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "UTC")
#: Moments around which the clocks are set in 2026, in one of the zones or another.
CHANGES = [
    int(datetime(2026, *day, tzinfo=UTC).timestamp())
    for day in ((3, 8), (3, 29), (4, 4), (10, 3), (10, 25), (11, 1))
]

moments = st.one_of(
    st.integers(1_577_836_800, 1_893_456_000),  # 2020 to 2030
    st.builds(lambda change, by: change + by, st.sampled_from(CHANGES), st.integers(-DAY, 2 * DAY)),
)
minutes = st.sampled_from(["0", "30", "0,15", "10-20", "*/10", "*/7", "59"])
hours = st.sampled_from(["2", "1-3", "0", "*", "*/2", "2,3", "23"])
days = st.sampled_from(["* * *", "1 * *", "* * 0", "* 3,10 *", "L * *", "29 2 *"])
calendars = st.builds(
    lambda minute, hour, day, zone: schedule(f"{minute} {hour} {day}", zone),
    minutes,
    hours,
    days,
    st.sampled_from(ZONES),
)
intervals = st.builds(Interval, st.sampled_from([1, 7, 60, 3600, 5000, DAY, 3 * DAY]))
#: Most of them calendars: of intervals there is little to find.
schedules: st.SearchStrategy[Schedule] = st.one_of(calendars, calendars, calendars, intervals)
#: How much later something is, in seconds: some of a day, some of a year.
spans = st.builds(
    lambda days, seconds: days * DAY + seconds, st.sampled_from([0, 1, 3, 40, 400]), st.integers(0, DAY)
)


def at(text: str, zone: str, *, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp())


def times(one: Schedule, since: int, until: int) -> list[int]:
    found, moment = [], since
    while (moment := one.after(moment)) <= until:
        found.append(moment)
    return found


@settings(max_examples=150)
@given(one=schedules, moment=moments, later=spans)
def test_the_next_time_is_later_and_does_not_depend_on_when_one_asks(
    one: Schedule, moment: int, later: int
) -> None:
    found = one.after(moment)
    assert found > moment
    assert one.after(found - 1) == found
    between = moment + later % (found - moment)
    assert one.after(between) == found
    assert one.after(moment + later) >= found


@settings(max_examples=150)
@given(one=schedules, moment=moments, later=spans)
def test_the_latest_time_is_the_last_one_before_the_next(one: Schedule, moment: int, later: int) -> None:
    until = moment + later
    found = one.latest(moment, until)
    if found is None:
        assert one.after(moment) > until
    else:
        assert moment < found <= until
        assert one.after(found - 1) == found
        assert one.after(found) > until


#: Close to a change of the clocks.
near = st.builds(lambda change, by: change + by, st.sampled_from(CHANGES), st.integers(0, DAY))


@given(
    moment=near,
    zone=st.sampled_from(ZONES[:4]),
    minute=st.sampled_from(["0", "10-20", "*/10", "*/7", "*"]),
    hour=st.sampled_from(["1-3", "*", "2", "0"]),
)
def test_a_calendar_with_stars_has_each_minute_that_the_clocks_show_and_no_other(
    moment: int, zone: str, minute: str, hour: str
) -> None:
    if not (minute.startswith("*") or hour.startswith("*")):
        minute = "*"
    shown = {
        "0": {0},
        "10-20": set(range(10, 21)),
        "*/10": set(range(0, 60, 10)),
        "*/7": set(range(0, 60, 7)),
        "*": set(range(60)),
    }[minute]
    wanted = {"1-3": {1, 2, 3}, "*": set(range(24)), "2": {2}, "0": {0}}[hour]
    first = moment // 60 * 60
    clocks = [(u, datetime.fromtimestamp(u, ZoneInfo(zone))) for u in range(first, first + 12 * HOUR, 60)]
    expected = [u for u, clock in clocks if clock.minute in shown and clock.hour in wanted]
    found = times(schedule(f"{minute} {hour} * * *", zone), first - 1, first + 12 * HOUR - 1)
    assert found == expected


@settings(max_examples=10)  # each of them is a year
@given(zone=st.sampled_from(ZONES), time=st.times(), year=st.integers(2024, 2027))
def test_a_time_of_day_comes_once_on_each_day_of_a_year(zone: str, time: Any, year: int) -> None:
    daily = schedule(f"{time.hour}:{time.minute:02}", zone)
    begin, end = at(f"{year}-01-01", zone) - 1, at(f"{year + 1}-01-01", zone) - 1
    days = [datetime.fromtimestamp(moment, ZoneInfo(zone)).date() for moment in times(daily, begin, end)]
    assert len(days) == len(set(days)) == (366 if year % 4 == 0 else 365)


@pytest.mark.parametrize(
    ("zone", "when", "day", "runs"),
    [
        # Skipped: it is planned for the first moment after.
        ("Europe/Berlin", "02:30", "2026-03-29", ["2026-03-29T03:00:00+02:00"]),
        ("America/New_York", "02:30", "2026-03-08", ["2026-03-08T03:00:00-04:00"]),
        ("Australia/Lord_Howe", "02:15", "2026-10-04", ["2026-10-04T02:30:00+11:00"]),
        # There twice: it is planned for the first.
        ("Europe/Berlin", "02:30", "2026-10-25", ["2026-10-25T02:30:00+02:00"]),
        ("America/New_York", "01:30", "2026-11-01", ["2026-11-01T01:30:00-04:00"]),
        ("Australia/Lord_Howe", "01:45", "2026-04-05", ["2026-04-05T01:45:00+11:00"]),
        # After a change of half an hour nothing is missed.
        (
            "Australia/Lord_Howe",
            "*/20 2 * * *",
            "2026-04-05",
            ["2026-04-05T02:00:00+10:30", "2026-04-05T02:20:00+10:30", "2026-04-05T02:40:00+10:30"],
        ),
        # By what passes: both of those that come twice.
        (
            "Europe/Berlin",
            "*/30 2 * * *",
            "2026-10-25",
            [f"2026-10-25T02:{minute}:00+0{offset}:00" for offset in (2, 1) for minute in ("00", "30")],
        ),
        ("Europe/Berlin", "*/30 2 * * *", "2026-03-29", []),
    ],
)
def test_where_clocks_are_set(zone: str, when: str, day: str, runs: list[str]) -> None:
    begin = at(day, zone)
    found = times(schedule(when, zone), begin - 1, begin + 20 * HOUR)
    assert [datetime.fromtimestamp(moment, ZoneInfo(zone)).isoformat() for moment in found] == runs


def test_the_second_of_two_equal_times_is_not_planned_also_for_who_asks_between_them() -> None:
    daily = schedule("02:30", "Europe/Berlin")
    second = at("2026-10-25T02:10", "Europe/Berlin", fold=1)
    assert daily.after(second) == at("2026-10-26T02:30", "Europe/Berlin")
    assert daily.latest(second, second + HOUR) is None


def test_a_time_of_day_is_one_of_utc_unless_a_zone_is_named() -> None:
    moment = at("2026-07-01", "UTC")
    assert schedule("09:00").after(moment) == moment + 9 * HOUR
    assert schedule("9:05", "Asia/Kolkata").after(moment) == moment + 3 * HOUR + 35 * 60
    assert schedule("0 9 * * *").text == schedule("09:00").text == schedule(" 0  9 * * *").text


def test_an_interval_lies_on_a_grid_that_no_start_moves() -> None:
    assert schedule(None, minutes=5).after(1_700_000_001) % 300 == 0
    assert schedule(None, hours=1, minutes=30) == schedule(timedelta(minutes=90)) == Interval(5400)
    assert schedule(timedelta(days=1)).text == schedule(None, days=1).text


@pytest.mark.parametrize(
    ("when", "options", "told"),
    [
        ("25:00", {}, r"'25:00': expected a time such as \"09:00\", or five fields of cron \(minute, hour"),
        ("0 9 * *", {}, "'0 9 \\* \\*': expected"),
        ("61 * * * *", {}, "'61 \\* \\* \\* \\*': Bad minute; the fields are minute, hour"),
        ("0 0 30 2 *", {}, "Bad day-of-month"),
        ("0 0 */30 2 1#5", {}, "there is no such day in 50 years"),
        ("09:00", {"zone": "Berlin"}, "zone='Berlin' is no time zone; did you mean Europe/Berlin?"),
        ("09:00", {"zone": "europe/belrin"}, "did you mean Europe/Berlin?"),
        ("09:00", {"zone": "../shadow"}, "zone='../shadow' is no time zone; the names are such as"),
        ("09:00", {"zone": ""}, "zone='' is no time zone"),
        ("09:00", {"hours": 2}, "'09:00' and hours: expected a time or an interval, not both"),
        (None, {}, 'no time: expected a time such as "09:00"'),
        (9, {}, "9: expected a time"),
        (None, {"minutes": 5, "zone": "UTC"}, "zone='UTC' goes with a time"),
        (timedelta(0), {}, "an interval of 0:00:00: expected whole seconds, at least one"),
        (timedelta(seconds=1.5), {}, "an interval of 0:00:01.500000: expected whole seconds"),
        (None, {"hours": -1}, "an interval of -1 day, 23:00:00"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_was_expected(
    when: Any, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        schedule(when, **options)
