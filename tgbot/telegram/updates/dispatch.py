"""From updates to handlers: each dialog in order, different dialogs side by side, by a number of workers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from telethon.tl import types

from tgbot.store.base import UpdateState
from tgbot.telegram.updates.inflight import Batch

logger = logging.getLogger(__name__)

#: How long a stop waits for handlers that suppress their cancellation, in seconds.
_STUBBORN_SECONDS = 3.0

#: The job of the update that the running task handles, None outside of any.
current_job: ContextVar[Job | None] = ContextVar("current_job", default=None)


@dataclass(slots=True, eq=False)
class Job:
    """One update on its way through the handlers."""

    update: types.TypeUpdate
    entities: dict[int, types.TypeUser | types.TypeChat]
    batch: Batch[UpdateState]
    dialog: int
    #: The update's key, None for one that Telegram does not keep.
    key: str | None
    #: Id of the new private message that this update brings, 0 for other updates.
    message_id: int
    #: Whether an earlier run may have handled this update.
    replayed: bool
    #: For the handlers of an album: the updates of all its messages, in order; `update` is the first.
    album: tuple[types.TypeUpdate, ...] = ()
    #: Whether a conversation takes it, once all have been asked; None if there is none to ask.
    claim: asyncio.Task[bool] | None = None
    #: How much of its work is not finished: its handlers, and each thing that keeps it in flight beyond them.
    unfinished: int = 1
    #: Whether it counts as finished; after `release` its handlers still run then.
    done: bool = False
    #: Whether the time limit cut the handlers off.
    cut: bool = False
    #: Counts the handlers' time, in seconds.
    clock: Callable[[], float] = time.monotonic
    #: By that clock, and later by all the time that was not the handlers' own.
    started: float = 0.0
    _pauses: int = 0
    _paused_at: float = 0.0
    #: How many sends went to each chat while this update was handled.
    _sends: dict[int, int] = field(default_factory=dict)

    def next_send(self, chat_id: int) -> int:
        """Return the zero-based index of this send within its chat, and count it."""
        nth = self._sends.get(chat_id, 0)
        self._sends[chat_id] = nth + 1
        return nth

    def pause(self) -> None:
        """Stop counting the handlers' own time; calls nest."""
        self._pauses += 1
        if self._pauses == 1:
            self._paused_at = self.clock()

    def resume(self) -> None:
        """Count the handlers' own time again."""
        self._pauses -= 1
        if not self._pauses:
            self.started += self.clock() - self._paused_at

    def own_time(self) -> float:
        """Return the handlers' own time so far, in seconds."""
        return (self._paused_at if self._pauses else self.clock()) - self.started


@asynccontextmanager
async def waiting() -> AsyncIterator[None]:
    """Do not count the time of the block as the running handler's own."""
    job = current_job.get()
    if job is not None:
        job.pause()
    try:
        yield
    finally:
        if job is not None:
            job.resume()


class Dispatcher:
    """Run `handle` on jobs, and call `finish` with each that is done or was cut off by the time limit.

    A job that a stop cancels is not finished: Telegram sends its update again after the next start.
    """

    def __init__(
        self,
        handle: Callable[[Job], Awaitable[None]],
        finish: Callable[[Job], None],
        *,
        workers: int,
        limit: float,
        clock: Callable[[], float],
    ) -> None:
        self._handle = handle
        self._finish = finish
        self._count = workers
        self._limit = limit
        self._clock = clock
        #: Jobs that a worker may take; those behind one of their dialog are put when that is done.
        self._ready: asyncio.Queue[Job] = asyncio.Queue()
        #: Dialogs with a job that is ready or running → the jobs behind it.
        self._dialogs: dict[int, deque[Job] | None] = {}
        #: The workers and the sweeper.
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: dict[Job, asyncio.Task[None]] = {}
        self._stopping = False

    def start(self) -> None:
        """Start the workers."""
        for _ in range(self._count):
            self._spawn(self._work())
        self._spawn(self._sweep())

    def put(self, job: Job) -> None:
        """Take a job; it runs after those of its dialog that were put before."""
        if job.dialog in self._dialogs:
            behind = self._dialogs[job.dialog] = self._dialogs[job.dialog] or deque()
            behind.append(job)
            return
        if job.dialog:
            self._dialogs[job.dialog] = None
        self._ready.put_nowait(job)

    def release(self, job: Job) -> None:
        """Count a running job as finished and let its dialog go on.

        For a handler that waits for further messages of its dialog. It keeps its task, and a new worker
        takes its place.
        """
        if not job.done:
            self._conclude(job)
            self._spawn(self._work())

    async def stop(self) -> None:
        """Cancel the running jobs; they do not count as finished."""
        self._stopping = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=_STUBBORN_SECONDS)
            if stubborn:
                logger.error("%d handlers suppress their cancellation", len(stubborn))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while True:
            job = await self._ready.get()
            current_job.set(job)
            job.clock = self._clock
            job.started = self._clock()
            self._running[job] = task
            try:
                await self._handle(job)
            except asyncio.CancelledError:
                if self._stopping or (task.cancelling() and not job.cut):
                    raise
                if not job.cut:
                    # Nobody cancelled this worker: something that the handler awaited was cancelled.
                    logger.error("a handler ended by being cancelled (%s)", type(job.update).__name__)
                while task.cancelling():
                    task.uncancel()
            except Exception:
                # `handle` catches the errors of handlers. This is a defect of the bot, and must not end it.
                logger.exception("an update could not be handled")
            finally:
                del self._running[job]
                current_job.set(None)
            if job.done or self._stopping:
                return  # a new worker took the place of this one, or the dispatcher stops
            self._conclude(job)

    def _conclude(self, job: Job) -> None:
        job.done = True
        if job.dialog:
            behind = self._dialogs[job.dialog]
            if behind:
                # Behind all that is ready: one busy dialog does not delay the others.
                self._ready.put_nowait(behind.popleft())
            else:
                del self._dialogs[job.dialog]
        self._finish(job)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._limit / 4))
            for job, task in tuple(self._running.items()):
                if job.own_time() <= self._limit:
                    continue
                task.cancel()  # again at the next sweep if the handler suppresses it
                if not job.cut:
                    job.cut = True
                    logger.error(
                        "a handler took longer than %g s and was cut off; its update counts as handled (%s)",
                        self._limit,
                        type(job.update).__name__,
                    )
