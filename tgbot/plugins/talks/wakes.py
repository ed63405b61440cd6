"""What talks have planned: a deadline that passes, and to go on after a kill."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Final

from tgbot.core.talks import Json
from tgbot.plugins.talks.given import Late, Pressed
from tgbot.plugins.talks.opened import OpenTalks, Place
from tgbot.plugins.talks.presses import choices_at
from tgbot.plugins.talks.raised import UnfitError
from tgbot.plugins.talks.running import Line
from tgbot.store.base import Planned
from tgbot.telegram.strand import StrandClosedError
from tgbot.telegram.updates.failures import described, says_no_access

logger = logging.getLogger(__name__)

#: Pauses before a talk is tried again that raised, or ended the process, in seconds; then it waits for the
#: user's next message.
PAUSES: Final = (5, 15, 60, 300, 900)
#: How many seconds an answer may be on its way to the bot, once the time for it is over.
WAITED: Final = 60


class Wakes:
    """Carries out what talks have planned."""

    def __init__(self, opened: OpenTalks) -> None:
        self._opened = opened
        self._bot = opened.bot

    async def receive(self, entry: Planned) -> Planned | None:
        """Let a talk go on; return when to try again, None if that is not needed."""
        given = json.loads(entry.data)
        place = Place(entry.user, given["chat"])
        async with self._opened.turn(place) as line:
            kept = self._opened.kept(place)
            if kept is None or kept.over or kept.name not in self._opened.registered:
                return None
            now = int(self._bot.clock())
            if kept.question is not None and "option" not in given:
                if not kept.until:
                    return None
                if kept.until >= now:
                    return replace(entry, at=kept.until + 1)
                waited = given.get("waited", 0)
                if waited < WAITED and not self._bot.client.inside.is_quiet(place.chat_id):
                    return self._opened.planned(place, now + 1, waited=waited + 1)  # the answer may be coming
            if entry.attempts >= len(PAUSES):
                logger.error("the talk %s waits for the user's next message", kept.name)
                return None
            # On disk before: what ends the process is not tried for ever.
            before, entry = entry, replace(entry, attempts=entry.attempts + 1)
            self._opened.alarm.amend(entry)
            await self._bot.saved()
            try:
                await self._go_on(place, line, given)
            except StrandClosedError:
                return before  # the bot stops
            except Exception as error:
                if says_no_access(error):
                    return None  # the evidence is in the registry; the talk goes on when they are back
                function = self._opened.registered[kept.name].function
                logger.error("the talk %s (%s) failed: %s", kept.name, function.__module__, described(error))
                return replace(entry, at=now + PAUSES[entry.attempts - 1])
        return None

    async def _go_on(self, place: Place, line: Line, given: dict[str, Json]) -> None:
        running = await self._opened.awake(place, line)
        if running is None:
            return
        asked = choices_at(running, given["step"]) if "option" in given else None
        if asked is not None:
            try:
                value = asked.pressed(given["option"])
            except UnfitError:
                await running.course.show_choices()  # it is gone since it was pressed
            else:
                await running.carry(None, Pressed(value))
        elif running.is_late(self._bot.clock()):
            await running.carry(None, Late())
