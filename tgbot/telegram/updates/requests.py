"""Requests for the state and for differences: limited in time, with growing pauses while they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from telethon import errors
from telethon.errors import AuthKeyNotFound
from telethon.tl import TLObject, TLRequest

from tgbot.telegram.refusals import Answer, answer_of, ends_login, error_name, wait_of
from tgbot.telegram.updates.contents import check_difference

logger = logging.getLogger(__name__)

#: How long a request may stay unanswered while the link is up, in seconds; before, the calls make it again.
ANSWER_SECONDS = 60.0
#: Pauses before a request that failed is made again, in seconds.
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
#: After so many failures in a row they are logged as a warning.
WARN_AFTER = 3


class LoginOverError(Exception):
    """Telegram takes no more requests of this login: whoever runs the requests logs in again."""


class FailedError(Exception):
    """A request has no usable answer."""

    def __init__(
        self,
        name: str,
        *,
        refused: bool = False,
        unreadable: bool = False,
        wait: int = 0,
        error: Exception | None = None,
    ) -> None:
        super().__init__(name)
        #: Telegram's name of the error, or what happened.
        self.name = name
        #: Whether Telegram refused: it will say the same tomorrow.
        self.refused = refused
        #: Whether what came cannot be read.
        self.unreadable = unreadable
        #: How long Telegram asked to wait, in seconds.
        self.wait = wait
        self.error = error


class Requests:
    """Make requests; raise a FailedError for one that is refused, unreadable or not answered in time.

    `up` counts the seconds with a link: time without one does not count. Raise LoginOverError where Telegram
    ended the login, AuthKeyNotFound where it does not know the auth key.
    """

    def __init__(self, ask: Callable[[TLRequest], Awaitable[TLObject]], up: Callable[[], float]) -> None:
        self._ask = ask
        self._up = up

    async def make(self, request: TLRequest, *kinds: type[TLObject], limit: float | None = None) -> TLObject:
        """Return the answer, which is of one of these kinds."""
        try:
            answer = await self._limited(request, ANSWER_SECONDS if limit is None else limit)
        except (FailedError, AuthKeyNotFound):
            raise
        except Exception as error:
            if ends_login(error):
                raise LoginOverError from None
            answer = answer_of(error)
            raise FailedError(
                error_name(error) if isinstance(error, errors.RPCError) else type(error).__name__,
                refused=answer is Answer.NO,
                unreadable=answer is Answer.BROKEN,
                wait=wait_of(error),
                error=error,
            ) from None
        if isinstance(answer, kinds):
            try:
                check_difference(answer)
            except Exception as error:
                # Whatever looking at a wrong type raises.
                raise FailedError(
                    "an answer with a wrong type inside", unreadable=True, error=error
                ) from None
        else:
            raise FailedError(f"an answer of type {type(answer).__name__}", unreadable=True)
        return answer

    async def _limited(self, request: TLRequest, limit: float) -> TLObject:
        task = asyncio.ensure_future(self._ask(request))
        since = self._up()
        try:
            while not task.done():
                left = since + limit - self._up()
                if left <= 0:
                    raise FailedError("not answered", error=TimeoutError())
                await asyncio.wait((task,), timeout=left)
            if task.cancelled():  # the link ended; this task was not cancelled
                raise FailedError("the link ended")
            return task.result()
        finally:
            task.cancel()


class Outage:
    """Failures of one kind of request in a row: the pauses between them, and the lines in the log."""

    def __init__(self, what: str, renew: Callable[[str], None], clock: Callable[[], float]) -> None:
        self.count = 0
        self._what = what
        self._renew = renew
        self._clock = clock
        #: How many of the last failures were refusals, and when the first of these was.
        self._refusals = 0
        self._refused_since = 0.0

    def failed(self, reason: str, *, wait: float = 0.0, renew: bool = False, refused: bool = False) -> float:
        """Note a failure; return how long to pause, in seconds. With `renew` the link may be at fault."""
        self.count += 1
        self._refusals = self._refusals + 1 if refused else 0
        if self._refusals == 1:
            self._refused_since = self._clock()
        if self.count == WARN_AFTER:
            logger.warning(
                "%s failed %d times in a row (%s); trying on, with pauses of up to %d s",
                self._what,
                self.count,
                reason,
                PAUSES[-1],
            )
        else:
            logger.info("%s failed (%s)", self._what, reason)
        # At the 4th, 8th, 16th … failure: where a fresh link does not help, it only disturbs others.
        if renew and self.count >= 4 and self.count & (self.count - 1) == 0:
            self._renew(f"{self._what}: {reason}")
        return max(wait, PAUSES[min(self.count, len(PAUSES)) - 1])

    def is_refused(self, count: int, seconds: float) -> bool:
        """Return whether the last failures were so many refusals, for so long."""
        return self._refusals >= count and self._clock() - self._refused_since >= seconds

    def over(self) -> None:
        """Note that a request succeeded."""
        if self.count >= WARN_AFTER:
            logger.warning("%s succeeded again after %d failures", self._what, self.count)
        self.count = self._refusals = 0


class Narrowing:
    """How little is requested at a time while something in an answer cannot be read."""

    #: How much is requested first, in numbers of the log.
    FIRST = 256
    #: How many numbers are tried one by one to get past what cannot be read; beyond it in greater steps.
    ONE_BY_ONE = 200

    def __init__(self) -> None:
        #: None: as much as Telegram gives.
        self.limit: int | None = None

    def narrow(self) -> bool:
        """Ask for less; return False if that is not possible."""
        if self.limit == 1:
            return False
        self.limit = self.FIRST if self.limit is None else max(self.limit // 4, 1)
        return True

    def widen(self) -> None:
        """Ask for more."""
        if self.limit is not None:
            self.limit = self.limit * 2 if self.limit < self.FIRST else None

    def steps(self, most: int) -> list[int]:
        """Return by how many numbers to go on, one after another, until something can be read again."""
        steps = list(range(1, min(most, self.ONE_BY_ONE) + 1))
        while steps and steps[-1] < most:
            steps.append(min(steps[-1] * 2, most))
        return steps
