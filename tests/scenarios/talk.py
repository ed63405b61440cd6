"""A person's side of a private chat: what they say, and the answers of the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from telethon import events
from telethon.tl import functions

from tests.patience import PATIENCE as PATIENCE


class Talk:
    """One person and the bot; `chat` is the username that the person writes to."""

    def __init__(self, client: Any, chat: Any = "the_bot") -> None:
        self.client = client
        self.chat = chat
        self._heard: asyncio.Queue[Any] = asyncio.Queue()
        client.add_event_handler(self._hear, events.NewMessage(incoming=True))

    async def _hear(self, event: Any) -> None:
        self._heard.put_nowait(event.message)

    @property
    def id(self) -> int:
        return int(self.client._self_id)

    async def say(self, text: str, **options: Any) -> Any:
        """Send a message without changes, and return it."""
        return await self.client.send_message(self.chat, text, parse_mode=None, **options)

    async def hears_message(self) -> Any:
        """Return the next message of the bot."""
        async with asyncio.timeout(PATIENCE):
            return await self._heard.get()

    async def hears(self) -> str:
        """Return the text of the next message of the bot."""
        return str((await self.hears_message()).raw_text)

    async def ask(self, text: str, **options: Any) -> str:
        """Send a message, and return the text of the next message of the bot."""
        await self.say(text, **options)
        return await self.hears()

    async def said_nothing_before(self, text: str = "/help") -> bool:
        """Return whether the next message answers a command that is always answered."""
        answer = await self.ask(text)
        return answer.startswith(("Hello! I am a bot", "Здравствуйте! Я бот"))


async def press(talk: Talk, message: Any, label: str) -> Any:
    """Press the button with this label, as an app does, and return the bot's notice."""
    (button,) = [one for row in message.buttons for one in row if one.text.removeprefix("✓ ") == label]
    request = functions.messages.GetBotCallbackAnswerRequest(talk.chat, message.id, data=button.data)
    return await talk.client(request)


async def now_reads(talk: Talk, message: Any) -> Any:
    """Return the message as it is now."""
    return await talk.client.get_messages(talk.chat, ids=message.id)


async def until(so: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Return as soon as `so()` is true; fail after `patience` seconds. For effects without a message."""
    async with asyncio.timeout(patience):
        while not so():  # noqa: ASYNC110 - a registry has no event to wait for
            await asyncio.sleep(0.01)
