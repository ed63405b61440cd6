"""The work of a broadcast that is sent: one delivery, from the recipient's access to its outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Final, Protocol

from telethon.tl import TLObject

from tgbot.core.access import Access
from tgbot.core.broadcasts import Broadcast, declines
from tgbot.core.deliveries import OUTCOME_OF, Chunk, Outcome, Wanted
from tgbot.core.users import UserRegistry
from tgbot.messaging.broadcast.attempts import Attempted, Attempts
from tgbot.messaging.broadcast.content import Bot, Contents
from tgbot.messaging.broadcast.passes import Delivery, Pass, load, places
from tgbot.messaging.broadcast.refusals import Refusal, refusal_of
from tgbot.store.base import Broadcasts as Stored
from tgbot.telegram.calls.packed import Packed, message_ids

#: Names of their own: a member of an enum is looked up slowly.
_WAITING: Final = int(Outcome.WAITING)
_REACHABLE: Final = Access.REACHABLE

#: What is said when Telegram refuses the content.
REFUSED: Final = (
    "Telegram refused the message for all who had their turn lately ({}): send another message in a new "
    "broadcast, or resume this one if the reason has passed"
)


class Client(Protocol):
    """What is needed of the client."""

    def deliver(self, send: Packed, /) -> Coroutine[object, object, TLObject]: ...

    def access_hash(self, user_id: int, /) -> int | None: ...


class Turns(Protocol):
    """When calls may go out (see `messaging.leftover`)."""

    async def turn(self, messages: int = 1) -> None: ...


class Sending(Attempted):
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
        self._started = broadcast.started or 0
        self._until = broadcast.until
        self._messages = broadcast.parts
        self._contents = Contents(broadcast, bot)
        self._store = store
        self._client = client
        self._bot = bot
        self._users = users
        self._turns = turns
        self._load = load
        self._fetch_again = fetch_again
        self._clock = clock
        self._settled = settled
        self._pass = Pass(self)
        self._attempts = Attempts(
            broadcast.id,
            self._pass,
            refused=REFUSED,
            slow_down=slow_down,
            give_up=self._give_up,
            fetch=self._renew,
            clock=clock,
            succeeded=store.tally(broadcast.id).count(Outcome.SENT) > 0,
        )

    # ---- the work of the pass ------------------------------------------------------------------

    async def next(self, after: int) -> tuple[Chunk, Sequence[int]] | None:
        chunk = await self._store.next_chunk(self._id, after, wanted=Wanted.WAITING)
        if chunk is None:
            return None
        waiting = places(chunk, Wanted.WAITING)
        await load(self._load, [chunk.ids[index] for index in waiting])
        return chunk, waiting

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
            access, since, _, _ = user.verdict(now)
            if access is _REACHABLE or access is Access.UNKNOWN:
                return True
            if since is not None and since >= self._started:
                # They may have got it before, and the bot was killed before it knew. Telegram knows.
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
        fetched = self._attempts.fetched
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
            self._attempts.succeed()
            return
        # Outside of the block: what is awaited here does not hold the error.
        await self._attempts.take(deliveries, refusal, fetched)

    # ---- outcomes --------------------------------------------------------------------------------

    def _give_up(self, delivery: Delivery, refusal: Refusal) -> None:
        outcome, now = refusal.outcome, int(self._clock())
        error = refusal.name if outcome is Outcome.FAILED else ""
        self._store.settle(self._id, delivery.chunk, delivery.place, outcome, now, error=error)
        self._settled()

    async def _renew(self) -> None:
        self._contents = Contents(await self._fetch_again(), self._bot)
