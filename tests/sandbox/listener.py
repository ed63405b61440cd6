"""A plain bot that records what is pushed to it."""

import asyncio
from typing import Any

from telethon.tl import functions, types

from tests.patience import PATIENCE
from tgbot.sandbox.server import Sandbox


class Listener:
    """A plain bot that records the updates it gets, and a user who writes to it without checks."""

    def __init__(self, sandbox: Sandbox, bot: Any, bot_id: int) -> None:
        self.sandbox, self.bot, self.bot_id = sandbox, bot, bot_id
        self.ann = sandbox.world.new_user("Ann", username="ann_here").id
        self.told: list[str] = []
        self.msg_ids: list[int] = []
        self._news = asyncio.Event()
        # The updates as sent, before Telethon sorts them and drops repeated ones.
        true_handler = bot._sender._handle_update

        async def note(message: Any) -> None:
            if isinstance(message.obj, types.Updates):
                self.msg_ids.append(message.msg_id)
                self.told += [update.message.message for update in message.obj.updates]
                self._news.set()
            await true_handler(message)

        for kind, handler in list(bot._sender._handlers.items()):
            if handler == true_handler:
                bot._sender._handlers[kind] = note
        bot._sender._handle_update = note

    def write(self, *texts: str) -> None:
        for text in texts:
            self.sandbox.world.send_as(self.ann, self.bot_id, text)

    async def until(self, *texts: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.told) < len(texts):
                self._news.clear()
                await self._news.wait()
        assert self.told == list(texts)

    async def nothing_new(self) -> None:
        """Check that no update came before the answer to a new call."""
        before = list(self.told)
        await self.bot(functions.help.GetNearestDcRequest())
        assert self.told == before
