"""Report to the bot's admins, in the chat, what was lost for good, and what only they can put right."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from functools import partial
from typing import NamedTuple, Protocol

from telethon import errors

from tgbot.core.names import clean_name
from tgbot.core.places import places
from tgbot.core.users import UserRegistry
from tgbot.locales.texts import Texts
from tgbot.telegram import error_name
from tgbot.telegram.refusals import Answer, answer_of, wait_of

logger = logging.getLogger(__name__)

#: Pauses after an alert that Telegram put off without naming a time, in seconds; the last one repeats.
PAUSES = (1, 5, 30, 300)


class _Report(NamedTuple):
    """What is reported: the name of a text, and the chat that it is about."""

    text: str
    chat: int = 0
    title: str = ""


class Sends(Protocol):
    """Send a text to a user by id, at Telegram's pace; raise Telegram's error."""

    async def send(self, user: int, text: str, /) -> object: ...


class Alerts:
    """Reports losses and missing rights to the admins; what is not reported yet is kept in memory.

    A kind of loss is named as in `telegram`, such as "difference_too_long"; its text is `lost-` + the name
    with hyphens, and gets the number of lost updates as `n`. A kind that happens again before it was reported
    to an admin is reported in one message, with the sum.
    """

    def __init__(self, users: UserRegistry, texts: Texts, admins: Collection[int]) -> None:
        self._users = users
        self._texts = texts
        self._admins = admins
        #: What each admin has not been told yet: a report and its number, the oldest first.
        self._untold: dict[int, dict[_Report, int]] = {}
        self._changed: dict[int, asyncio.Event] = {}
        #: Set when there is an admin to whom nothing was reported before.
        self._new = asyncio.Event()

    def lost(self, what: str, count: int = 0) -> None:
        """Note a loss; returns at once. A loss of an unknown number counts as one."""
        self._note(_Report(f"lost-{what.replace('_', '-')}"), max(count, 1))

    def right_missing(self, chat: int, title: str) -> None:
        """Note that the bot may not add users in a chat; returns at once."""
        self._note(_Report("right-missing", chat, clean_name(title)), 1)

    def _note(self, report: _Report, count: int) -> None:
        for admin in self._admins:
            if admin not in self._untold:
                self._untold[admin], self._changed[admin] = {}, asyncio.Event()
                self._new.set()
            untold = self._untold[admin]
            untold[report] = untold.get(report, 0) + count
            self._changed[admin].set()

    async def send(self, sender: Sends) -> None:
        """Send each loss to each admin, in the admin's language, until cancelled.

        An admin who never wrote to the bot is skipped. One who cannot be reached, or for whom Telegram asks
        to wait, delays nobody else.
        """
        begun: set[int] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                self._new.clear()
                for admin in [each for each in self._untold if each not in begun]:
                    begun.add(admin)
                    group.create_task(self._tell(sender, admin))
                await self._new.wait()

    async def _tell(self, sender: Sends, admin: int) -> None:
        untold, changed, failures = self._untold[admin], self._changed[admin], 0
        while True:
            await changed.wait()
            changed.clear()
            while untold:
                what = next(iter(untold))
                count = untold.pop(what)
                later = await self._send(sender, admin, what, count)
                if later is None:
                    failures = 0
                    continue
                untold[what] = count + untold.get(what, 0)
                await asyncio.sleep(later or PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1

    async def _send(self, sender: Sends, admin: int, what: _Report, count: int) -> int | None:
        """Send one report; if Telegram puts it off, return for how many seconds, 0 if it named no time."""
        user = self._users.get(admin)
        if user is None or admin not in self._admins:
            return None
        say = partial(self._texts.render, user.spoken)
        try:
            chat = say("join-chat", title=what.title) if what.title else say("join-a-chat")
            await sender.send(admin, say(what.text, n=count, chat=chat, id=str(what.chat)))
        except Exception as error:
            if answer_of(error) is Answer.LATER:
                return wait_of(error)
            matter = "a missing right" if what.chat else "a loss"
            name = error_name(error) if isinstance(error, errors.RPCError) else places(error)
            logger.warning("could not tell admin %d of %s (%s)", admin, matter, name)
        return None
