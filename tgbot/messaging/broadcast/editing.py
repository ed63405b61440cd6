"""The work of a broadcast whose messages are edited: one message, from the edit to what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from tgbot.core.broadcasts import Broadcast
from tgbot.core.deliveries import Chunk, Correction, Outcome, Wanted
from tgbot.messaging.broadcast.attempts import Attempted, Attempts
from tgbot.messaging.broadcast.content import Bot, edit_for
from tgbot.messaging.broadcast.passes import Delivery, Pass, load, places
from tgbot.messaging.broadcast.refusals import Refusal, refusal_of
from tgbot.messaging.broadcast.sending import Client, Turns
from tgbot.store.base import Broadcasts as Stored
from tgbot.telegram.calls.packed import EditForm

#: Numbers, because a member of an enum is looked up slowly.
_SENT: Final = int(Outcome.SENT)
_NONE: Final = int(Correction.NONE)
#: What Telegram says of an edit that was made before.
_DONE: Final = "MESSAGE_NOT_MODIFIED"
#: What it says of a message that is not there.
_GONE: Final = "MESSAGE_ID_INVALID"
#: What is said when Telegram refuses the new content.
REFUSED: Final = (
    "Telegram refused the edit for all who had their turn lately ({}): edit it in another way, or resume "
    "this one if the reason has passed"
)


class Editing(Attempted):
    """Edit the message that each recipient got, and settle what came of it.

    An edit that is made twice changes nothing, so it may be made again after a kill.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        store: Stored,
        *,
        client: Client,
        bot: Bot,
        turns: Turns,
        slow_down: Callable[[float], None],
        load: Callable[[Iterable[int]], Awaitable[None]],
        fetch_again: Callable[[], Awaitable[Broadcast]],
        clock: Callable[[], float],
        settled: Callable[[], None],
    ) -> None:
        """`fetch_again` fetches copied contents anew; `settled` is told of each edit that was answered."""
        self.many = 1
        self._id = broadcast.id
        self._bot = bot
        self._forms = self._made(broadcast)
        self._store = store
        self._client = client
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
            succeeded=store.tally(broadcast.id).corrected > 0,
        )

    # ---- the work of the pass ------------------------------------------------------------------

    async def next(self, after: int) -> tuple[Chunk, Sequence[int]] | None:
        chunk = await self._store.next_chunk(self._id, after, wanted=Wanted.UNCORRECTED)
        if chunk is None:
            return None
        wanted = places(chunk, Wanted.UNCORRECTED)
        # For their access hashes.
        await load(
            self._load, [chunk.ids[index] for index in wanted if chunk.languages[index] in self._forms]
        )
        return chunk, wanted

    def wants(self, delivery: Delivery) -> bool:
        """Return whether there is a message to edit; if not, that is settled."""
        chunk, index, _ = delivery
        if chunk.outcomes[index] != _SENT or chunk.corrections[index] != _NONE:
            return False
        if chunk.languages[index] not in self._forms:
            self._store.correct(self._id, chunk, index, Correction.UNTOUCHED)
            return False
        if not chunk.messages_of(index)[0]:
            self._store.correct(self._id, chunk, index, Correction.REFUSED, error=_GONE)
            return False
        return True

    async def turn(self) -> None:
        await self._turns.turn()

    async def do(self, deliveries: Sequence[Delivery]) -> None:
        ((chunk, index, _),) = deliveries
        user_id, message = chunk.ids[index], chunk.messages_of(index)[0]
        fetched = self._attempts.fetched
        form = self._forms[chunk.languages[index]]
        try:
            await self._client.deliver(form.to(user_id, self._client.access_hash(user_id) or 0, message))
        except Exception as error:
            refusal = refusal_of(error, int(self._clock()))
            if refusal is None:
                raise
        else:
            refusal = None
        if refusal is None or refusal.name == _DONE:
            self._store.correct(self._id, chunk, index, Correction.DONE)
            self._settled()
            self._attempts.succeed()
        else:
            await self._attempts.take(deliveries, refusal, fetched)

    # ---- outcomes --------------------------------------------------------------------------------

    def _give_up(self, delivery: Delivery, refusal: Refusal) -> None:
        self._store.correct(self._id, delivery.chunk, delivery.place, Correction.REFUSED, error=refusal.name)
        self._settled()

    async def _renew(self) -> None:
        self._forms = self._made(await self._fetch_again())

    def _made(self, broadcast: Broadcast) -> dict[int, EditForm]:
        """Return the edit for each language that is edited, by its number in the chunks."""
        return {
            number: EditForm(edit_for(broadcast, broadcast.edits[code], self._bot))
            for number, code in enumerate(broadcast.languages, 1)
            if code in broadcast.edits
        }
