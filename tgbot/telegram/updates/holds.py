"""Work for an update that goes on after its handlers, which stays in flight until it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from tgbot.telegram.refusals import Answer, answer_of
from tgbot.telegram.updates.failures import Failure, described, name_of_handler
from tgbot.telegram.updates.job import Job, current_job
from tgbot.telegram.updates.marks import Marked, Marks

logger = logging.getLogger(__name__)


class Hold:
    """Keeps an update in flight until its `run` has ended, while its dialog goes on.

    If the process ends before, Telegram sends the update again after the next start. Each hold of an update
    has a name of its own, the same after a restart. An update that is finished already, and None for no
    update at all, are not held.
    """

    def __init__(self, job: Job | None, name: str, finish: Callable[[Job], None], marks: Marks) -> None:
        self._job = job = job if job is not None and job.unfinished else None
        self._name = name
        self._finish = finish
        self._marks = marks
        if job is not None:
            job.unfinished += 1
            # As they are now: later handlers may run before the work.
            self._handler, self._mark = f"{name_of_handler(job.handler)} ({name})", job.mark

    async def run(self, work: Coroutine[Any, Any, object]) -> None:
        """Do the work, once; what it sends is named after the update and the hold.

        An error of it is logged and parks the update, as if a handler had raised. A work that is cancelled is
        not done: Telegram sends the update again after the next start.
        """
        job, self._job = self._job, None
        if job is None:
            await work
            return
        named = self._named(job)
        token = current_job.set(named)
        try:
            await (Marked(work, named, self._marks) if named.mark else work)
        except Exception as error:
            if answer_of(error) is not Answer.LATER:
                logger.error(
                    "unhandled exception in %s (update %s, dialog %d): %s",
                    self._handler,
                    job.key,
                    job.dialog,
                    described(error),
                )
            if job.failure is None:
                job.failure = Failure.of(self._handler, error)
        finally:
            current_job.reset(token)
        self._finish(job)

    def _named(self, job: Job) -> Job:
        key = None if job.key is None else f"{job.key}+{self._name}"
        named = Job(job.update, job.entities, job.batch, job.dialog, key, 0, job.replayed)
        named.mark = self._mark
        return named
