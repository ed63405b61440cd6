"""The messages of a hole that no difference fills, read one by one: who wrote a moment ago is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container
from typing import Protocol

from telethon.errors import AuthKeyNotFound
from telethon.tl import types

from tgbot.core.places import places
from tgbot.core.plural import counted
from tgbot.store.base import UpdateState
from tgbot.telegram.updates.history import GREATEST_ID, IDS_A_CALL, History
from tgbot.telegram.updates.portions import Portion
from tgbot.telegram.updates.requests import FailedError, LoginOverError
from tgbot.telegram.updates.sink import Sink

logger = logging.getLogger(__name__)

#: For how many seconds nothing may come before the reading is given up: differences wait meanwhile.
PATIENCE_SECONDS = 300.0


class Taken(Protocol):
    """Which messages were taken before."""

    #: The id of the newest message taken in order since the start, 0 for none.
    newest: int
    #: The ids of messages that were taken ahead of a hole.
    ahead: Container[int]


class Missed:
    """Read the messages in a hole of the account's log, and hand out those that came within `seconds`.

    `learn` is called with the first and the last id of the older ones, which nobody answers any more; the
    last may be above all messages.
    """

    def __init__(
        self,
        history: History,
        taken: Taken,
        *,
        now: Callable[[], float],
        seconds: float,
        learn: Callable[[int, int], object],
    ) -> None:
        self._history = history
        self._taken = taken
        self._now = now
        self._seconds = seconds
        self._learn = learn
        #: The pts before the hole that is read, and how many of its messages need nothing more.
        self._at, self._done = -1, 0

    async def hand_out(self, sink: Sink, before: UpdateState, pts: int) -> int:
        """Read the hole up to `pts`; return how many of its messages need nothing more.

        The messages are handed out in order of their ids, as if an earlier run had taken them, and hold the
        state at `before`. What fails is tried again for as long as anything comes, then given up and logged:
        its messages stay unanswered, and are learned.
        """
        if before.pts != self._at:  # else an earlier reading of the same hole was ended
            self._at, self._done = before.pts, 0
        first = self._taken.newest + 1
        ids = range(first, GREATEST_ID + 1)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS) as limit:
                above = await self._end(pts)
                ids = range(first, above)
                since = self._now() - self._seconds
                young = await self._history.first_since(first, above, since) if self._seconds > 0 else above
                self._learned(range(first, young))
                ids = range(young, above)
                while ids and sink.taking:
                    self._done += await self._page(ids[:IDS_A_CALL], since, sink, before)
                    ids = ids[IDS_A_CALL:]
                    limit.reschedule(None)
                    await sink.room()
                    limit.reschedule(asyncio.get_running_loop().time() + PATIENCE_SECONDS)
        except (LoginOverError, AuthKeyNotFound):
            raise  # the login is made again, and the difference requested again
        except Exception as error:
            why = error.name if isinstance(error, FailedError) else places(error)
            logger.error("the messages of a hole cannot be read (%s)", why)
            self._learned(ids)
        if self._done:
            logger.warning("%s of a hole read by their ids", counted(self._done, "message"))
        return self._done

    async def _end(self, pts: int) -> int:
        """Return the id of the first message behind the hole, or the one that comes next."""
        first = await self._history.first_after(pts)
        if first is not None:
            return first
        newest = await self._history.newest(self._taken.newest)
        # What came meanwhile is behind the hole.
        first = await self._history.first_after(pts)
        return newest + 1 if first is None else first

    async def _page(self, ids: range, since: float, sink: Sink, before: UpdateState) -> int:
        page = await self._history.read(ids)
        young = []
        for message in page.messages:
            if message.date.timestamp() < since:  # of many deleted messages it is not seen which are old
                self._learn(message.id, message.id)
            else:
                young.append(message)
        fresh = [message for message in young if message.id not in self._taken.ahead]
        updates = [types.UpdateNewMessage(message, 0, 0) for message in fresh]
        sink.hand_out([Portion(updates, page.users, page.chats, False)], before, replayed=True)
        return len(young)

    def _learned(self, ids: range) -> None:
        if ids:
            self._learn(ids[0], ids[-1])
