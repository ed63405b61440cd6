"""The chat action that asks: `async with client.action(user, "typing")` raises what Telegram answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from telethon import errors
from telethon.client.chats import _ChatAction
from telethon.tl import functions, types


class ChatAction(_ChatAction):
    """Shows an action in a chat while its body runs.

    Unlike Telethon's, the first `messages.setTyping` is sent and awaited on entering, and an error of it is
    raised there: an empty body is a probe, with exactly one request. A longer body shows the action again
    every few seconds, and takes it back at the end unless told otherwise.
    """

    _chat: Any

    async def __aenter__(self) -> ChatAction:
        self._chat = await self._client.get_input_entity(self._chat)
        self._request = functions.messages.SetTypingRequest(self._chat, self._action)
        await self._client(self._request)
        self._running = True
        self._shown_again = False
        self._task = self._client.loop.create_task(self._update())
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self._running = False
        task, self._task = self._task, None
        if task is None:
            return
        started = self._shown_again
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if started and self._auto_cancel:
            # The action fades by itself; an error here would hide the body's own.
            with suppress(errors.RPCError):
                await self._client(
                    functions.messages.SetTypingRequest(self._chat, types.SendMessageCancelAction())
                )

    async def _update(self) -> None:
        # Set only once the body gave the loop a turn: an empty body has nothing to take back.
        self._shown_again = True
        while self._running:
            await asyncio.sleep(self._delay)
            await self._client(self._request)
