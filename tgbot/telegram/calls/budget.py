"""The daily budget of username look-ups, beyond which Telegram would refuse all of them for a day."""

from __future__ import annotations

from telethon import errors
from telethon.tl import TLObject, functions

from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram.calls.call import Call, Caller


class LookupBudget:
    """Count each `contacts.resolveUsername`, and raise FloodWaitError instead of making one too many."""

    def __init__(self, then: Caller, session: DurableSession) -> None:
        self._then = then
        self._session = session

    async def call(self, call: Call) -> TLObject:
        if type(call.request) is functions.contacts.ResolveUsernameRequest:
            if wait := self._session.resolves_again_in():
                raise errors.FloodWaitError(request=call.request, capture=wait)
            self._session.count_resolve()
        return await self._then.call(call)
