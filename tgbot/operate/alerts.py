"""Report to the bot's admins, in the chat, what was lost for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from telethon import errors

from tgbot.core.users import UserRegistry
from tgbot.locales.texts import Texts
from tgbot.telegram import error_name

logger = logging.getLogger(__name__)


class Sends(Protocol):
    """Send a text to a user by id, at Telegram's pace; raise Telegram's error."""

    async def send(self, user: int, text: str, /) -> object: ...


class Alerts:
    """Reports losses to the admins; losses that are not reported yet are kept in memory.

    A kind of loss is named as in `telegram`, such as "difference_too_long"; its text is `lost-` + the name
    with hyphens. A kind that happens again before it was reported is reported once.
    """

    def __init__(self, users: UserRegistry, texts: Texts, admins: Collection[int]) -> None:
        self._users = users
        self._texts = texts
        self._admins = admins
        self._waiting: dict[str, None] = {}
        self._changed = asyncio.Event()

    def lost(self, what: str, count: int = 0) -> None:
        """Note a loss; returns at once."""
        self._waiting[what] = None
        self._changed.set()

    async def send(self, sender: Sends) -> None:
        """Send each loss to each admin, in the admin's language, until cancelled.

        An admin who never wrote to the bot is skipped. One who cannot be reached delays nobody else.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting:
                what = next(iter(self._waiting))
                del self._waiting[what]
                for admin in self._admins:
                    await self._send(sender, admin, what)

    async def _send(self, sender: Sends, admin: int, what: str) -> None:
        user = self._users.get(admin)
        if user is None:
            return
        text_id = f"lost-{what.replace('_', '-')}"
        try:
            await sender.send(admin, self._texts.render(user.spoken, text_id))
        except errors.RPCError as error:
            logger.warning("could not tell admin %d of a loss (%s)", admin, error_name(error))
        except Exception:
            logger.exception("could not tell admin %d of a loss", admin)
