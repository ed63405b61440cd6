"""The work of a broadcast that is sent: one delivery, from the recipient's access to its outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Final, Protocol

from telethon.tl import TLObject

from tgbot.core.access import Access
from tgbot.core.broadcasts import Broadcast, declines
from tgbot.core.deliveries import OUTCOME_OF, Chunk, Outcome, Wanted
from tgbot.core.errors import SourceError
from tgbot.core.users import UserRegistry
from tgbot.messaging.broadcast.content import Bot, Contents
from tgbot.messaging.broadcast.passes import Delivery, Pass
from tgbot.messaging.broadcast.refusals import Refusal, Subject, refusal_of
from tgbot.store.base import Broadcasts as Stored
from tgbot.telegram.calls.packed import Packed, message_ids

logger = logging.getLogger(__name__)

#: Names of their own: a member of an enum is looked up slowly.
_WAITING: Final = int(Outcome.WAITING)
_REACHABLE: Final = Access.REACHABLE

#: How many recipients are read between two turns of the event loop.
_LOADED: Final = 40
#: Seconds before a delivery is tried again that failed with a fault of Telegram's or of the link; after the
#: last one it has failed.
PAUSES: Final = (2.0, 10.0, 60.0, 300.0)
#: After so many faults in a row, with no success between, Telegram is taken to be out of order: no delivery
#: is given up for that, and there are pauses between the attempts.
OUTAGE: Final = 20
#: Which of `PAUSES` is the longest one then.
LONGEST: Final = 2
#: So many refusals of the content in a row, with no success between, pause the broadcast.
REFUSALS: Final = 5
#: A delivery for which the content had to be fetched so often has failed.
FETCHES: Final = 3


class Client(Protocol):
    """What is needed of the client."""

    def deliver(self, send: Packed, /) -> Coroutine[object, object, TLObject]: ...

    def access_hash(self, user_id: int, /) -> int | None: ...


class Turns(Protocol):
    """When calls may go out (see `messaging.leftover`)."""

    async def turn(self, messages: int = 1) -> None: ...


class Sending:
    """Send a broadcast to one recipient after another, each once, and settle what came of it.

    It stops at the deadline, and after `REFUSALS` of the content.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        store: Stored,
        *,
        client: Client,
        bot: Bot,
        users: UserRegistry,
        turns: Turns,
        slow_down: Callable[[float], None],
        load: Callable[[Iterable[int]], Awaitable[None]],
        fetch_again: Callable[[], Awaitable[Broadcast]],
        clock: Callable[[], float],
        settled: Callable[[], None],
    ) -> None:
        """`fetch_again` fetches copied contents anew; `settled` is told of each outcome that a call has."""
        self.many = 1
        self._id = broadcast.id
        self._until = broadcast.until
        self._messages = broadcast.parts
        self._contents = Contents(broadcast, bot)
        self._store = store
        self._client = client
        self._bot = bot
        self._users = users
        self._turns = turns
        self._slow_down = slow_down
        self._load = load
        self._fetch_again = fetch_again
        self._clock = clock
        self._settled = settled
        #: Refused for the content since the last success: delivery, and the name of the error.
        self._refused: list[tuple[Delivery, str]] = []
        #: Whether anybody got the message, and how many faults came in a row.
        self._succeeded, self._faults = store.tally(broadcast.id).count(Outcome.SENT) > 0, 0
        #: How many pauses there were in a row for that, and when the last one ends by the loop's clock.
        self._outages, self._next_try = 0, 0.0
        self._monotonic = asyncio.get_running_loop().time
        #: Counts how often the content was fetched; one fetches at a time.
        self._fetched, self._fetching = 0, asyncio.Lock()
        #: Before this moment it is not fetched.
        self._next_fetch = 0.0
        self._pass = Pass(self)

    @property
    def stopped(self) -> bool:
        return self._pass.stopped

    def stop(self) -> None:
        self._pass.stop()

    async def run(self) -> str:
        """Send until all is done or the pass is stopped; return why it stopped itself, "" for nothing."""
        await self._pass.run()
        if self._refused and not self._pass.stopped:
            if not self._succeeded:
                return _refusal_in_words(self._refused[0][1])
            self._settle_refused()
        return self._pass.reason

    # ---- the work of the pass ------------------------------------------------------------------

    async def next(self, after: int) -> tuple[Chunk, Sequence[int]] | None:
        chunk = await self._store.next_chunk(self._id, after, wanted=Wanted.WAITING)
        if chunk is None:
            return None
        places: list[int] = []
        index = chunk.find(Wanted.WAITING)
        while index >= 0:
            places.append(index)
            index = chunk.find(Wanted.WAITING, index + 1)
        for start in range(0, len(places), _LOADED):
            await self._load([chunk.ids[index] for index in places[start : start + _LOADED]])
            await asyncio.sleep(0)  # others have their turn: a read takes about 25 µs for each
        return chunk, places

    def wants(self, delivery: Delivery) -> bool:
        """Return whether a recipient gets it still; if not, the outcome is settled."""
        chunk, index, _ = delivery
        if chunk.outcomes[index] != _WAITING:
            return False
        now = self._clock()
        user = self._users.get(chunk.ids[index])
        if user is None:  # a registry that was put back, or half of /forget
            outcome = Outcome.NOT_ALLOWED
        elif declines(user):
            outcome = Outcome.NO_NEWS
        else:
            access = user.verdict(now).access
            if access is _REACHABLE or access is Access.UNKNOWN:
                return True
            outcome = OUTCOME_OF[access]
        self._store.settle(self._id, chunk, index, outcome, int(now))
        return False

    async def turn(self) -> None:
        await self._turns.turn(self._messages)

    async def do(self, deliveries: Sequence[Delivery]) -> None:
        (delivery,) = deliveries
        chunk, index, _ = delivery
        user_id, now = chunk.ids[index], int(self._clock())
        if self._until is not None and now >= self._until:
            self._pass.stop()
            return
        fetched = self._fetched
        user, access_hash = self._users.get(user_id), self._client.access_hash(user_id) or 0
        send, random_ids, language = self._contents.to(user_id, access_hash, user.spoken if user else None)
        try:
            answer = await self._client.deliver(send)
        except Exception as error:
            refusal = refusal_of(error, now)
            if refusal is None:
                raise
        else:
            self._store.settle(
                *(self._id, chunk, index, Outcome.SENT, now),
                language=language,
                messages=message_ids(answer, random_ids),
            )
            self._settled()
            self._faults = self._outages = 0
            self._succeeded = True
            if self._refused:
                self._settle_refused()
            return
        # Outside of the block: what is awaited here does not hold the error.
        await self._take(refusal, delivery, now, fetched)

    # ---- what came instead of an answer ---------------------------------------------------------

    async def _take(self, refusal: Refusal, delivery: Delivery, now: int, fetched: int) -> None:
        chunk, index, attempts = delivery
        about, name = refusal.about, refusal.name
        if about is Subject.RECIPIENT:
            self._settle(chunk, index, refusal.outcome, now, name)
        elif about is Subject.RATE:
            self._slow_down(refusal.wait)
            self._pass.again(delivery, 0.0)
        elif about is Subject.FILE and attempts < FETCHES:
            await self._renew(delivery, fetched)
        elif about is Subject.MOMENT:
            self._later(delivery, name, now)
        else:
            self._refused.append((delivery, name))
            if len(self._refused) >= REFUSALS:
                self._pass.stop(_refusal_in_words(name))

    def _later(self, delivery: Delivery, name: str, now: int) -> None:
        self._faults += 1
        attempts = delivery.attempts
        if self._faults >= OUTAGE:
            # Everything fails: more of it would say nothing of this delivery.
            present = self._monotonic()
            if present >= self._next_try:
                seconds = PAUSES[min(self._outages, LONGEST)]
                self._outages += 1
                self._next_try = present + seconds
                self._slow_down(seconds)
                logger.warning(
                    "broadcast %d: Telegram has a fault (%s); a pause of %g s", self._id, name, seconds
                )
            self._pass.again(delivery, self._next_try - present)
        elif attempts < len(PAUSES):
            self._pass.again(delivery._replace(attempts=attempts + 1), PAUSES[attempts])
        else:
            self._settle(delivery.chunk, delivery.place, Outcome.FAILED, now, name)

    async def _renew(self, delivery: Delivery, fetched: int) -> None:
        """Have the content fetched again, once for all whose deliveries were refused for it."""
        async with self._fetching:
            wait = self._next_fetch - self._monotonic()
            if fetched == self._fetched and wait <= 0 and not self._pass.stopped:
                wait = await self._fetch()
                self._next_fetch = self._monotonic() + wait
        if fetched != self._fetched:
            self._pass.again(delivery._replace(attempts=delivery.attempts + 1), 0.0)
        else:
            self._pass.again(delivery, max(0.0, wait))

    async def _fetch(self) -> float:
        """Fetch the content again; return in how many seconds to try that once more, 0 if it was done."""
        try:
            self._contents = Contents(await self._fetch_again(), self._bot)
        except SourceError as error:
            self._pass.stop(str(error))
        except Exception as error:
            refusal = refusal_of(error, int(self._clock()))
            if refusal is None or refusal.about is Subject.CONTENT:
                raise
            logger.warning("broadcast %d: its message cannot be fetched now (%s)", self._id, refusal.name)
            return refusal.wait or PAUSES[1]
        else:
            self._fetched += 1
        return 0.0

    # ---- outcomes --------------------------------------------------------------------------------

    def _settle(self, chunk: Chunk, index: int, outcome: Outcome, now: int, name: str) -> None:
        error = name if outcome is Outcome.FAILED else ""
        self._store.settle(self._id, chunk, index, outcome, now, error=error)
        self._settled()

    def _settle_refused(self) -> None:
        """Others got the message meanwhile: what was refused has failed."""
        refused, self._refused = self._refused, []
        now = int(self._clock())
        for delivery, name in refused:
            self._settle(delivery.chunk, delivery.place, Outcome.FAILED, now, name)


def _refusal_in_words(name: str) -> str:
    return (
        f"Telegram refused the message for all who had their turn lately ({name}): send another message in "
        "a new broadcast, or resume this one if the reason has passed"
    )
