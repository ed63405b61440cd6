"""The open talks: those in memory, and how one that is kept gets there again."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

from tgbot.core.talks import TALK, KeptTalk
from tgbot.plugins.alarm import Alarm
from tgbot.plugins.talks.given import Event
from tgbot.plugins.talks.registered import Registered
from tgbot.plugins.talks.running import Line, Running, over
from tgbot.plugins.talks.steps import work_of
from tgbot.plugins.talks.surroundings import Surroundings
from tgbot.store.base import Planned
from tgbot.telegram import named_sends

logger = logging.getLogger(__name__)


class Place(NamedTuple):
    """Whose talk it is, and where: a user has one talk in a chat."""

    user_id: int
    #: Marked id.
    chat_id: int

    @property
    def key(self) -> str:
        """The key of what is planned for it."""
        return f"{TALK}:{self.user_id}:{self.chat_id}"


class OpenTalks:
    """The talks of all users. What comes for one of them is done in a `turn`."""

    def __init__(self, bot: Surroundings, alarm: Alarm) -> None:
        self.bot = bot
        self.alarm = alarm
        #: What plugins registered, by name.
        self.registered: dict[str, Registered] = {}
        #: The places where a talk is in memory, or something comes for one.
        self._lines: dict[Place, Line] = {}

    def kept(self, place: Place) -> KeptTalk | None:
        """Return what is kept of the talk, None if there was none yet."""
        return self.bot.users.talk(*place)

    @asynccontextmanager
    async def turn(self, place: Place) -> AsyncIterator[Line]:
        """Let one after another do something with the talk of a place."""
        line = self._lines.setdefault(place, Line())
        try:
            async with line.turn():
                yield line
        finally:
            self._tidy(place, line)

    async def begin(self, place: Place, line: Line, kept: KeptTalk, event: Event) -> None:
        """Begin a talk, and let it go on until it waits for an answer."""
        line.planned = False
        self._save(place, line, kept)
        await self._run(place, line, kept).carry(event)

    async def awake(self, place: Place, line: Line, event: Event = None) -> Running | None:
        """Have the open talk in memory, where it waits for an answer; None if it has ended meanwhile.

        Where it was at work when the process ended, it goes on.
        """
        running = line.running
        if running is not None and running.strand.resting:
            return running
        kept = self.kept(place)
        assert kept is not None
        line.planned = True
        running = self._run(place, line, kept)
        if not await running.carry(event):
            return None
        if (until := running.steps.kept.until) and not running.is_late(self.bot.clock()):
            self._plan_end(place, line, until)  # the kill may have been before this was on disk
        return running

    async def end_unknown(self, place: Place, line: Line, kept: KeptTalk) -> None:
        """End a talk that no plugin has registered, and tell the user."""
        logger.warning("no plugin has the talk %s any more; it is ended", kept.name)
        with named_sends(f"{work_of(kept)} end"):
            text = self.bot.texts.render(kept.language or None, "talk-changed")
            await self.bot.send(place.chat_id, text, {"reply_to": kept.topic or None})
        self._save(place, line, over(kept))

    def planned(self, place: Place, at: int, **given: object) -> Planned:
        """Return an entry that has a talk looked after at a time."""
        return Planned(place.key, at, TALK, place.user_id, json.dumps({"chat": place.chat_id, **given}))

    def close(self, user_id: int) -> None:
        """Drop the talks of a user from memory; what is kept of them is not changed."""
        for place, line in list(self._lines.items()):
            if place.user_id == user_id and line.running is not None:
                line.running.strand.close()

    def _run(self, place: Place, line: Line, kept: KeptTalk) -> Running:
        registered = self.registered[kept.name]

        def save(changed: KeptTalk) -> None:
            self._save(place, line, changed)

        def ended() -> None:
            if line.running is running:
                line.running = None
                self._tidy(place, line)

        bot = replace(self.bot, texts=registered.texts)
        running = line.running = Running(bot, registered, *place, kept, save, ended)
        return running

    def _save(self, place: Place, line: Line, kept: KeptTalk) -> None:
        """Keep a talk, and when it is to be looked after."""
        self.bot.users.keep_talk(*place, kept)
        if kept.question is None and not kept.over:
            return  # it is at work: what is planned stays, so that a kill does not leave it there
        if kept.until:
            self._plan_end(place, line, kept.until)
        elif line.planned:
            line.planned = False
            self.alarm.drop(place.key)

    def _plan_end(self, place: Place, line: Line, until: int) -> None:
        line.planned = True
        self.alarm.plan(self.planned(place, until + 1))

    def _tidy(self, place: Place, line: Line) -> None:
        if line.running is None and not line.waiting and self._lines.get(place) is line:
            del self._lines[place]
