"""From updates to handlers: each dialog in order, different dialogs side by side, by a number of workers."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context

from tgbot.core.plural import counted
from tgbot.store.base import Reason
from tgbot.telegram.updates.failures import Failure, described, name_of_handler, trace_of
from tgbot.telegram.updates.job import Job, current_job
from tgbot.telegram.updates.marks import Marked, Marks
from tgbot.telegram.updates.workers import Workers

logger = logging.getLogger(__name__)

#: How long a stop waits for handlers that suppress their cancellation, in seconds.
_STUBBORN_SECONDS = 3.0

#: How long a request is open before the job that made it lends its worker, in seconds.
LEND_AFTER = 1.0
#: How often the jobs that run are looked at, in seconds at most.
_LOOK_SECONDS = 0.25


class Dispatcher:
    """Run `handle` on jobs, and call `finish` with each that is done or was cut off by the time limit.

    `workers` limits how many jobs run at a time; one that waits for Telegram does not count. A job that a
    stop cancels is not finished: Telegram sends its update again after the next start.

    `limit` is how many seconds a job's handlers may take, by `clock`; waiting for Telegram does not count. A
    job is not timed, because nearly all end within milliseconds: the running ones are looked at again and
    again, and the time between two looks counts as what the job does at the second.
    """

    def __init__(
        self,
        handle: Callable[[Job], Awaitable[None]],
        finish: Callable[[Job], None],
        *,
        workers: int,
        limit: float,
        clock: Callable[[], float],
        marks: Marks,
        may_send: Callable[[], bool] | None = None,
    ) -> None:
        self._handle = handle
        self._finish = finish
        self._count = workers
        self._limit = limit
        self._clock = clock
        self._marks = marks
        #: While it returns False nothing is sent, so no handler can end: that is not its own time either.
        self._may_send = may_send
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
        self._running: dict[Job, asyncio.Task[None]] = {}
        #: Of the jobs that were running at the last look: their handlers' own time so far, and how long they
        #: have been waiting for Telegram, in seconds.
        self._times: dict[Job, tuple[float, float]] = {}
        #: Whether the log tells of each job.
        self._telling = False
        self._stopping = False

    @property
    def free(self) -> int:
        """How many more jobs could run now."""
        return self._workers.free

    @property
    def running(self) -> int:
        """How many jobs are handled now, those that wait for Telegram included."""
        return len(self._running)

    def has(self, dialog: int) -> bool:
        """Return whether a job of a dialog is ready or running."""
        return dialog in self._dialogs

    def start(self) -> None:
        """Begin to run jobs."""
        self._telling = logger.isEnabledFor(logging.DEBUG)
        self._spawn(self._keep_looking())
        for _ in range(self._count):
            self._workers.give()

    def put(self, job: Job) -> None:
        """Take a job; it runs after those of its dialog that were put before."""
        dialog, dialogs = job.dialog, self._dialogs
        if dialog in dialogs:
            behind = dialogs[dialog] = dialogs[dialog] or deque()
            behind.append(job)
            return
        if dialog:
            dialogs[dialog] = None
        self._line_up(job)
        if self._workers.free:
            self._begin_jobs()

    def release(self, job: Job) -> None:
        """Count a running job as finished and let its dialog go on; it keeps its task, but no worker.

        For a handler that waits for further messages of its dialog; a job that is done is left as it is.
        """
        if not job.done:
            try:
                self._conclude(job)
            finally:
                job.end()

    def _conclude(self, job: Job) -> None:
        job.done = True
        behind = self._dialogs.pop(job.dialog, None)
        if behind:
            self._dialogs[job.dialog] = behind
            # Behind all that is ready: one busy dialog does not delay the others.
            self._line_up(behind.popleft())
        if job is self._suspect:
            self._suspect = None
            if self._suspects:
                self._line_up(self._suspects.popleft())
        finish = self._finish
        finish(job)

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
        # In a context of its own: a job may be the reason that this task begins, and it is not the job's.
        task = Context().run(asyncio.get_running_loop().create_task, work)
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
        ready, workers = self._ready, self._workers
        while ready and not self._stopping and workers.take():
            job = ready.popleft()
            if self._idle:
                self._idle.pop().set_result(job)
            else:
                self._spawn(Marked(self._work(job), None, self._marks))

    async def _work(self, first: Job) -> None:
        """Handle a job, then others, until more tasks have nothing to do than there are workers."""
        task, ready, workers = asyncio.current_task(), self._ready, self._workers
        assert task is not None
        marked = task.get_coro()
        assert isinstance(marked, Marked)
        job: Job | None = first
        while True:
            while job is not None:
                await self._run(job, task, marked)
                if self._stopping:
                    return
                try:
                    if not job.done:
                        self._conclude(job)
                except Exception as error:  # a defect of the bot, as in `_run`
                    logger.error("update %s could not be finished: %s", job.key, described(error))
                if ready and job.workers is not None and not job.lent and not workers.returning:
                    job.workers = None  # it goes on with the next job
                    job = ready.popleft()
                    if ready and workers.free:
                        self._begin_jobs()
                else:
                    job.end()
                    job = None
            if len(self._idle) >= self._count:
                return
            idle: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            job = await idle

    async def _run(self, job: Job, task: asyncio.Task[None], marked: Marked[None]) -> None:
        current_job.set(job)
        job.workers = self._workers
        telling = self._telling
        began = self._clock() if telling else 0.0
        self._running[job] = task
        try:
            if job.failure is None:
                marked.begin(job)
                handle = self._handle
                await handle(job)
        except asyncio.CancelledError as error:
            if self._stopping or (task.cancelling() and not job.cuts):
                raise
            self._note_end(job, error)
        except SystemExit:
            self._marks.fix()
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
            marked.end()
            del self._running[job]
            current_job.set(None)
            if telling:
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

    async def _keep_looking(self) -> None:
        told, before = False, self._clock()
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, self._limit / 4))
            self._telling = logger.isEnabledFor(logging.DEBUG)  # `tgbot log` may have changed that
            now = self._clock()
            try:
                held = self._may_send is not None and not self._may_send()
                self._look_at_running(0.0 if held else now - before)
            except Exception as error:  # a defect of the bot, which must not end the time limit
                if not told:
                    logger.error("the time of handlers cannot be watched: %s", described(error))
                told = True
            before = now

    def _look_at_running(self, passed: float) -> None:
        """Lend the workers of those that wait for long, and cut off those that are over their time.

        `passed` is how long ago the last look was, in seconds.
        """
        before, self._times = self._times, {}
        for job, task in tuple(self._running.items()):
            if job not in before:
                self._times[job] = 0.0, 0.0  # it has begun since
                continue
            own, waited = before[job]
            own, waited = (own, waited + passed) if job.waits else (own + passed, 0.0)
            self._times[job] = own, waited
            if waited > LEND_AFTER:
                job.lend()
            if own <= self._limit:
                continue
            job.cuts += 1
            task.cancel()  # again at the next look if the handler suppresses it
            if job.cuts == 2:
                handler = name_of_handler(job.handler)
                where = f"(update {job.key}, dialog {job.dialog})"
                logger.error("handler %s is over its time and suppresses its cancellation %s", handler, where)
