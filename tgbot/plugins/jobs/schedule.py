"""Schedules: the times at which a job is planned, as unix seconds; pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_DAY: Final = 24 * 3600
#: How far the search for the latest time goes back at first, in seconds, and by which factor further then.
_BACK, _FURTHER = 3600, 8
#: Any time, to try a schedule with.
_ANY: Final = 1_700_000_000
_FIELDS: Final = "minute, hour, day of the month, month, day of the week"


class Schedule(Protocol):
    """The times at which something is planned; they are the same after each restart."""

    @property
    def text(self) -> str:
        """The same for the same times, and no other schedule's."""

    def after(self, at: int) -> int:
        """Return the first planned time after `at`."""

    def latest(self, since: int, until: int) -> int | None:
        """Return the last planned time after `since` and not after `until`, None if there is none."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so many seconds, counted from 1970 on: a restart moves no planned time."""

    seconds: int

    @property
    def text(self) -> str:
        return f"every {self.seconds} s"

    def after(self, at: int) -> int:
        return (at // self.seconds + 1) * self.seconds

    def latest(self, since: int, until: int) -> int | None:
        last = until // self.seconds * self.seconds
        return last if last > since else None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The times that match a cron expression of five fields, by the clocks of a time zone.

    Where clocks are set forwards, a time that is skipped is planned for the first moment after. Where they
    are set back, a time that comes twice is planned for the first of the two. An expression whose minutes or
    hours begin with a star ("*/10 * * * *") leaves out the times that are skipped, and takes both of those
    that come twice: its times are as far apart as it says.
    """

    expression: str
    zone: ZoneInfo

    @property
    def text(self) -> str:
        return f"{self.expression} {self.zone.key}"

    def after(self, at: int) -> int:
        minutes, hours, *_ = self.expression.split()
        if minutes.startswith("*") or hours.startswith("*"):
            return self._matching(at + 1)
        start = datetime.fromtimestamp(at, self.zone)
        moments = (int(one.timestamp()) for one in CronSim(self.expression, start))
        # The first of two equal times is over while the second is there.
        return next(moment for moment in moments if moment > at)

    def latest(self, since: int, until: int) -> int | None:
        back = _BACK
        while True:
            last, at = None, max(since, until - back)
            while (at := self.after(at)) <= until:
                last = at
            if last is not None or until - back <= since:
                return last
            back *= _FURTHER

    def _matching(self, first: int) -> int:
        """Return the first moment, from `first` on, at which the clocks show a time that matches.

        cronsim goes by whole hours here, and so misses times after a change of half an hour: it gets the
        clocks' time as if nobody set them.
        """
        while True:
            offset, end = self._offset(first), first + _DAY
            if self._offset(end) != offset:
                end = self._change(first, end)
            shown = datetime.fromtimestamp(first + offset - 1, UTC)
            found = int(next(CronSim(self.expression, shown)).timestamp()) - offset
            if found < end:
                return found
            first = max(end, found - 2 * _DAY)  # nothing that the clocks show before that matches

    def _change(self, first: int, end: int) -> int:
        """Return the moment between two at which the clocks are set."""
        before, after = first, end
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (
                (middle, after) if self._offset(middle) == self._offset(first) else (before, middle)
            )
        return after

    def _offset(self, at: int) -> int:
        offset = datetime.fromtimestamp(at, self.zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())


def schedule(when: str | timedelta | None, zone: str | None = None, **intervals: float) -> Schedule:
    """Return the schedule for a time of day, a cron expression, or an interval.

    `intervals` are minutes, hours and days, which add up. Without a zone, a time is one of UTC. Raise
    ValueError, which says what was expected.
    """
    given = {name: number for name, number in intervals.items() if number}
    if isinstance(when, str):
        if given:
            raise ValueError(f"{when!r} and {', '.join(given)}: expected a time or an interval, not both")
        return _calendar(when, "UTC" if zone is None else zone)
    if zone is not None:
        raise ValueError(f"zone={zone!r} goes with a time or a cron expression; an interval has none")
    if not (isinstance(when, timedelta) or (when is None and given)):
        raise ValueError(
            f'{"no time" if when is None else repr(when)}: expected a time such as "09:00", cron fields such '
            'as "*/10 9-17 * * 1-5", a timedelta, or minutes=, hours= or days='
        )
    length = (when or timedelta()) + timedelta(**given)
    if length < timedelta(seconds=1) or length.microseconds:
        raise ValueError(f"an interval of {length}: expected whole seconds, at least one")
    return Interval(int(length.total_seconds()))


def _calendar(when: str, zone: str) -> Calendar:
    fields = when.split()
    if (time := _TIME.fullmatch(when.strip())) is not None:
        fields = [str(int(time[2])), str(int(time[1])), "*", "*", "*"]
    if len(fields) != 5:
        raise ValueError(f'{when!r}: expected a time such as "09:00", or five fields of cron ({_FIELDS})')
    calendar = Calendar(" ".join(fields), _zone(zone))
    try:
        calendar.after(_ANY)
    except CronSimError as error:
        raise ValueError(f"{when!r}: {error}; the fields are {_FIELDS}") from None
    except StopIteration:
        raise ValueError(f"{when!r}: there is no such day in 50 years") from None
    return calendar


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # Many write only the city.
        zones = {zone.lower().rpartition("/")[2]: zone for zone in sorted(available_timezones())}
        zones |= {zone.lower(): zone for zone in zones.values()}
        near = difflib.get_close_matches(name.lower(), zones, 1)
        meant = f"did you mean {zones[near[0]]}?" if near else 'the names are such as "Europe/Berlin"'
        raise ValueError(f"zone={name!r} is no time zone; {meant}") from None
