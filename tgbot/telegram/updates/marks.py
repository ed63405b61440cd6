"""Marks of the handlers that run, in a file: they tell after a death of the process whose code ran then."""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import struct
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tgbot.telegram.updates.job import Job, current_job

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: After that many deaths in a row during its handlers an update is poison.
POISON_DEATHS = 2
#: A slot is a number of deaths (1 in a mark), a key, and a handler, filled up with zeros.
_PARTS: Final = struct.Struct("B63s192s")
_KEY, _SLOT = 64, _PARTS.size
#: The number and the key in a mark, and the slot of the event loop: made once, because each mark needs them.
_KEY_PART: Final = slice(_KEY)
_FIRST: Final = slice(_SLOT)
#: The first slots are for what runs: one for the event loop, the others for threads; the last for suspects.
_RUNNING, _SUSPECTS = 16, 16
_SIZE = (_RUNNING + _SUSPECTS) * _SLOT


def mark_of(deaths: int, key: str, handler: str) -> bytes:
    """Return what a slot holds; what is too long for it is cut off."""
    return _PARTS.pack(deaths, key.encode(), handler.encode())


def mark_of_handler(name: str) -> bytes:
    """Return the second part of a mark, which names a handler."""
    return mark_of(1, "", name)[_KEY:]


@dataclass(frozen=True, slots=True)
class Suspect:
    """An update whose handler ran when the process died."""

    #: How often in a row.
    deaths: int
    #: The handler that ran, "" if none had begun.
    handler: str
    #: Whether it ran at the last death.
    just_died: bool

    @property
    def is_poison(self) -> bool:
        return self.deaths >= POISON_DEATHS


