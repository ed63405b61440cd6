"""One try to run a job's code, and when there is another one."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable
from typing import Final

from tgbot.plugins.jobs.registered import Function, Run, place
from tgbot.telegram import named_sends
from tgbot.telegram.refusals import Answer, answer_of, wait_of
from tgbot.telegram.updates.failures import described, name_of, says_no_access

logger = logging.getLogger(__name__)

#: Pauses before a run is tried again, in seconds; the last one repeats.
PAUSES: Final = (5, 15, 60, 300, 900, 3600)
#: For how many seconds a run is tried again that failed for a reason which passes.
TRIED_SECONDS: Final = 7 * 24 * 3600
#: How often a run is tried in all that fails for a reason which stays.
TRIES: Final = 3


class Tries:
    """Run the code of jobs, and tell when what failed is tried again. `clock` is Telegram's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        #: How often each job ran since the start, and how often it failed.
        self.ran: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        #: How often something planned once was dropped because it failed, by the name of its job.
        self.dropped: Counter[str] = Counter()

    def now(self) -> int:
        """Return Telegram's time in whole seconds."""
        return math.floor(self._clock())

    async def run(
        self, function: Function, name: str, planned: int, work: str, *, user_id: int = 0, data: object = None
    ) -> BaseException | None:
        """Run a job's code, with its sends named after `work`; return the error that it failed with.

        That the bot may not write to somebody is no failure: the registry has the evidence.
        """
        task = asyncio.current_task()
        assert task is not None
        self.ran[name] += 1
        try:
            with named_sends(work):
                await function(Run(name, planned, max(0, self.now() - planned), user_id, data))
        except asyncio.CancelledError as error:
            if task.cancelling():
                raise  # the bot stops
            failure: BaseException = error
        except (Exception, SystemExit) as error:
            failure = error
        else:
            return None
        if says_no_access(failure):
            logger.info("the job %s may not write to somebody: %s", name, described(failure))
            return None
        self.failed[name] += 1
        logger.error(
            "unhandled exception in the job %s (%s, planned at %d): %s",
            *(name, place(function), planned, described(failure)),
        )
        return failure

    def pause(self, error: BaseException, *, lasting: int, attempts: int, planned: int) -> int | None:
        """Return how many seconds later a run is tried again that failed with this error; None: it is not.

        It failed `attempts` times in all, `lasting` times for a reason that stays.
        """
        if passes(error):
            in_time = self.now() - planned < TRIED_SECONDS
            return (wait_of(error) or PAUSES[min(attempts, len(PAUSES)) - 1]) if in_time else None
        return PAUSES[lasting - 1] if lasting < TRIES else None


def passes(error: BaseException) -> bool:
    """Return whether a run failed for a reason that passes: Telegram may take the same request later."""
    return answer_of(error) is Answer.LATER


def short_name(error: BaseException) -> str:
    """Return the name of an error as every store can keep it."""
    return name_of(error)[:80].encode("ascii", "backslashreplace").decode()
