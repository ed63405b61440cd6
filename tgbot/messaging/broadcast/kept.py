"""Broadcasts as they are kept: what can be done with them without Telegram, also while no bot runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, Unpack

from tgbot.core.broadcasterrors import SourceUnreadError
from tgbot.core.broadcasts import Broadcast, Content, State
from tgbot.core.users import Counts
from tgbot.messaging.broadcast import progress
from tgbot.messaging.broadcast.deleting import ages
from tgbot.messaging.broadcast.drafts import Drafts, Fields
from tgbot.messaging.broadcast.plan import plan
from tgbot.messaging.broadcast.states import States
from tgbot.store.base import Broadcasts as Stored


class Users(Protocol):
    """What is asked of the users."""

    def count(self) -> Counts: ...


class KeptBroadcasts:
    """Make and change broadcasts, and tell how far they are.

    Each method raises BroadcastUnknownError for a number that there is not, and BroadcastStateError where the
    state does not allow it. What they return is on disk. Times are unix seconds of Telegram's clock.
    """

    def __init__(
        self,
        stored: Stored,
        users: Users,
        *,
        pace: float,
        username: Callable[[], str],
        checkpoint: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        """`pace` is how many messages a second the bot may send, `username` its own, "" for none."""
        self._stored = stored
        self._users = users
        self._pace = pace
        self._clock = clock
        self._drafts = Drafts(stored, username, clock=clock)
        self._states = States(stored, checkpoint=checkpoint, clock=clock)
        #: Keeps a new draft.
        self.create = self._drafts.create
        #: Let nothing more go out; go on; stop for good.
        self.pause = self._states.pause
        self.resume = self._states.resume
        self.cancel = self._states.cancel
        self.get = self._states.get

    def all(self) -> list[Broadcast]:
        """Return all broadcasts in the order of their numbers."""
        return self._stored.all()

    async def change(
        self,
        broadcast_id: int,
        *,
        contents: Mapping[str, Content] | None = None,
        **fields: Unpack[Fields],
    ) -> Broadcast:
        """Change a draft; what is not named stays. Each change makes another message of it."""
        draft = self._states.check(broadcast_id, "changed", State.DRAFT)
        return await self._drafts.change(draft, contents, fields)

    async def plan(self, broadcast_id: int) -> dict[str, object]:
        """Return who would get it if it began now, who would not and why, how long it takes, and its cost."""
        draft = await self._prepared(self.get(broadcast_id))
        survey = await self._stored.survey(draft.audience, self._clock())
        return plan(draft, survey, self._users.count(), self._pace)

    def status(self, broadcast_id: int) -> dict[str, object]:
        """Return how far a broadcast is, as JSON holds it."""
        broadcast, tally = self.get(broadcast_id), self._stored.tally(broadcast_id)
        return progress.status(broadcast, tally, rate=0.0, behind=None, flood_wait=0.0, now=self._clock())

    async def deletable(self, broadcast_id: int) -> dict[str, object]:
        """Return how much of what was delivered Telegram lets the bot delete now, and why not the rest."""
        sent, too_old = await ages(self._stored, self.get(broadcast_id), self._clock())
        reason = "sent more than 48 hours ago: Telegram lets bots delete only newer messages"
        return {
            "id": broadcast_id,
            "sent": sent,
            "deletable": sent - too_old,
            "too_old": too_old,
            "reason": reason if too_old else "",
        }

    async def remove(self, broadcast_id: int) -> None:
        """Delete all that is kept of a draft, or of a broadcast that has ended."""
        await self._states.remove(broadcast_id)

    async def _prepared(self, draft: Broadcast) -> Broadcast:
        """Return a broadcast whose contents are known; raise SourceUnreadError if they are not."""
        if not all(content.parts for content in draft.contents.values()):
            raise SourceUnreadError(draft.id)
        return draft
