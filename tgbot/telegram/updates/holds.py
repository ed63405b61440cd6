"""Work for an update that goes on after its handlers, which stays in flight until it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tgbot.telegram.updates.dispatch import Job, current_job
from tgbot.telegram.updates.failures import Failure


class Hold:
    """Keeps an update in flight until `end`, while its dialog goes on.

    One that is finished already, and None for no update at all, are not held.
    If the process ends before, Telegram sends the update again after the next start. Each hold of an update
    has a name of its own, the same after a restart.
    """

    def __init__(self, job: Job | None, name: str, finish: Callable[[Job], None]) -> None:
        self._job = job = job if job is not None and job.unfinished else None
        self._name = name
        self._finish = finish
        self._held = job is not None
        if job is not None:
            job.unfinished += 1

    @contextmanager
    def resumed(self) -> Iterator[None]:
        """Name what the block sends after the update and the hold; the same in each such block.

        So a block that was not finished can be repeated.
        """
        token = current_job.set(None if self._job is None else self._work(self._job))
        try:
            yield
        finally:
            current_job.reset(token)

    def end(self, error: BaseException | None = None) -> None:
        """Note that the work is done, or that it ended with an error: as if a handler had raised it.

        The update is finished or parked if its handlers are done, else with them.
        """
        if self._held and self._job is not None:
            self._held = False
            if error is not None and self._job.failure is None:
                self._job.failure = Failure.of(self._name, error)
            self._finish(self._job)

    def _work(self, job: Job) -> Job:
        key = None if job.key is None else f"{job.key}+{self._name}"
        return Job(job.update, job.entities, job.batch, job.dialog, key, 0, job.replayed)
