"""What talks need of the bot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from telethon.tl import types

from tgbot.core.users import UserRegistry
from tgbot.locales.texts import Texts
from tgbot.messaging.sender import messages_of
from tgbot.telegram import BotClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What talks need of the bot."""

    client: BotClient
    users: UserRegistry
    texts: Texts
    #: Telegram's time in unix seconds.
    clock: Callable[[], float]
    #: Returns once everything that has changed so far is on disk.
    saved: Callable[[], Awaitable[None]]

    async def peer(self, chat_id: int) -> types.TypeInputPeer:
        """Return the chat with this marked id, as requests name it."""
        if chat_id > 0:
            return types.InputPeerUser(chat_id, self.client.session.access_hash(chat_id) or 0)
        return await self.client.get_input_entity(chat_id)

    async def send(self, chat_id: int, text: str, options: Mapping[str, object]) -> types.Message:
        """Send a text into a chat, in several messages if it is long, and return the last."""
        peer, sent = await self.peer(chat_id), None
        for part, chosen in messages_of(text, options):
            sent = await self.client.send_message(peer, part, **chosen)
        return sent
