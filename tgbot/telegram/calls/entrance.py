"""The entrance of the chain: calls are made ready, and the time of the handler that asks stands still."""

from __future__ import annotations

from typing import Any

from telethon import TelegramClient, utils
from telethon.tl import TLObject, TLRequest, functions

from tgbot.telegram.calls.answers import answer_update, answered
from tgbot.telegram.calls.call import SENDS, Call, Caller, call_all, call_of, is_resolved
from tgbot.telegram.calls.named import any_id, name_send, next_id
from tgbot.telegram.peers import Peers
from tgbot.telegram.updates.events import current_handler
from tgbot.telegram.updates.job import Job, current_job
from tgbot.telegram.wire.link import Sender


class Entrance:
    """Make what Telethon's methods ask for: one request, or several.

    Their peers are resolved. Sends get their names, and what goes into the chat of the update that is handled
    becomes an answer to it.
    """

    def __init__(self, then: Caller, client: TelegramClient, peers: Peers) -> None:
        self._then = then
        self._client = client
        self._peers = peers
        #: How many messages were asked to be sent so far, for the pace of those that go to many people.
        self.sends = 0

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
                calls = [await self._call(sender, one, flood_threshold, job) for one in request]
                return await call_all(self._then, calls, ordered=ordered)
            call = await self._call(sender, request, flood_threshold, job)
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
        request, chat_id, job = call.request, call.chat_id, current_job.get()
        self.sends += 1
        if job is None:
            request.random_id = next_id(self._peers.self_id, chat_id, None, "") or any_id()
            return await self._then.call(call)
        job.pause()
        try:
            handler = current_handler.get()
            own, name = (True, "") if handler is None else (handler.own, handler.name)
            request.random_id = next_id(self._peers.self_id, chat_id, job, name) or any_id()
            if chat_id == job.dialog:
                answer_update(request, job, own=own)
            return await self._then.call(call)
        finally:
            if job.lent:
                await job.go_on()
            else:
                job.resume()

    async def _call(
        self, sender: Sender, request: TLRequest, flood_threshold: float, job: Job | None
    ) -> Call:
        if not is_resolved(request):
            await request.resolve(self._client, utils)
        call, handler = call_of(sender, request, flood_threshold), None
        if job is not None:
            handler = current_handler.get()
            if call.chat_id == job.dialog:
                answer_update(request, job, own=handler is None or handler.own)
        if type(request) in SENDS:
            name = "" if handler is None else handler.name
            self.sends += name_send(request, call.chat_id, self._peers.self_id, job, name)
        return call
