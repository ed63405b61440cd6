"""All that can be done with broadcasts: what the command line, the chat and plugins call."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Final

from msgspec.structs import replace
from telethon.tl import TLObject

from tgbot.core.broadcasts import Action, Broadcast, State
from tgbot.core.errors import ArgumentError, BroadcastStateError, PriceError
from tgbot.core.names import usernames_of
from tgbot.core.users import UserRegistry
from tgbot.messaging.broadcast import progress, trial
from tgbot.messaging.broadcast.buttons import click
from tgbot.messaging.broadcast.content import Bot
from tgbot.messaging.broadcast.kept import KeptBroadcasts
from tgbot.messaging.broadcast.plan import FREE, stars
from tgbot.messaging.broadcast.runner import Runner
from tgbot.messaging.broadcast.sending import Sending
from tgbot.messaging.broadcast.sources import prepare, renew
from tgbot.messaging.leftover import Leftover
from tgbot.store.base import Broadcasts as Stored
from tgbot.telegram import BotClient
from tgbot.telegram.calls.packed import Packed

#: Flood waits are raised at once: the broadcast has a rule of its own for them.
_RAISED: Final = -1.0


class Recipients:
    """Make the sends to recipients, past the rules for answers: they have their random_ids and own pace."""

    def __init__(self, client: BotClient) -> None:
        self._call = client.direct.call
        self.access_hash: Callable[[int], int | None] = client.session.access_hash

    def deliver(self, send: Packed) -> Coroutine[object, object, TLObject]:
        return self._call(send, send.user_id, flood_threshold=_RAISED)


class Broadcasts(KeptBroadcasts):
    """Make broadcasts, carry them out, and tell how far they are."""

    def __init__(
        self,
        client: BotClient,
        stored: Stored,
        users: UserRegistry,
        leftover: Leftover,
        *,
        pace: float,
        admins: Collection[int],
        key: bytes,
        load: Callable[[Iterable[int]], Awaitable[None]],
        checkpoint: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        """`pace` is how many messages a second the bot may send, `key` signs start payloads."""
        super().__init__(
            stored, users, pace=pace, username=self._username, checkpoint=checkpoint, clock=clock
        )
        self._client = client
        self._registry = users
        self._leftover = leftover
        self._admins = admins
        self._key = key
        self._load = load
        self._recipients = Recipients(client)
        self._rate = progress.Rate(time.monotonic)
        self._runner = Runner(stored, self._states, self._work, clock=clock)
        #: Carries them out until it is cancelled or closed.
        self.run = self._runner.run
        #: Lets nothing more go out, and waits for what is under way, for so many seconds at most.
        self.close = self._runner.close
        #: Looks at states and times at once.
        self.look = self._runner.look

    # ---- drafts --------------------------------------------------------------------------------

    async def test(
        self, broadcast_id: int, user_ids: Collection[int] = (), *, language: str | None = None
    ) -> dict[int, str]:
        """Send a draft to these users, by default to the bot's admins; return "sent" or an error for each.

        A second test is sent again. `language` is the one to be sent, None for each user's own.
        """
        testers = user_ids or self._admins
        if not testers:
            raise ArgumentError("to", "the bot has no admins, so name who gets the test")
        draft = self._states.check(broadcast_id, "tested", State.DRAFT, State.SCHEDULED)
        prepared = await self._prepared(draft)
        # On disk before it is sent: the next test is another message, also after a kill.
        tested = replace(self.get(broadcast_id), tests=draft.tests + 1)
        await self._stored.change(tested)
        return await trial.send_to(
            replace(tested, contents=prepared.contents),
            testers,
            client=self._recipients,
            bot=self._bot(),
            users=self._registry,
            turns=self._leftover.stream(),
            clock=self._clock,
            language=language,
        )

    # ---- states --------------------------------------------------------------------------------

    async def start(self, broadcast_id: int, *, now: bool = False, stars_agreed: int = 0) -> Broadcast:
        """Begin a draft, at its time if it has one: its contents and its audience do not change any more.

        With `now` it does not wait for its time. Raise PriceError if it may cost more than was agreed.
        """
        draft = self._states.check(broadcast_id, "started", State.DRAFT, State.SCHEDULED)
        prepared = await self._prepared(draft)
        if prepared.paid:
            survey = await self._stored.survey(prepared.audience, self._clock())
            price = stars(prepared, survey.size, self._pace)
            if price > stars_agreed:
                raise PriceError(broadcast_id, price, int(FREE))
        if self.get(broadcast_id) != draft:
            raise BroadcastStateError(
                broadcast_id, "changed meanwhile", "started", "look at it and try again"
            )
        return await self._states.start(prepared, now=now)

    def status(self, broadcast_id: int) -> dict[str, object]:
        """Return how far a broadcast is, as JSON holds it."""
        broadcast = self.get(broadcast_id)
        return progress.status(
            broadcast,
            self._stored.tally(broadcast_id),
            rate=self._rate.per_second(),
            behind=self._runner.before(broadcast),
            flood_wait=self._leftover.paused(),
            now=self._clock(),
        )

    async def clicked(self, user_id: int, payload: str) -> str | None:
        """Count a click, if this start payload is of a broadcast's button; return the button's own payload.

        Return None for any other payload. A recipient's click counts once for each button.
        """
        found = click(payload, self._key)
        if found is None:
            return None
        broadcast = self._stored.get(found.broadcast)
        if broadcast is not None and found.is_of(broadcast):
            place = await self._stored.find(found.broadcast, user_id)
            if place is not None:
                self._stored.click(found.broadcast, *place, found.button)
        return found.payload

    # ---- what is carried out -------------------------------------------------------------------

    def _work(self, broadcast: Broadcast) -> Sending:
        assert broadcast.action is Action.SEND
        self._rate = progress.Rate(time.monotonic)

        async def fetch_again() -> Broadcast:
            contents = await renew(self._client, self.get(broadcast.id).contents)
            # The state may have changed while Telegram was asked.
            renewed = replace(self.get(broadcast.id), contents=contents)
            await self._stored.change(renewed)
            return renewed

        return Sending(
            broadcast,
            self._stored,
            client=self._recipients,
            bot=self._bot(),
            users=self._registry,
            turns=self._leftover.stream(broadcast.rate * broadcast.parts or None),
            slow_down=self._leftover.slow_down,
            load=self._load,
            fetch_again=fetch_again,
            clock=self._clock,
            settled=self._rate.count,
        )

    async def _prepared(self, draft: Broadcast) -> Broadcast:
        return await prepare(self._client, draft)

    def _bot(self) -> Bot:
        return Bot(self._client.me.id, self._username(), self._key)

    def _username(self) -> str:
        return next(iter(usernames_of(self._client.me)), "")
