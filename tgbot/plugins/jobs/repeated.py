"""The jobs that come again and again: each planned time is run once, one after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec.structs import replace

from tgbot.core.errors import JobRunsError, JobUnknownError
from tgbot.plugins.alarm import Alarm
from tgbot.plugins.jobs.entries import Every, every_key, pack, row, unpack
from tgbot.plugins.jobs.registered import Job, Missed, meant
from tgbot.plugins.jobs.tries import Tries, passes, short_name
from tgbot.store.base import Planned, PlannedRuns

logger = logging.getLogger(__name__)

#: By how many seconds a stored time may be ahead of the clock and still be believed. Nearer ones stay, so a
#: clock that is set back runs nothing twice.
BELIEVED_AHEAD: Final = 24 * 3600


class Repeated:
    """Run jobs by their schedules: a planned time at most once, and one run of a job at a time.

    That a run has begun is on disk before its code runs. One that a kill or a stop cut off comes again at
    the start with the same planned time.
    """

    def __init__(
        self,
        alarm: Alarm,
        planned: PlannedRuns,
        tries: Tries,
        checkpoint: Callable[[], Awaitable[None]],
    ) -> None:
        self._alarm = alarm
        self._planned = planned
        self._tries = tries
        self._checkpoint = checkpoint
        self._jobs: dict[str, Job] = {}
        self._running: set[str] = set()
        #: Who waits for the end of a run, by the name of the job: the result is the error, "" for none.
        self._waiting: dict[str, asyncio.Future[str]] = {}

    async def start(self, jobs: dict[str, Job]) -> None:
        """Plan the next time of each job, and run what is due from now on."""
        self._jobs = jobs
        for job in jobs.values():
            self._alarm.receive(job.name, self._carry_out, at_once=len(jobs))
            self._alarm.plan(await self._first(job))

    async def run_now(self, name: str) -> str:
        """Run a job as if it were planned now; return its error, "" for none.

        Raise JobUnknownError, and JobRunsError if it is running.
        """
        job = self._jobs.get(name)
        if job is None:
            raise JobUnknownError(name, meant(name, self._jobs))
        if name in self._running or name in self._waiting:
            raise JobRunsError(name)
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[name] = ended
        try:
            now = self._tries.now()
            kept = await self._kept(job) or Every(job.schedule.text, since=now)
            # Two runs have two times: messages are named after them.
            begun = now + 1 if kept.last == now else now
            self._alarm.plan(_entry(job, replace(kept, begun=begun, failed=0)))
            return await ended
        finally:
            del self._waiting[name]

    async def status(self) -> list[dict[str, object]]:
        """Return how each job stands, as JSON holds it, in the order of their names."""
        rows = []
        for name in sorted(self._jobs):
            entry = await self._planned.get(every_key(name))
            if entry is not None:
                rows.append(row(entry, running=name in self._running))
        return rows

    # ---- what is due ---------------------------------------------------------------------------

    async def _first(self, job: Job) -> Planned:
        """Return the entry of a job as it is at a start: due at once if a time passed, or was cut off."""
        now, kept = self._tries.now(), await self._kept(job)
        if kept is None:
            return _entry(job, Every(job.schedule.text, since=now))
        if kept.schedule != job.schedule.text or kept.since > now + BELIEVED_AHEAD:
            # Times are counted from now on, but a run that was cut off comes to its end.
            begun = kept.begun if kept.begun <= now else 0
            return _entry(job, replace(kept, schedule=job.schedule.text, since=now, begun=begun))
        if job.missed is Missed.SKIP:
            kept = replace(kept, since=job.schedule.latest(kept.since, now) or kept.since)
        return _entry(job, kept)

    async def _kept(self, job: Job) -> Every | None:
        entry = await self._planned.get(every_key(job.name))
        kept = None if entry is None else unpack(entry)
        return kept if isinstance(kept, Every) else None

    async def _carry_out(self, entry: Planned) -> Planned | None:
        job, kept = self._jobs[entry.name], unpack(entry)
        if entry.key != every_key(job.name) or not isinstance(kept, Every):
            logger.error("an entry of the job %s is dropped: it was planned by another version", job.name)
            return None
        time = self._time(job, kept)
        if time is None:
            return _entry(job, kept)
        self._running.add(job.name)
        try:
            if time != kept.begun:
                kept = replace(kept, begun=time, failed=0)
                self._alarm.amend(_entry(job, kept))
                await self._checkpoint()
            error = await self._tries.run(job.function, job.name, time, f"job {job.name} {time}")
        finally:
            self._running.discard(job.name)
        ended = self._waiting.get(job.name)
        if ended is not None and not ended.done():
            ended.set_result("" if error is None else short_name(error))
        return _entry(job, _over(kept, time)) if error is None else self._again(job, kept, time, error)

    def _time(self, job: Job, kept: Every) -> int | None:
        """Return the planned time to run a job for now, None for none."""
        latest = job.schedule.latest(max(kept.since, kept.begun), self._tries.now())
        if kept.begun and (latest is None or not kept.failed):
            return kept.begun  # it was cut off; or it failed, and the next time has not come
        return latest

    def _again(self, job: Job, kept: Every, time: int, error: BaseException) -> Planned:
        """Return the entry of a job whose run failed: tried again, but not beyond the next planned time."""
        failed, name = kept.failed + 1, short_name(error)
        lasting = failed if not passes(error) else 0
        pause = self._tries.pause(error, lasting=lasting, attempts=failed, planned=time)
        if pause is None:
            logger.error("the job %s is given up for the time %d: %s", job.name, time, name)
            return _entry(job, _over(kept, time, name))
        following = job.schedule.after(max(kept.since, time))
        at = min(self._tries.now() + pause, following)
        return _entry(job, replace(kept, failed=failed, error=name), at)


def _entry(job: Job, kept: Every, at: int | None = None) -> Planned:
    following = job.schedule.after(max(kept.since, kept.begun))
    due = (kept.begun or following) if at is None else at
    return Planned(every_key(job.name), due, job.name, data=pack(replace(kept, next=following)))


def _over(kept: Every, time: int, error: str = "") -> Every:
    """Return what is kept of a job once a planned time is over."""
    return replace(kept, since=max(kept.since, time), begun=0, failed=0, last=time, error=error)
