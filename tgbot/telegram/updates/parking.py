"""The parking lot: updates that could not be finished, kept in the store, and tried again when due."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from tgbot.core.ids import marked_id
from tgbot.store.base import Parked, ParkedUpdates, Reason
from tgbot.telegram.hooks import Listener
from tgbot.telegram.updates.failures import Failure, described
from tgbot.telegram.updates.job import Job
from tgbot.telegram.updates.marks import Marks, Suspect
from tgbot.telegram.updates.packing import pack, unpack

logger = logging.getLogger(__name__)

#: Pauses before an update is tried again for which Telegram named no time, in seconds; the last one repeats.
#: Once one of these updates is done, the others are tried at once.
PAUSES = (5, 15, 60, 300, 900, 3600)
#: How many parked updates are tried at a time; the others wait in the store.
TRIED_AT_ONCE = 1000
#: How many are read from the store at once.
_READ_AT_ONCE = 100
#: The longest time between two looks at what is due, in seconds: Telegram's clock may be put right meanwhile.
_LONGEST_PAUSE = 60.0
#: The error of an update that is poison.
_DEATH = "ProcessDied"
#: Pauses after a look that failed, in seconds; the last one repeats.
_FAULT_PAUSES = (1.0, 5.0, 30.0)


class Parking:
    """Keep updates whose handlers did not finish them, and hand them to `put` again when they are due.

    A job that `put` gets from here has the key of its update and its entry; it is in no batch, because the
    store has it. `load` reads whom it is about into memory before. `now` is Telegram's time. Without
    `keep_failed`, what a handler failed on is not kept; what is put off and what is poison always is.
    """

    def __init__(
        self,
        parked: ParkedUpdates,
        put: Callable[[Job], None],
        *,
        load: Callable[[Iterable[int]], Awaitable[None]],
        now: Callable[[], float],
        marks: Marks,
        listener: Listener,
        keep_failed: bool = True,
    ) -> None:
        self._parked = parked
        self._put = put
        self._load = load
        self._now = now
        self._marks = marks
        self._listener = listener
        self._keep_failed = keep_failed
        #: Keys of the updates that are being tried again.
        self._tried: set[str] = set()
        #: Keys of those that were put off in this run without a time of Telegram's; of those of them that are
        #: tried before their time, because another one is done.
        self._untimed: set[str] = set()
        self._early: set[str] = set()
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._stopped = False

    # ---- what ended the process ----------------------------------------------------------------

    def judge(self, job: Job) -> None:
        """Look whether the process died while this update was handled: once, or so often that it is poison.

        A poison keeps its place in its dialog, but is not handled again.
        """
        suspect = self._marks.suspects.get(job.key or "")
        if suspect is None:
            return
        if suspect.is_poison and job.entry is None:
            job.failure = Failure(Reason.POISON, suspect.handler, _DEATH, _told(suspect))
        else:
            job.suspect = True

    def _keep_poison(self) -> None:
        """Let parked updates that turned out to be poison wait for a hand."""
        for key, suspect in self._marks.suspects.items():
            entry = self._parked.get(key) if suspect.is_poison else None
            if entry is None or (entry.reason is Reason.POISON and not suspect.just_died):
                continue
            handler, trace = suspect.handler, _told(suspect)
            poison = replace(entry, reason=Reason.POISON, handler=handler, error=_DEATH, trace=trace)
            self._parked.park(replace(poison, retry_at=None))
            self._tell(key, entry.dialog, trace)

    def _tell(self, key: str, dialog: int, what: str) -> None:
        logger.error("update %s of dialog %d is poison, and parked: %s", key, dialog, what)
        self._listener.lost("poison", 1)

    # ---- what is kept --------------------------------------------------------------------------

    def conclude(self, job: Job) -> None:
        """Park the update of a job that failed; drop it if it was parked, and is finished now."""
        key, failure, entry = job.key, job.failure, job.entry
        if key is None:
            return  # Telegram does not keep it, and it means nothing later: the press of a button
        if failure is None or failure.reason is not Reason.POISON:
            self._marks.survived(key)
        try:
            if failure is not None:
                self._park(key, job, failure)
            elif entry is not None:
                logger.info("parked update %s of dialog %d is done", key, job.dialog)
                self._parked.drop(key)
                if key in self._untimed:  # what kept it from being done may be over for all of them
                    self._early |= self._untimed - {key}
                    self._untimed.clear()
        finally:  # where the store fails the entry is as it was, and due again
            if entry is not None:
                self._tried.discard(key)
                self._ended.set()
                self._wake.set()

    def _park(self, key: str, job: Job, failure: Failure) -> None:
        entry = job.entry
        if failure.reason is Reason.POISON:
            self._tell(key, job.dialog, failure.trace)
        if entry is not None and self._parked.get(key) is None:
            return  # somebody dropped it while it was tried
        now, attempts = self._now(), entry.attempts + 1 if entry is not None else 1
        if failure.tries and attempts >= failure.tries:
            failure = replace(failure, reason=Reason.FAILED)
        if failure.reason is Reason.FAILED and not self._keep_failed:
            self._parked.drop(key)
            return
        if entry is None:
            packed = self._packed(key, job)
            if packed is None:
                return
        else:
            packed = entry.update
        retry_at = None
        self._untimed.discard(key)
        if failure.reason is Reason.LATER:
            if not (failure.wait or failure.tries):
                self._untimed.add(key)
            retry_at = math.ceil(now + (failure.wait or PAUSES[min(attempts, len(PAUSES)) - 1]))
        self._parked.park(
            Parked(
                key,
                job.dialog,
                user_of(job),
                failure.reason,
                failure.handler,
                failure.error,
                failure.trace,
                parked_at=entry.parked_at if entry is not None else int(now),
                retry_at=retry_at,
                attempts=attempts,
                update=packed,
            )
        )
        if failure.reason is Reason.FAILED:
            logger.info("update %s of dialog %d is parked; see: tgbot parked show %s", key, job.dialog, key)
        elif retry_at is not None:
            wait = retry_at - now
            logger.info("update %s of dialog %d is parked; tried again in %.0f s", key, job.dialog, wait)
        self._wake.set()

    def _packed(self, key: str, job: Job) -> bytes | None:
        try:
            return pack(job.album or [job.update], job.entities)
        except Exception as error:
            logger.error("update %s of dialog %d cannot be parked: %s", key, job.dialog, described(error))
            return None

    # ---- what is tried again -------------------------------------------------------------------

    async def retry(self, keys: Sequence[str]) -> list[str]:
        """Hand parked updates to the dispatcher now; return the keys of those that are parked.

        One that is being tried already is not handed over twice.
        """
        found: list[str] = []
        remaining = iter(keys)
        while some := list(islice(remaining, _READ_AT_ONCE)):
            entries = [entry for key in some if (entry := self._parked.get(key)) is not None]
            found += [entry.key for entry in entries]
            await self._try([entry for entry in entries if entry.key not in self._tried])
            await asyncio.sleep(0)  # others have their turn
        return found

    async def _try(self, entries: Sequence[Parked]) -> None:
        jobs = [job for entry in entries if (job := self._job_of(entry)) is not None]
        keys = {entry.key for entry in entries}
        self._tried |= keys
        try:
            await self._load({number for job in jobs for number in (job.dialog, *job.entities)} - {0})
        except BaseException:
            self._tried -= keys
            raise
        self._tried -= keys - {job.key for job in jobs}
        for job in jobs:
            self.judge(job)
            self._put(job)

    def _job_of(self, entry: Parked) -> Job | None:
        try:
            updates, entities = unpack(entry.update)
            first = updates[0]
        except Exception as error:
            logger.error("parked update %s cannot be read: %s", entry.key, described(error))
            if entry.retry_at is not None:
                unread = replace(entry, reason=Reason.FAILED, error=type(error).__name__, retry_at=None)
                self._parked.park(unread)
            return None
        album = tuple(updates) if len(updates) > 1 else ()
        job = Job(first, entities, None, entry.dialog, entry.key, 0, replayed=True)
        job.album, job.entry = album, entry
        return job

    async def run(self) -> None:
        """Try again what is due, from now to `stop`; run until cancelled."""
        faults, poison_kept = 0, False
        while True:
            self._wake.clear()
            try:
                if not poison_kept:
                    self._keep_poison()
                    poison_kept = True
                pause = await self._try_due()
                faults = 0
            except Exception as error:
                pause = _FAULT_PAUSES[min(faults, len(_FAULT_PAUSES) - 1)]
                faults += 1
                if faults == 1:
                    logger.error("parked updates cannot be tried again now: %s", described(error))
                await asyncio.sleep(pause)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _try_due(self) -> float:
        """Try again what is due; return how many seconds later to look again."""
        if self._stopped:
            return _LONGEST_PAUSE
        now = self._now()
        due = (key for key in (*self._parked.due(now), *self._early) if key not in self._tried)
        some = list(islice(dict.fromkeys(due), max(TRIED_AT_ONCE - len(self._tried), 0)))
        self._early.difference_update(some)
        await self.retry(some)
        next_due = self._parked.next_due()
        if next_due is None:
            return _LONGEST_PAUSE
        # What is due still is being tried, or waits for that; the end of each try is a reason to look.
        return min(next_due - now if next_due > now else 1.0, _LONGEST_PAUSE)

    def stop(self) -> None:
        """Try nothing again from now on."""
        self._stopped = True

    def resume(self) -> None:
        """Try again what is due, after a `stop`."""
        self._stopped = False
        self._wake.set()

    @property
    def trying(self) -> int:
        """How many updates are being tried again now."""
        return len(self._tried)

    async def wait_until_idle(self) -> None:
        """Return once nothing is being tried."""
        while self._tried:
            self._ended.clear()
            await self._ended.wait()


def _told(suspect: Suspect) -> str:
    return f"the process died {suspect.deaths} times in a row while {suspect.handler or 'it'} ran"


class Nowhere:
    """`ParkedUpdates` of a client that keeps none: what cannot be finished counts as finished."""

    def __init__(self) -> None:
        self.by_reason: Counter[Reason] = Counter()

    def park(self, entry: Parked) -> None:
        return None

    def get(self, key: str) -> Parked | None:
        return None

    def drop(self, key: str) -> bool:
        return False

    def due(self, now: float) -> list[str]:
        return []

    def next_due(self) -> int | None:
        return None

    def entries(self, after: tuple[int, str] | None = None) -> Iterator[Parked]:
        return iter(())

    def count(self, user_id: int) -> int:
        return 0


def user_of(job: Job) -> int:
    """Return the id of the user whom an update is from or about, 0 for none."""
    if job.dialog > 0:
        return job.dialog
    update = job.update
    sender = getattr(getattr(update, "message", None), "from_id", None) or getattr(update, "from_id", None)
    reacted = marked_id(getattr(update, "actor", None))
    for found in (sender, marked_id(sender), getattr(update, "user_id", 0), reacted):
        if isinstance(found, int) and found > 0:
            return found
    return 0
