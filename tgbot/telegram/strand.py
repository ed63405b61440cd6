"""A strand: a task of its own that works for one update after another, and rests in between."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, Final

from tgbot.telegram.calls.named import Work, current_work
from tgbot.telegram.updates.events import current_handler
from tgbot.telegram.updates.failures import described, name_of_handler
from tgbot.telegram.updates.job import Job, current_job
from tgbot.telegram.updates.lineup import Entry
from tgbot.telegram.updates.marks import Marked, Marks, mark_of_handler

logger = logging.getLogger(__name__)

#: How many strands rest in memory. Beyond it, those that rest for longest are closed.
RESTING: Final = 2000
#: How long a stop waits for strands that suppress their cancellation, in seconds.
_STUBBORN_SECONDS: Final = 3.0


class StrandClosedError(Exception):
    """The strand was closed before it had done what it was carried for."""


class Strand:
    """A task that the handler of an update carries on: it works for that update until it rests or ends.

    What holds for a handler holds for it: the time limit, waiting for Telegram, how an error parks the
    update, what marks a death of the process. Where no update is handled, it works for none. Its sends are
    named by `name_sends`, not after the updates. It belongs to one carrier at a time.
    """

    def __init__(
        self,
        work: Callable[[Strand], Coroutine[Any, Any, None]],
        of: Callable[..., object],
        ended: Callable[[], None],
        strands: Strands,
    ) -> None:
        self._strands = strands
        self._of = of
        #: What is called once its task has ended.
        self.ended = ended
        #: The module and name of the plugin's function.
        self.name = name = name_of_handler(of)
        mark = mark_of_handler(name)
        self._entry = Entry(object, None, of, None, False, False, name, False, mark, of)  # type: ignore[arg-type] # not called
        #: What names its sends.
        self._sends = Work("")
        self._work = work
        self._marked: Marked[None] | None = None
        self._context = Context()
        self._context.run(current_work.set, self._sends)
        self._context.run(current_handler.set, self._entry)
        self._task: asyncio.Task[None] | None = None
        self._next: asyncio.Future[object] | None = None
        self._rested: asyncio.Future[None] | None = None
        #: Whether somebody carries it now.
        self.carried = False
        #: Whether it is to end: it does not rest any more.
        self.closing = False

    # ---- for who carries it --------------------------------------------------------------------

    @property
    def resting(self) -> bool:
        """Whether it waits for what it is carried on with."""
        return self._next is not None and not self.closing

    async def carry(self, given: object = None) -> bool:
        """Let it work for the running handler's update, with what is given to its `rest`.

        Return whether it rests again, False if it has ended. Raise its error; StrandClosedError if it was
        closed before or meanwhile. If the handler is cancelled, so is the strand.
        """
        if self.closing:
            raise StrandClosedError
        self.carried = True
        try:
            return await self._carry(given)
        finally:
            self.carried = False

    async def _carry(self, given: object) -> bool:
        if self._marked is None:
            self._marked = Marked(self._work(self), None, self._strands.marks)
        marked = self._marked
        self._work_for(current_job.get(), marked)
        rested = self._rested = asyncio.get_running_loop().create_future()
        self._strands.wakes(self)
        if self._task is None:
            self._task = self._strands.begin_task(self, marked, self._context)
        else:
            assert self._next is not None, "a strand is carried on while it rests"
            self._next.set_result(given)
            self._next = None
        task = self._task
        cancelled: asyncio.CancelledError | None = None
        while not (task.done() or (rested.done() and cancelled is None)):
            awaited = (task, rested) if cancelled is None else (task,)
            try:
                await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError as error:
                cancelled = error
                self.closing = True
                task.cancel()
        self._work_for(None, marked)
        if not task.done():
            self._strands.rests(self)
            return True
        closed, self.closing = self.closing and cancelled is None, True
        if closed:
            raise StrandClosedError
        task.result()  # raises its error; where it was cancelled, with the place
        if cancelled is not None:
            raise cancelled
        return False

    def close(self) -> None:
        """Cancel it: it does not rest, nor go on, any more."""
        self.closing = True
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    def _work_for(self, job: Job | None, marked: Marked[None]) -> None:
        if job is not None:
            job.handler = self._of
            if job.mark:
                self._strands.marks.begin_handler(job, self._entry.mark)
        marked.take(job)
        self._context.run(current_job.set, job)

    # ---- for what it does ----------------------------------------------------------------------

    async def rest(self) -> Any:  # Any: whatever `carry` is given
        """Wait until it is carried on; return what it is given then."""
        if asyncio.current_task() is not self._task:
            raise RuntimeError("a talk can only be awaited by its own function, not by another task")
        if self.closing:
            raise asyncio.CancelledError
        assert self._rested is not None
        carried = self._next = asyncio.get_running_loop().create_future()
        self._rested.set_result(None)
        try:
            return await carried
        except asyncio.CancelledError:
            # Also by a time limit of the function's own: nobody carries it, so it must not go on.
            self.closing = True
            raise

    def name_sends(self, work: str) -> None:
        """Name what it sends from now on after this work; the same names give the same random_ids."""
        self._sends.become(work)

    @contextmanager
    def sends_named(self, work: str) -> Iterator[None]:
        """Name what it sends in the block after this work."""
        before = self._sends.key, self._sends.sends
        self._sends.become(work)
        try:
            yield
        finally:
            self._sends.key, self._sends.sends = before


class Strands:
    """The strands of a client. A stop ends all of them; what they stand for is kept elsewhere."""

    def __init__(self, marks: Marks, limit: int = RESTING) -> None:
        self.marks = marks
        self._limit = limit
        self._tasks: dict[asyncio.Task[None], Strand] = {}
        #: Those that rest, the longest resting first.
        self._resting: OrderedDict[Strand, None] = OrderedDict()

    def begin(
        self,
        work: Callable[[Strand], Coroutine[Any, Any, None]],
        of: Callable[..., object],
        ended: Callable[[], None],
    ) -> Strand:
        """Return a new strand, which begins to do `work` with the first `carry`.

        Logs and parked updates name it as the handler `of`. `ended` is called once its task has ended.
        """
        return Strand(work, of, ended, self)

    async def close(self) -> None:
        """Cancel all strands, and wait for their end."""
        tasks = tuple(self._tasks)
        for strand in tuple(self._tasks.values()):
            strand.close()
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=_STUBBORN_SECONDS)
            if stubborn:
                names = ", ".join(self._tasks[task].name for task in stubborn)
                logger.error("cancellation suppressed by %s", names)

    # ---- what strands call ---------------------------------------------------------------------

    def begin_task(self, strand: Strand, work: Marked[None], context: Context) -> asyncio.Task[None]:
        """Begin the task of a strand."""
        loop = asyncio.get_running_loop()
        # From within its context: to the task factory it is no task of the running handler.
        task = context.run(lambda: loop.create_task(work, context=context))
        self._tasks[task] = strand
        task.add_done_callback(self._ended)
        return task

    def wakes(self, strand: Strand) -> None:
        """Note that a strand works."""
        self._resting.pop(strand, None)

    def rests(self, strand: Strand) -> None:
        """Note that a strand rests; the one that rests for longest may be closed."""
        self._resting[strand] = None
        while len(self._resting) > self._limit:
            self._resting.popitem(last=False)[0].close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        strand = self._tasks.pop(task)
        self._resting.pop(strand, None)
        strand.ended()
        # Where somebody carries it, it is theirs to tell.
        if not strand.carried and not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed when it was ended: %s", strand.name, described(error))
