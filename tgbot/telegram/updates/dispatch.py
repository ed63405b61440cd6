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

from tgbot.core.plural import counted
from tgbot.store.base import Parked, Reason, UpdateState
from tgbot.telegram.updates.failures import Failure, described, name_of_handler, trace_of
from tgbot.telegram.updates.inflight import Batch
from tgbot.telegram.updates.workers import Workers

logger = logging.getLogger(__name__)

#: How long a stop waits for handlers that suppress their cancellation, in seconds.
_STUBBORN_SECONDS = 3.0

#: How long a request is open before the job that made it lends its worker, in seconds.
LEND_AFTER = 1.0
#: How often the jobs that run are looked at, in seconds at most.
_SWEEP_SECONDS = 0.25

#: The job of the update that the running task handles, None outside of any.
current_job: ContextVar[Job | None] = ContextVar("current_job", default=None)


@dataclass(slots=True, eq=False)
class Job:
    """One update on its way through the handlers."""

    update: types.TypeUpdate
    entities: dict[int, types.TypeUser | types.TypeChat]
    #: What holds it in flight; None for a parked update that is tried again, which the store keeps.
    batch: Batch[UpdateState] | None
    #: Jobs with the same number are handled in order: the dialog, or a lane beside it (`keys.lane_of`).
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
    #: Whether one of its handlers answers the press of a button that it brings.
    answered: bool = False
    #: Whether a handler with a pattern was called with it.
    matched: bool = False
    #: Whether a handler of a plugin has sent something into its dialog, or a conversation took it.
    replied: bool = False
    #: How much of its work is not finished: its handlers, and each thing that keeps it in flight beyond them.
    unfinished: int = 1
    #: The entry of a parked update that is tried again.
    entry: Parked | None = None
    #: The handler that runs, or that ran last.
    handler: Callable[..., object] | None = None
    #: What marks its code while it runs, empty where nothing does.
    mark: bytes = b""
    #: Whether the process died while it was handled: one such job runs at a time, so that a death names one.
    suspect: bool = False
    #: Why its handlers did not finish it, None if they did; one that has failed before it begins is not run.
    failure: Failure | None = None
    #: Whether it counts as finished; after `release` its handlers still run then.
    done: bool = False
    #: How often the time limit cut the handlers off; more than once if they suppress it.
    cuts: int = 0
    #: Counts the handlers' time, in seconds.
    clock: Callable[[], float] = time.monotonic
    #: By that clock, and later by all the time that was not the handlers' own.
    started: float = 0.0
    _pauses: int = 0
    _paused_at: float = 0.0
    #: While it is handled and not finished: the workers of which it has one, or has lent one.
    _workers: Workers | None = None
    _lent: bool = False
    #: How many sends of each handler went to each chat while this update was handled.
    _sends: dict[tuple[str, int], int] = field(default_factory=dict)

    def next_send(self, handler: str, chat_id: int) -> int:
        """Return the zero-based index of this send among those of its handler to its chat, and count it."""
        nth = self._sends.get((handler, chat_id), 0)
        self._sends[handler, chat_id] = nth + 1
        return nth

    def fail(self, failure: Failure) -> None:
        """Note that a handler did not finish it; what may succeed later outweighs what failed."""
        if self.done:
            return  # after `release` it does not matter how a handler ends: it goes on for itself
        if self.failure is None or failure.reason is Reason.LATER is not self.failure.reason:
            self.failure = failure

    # ---- time that is not the handlers' own ----------------------------------------------------

    def pause(self) -> None:
        """Stop counting the handlers' own time; calls nest."""
        self._pauses += 1
        if self._pauses == 1:
            self._paused_at = self.clock()

    async def resume(self) -> None:
        """Count the handlers' own time again, once the job has a worker again if it had lent it."""
        if self._pauses == 1 and self._lent:
            try:
                await self.take_back()
            finally:
                self._end_pause()
        else:
            self._end_pause()

    def _end_pause(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            self.started += self.clock() - self._paused_at

    def own_time(self) -> float:
        """Return the handlers' own time so far, in seconds."""
        return (self._paused_at if self._pauses else self.clock()) - self.started

    def waited(self) -> float:
        """Return for how long the handlers' own time has not been counted now, in seconds."""
        return self.clock() - self._paused_at if self._pauses else 0.0

    # ---- its worker ----------------------------------------------------------------------------

    def begin(self, workers: Workers, clock: Callable[[], float]) -> None:
        """Note that it is handled from now on, by one of these workers."""
        self._workers, self.clock = workers, clock
        self.started = clock()

    def lend(self) -> None:
        """Lend its worker to another job, if it has one."""
        if self._workers is not None and not self._lent:
            self._lent = self._workers.lend()

    async def take_back(self) -> None:
        """Return once it has a worker again."""
        workers = self._workers
        if workers is None or not self._lent:
            return
        await workers.take_in_turn()
        if self._lent:
            self._lent = False
            workers.returned()
        else:  # two tasks of its handlers returned at the same time, or it ended meanwhile
            workers.give()

    def end(self) -> None:
        """Give its worker up: its handlers have ended, or its dialog goes on without it."""
        workers, self._workers = self._workers, None
        if workers is None:
            return
        if self._lent:
            self._lent = False
            workers.returned()
        else:
            workers.give()


@asynccontextmanager
async def waiting() -> AsyncIterator[None]:
    """Wait for Telegram: the block's time is not the running handler's own, and another job has its worker.

    The block is left once there is a worker again.
    """
    job = current_job.get()
    if job is None:
        yield
        return
    job.pause()
    job.lend()
    try:
        yield
    finally:
        try:
            await job.take_back()
        finally:
            await job.resume()


class Dispatcher:
    """Run `handle` on jobs, and call `finish` with each that is done or was cut off by the time limit.

    `workers` limits how many jobs run at a time; one that waits for Telegram does not count. A job that a
    stop cancels is not finished: Telegram sends its update again after the next start.
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
        self._workers = Workers(self._begin_jobs)
        #: Jobs that may begin; those behind one of their dialog are put when that is done.
        self._ready: deque[Job] = deque()
        #: The suspect that is ready or running, and those behind it.
        self._suspect: Job | None = None
        self._suspects: deque[Job] = deque()
        #: Dialogs with a job that is ready or running → the jobs behind it.
        self._dialogs: dict[int, deque[Job] | None] = {}
        #: Those that handle jobs, and the sweeper.
        self._tasks: set[asyncio.Task[None]] = set()
        #: What tasks without a job wait for.
        self._idle: list[asyncio.Future[Job]] = []
        #: Whether a task that has just finished a job takes the next one, and that job.
        self._taking = False
        self._taken: Job | None = None
        self._running: dict[Job, asyncio.Task[None]] = {}
        self._stopping = False

    @property
    def free(self) -> int:
        """How many more jobs could run now."""
        return self._workers.free

    def start(self) -> None:
        """Begin to run jobs."""
        self._spawn(self._sweep())
        for _ in range(self._count):
            self._workers.give()

    def put(self, job: Job) -> None:
        """Take a job; it runs after those of its dialog that were put before."""
        if job.dialog in self._dialogs:
            behind = self._dialogs[job.dialog] = self._dialogs[job.dialog] or deque()
            behind.append(job)
            return
        if job.dialog:
            self._dialogs[job.dialog] = None
        self._line_up(job)
        self._begin_jobs()

    def release(self, job: Job) -> None:
        """Count a running job as finished and let its dialog go on; it keeps its task, but no worker.

        For a handler that waits for further messages of its dialog.
        """
        if not job.done:
            self._conclude(job)

    async def stop(self) -> None:
        """Cancel the running jobs; they do not count as finished."""
        self._stopping = True
        self._workers.stop()
        for task in (tasks := tuple(self._tasks)):
            task.cancel()
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=_STUBBORN_SECONDS)
            if stubborn:
                logger.error("cancellation suppressed by %s", counted(len(stubborn), "handler"))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _line_up(self, job: Job) -> None:
        """Let a job be next in turn, or the next of the suspects."""
        if job.suspect:
            if self._suspect is not None:
                self._suspects.append(job)
                return
            self._suspect = job
        self._ready.append(job)

    def _begin_jobs(self) -> None:
        """Let ready jobs begin for as long as there are workers."""
        while self._ready and not self._stopping and self._workers.take():
            job = self._ready.popleft()
            if self._taking:
                self._taking, self._taken = False, job
            elif self._idle:
                self._idle.pop().set_result(job)
            else:
                self._spawn(self._work(job))

    async def _work(self, first: Job) -> None:
        """Handle a job, then others, until more tasks have nothing to do than there are workers."""
        job: Job | None = first
        while True:
            while job is not None:
                await self._run(job)
                if self._stopping:
                    return
                self._taking = not job.done
                try:
                    self.release(job)
                except Exception as error:  # a defect of the bot, as in `_run`
                    logger.error("update %s could not be finished: %s", job.key, described(error))
                job, self._taking, self._taken = self._taken, False, None
            if len(self._idle) >= self._count:
                return
            idle: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            job = await idle

    async def _run(self, job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None
        current_job.set(job)
        job.begin(self._workers, self._clock)
        began = self._clock()
        self._running[job] = task
        try:
            if job.failure is None:
                await self._handle(job)
        except asyncio.CancelledError as error:
            if self._stopping or (task.cancelling() and not job.cuts):
                raise
            self._note_end(job, error)
        except SystemExit:
            name = name_of_handler(job.handler)
            logger.error("%s ends the process (update %s, dialog %d)", name, job.key, job.dialog)
            raise
        except Exception as error:
            # `handle` catches the errors of handlers. This is a defect of the bot, and must not end it.
            logger.error(
                "update %s of dialog %d could not be handled: %s", job.key, job.dialog, described(error)
            )
            job.fail(Failure.of(name_of_handler(job.handler), error))
        finally:
            del self._running[job]
            current_job.set(None)
            how = "cut off" if self._stopping else job.failure.reason if job.failure else "handled"
            logger.debug("update %s (%s, dialog %d): %s in %.0f ms", job.key, type(job.update).__name__,
                         job.dialog, how, (self._clock() - began) * 1000)  # fmt: skip
        while task.cancelling():  # because of the time of this job; the next one begins anew
            task.uncancel()

    def _note_end(self, job: Job, error: asyncio.CancelledError) -> None:
        """Note that a handler ended by being cancelled, because of its time or not."""
        handler = name_of_handler(job.handler)
        if job.cuts:
            how, name = f"took longer than {self._limit:g} s and was cut off", "TimeoutError"
        else:
            # Nobody cancelled this task: something that the handler awaited was cancelled.
            how, name = "ended by being cancelled", "CancelledError"
        where = described(error)
        logger.error("handler %s %s (update %s, dialog %d): %s", handler, how, job.key, job.dialog, where)
        job.fail(Failure(Reason.FAILED, handler, name, trace=f"{trace_of(error)}\nThe handler {how}."))

    def _conclude(self, job: Job) -> None:
        job.done = True
        if job.dialog:
            behind = self._dialogs[job.dialog]
            if behind:
                # Behind all that is ready: one busy dialog does not delay the others.
                self._line_up(behind.popleft())
            else:
                del self._dialogs[job.dialog]
        if job is self._suspect:
            self._suspect = None
            if self._suspects:
                self._line_up(self._suspects.popleft())
        job.end()
        self._finish(job)

    async def _sweep(self) -> None:
        told = False
        while True:
            await asyncio.sleep(min(_SWEEP_SECONDS, self._limit / 4))
            try:
                self._look_at_running()
            except Exception as error:  # a defect of the bot, which must not end the time limit
                if not told:
                    logger.error("the time of handlers cannot be watched: %s", described(error))
                told = True

    def _look_at_running(self) -> None:
        """Lend the workers of those that wait for long, and cut off those that are over their time."""
        for job, task in tuple(self._running.items()):
            if job.waited() > LEND_AFTER:
                job.lend()
            if job.own_time() <= self._limit:
                continue
            job.cuts += 1
            task.cancel()  # again at the next look if the handler suppresses it
            if job.cuts == 2:
                handler = name_of_handler(job.handler)
                where = f"(update {job.key}, dialog {job.dialog})"
                logger.error("handler %s is over its time and suppresses its cancellation %s", handler, where)
