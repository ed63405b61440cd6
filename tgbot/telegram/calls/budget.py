"""The daily budget of username look-ups, beyond which Telegram would refuse all of them for a day."""

from __future__ import annotations

from typing import Protocol

from telethon import errors
from telethon.tl import TLObject, functions

from tgbot.telegram.calls.call import Call, Caller


class Budget(Protocol):
    """Count the look-ups of the last 24 hours."""

    def resolves_again_in(self) -> int:
        """Return after how many seconds one more look-up is allowed, 0 for now."""

    def count_resolve(self) -> None:
        """Count one look-up."""


class LookupBudget:
    """Count each `contacts.resolveUsername`, and raise FloodWaitError instead of making one too many."""

    def __init__(self, then: Caller, budget: Budget) -> None:
        self._then = then
        self._budget = budget

    async def call(self, call: Call) -> TLObject:
        if type(call.request) is functions.contacts.ResolveUsernameRequest:
            wait = self._budget.resolves_again_in()
            if wait:
                raise errors.FloodWaitError(request=call.request, capture=wait)
            self._budget.count_resolve()
        return await self._then.call(call)
