"""The entrance of the chain: peers are resolved, and the time of the handler that asks stands still."""

from __future__ import annotations

from typing import Any

from telethon import TelegramClient, utils
from telethon.tl import TLObject, TLRequest, functions

from tgbot.telegram.calls.answers import answered, answering
from tgbot.telegram.calls.call import Call, Caller, call_all, call_of, is_resolved
from tgbot.telegram.updates.job import current_job
from tgbot.telegram.wire.link import Sender


class Entrance:
    """Make what Telethon's methods ask for: one request, or several."""

    def __init__(self, then: Caller, client: TelegramClient) -> None:
        self._then = then
        self._client = client

    async def make(
        self,
        sender: Sender,
        request: Any,  # Any: a TLRequest, or several
        *,
        ordered: bool,
        flood_threshold: float,
    ) -> TLObject | list[TLObject]:
        """Return Telegram's answer, or answers; raise its error, or MultiError with all that came."""
        job = current_job.get()
        if job is not None:
            job.pause()
        try:
            if utils.is_list_like(request):
                calls = [await self._call(sender, one, flood_threshold) for one in request]
                return await call_all(self._then, calls, ordered=ordered)
            call = await self._call(sender, request, flood_threshold)
            if type(request) is functions.messages.SetBotCallbackAnswerRequest:
                return await answered(self._then, call)
            return await self._then.call(call)
        finally:
            if job is not None and job.lent:
                await job.go_on()
            elif job is not None:
                job.resume()

    async def send(self, call: Call) -> TLObject:
        """Return Telegram's answer to a plain text; raise its error."""
        job = current_job.get()
        if job is None:
            return await self._then.call(call)
        job.pause()
        try:
            return await self._then.call(answering(call))
        finally:
            if job.lent:
                await job.go_on()
            else:
                job.resume()

    async def _call(self, sender: Sender, request: TLRequest, flood_threshold: float) -> Call:
        if not is_resolved(request):
            await request.resolve(self._client, utils)
        return answering(call_of(sender, request, flood_threshold))
