"""The chat action that asks: `async with client.action(user, "typing")` raises Telegram's refusal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from telethon import TelegramClient
from telethon.hints import EntityLike
from telethon.tl import functions, types

from tgbot.telegram.refusals import answer_of


@dataclass(eq=False)
class ChatAction:
    """Show an action in a chat while its body runs.

    Unlike with Telethon's, the first `messages.setTyping` is sent and awaited on entering, and its error is
    raised there: an empty body is a probe, with exactly one request. With a longer body the action is shown
    again every `delay` seconds, and taken back at the end if `auto_cancel`.
    """

    client: TelegramClient
    entity: EntityLike
    action: types.TypeSendMessageAction
    delay: float
    auto_cancel: bool

    async def __aenter__(self) -> ChatAction:
        peer = await self.client.get_input_entity(self.entity)
        request = functions.messages.SetTypingRequest(peer, self.action)
        await self.client(request)
        self._body_waited = False
        self._task = asyncio.get_running_loop().create_task(self._show_again(request))
        return self

    async def __aexit__(self, *exc: object) -> None:
        waited = self._body_waited
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if waited and self.auto_cancel:
            cancel = functions.messages.SetTypingRequest(self.entity, types.SendMessageCancelAction())
            # The action fades by itself; an error here would hide the body's own.
            try:
                await self.client(cancel)
            except Exception as error:
                if answer_of(error) is None:
                    raise

    def progress(self, current: float, total: float) -> None:
        """Show how far an upload is; a `progress_callback` for Telethon's uploads."""
        if hasattr(self.action, "progress"):
            self.action.progress = round(100 * current / total) if total else 100

    async def _show_again(self, request: functions.messages.SetTypingRequest) -> None:
        # Reached only once the body waits: an empty body has nothing to take back.
        self._body_waited = True
        while True:
            await asyncio.sleep(self.delay)
            await self.client(request)
