"""The work of a broadcast whose messages are deleted: many recipients with one call, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from tgbot.core.broadcasts import Broadcast
from tgbot.core.deliveries import Chunk, Correction, Outcome, Wanted
from tgbot.messaging.broadcast.attempts import Attempted, Attempts
from tgbot.messaging.broadcast.passes import Delivery, Pass, places
from tgbot.messaging.broadcast.refusals import Refusal, Subject, refusal_of
from tgbot.messaging.broadcast.sending import Turns
from tgbot.store.base import Broadcasts as Stored

#: How many messages one call deletes; they may be in different private chats.
MESSAGES: Final = 100
#: How many calls are under way at a time: after a kill so many are made again.
AT_ONCE: Final = 20
#: A bot cannot delete a message that was sent so many seconds ago.
DELETABLE_SECONDS: Final = 48 * 3600
#: What Telegram answers to a call in which one message is older.
_TOO_OLD: Final = "MESSAGE_DELETE_FORBIDDEN"
_GONE: Final = "MESSAGE_ID_INVALID"
#: What is said when Telegram refuses a call as such.
REFUSED: Final = "Telegram refused to delete the messages ({}): resume it if the reason has passed"

_SENT: Final = int(Outcome.SENT)
_NONE: Final = int(Correction.NONE)


class Client(Protocol):
    """What is needed of the client."""

    async def delete(self, messages: Sequence[int], /) -> int: ...


class Deleting(Attempted):
    """Delete the messages that the recipients got, for them and the bot, and settle what came of it.

    What is deleted twice is gone all the same, so it may be done again after a kill. Telegram refuses a whole
    call for one message that is too old: those are left out, and such a call is made again in halves.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        store: Stored,
        *,
        client: Client,
        turns: Turns,
        slow_down: Callable[[float], None],
        clock: Callable[[], float],
        settled: Callable[[int], None],
    ) -> None:
        """`settled` is told for how many recipients a call was answered."""
        self._id = broadcast.id
        self._store = store
        self._client = client
        self._turns = turns
        self._clock = clock
        self._settled = settled
        #: How many recipients one call is for.
        self.many = max(1, MESSAGES // broadcast.parts)
        self._pass = Pass(self, at_once=AT_ONCE)
        self._attempts = Attempts(
            broadcast.id,
            self._pass,
            refused=REFUSED,
            slow_down=slow_down,
            give_up=self._give_up,
            fetch=_nothing,
            clock=clock,
            succeeded=store.tally(broadcast.id).corrected > 0,
        )

    # ---- the work of the pass ------------------------------------------------------------------

    async def next(self, after: int) -> tuple[Chunk, Sequence[int]] | None:
        chunk = await self._store.next_chunk(self._id, after, wanted=Wanted.UNCORRECTED)
        return None if chunk is None else (chunk, places(chunk, Wanted.UNCORRECTED))

    def wants(self, delivery: Delivery) -> bool:
        """Return whether there is a message that can be deleted; if not, that is settled."""
        chunk, index, _ = delivery
        if chunk.outcomes[index] != _SENT or chunk.corrections[index] != _NONE:
            return False
        error = ""
        if not any(chunk.messages_of(index)):
            error = _GONE
        elif chunk.at[index] <= self._clock() - DELETABLE_SECONDS:
            error = _TOO_OLD
        if error:
            self._store.correct(self._id, chunk, index, Correction.REFUSED, error=error)
        return not error

    async def turn(self) -> None:
        await self._turns.turn()

    async def do(self, deliveries: Sequence[Delivery]) -> None:
        # What waited for its turn may have become too old.
        deliveries = [delivery for delivery in deliveries if self.wants(delivery)]
        if not deliveries:
            return
        refusal = await self._delete(deliveries)
        if refusal is None:
            return
        if refusal.about is not Subject.RECIPIENT or len(deliveries) == 1:
            await self._attempts.take(deliveries, refusal, 0)
            return
        middle = len(deliveries) // 2
        for half in (deliveries[:middle], deliveries[middle:]):
            await self.turn()
            if self._pass.stopped:
                return
            await self.do(half)

    async def _delete(self, deliveries: Sequence[Delivery]) -> Refusal | None:
        """Make one call; return what came instead of an answer, None if it was answered."""
        messages = [
            message
            for delivery in deliveries
            for message in delivery.chunk.messages_of(delivery.place)
            if message
        ]
        try:
            removed = await self._client.delete(messages)
        except Exception as error:
            refusal = refusal_of(error, int(self._clock()))
            if refusal is None:
                raise
            return refusal
        for delivery in deliveries:
            self._store.correct(self._id, delivery.chunk, delivery.place, Correction.DONE)
        self._store.removed(self._id, removed)
        self._settled(len(deliveries))
        self._attempts.succeed()
        return None

    def _give_up(self, delivery: Delivery, refusal: Refusal) -> None:
        self._store.correct(self._id, delivery.chunk, delivery.place, Correction.REFUSED, error=refusal.name)
        self._settled(1)


class Ages(NamedTuple):
    """How many recipients have the message, and for how many it is too old to be deleted."""

    sent: int
    too_old: int


async def ages(store: Stored, broadcast: Broadcast, now: float) -> Ages:
    """Return how old the messages of a broadcast are."""
    sent = store.tally(broadcast.id).count(Outcome.SENT)
    oldest = now - DELETABLE_SECONDS
    if broadcast.started is None or broadcast.started > oldest:
        return Ages(sent, 0)
    number = too_old = 0
    while (chunk := await store.chunk(broadcast.id, number)) is not None:
        pairs = zip(chunk.outcomes, chunk.at, strict=True)
        too_old += sum(outcome == _SENT and at <= oldest for outcome, at in pairs)
        number += 1
        await asyncio.sleep(0)  # others have their turn
    return Ages(sent, too_old)


async def _nothing() -> None:
    """Fetch nothing: a deletion has no content."""
