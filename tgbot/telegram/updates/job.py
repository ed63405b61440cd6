"""One update on its way through the handlers, and the time that is not theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

import msgspec
from telethon.tl import types

from tgbot.store.base import Parked, Reason, UpdateState
from tgbot.telegram.updates.failures import Failure
from tgbot.telegram.updates.inflight import Batch
from tgbot.telegram.updates.workers import Workers

#: The job of the update that the running task handles, None outside of any.
current_job: ContextVar[Job | None] = ContextVar("current_job", default=None)


class Job(msgspec.Struct, eq=False):  # made in C: there is one for each update
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
    #: How many waits for Telegram are under way in it: while there is one, time is not the handlers' own.
    waits: int = 0
    #: Whether it has lent its worker.
    lent: bool = False
    #: While it is handled and not finished: the workers of which it has one, or has lent one.
    workers: Workers | None = None
    #: How many sends of each handler went to each chat while this update was handled, None before the first.
    _sends: dict[tuple[str, int], int] | None = None

    def __repr__(self) -> str:
        return f"Job(dialog={self.dialog}, key={self.key!r})"  # what people write has no place in a log

    def next_send(self, handler: str, chat_id: int) -> int:
        """Return the zero-based index of this send among those of its handler to its chat, and count it."""
        if self._sends is None:
            self._sends = {(handler, chat_id): 1}
            return 0
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
        self.waits += 1

    def resume(self) -> None:
        """Count the handlers' own time again; one that has lent its worker takes it back first (`go_on`)."""
        self.waits -= 1

    async def go_on(self) -> None:
        """Count the handlers' own time again, once the job has a worker again if it had lent it."""
        try:
            if self.waits == 1:
                await self.take_back()
        finally:
            self.resume()

    # ---- its worker ----------------------------------------------------------------------------

    def lend(self) -> None:
        """Lend its worker to another job, if it has one."""
        if self.workers is not None and not self.lent:
            self.lent = self.workers.lend()

    async def take_back(self) -> None:
        """Return once it has a worker again."""
        workers = self.workers
        if workers is None or not self.lent:
            return
        await workers.take_in_turn()
        if self.lent:
            self.lent = False
            workers.returned()
        else:  # two tasks of its handlers returned at the same time, or it ended meanwhile
            workers.give()

    def end(self) -> None:
        """Give its worker up: its handlers have ended, or its dialog goes on without it."""
        workers, self.workers = self.workers, None
        if workers is None:
            return
        if self.lent:
            self.lent = False
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
            await job.go_on()
