"""Presses of the buttons of questions: an answer is on disk before the talk goes on."""

from __future__ import annotations

import asyncio
from typing import Final

from telethon import events
from telethon.tl import functions, types

from tgbot.core.ids import marked_id
from tgbot.messaging.lengths import NOTICE, shortened
from tgbot.plugins.talks.choices import Choices, Press, mark_of, press_of
from tgbot.plugins.talks.given import Late, Pressed
from tgbot.plugins.talks.opened import OpenTalks, Place
from tgbot.plugins.talks.raised import UnfitError
from tgbot.plugins.talks.running import Running
from tgbot.telegram.refusals import tried
from tgbot.telegram.updates.job import waiting

#: The text for a press of a question that is not open.
OLD: Final = "talk-press-old"
#: How long a press waits for messages before it that are on their way, and how often it looks, in seconds.
WAITS, _LOOK = 10.0, 0.02


class Presses:
    """Hands presses to the talks that they are for, and acknowledges them."""

    def __init__(self, opened: OpenTalks) -> None:
        self._opened = opened
        self._bot = opened.bot

    async def take(self, update: types.UpdateBotCallbackQuery) -> None:
        """Let the talk have a press of one of its buttons; one that says nothing any more gets a notice."""
        notice = await self._choose(update)
        if notice == OLD and await self._waited(marked_id(update.peer)):
            # After a kill the question stands already, and the bot still reads what led to it.
            notice = await self._choose(update)
        if notice:
            user = self._bot.users.get(update.user_id)
            text = self._bot.texts.render(None if user is None else user.spoken, notice)
            await self._acknowledge(update, shortened(text, NOTICE))

    async def _choose(self, update: types.UpdateBotCallbackQuery) -> str:
        """Return the text of the notice, "" where the press was taken."""
        press, place = press_of(update.data), Place(update.user_id, marked_id(update.peer))
        if press is None or not self._is_open(place, press):
            return OLD
        async with self._opened.turn(place) as line:
            kept = self._opened.kept(place)
            if kept is None or not self._is_open(place, press):
                return OLD
            event = self._bot.client.inside.event(events.CallbackQuery)
            if kept.name not in self._opened.registered:
                await self._opened.end_unknown(place, line, kept)
                return OLD
            running = await self._opened.awake(place, line, event)
            asked = None if running is None else choices_at(running, press.step)
            if running is None or asked is None:
                return OLD
            if running.is_late(self._bot.clock()):
                await running.carry(event, Late())
                return OLD
            try:
                value = asked.pressed(press.option)
            except UnfitError:
                await running.course.show_choices()
                return "talk-press-gone"
            # Telegram does not keep presses: after a kill the alarm brings this one again.
            journal = self._opened.planned(
                place, int(self._bot.clock()), step=press.step, option=press.option
            )
            line.planned = True
            self._opened.alarm.amend(journal)
            await self._bot.saved()
            self._bot.client.spawn(self._acknowledge(update), "a press of a talk")
            try:
                await running.carry(event, Pressed(value))
            except Exception:
                self._opened.alarm.plan(journal)  # it is tried again
                raise
            return ""

    async def _waited(self, dialog: int) -> bool:
        """Wait until no message of a dialog is on its way; return False if none was."""
        quiet, looks = self._bot.client.inside.is_quiet, 0
        async with waiting():
            while not quiet(dialog) and looks * _LOOK < WAITS:
                await asyncio.sleep(_LOOK)
                looks += 1
        return looks > 0

    def _is_open(self, place: Place, press: Press) -> bool:
        kept = self._opened.kept(place)
        return kept is not None and not kept.over and mark_of(kept) == press.talk

    async def _acknowledge(self, update: types.UpdateBotCallbackQuery, notice: str | None = None) -> None:
        request = functions.messages.SetBotCallbackAnswerRequest(update.query_id, 0, message=notice)
        await tried(self._bot.client(request))


def choices_at(running: Running, step: int) -> Choices | None:
    """Return the choices that a talk waits at, None if it does not wait for a choice at this step."""
    kept, question = running.steps.kept, running.course.open
    waits = kept.question is not None and len(kept.steps) == step + 1
    return question.choices if question is not None and waits else None
