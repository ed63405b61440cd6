"""The end of the chain: a request goes over the link, and again over the next one, until it is answered."""

from __future__ import annotations

import asyncio
from copy import copy

from telethon import errors
from telethon.errors import AuthKeyNotFound
from telethon.network.mtprotosender import MTProtoSender
from telethon.tl import TLObject, TLRequest, functions
from telethon.tl.alltlobjects import LAYER

from tgbot.telegram.calls.call import Call
from tgbot.telegram.refusals import LOGIN_ENDED
from tgbot.telegram.updates.dispatch import waiting
from tgbot.telegram.wire.link import LinkState, making_login


class UntilAnswered:
    """Send a request; if the link or the login ends before the answer, send it again when both are back.

    Requests over other senders, and those that a login makes, are sent once. Time without a link does not
    count as the handler's own.
    """

    def __init__(
        self, main: MTProtoSender, state: LinkState, introduction: functions.InitConnectionRequest
    ) -> None:
        self._main = main
        self._state = state
        self._introduction = introduction

    async def call(self, call: Call) -> TLObject:
        try:
            return await self._answer(call.sender, call.request)
        except errors.ConnectionNotInitedError:
            self._state.fresh_session = True
            return await self._answer(call.sender, call.request)

    async def _answer(self, sender: MTProtoSender, request: TLRequest) -> TLObject:
        main, state = self._main, self._state
        if sender is main and state.fresh_session:
            state.fresh_session = False
            request = introduced(self._introduction, request)
        if sender is not main or making_login.get():
            return await sender.send(request)
        while True:
            future = None
            try:
                future = sender.send(request)
                if state.up.running:
                    return await future
                async with waiting():
                    return await future
            except LOGIN_ENDED:
                state.end_login()
            except (AuthKeyNotFound, OSError, BufferError):
                if state.closed:
                    raise
            except asyncio.CancelledError:
                # Telethon cancels the futures of unanswered requests when it disconnects. If the future was
                # cancelled but not this task, only the link ended.
                task = asyncio.current_task()
                if state.closed or future is None or not future.cancelled() or (task and task.cancelling()):
                    raise
            async with waiting():
                await state.ready.wait()


def introduced(introduction: functions.InitConnectionRequest, request: TLRequest) -> TLRequest:
    """Return the request wrapped in what an MTProto session begins with: our layer and `initConnection`."""
    introduction = copy(introduction)
    introduction.query = request
    wrapped = functions.InvokeWithLayerRequest(LAYER, introduction)
    wrapped.read_result = request.read_result
    return wrapped
