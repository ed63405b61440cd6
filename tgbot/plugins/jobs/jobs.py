"""Jobs as plugins see them: registered with decorators, and planned for later moments."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, Protocol

from tgbot.plugins.alarm import Alarm
from tgbot.plugins.jobs.entries import JOBS, Once, once_key, own_key, pack, raw, unpack
from tgbot.plugins.jobs.registered import F, Job, Missed, Registered, default_name
from tgbot.plugins.jobs.repeated import Repeated
from tgbot.plugins.jobs.single import Single
from tgbot.plugins.jobs.tries import Tries
from tgbot.store.base import Planned, PlannedRuns
from tgbot.telegram import next_key

#: The year 9999: later ones are no datetime.
_LAST: Final = 253_402_300_799


class Notes(Protocol):
    """Short texts in the store, by name."""

    def note(self, name: str) -> str | None: ...

    def keep_note(self, name: str, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Something that `once` has planned."""

    #: What `once` returned, and `drop` takes.
    key: str
    #: The name of what carries it out.
    name: str
    #: When it is planned, in unix seconds of Telegram's clock.
    at: int
    #: What `once` was given, as JSON has it.
    data: Any = field(default=None, repr=False)  # Any: JSON


class Jobs:
    """Scheduled work: what comes again and again, and what is planned once.

    All times are those of Telegram's clock. Runs begin once the bot serves, and stop with it. What a run
    sends is named after its planned time, so a run that a kill cut off comes again, and says nothing twice.
    """

    def __init__(
        self,
        alarm: Alarm,
        planned: PlannedRuns,
        tries: Tries,
        *,
        checkpoint: Callable[[], Awaitable[None]],
        load: Callable[[Iterable[int]], Awaitable[None]],
        notes: Notes,
    ) -> None:
        """`load` reads users into memory."""
        self._alarm = alarm
        self._planned = planned
        self._notes = notes
        self._now = tries.now
        self._registered = Registered()
        self._repeated = Repeated(alarm, planned, tries, checkpoint)
        self._single = Single(alarm, tries, load)
        #: Runs one of the jobs that come again and again, as if it were planned now.
        self.run_now = self._repeated.run_now
        #: Tells how these jobs stand.
        self.status = self._repeated.status

    async def start(self) -> None:
        """Let the alarm run jobs from now on; nothing more can be registered."""
        self._registered.close()
        await self._repeated.start(self._registered.jobs)
        self._single.start(self._registered.handlers)
        names = json.dumps(list(self._registered.jobs))
        if names != self._notes.note(JOBS):
            self._notes.keep_note(JOBS, names)

    def every(
        self,
        when: str | timedelta | None = None,
        *,
        zone: str | None = None,
        name: str | None = None,
        missed: str = Missed.RUN,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
    ) -> Callable[[F], F]:
        """Run an async function, which takes a `Run`, again and again.

        A decorator: `@jobs.every("09:00", zone="Europe/Berlin")`.
        `when` is a time of each day ("09:00"), or five fields of cron ("*/10 9-17 * * 1-5"), by the clocks of
        `zone`, which is UTC unless it is named; or a timedelta. An interval lies on a grid from 1970 on, so a
        restart moves no time. Without `name` it is called after the module and the function; under its name
        is kept what was run, so another name is another job.

        A time that passed while the bot was off is made up for once at the start, or left out with
        `missed="skip"`; `run.late` tells by how much. Times that passed in one go while the bot ran, because
        the machine slept, make one run. A run that fails is tried again until the next time; if Telegram says
        that it will pass, for up to 7 days, else 3 times in all.

        Raise ValueError for what cannot be understood, with what was expected.
        """
        # Imported here: the calendar and its time zones take some milliseconds, and few bots have jobs.
        from tgbot.plugins.jobs.schedule import schedule

        times = schedule(when, zone, minutes=minutes, hours=hours, days=days)
        if missed not in list(Missed):
            raise ValueError(f'missed={missed!r}: expected "run" or "skip"')

        def register(function: F) -> F:
            self._registered.add_job(Job(name or default_name(function), function, times, Missed(missed)))
            return function

        return register

    def on(self, name: str) -> Callable[[F], F]:
        """Carry out what `once` plans under a name with an async function, which takes a `Run`."""
        if not isinstance(name, str) or not name:
            raise ValueError(f'expected a name, as in @jobs.on("remind"), not {name!r}')

        def register(function: F) -> F:
            self._registered.add_handler(name, function)
            return function

        return register

    async def once(
        self,
        at: datetime | float | timedelta,
        name: str,
        data: object = None,
        *,
        user_id: int = 0,
        key: str | None = None,
    ) -> str:
        """Plan something for one moment, and return its key, which `drop` takes.

        `at` is a datetime with a time zone, unix seconds, or a timedelta from now; what has passed is due at
        once. `name` is one that `on` registers; `data` is JSON of up to 16 KiB. What is about a user is
        dropped by /forget. It counts at once, and is on disk with the next checkpoint: with the update whose
        handler plans it.

        Something planned with the same key before is replaced. Without a key it gets one of its own, which is
        the same when the update or the run that plans it is done again after a kill; outside of both it is
        made from what is planned, so that the same is planned once.

        A run that fails is tried again: if Telegram says that it will pass, for up to 7 days, else 3 times in
        all. That the bot may not write to the user is no failure. Raise ValueError for a wrong value.
        """
        self._registered.check_handler(name)
        moment, kept = self._moment(at), raw(data)
        origin = next_key() or _digest(name, str(user_id), str(moment), bytes(kept).decode())
        if key is None:
            key = origin
        else:
            origin = f"{origin} {key}"
        once = Once(moment, origin, kept)
        self._alarm.plan(Planned(once_key(key), moment, name, user_id, pack(once)))
        return key

    def drop(self, key: str) -> None:
        """Drop what is planned with this key, if it is there still; what runs already goes on."""
        self._alarm.drop(once_key(key))

    async def planned(self, user_id: int) -> list[Upcoming]:
        """Return what `once` has planned about a user, the earliest first."""
        found = []
        for entry in await self._planned.about(user_id):
            kept = unpack(entry)
            if isinstance(kept, Once):
                found.append(Upcoming(own_key(entry), entry.name, kept.at, json.loads(bytes(kept.data))))
        return found

    def _moment(self, at: datetime | float | timedelta) -> int:
        if isinstance(at, datetime):
            if at.utcoffset() is None:
                raise ValueError(f"{at} has no time zone: write datetime(…, tzinfo=ZoneInfo(…))")
            seconds = at.timestamp()
        elif isinstance(at, timedelta):
            seconds = self._now() + at.total_seconds()
        elif isinstance(at, int | float) and not isinstance(at, bool):
            seconds = at
        else:
            raise ValueError(  # noqa: TRY004 - as for all other wrong values
                f"{at!r}: expected a datetime with a time zone, unix seconds, or a timedelta"
            )
        if not 0 <= seconds <= _LAST:
            raise ValueError(f"{at!r} is no moment between 1970 and 9999")
        return math.ceil(seconds)


def _digest(*facts: str) -> str:
    return blake2b("\0".join(facts).encode(errors="surrogatepass"), digest_size=12).hexdigest()