class Marks:
    """The updates whose code runs at this instant, and those that ran when the process died.

    The marks are in the page cache of a file, which the death of a process leaves as it is; nothing waits
    for a disk. Only code that runs is marked, not a handler that waits: a process that is killed from outside
    is rarely in a handler's code, and hardly ever twice in a row in that of the same update. Without a path
    nothing is marked.
    """

    def __init__(self, path: Path | None) -> None:
        #: The updates that ran when the process died, by key; those that got through since are gone.
        self.suspects: dict[str, Suspect] = {}
        #: Whether a handler ends the process: what is marked stays.
        self.fixed = False
        #: The slots: the file in memory, once it is open.
        self.slots: mmap.mmap | bytearray = bytearray(_SIZE)
        self._path = path
        self._opened = False
        self._threads = list(range(1, _RUNNING))

    def open(self) -> None:
        """Read what the last process left, and mark in the file from now on."""
        if self._path is None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.fchmod(descriptor, 0o600)
                self._count_deaths(os.pread(descriptor, _SIZE, 0).ljust(_SIZE, b"\0"))
                # Bytes, not a hole: a full disk is noticed here, and not by a signal at a mark.
                os.pwrite(descriptor, bytes(self.slots), 0)
                self.slots = mmap.mmap(descriptor, _SIZE)
            finally:
                os.close(descriptor)
        except OSError as error:
            logger.warning("what ends the process cannot be found out: %s: %s", self._path, error.strerror)
        else:
            self._opened = True

    def close(self) -> None:
        """Remove the file, unless a handler ends the process: nobody is suspected after a stop."""
        if self._opened and self._path is not None and not self.fixed:
            self._opened = False
            self._path.unlink(missing_ok=True)

    def survived(self, key: str) -> None:
        """Note that the handlers of an update got through: it is no suspect any more."""
        if self.suspects.pop(key, None) is not None:
            self._write_suspects()

    # ---- what runs -----------------------------------------------------------------------------

    def begin_handler(self, job: Job, name: bytes) -> None:
        """Mark which handler of a marked job runs from now on; `name` is the second part of a mark."""
        job.mark = mark = job.mark[_KEY_PART] + name
        if not job.done:
            self.slots[_FIRST] = mark

    def fix(self) -> None:
        """Keep what is marked now: it ends the process, and whatever runs until then is not marked."""
        self.fixed = True
        self.slots = bytearray(_SIZE)

    def enter_thread(self, mark: bytes) -> int:
        """Mark what a thread runs from now on; return its slot, 0 if there is none left."""
        try:
            slot = self._threads.pop()
        except IndexError:
            return 0
        self.slots[slot * _SLOT : (slot + 1) * _SLOT] = mark
        return slot

    def leave_thread(self, slot: int) -> None:
        """Note that a thread has done what it was marked for."""
        if slot:
            self.slots[slot * _SLOT] = 0
            self._threads.append(slot)

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Mark also what handlers have run by tasks of this loop and by its threads (`asyncio.to_thread`)."""
        if not self._opened:
            return
        make = loop.get_task_factory() or _make_task

        def factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> Any:
            job = current_job.get()
            if job is not None and job.mark and not job.done:
                work = Marked(work, job, self)
            return make(loop, work, **options)

        loop.set_task_factory(factory)
        loop.set_default_executor(MarkedThreads(self))

    # ---- after a death -------------------------------------------------------------------------

    def _count_deaths(self, left: bytes) -> None:
        slots = [left[start : start + _SLOT] for start in range(0, _SIZE, _SLOT)]
        for slot in slots[_RUNNING:]:
            if slot[0]:
                key, handler = _names_in(slot)
                self.suspects[key] = Suspect(slot[0], handler, just_died=False)
        # A job may run in the event loop and in threads.
        for key, handler in dict(_names_in(slot) for slot in slots[:_RUNNING] if slot[0]).items():
            before = self.suspects.pop(key, None)
            deaths = min(255, before.deaths + 1) if before is not None else 1
            self.suspects[key] = Suspect(deaths, handler, just_died=True)
        for key in list(self.suspects)[:-_SUSPECTS]:
            del self.suspects[key]
        self._write_suspects()

    def _write_suspects(self) -> None:
        slots = [mark_of(one.deaths, key, one.handler) for key, one in self.suspects.items()]
        self.slots[_RUNNING * _SLOT :] = b"".join(slots).ljust(_SUSPECTS * _SLOT, b"\0")


class Marked(Coroutine[Any, Any, T]):
    """A coroutine whose code is marked as a job's during each of its steps, until the job is finished.

    A coroutine that handles one job after another has none at first, and says when one begins and ends.
    """

    __slots__ = ("_coroutine", "_job", "_marks", "_send")

    def __init__(self, coroutine: Coroutine[Any, Any, T], job: Job | None, marks: Marks) -> None:
        self._coroutine = coroutine
        self._send = coroutine.send
        self._job = job
        self._marks = marks

    def begin(self, job: Job) -> None:
        """Mark as a job's what runs from now on; one that Telegram does not keep is not marked."""
        if job.key is not None:
            job.mark = mark = _PARTS.pack(1, job.key.encode(), b"")
            self._job = job
            self._marks.slots[_FIRST] = mark

    def take(self, job: Job | None) -> None:
        """Mark what runs from now on as that of a job that is marked; None for no job.

        For a coroutine that does not run now.
        """
        self._job = job if job is not None and job.mark else None

    def end(self) -> None:
        """Note that what runs from now on is no job's."""
        self._job = None
        self._marks.slots[0] = 0

    # The event loop calls this at each step: the same as `throw` without a call in between.
    def send(self, value: Any = None) -> Any:
        job, marks = self._job, self._marks
        if job is not None and not job.done:
            marks.slots[_FIRST] = job.mark
        send = self._send
        try:
            return send(value)
        except SystemExit:
            marks.fix()
            raise
        finally:
            marks.slots[0] = 0

    __next__ = send

    def throw(self, *error: Any) -> Any:
        job, marks = self._job, self._marks
        if job is not None and not job.done:
            marks.slots[_FIRST] = job.mark
        try:
            return self._coroutine.throw(*error)
        except SystemExit:
            marks.fix()
            raise
        finally:
            marks.slots[0] = 0

    def close(self) -> None:
        self._coroutine.close()

    def __getattr__(self, name: str) -> Any:
        # Its name and its place, for whoever describes the task that runs it.
        return getattr(self._coroutine, name)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __await__(self) -> Iterator[Any]:  # type: ignore[override] # an iterator with send and throw will do
        return self


class MarkedThreads(ThreadPoolExecutor):
    """The threads of an event loop; what a handler has them run is marked as its job's."""

    def __init__(self, marks: Marks) -> None:
        super().__init__(thread_name_prefix="asyncio")
        self._marks = marks

    def submit(self, work: Callable[..., T], /, *values: Any, **named: Any) -> Future[T]:
        job = current_job.get()
        if job is None or not job.mark or job.done:
            return super().submit(work, *values, **named)
        return super().submit(self._run, job.mark, work, *values, **named)

    def _run(self, mark: bytes, work: Callable[..., T], /, *values: Any, **named: Any) -> T:
        slot = self._marks.enter_thread(mark)
        try:
            return work(*values, **named)
        finally:
            self._marks.leave_thread(slot)


def _make_task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(work, loop=loop, **options)


def _names_in(slot: bytes) -> tuple[str, str]:
    """Return the key and the handler in a slot."""
    key, handler = slot[1:_KEY].rstrip(b"\0"), slot[_KEY:].rstrip(b"\0")
    return key.decode(errors="replace"), handler.decode(errors="replace")
