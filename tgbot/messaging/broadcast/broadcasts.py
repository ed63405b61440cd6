"""All that can be done with broadcasts: what the command line, the chat and plugins call."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace
from telethon.tl import TLObject, functions

from tgbot.core.broadcasterrors import BroadcastStateError, DeletionTooLateError, PriceError
from tgbot.core.broadcasts import Action, Broadcast, Content, State
from tgbot.core.errors import ArgumentError
from tgbot.core.names import usernames_of
from tgbot.core.users import UserRegistry
from tgbot.messaging.broadcast import buttons as link_buttons
from tgbot.messaging.broadcast import progress, trial
from tgbot.messaging.broadcast.buttons import click
from tgbot.messaging.broadcast.content import Bot
from tgbot.messaging.broadcast.deleting import Deleting
from tgbot.messaging.broadcast.editing import Editing
from tgbot.messaging.broadcast.edits import edited
from tgbot.messaging.broadcast.kept import KeptBroadcasts
from tgbot.messaging.broadcast.plan import FREE, stars
from tgbot.messaging.broadcast.report import Deliveries
from tgbot.messaging.broadcast.runner import Runner, Work
from tgbot.messaging.broadcast.sending import Sending
from tgbot.messaging.broadcast.sources import known, prepare, renew
from tgbot.messaging.leftover import Leftover
from tgbot.store.base import Broadcasts as Stored
from tgbot.telegram import BotClient
from tgbot.telegram.calls.packed import Packed

#: Flood waits are raised at once: the broadcast has a rule of its own for them.
_RAISED: Final = -1.0


class Recipients:
    """Make the calls about recipients, past the rules for answers: random_ids and pace are their own."""

    def __init__(self, client: BotClient) -> None:
        self._call = client.direct.call
        self.access_hash: Callable[[int], int | None] = client.session.access_hash

    def deliver(self, send: Packed) -> Coroutine[object, object, TLObject]:
        return self._call(send, send.user_id, flood_threshold=_RAISED)

    async def delete(self, messages: Sequence[int]) -> int:
        """Delete messages in private chats, for both sides; return how many there still were."""
        request = functions.messages.DeleteMessagesRequest(list(messages), revoke=True)
        answer = await self._call(request, 0, flood_threshold=_RAISED)
        return int(answer.pts_count)


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
        #: What came of each delivery, for reports.
        self.deliveries: Deliveries = stored

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

    # ---- what was delivered --------------------------------------------------------------------

    async def edit(
        self,
        broadcast_id: int,
        contents: Mapping[str, Content] | None = None,
        *,
        buttons: Iterable[tuple[str, str]] | None = None,
    ) -> Broadcast:
        """Begin to edit what was delivered, once a broadcast is done or cancelled.

        `contents` are by language code. What was sent in a language gets the content of the same language,
        else the one of `""`, else it stays; buttons stay if None are given. A text replaces the caption of a
        picture, and of the first part of an album. Raise ContentError or SourceError for what Telegram cannot
        make of the messages.
        """
        before = self._states.delivered(broadcast_id, "edited")
        keyboard = None if buttons is None else link_buttons.checked(buttons, self._username())
        after = edited(before, await known(self._client, contents or {}), keyboard)
        return await self._states.correct(before, after)

    async def delete(self, broadcast_id: int) -> Broadcast:
        """Begin to delete what was delivered, for both sides, once a broadcast is done or cancelled.

        What Telegram no longer lets bots delete is left out (see `deletable`). Raise DeletionTooLateError if
        that is everything.
        """
        before = self._states.delivered(broadcast_id, "deleted")
        if not (await self.deletable(broadcast_id))["deletable"]:
            raise DeletionTooLateError(broadcast_id)
        return await self._states.correct(before, replace(before, action=Action.DELETE, edits={}))

    # ---- what is told --------------------------------------------------------------------------

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

    def _work(self, broadcast: Broadcast) -> Work:
        self._rate = rate = progress.Rate(time.monotonic)
        leftover, clock = self._leftover, self._clock
        if broadcast.action is Action.DELETE:
            return Deleting(
                broadcast,
                self._stored,
                client=self._recipients,
                turns=leftover.stream(),
                slow_down=leftover.slow_down,
                clock=clock,
                settled=rate.count,
            )
        if broadcast.action is Action.EDIT:
            return Editing(
                broadcast,
                self._stored,
                client=self._recipients,
                bot=self._bot(),
                turns=leftover.stream(broadcast.rate or None),
                slow_down=leftover.slow_down,
                load=self._load,
                fetch_again=partial(self._edits_fetched_again, broadcast.id),
                clock=clock,
                settled=rate.count,
            )
        return Sending(
            broadcast,
            self._stored,
            client=self._recipients,
            bot=self._bot(),
            users=self._registry,
            turns=leftover.stream(broadcast.rate * broadcast.parts or None),
            slow_down=leftover.slow_down,
            load=self._load,
            fetch_again=partial(self._fetched_again, broadcast.id),
            clock=clock,
            settled=rate.count,
        )

    async def _prepared(self, draft: Broadcast) -> Broadcast:
        return await prepare(self._client, draft)

    async def _fetched_again(self, broadcast_id: int) -> Broadcast:
        """Fetch the media of what is sent anew, and keep them."""
        contents = await renew(self._client, self.get(broadcast_id).contents)
        # The state may have changed while Telegram was asked.
        renewed = replace(self.get(broadcast_id), contents=contents)
        await self._stored.change(renewed)
        return renewed

    async def _edits_fetched_again(self, broadcast_id: int) -> Broadcast:
        """Fetch the media of edits anew, and keep them."""
        edits = await renew(self._client, self.get(broadcast_id).edits)
        renewed = replace(self.get(broadcast_id), edits=edits)
        await self._stored.change(renewed)
        return renewed

    def _bot(self) -> Bot:
        return Bot(self._client.me.id, self._username(), self._key)

    def _username(self) -> str:
        return next(iter(usernames_of(self._client.me)), "")
