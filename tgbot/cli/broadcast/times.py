"""Times as operators type them, in their own zone, and as they read them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: What is expected where a time is wrong.
A_TIME: Final = 'a time such as "2026-12-01 09:00", or 21:00 for the next one'
A_DATE: Final = 'a date such as 2026-11-01, "2026-11-01 09:00", or how long ago, such as 30d, 12h or 90m'
A_ZONE: Final = "the name of a time zone, such as Europe/Berlin or UTC"

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d{1,2}:\d\d)(?::\d\d)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_AGO: Final = re.compile(r"(\d{1,6})([wdhm])", re.ASCII)
_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
#: Times outside of these years are mistakes, and do not fit into what is stored.
_YEARS: Final = range(2000, 2100)


def zone_of(name: str) -> tzinfo | None:
    """Return the zone of this name; None, for the system's own, without a name. Raise ValueError for none."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(A_ZONE) from None


def moment_of(text: str, now: float, zone: tzinfo | None) -> int:
    """Return the unix seconds of a time; raise ValueError, with what was expected, for what is none.

    It is a date with a time of day, or a time of day, which is the next one after `now`.
    """
    if clock := _CLOCK.fullmatch(text):
        hour, minute = int(clock[1]), int(clock[2])
        if hour > 23 or minute > 59:
            raise ValueError(A_TIME)
        today = datetime.fromtimestamp(now, zone).replace(tzinfo=None, second=0, microsecond=0)
        wanted = today.replace(hour=hour, minute=minute)
        at = _at(wanted, zone)
        return at if at > now else _at(wanted + timedelta(days=1), zone)
    date = _DATE.fullmatch(text)
    if date is None or date[2] is None:
        raise ValueError(A_TIME)
    return _read(date, zone, A_TIME)


def past_of(text: str, now: float, zone: tzinfo | None) -> int:
    """Return the unix seconds of a date, of a date with a time, or of so long ago; else raise ValueError."""
    if ago := _AGO.fullmatch(text):
        return max(0, int(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}).total_seconds()))
    date = _DATE.fullmatch(text)
    if date is None:
        raise ValueError(A_DATE)
    return _read(date, zone, A_DATE)


def shown(at: int, zone: tzinfo | None) -> str:
    """Return unix seconds as people read them in a zone: Tue 2026-12-01 09:00 CET (Europe/Berlin)."""
    local = datetime.fromtimestamp(at, UTC).astimezone(zone)
    key = getattr(zone, "key", None)
    return f"{local:%a %Y-%m-%d %H:%M %Z}" + (f" ({key})" if key and key != "UTC" else "")


def length(seconds: float) -> str:
    """Return a duration in words: 45 s, 56 min, 3 h 20 min, 2 days 4 h."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def _read(date: re.Match[str], zone: tzinfo | None, expected: str) -> int:
    day, clock, offset = date.groups()
    hours, _, minutes = (clock or "0:00").partition(":")
    try:
        wanted = datetime.fromisoformat(f"{day}T{int(hours):02}:{minutes}")
        exact = datetime.fromisoformat(f"{wanted.isoformat()}{offset or ''}")
    except ValueError:
        raise ValueError(expected) from None
    if wanted.year not in _YEARS:
        raise ValueError(expected)
    return int(exact.timestamp()) if offset else _at(wanted, zone)


def _at(wanted: datetime, zone: tzinfo | None) -> int:
    """Return the unix seconds of a time on the clocks of a zone; the first of two, ValueError for none."""
    aware = wanted.astimezone(None) if zone is None else wanted.replace(tzinfo=zone)
    at = aware.timestamp()
    if datetime.fromtimestamp(at, UTC).astimezone(zone).replace(tzinfo=None) != wanted:
        raise ValueError("a time that exists: clocks are put forward over this one")
    return int(at)
