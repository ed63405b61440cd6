"""What the last run may have sent before it ended: read out of the first difference, up to a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from telethon.tl import types

from tgbot.telegram.updates.keys import own_message
from tgbot.telegram.updates.replies import Replies


class LookBack:
    """Collects our own messages of differences in `replies`; `done` is set once all that matter are in.

    `begin` with the server time (unix seconds) up to which they may be answers to updates that will be
    handled again; None if there are none.
    """

    def __init__(self, last_own: Callable[[int], int]) -> None:
        self.replies = Replies()
        self.done = asyncio.Event()
        self._last_own = last_own
        self._until: int | None = None

    def begin(self, until: int | None) -> None:
        self._until = until
        if until is None:
            self.done.set()

    def read(self, difference: Any) -> None:
        """Take in our own messages of a difference, before its updates are handled."""
        own = [own_message(m) for m in getattr(difference, "new_messages", ()) if m.out]
        if not own:
            return
        named = (u for u in difference.other_updates if isinstance(u, types.UpdateMessageID))
        random_ids = {update.id: update.random_id for update in named}
        # Told apart by content only, they may answer nothing but what an earlier run had begun.
        if random_ids or not self.done.is_set():
            # What a dialog had when it last finished an update answers that one or an earlier one. Asked
            # now, before anything is sent in this run: what is sent anew counts as own messages, too.
            new = (m for m in own if m and (random_ids or m.id > self._last_own(m.chat_id)))
            self.replies.add(new, random_ids)

    def passed(self, difference: Any) -> None:
        """Note that a difference was taken in; the last one, or one that reaches far enough, ends it."""
        if self.done.is_set():
            return
        if isinstance(difference, types.updates.DifferenceSlice):
            dates = [m.date for m in difference.new_messages if getattr(m, "date", None)]
            read_until = max((int(date.timestamp()) for date in dates), default=0)
            if self._until is None or read_until <= self._until:
                return
        self.done.set()
