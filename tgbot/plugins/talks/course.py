"""One run of a talk's function: what it says and asks, each of it once."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from msgspec.structs import replace
from telethon import Button
from telethon.tl import functions, types

from tgbot.core.talks import Json, Raised, Step
from tgbot.plugins.talks.answers import Answer, Fetch, Kind
from tgbot.plugins.talks.choices import Choices, mark_of
from tgbot.plugins.talks.given import Cancelled, Event, Late, Pressed, Written
from tgbot.plugins.talks.raised import TalkCancelled, TalkExpired, UnfitError
from tgbot.plugins.talks.steps import Steps, as_json, digest, work_of
from tgbot.plugins.talks.surroundings import Surroundings
from tgbot.telegram.calls.plain import message_by_id
from tgbot.telegram.refusals import tried
from tgbot.telegram.strand import Strand

#: How long an answer is waited for; a number is in seconds.
Until: TypeAlias = timedelta | float | None

#: The text for an answer that does not fit, for each kind of question.
_AGAIN: Final = {
    "ask": "talk-again-text",
    "choose": "talk-again-choice",
    "ask_photo": "talk-again-photo",
    "ask_file": "talk-again-file",
    "ask_contact": "talk-again-contact",
    "ask_location": "talk-again-location",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how."""

    kind: Kind
    text: str
    #: What tells it from other questions in its place, None for its text.
    name: str | None
    until: Until
    #: What is said to what does not answer it, None for the bot's own words.
    again: str | None
    #: Those of Telethon's `send_message`.
    options: Mapping[str, object]
    choices: Choices | None = None
    #: How many buttons are in a row.
    columns: int = 1

    @property
    def label(self) -> str:
        """What is kept to tell it from others."""
        return digest(self.text) if self.name is None else self.name


class Course:
    """Does the steps of a talk with a user in a chat, on a strand; those that are kept are not done again."""

    def __init__(
        self, bot: Surroundings, strand: Strand, steps: Steps, user_id: int, chat_id: int, match: object
    ) -> None:
        self.bot = bot
        self.steps = steps
        self.user_id = user_id
        #: Marked.
        self.chat_id = chat_id
        #: What the pattern made of the text that began the talk.
        self.match = match
        #: The event of the update that the function works for now, None where it works for none.
        self.event: Event = None
        #: The command that ended the talk, None if none did.
        self.cancelled: str | None = None
        #: The question that waits for its answer.
        self.open: Question | None = None
        self._strand = strand
        #: Whether the function has ended: what is said now is not kept.
        self._closing = False

    # ---- what the function does ----------------------------------------------------------------

    async def say(self, text: str, options: Mapping[str, object]) -> types.Message:
        """See `Talk.say`."""
        self._go_on()
        if self._closing:
            return await self._send(text, options)
        step = self.steps.find("say", "")
        if step is None:
            sent = await self._send(text, options)
            self.steps.keep(Step("say", message=sent.id, done=True))
            return sent
        self.steps.passed()
        peer = await self.bot.peer(self.chat_id)
        return message_by_id(self.bot.client, peer, step.message, text)

    async def once(self, name: str, do: Callable[[], object]) -> Json:
        """See `Talk.once`."""
        self._go_on()
        step = self.steps.find("once", name)
        if step is None:
            result = do()
            if inspect.isawaitable(result):
                result = await result
            value = as_json(result, f"what once({name!r}) returned")
            step = self.steps.keep(Step("once", name, done=True, value=value))
            await self.bot.saved()
        else:
            self.steps.passed()
        return deepcopy(step.value)

    async def ask(self, question: Question) -> Answer:
        """Ask a question, and return the answer; raise TalkExpired or TalkCancelled if there is none."""
        self._go_on()
        if self._closing:
            raise RuntimeError("a talk that has ended asks nothing")
        if self.cancelled is not None:
            raise TalkCancelled(self.cancelled)
        step = self.steps.find(question.kind.name, question.label)
        if step is not None and step.done:
            self.steps.passed()
            return await self._given(question.kind, step)
        if step is None:
            sent = await self._send(question.text, self._asking(question))
            step = Step(question.kind.name, question.label, message=sent.id)
            self.steps.keep(step, until=self._deadline(question.until, sent))
        self.open = question
        try:
            return await self._answer(question, step)
        finally:
            self.open = None

    async def _answer(self, question: Question, step: Step) -> Answer:
        """Wait for the answer to a question, and keep it."""
        steps = self.steps
        while True:
            given = await self._strand.rest()
            if isinstance(given, Late):
                self._remove_buttons(question, step)
                steps.keep(replace(step, done=True, raised=Raised.EXPIRED))
                raise TalkExpired
            if isinstance(given, Cancelled):
                self._remove_buttons(question, step)
                self.cancelled = given.command
                last = given.message or steps.kept.last
                cancelled = replace(step, done=True, value=given.command, raised=Raised.CANCELLED)
                steps.keep(cancelled, last=last)
                raise TalkCancelled(given.command)
            if isinstance(given, Pressed):
                self._remove_buttons(question, step)
                steps.keep(replace(step, done=True, value=given.value))
                return deepcopy(given.value)
            if not isinstance(given, Written):
                continue
            message = given.event.message
            with self._strand.sends_named(f"{steps.work} {message.id}"):
                try:
                    value = await question.kind.read(message)
                except UnfitError:
                    await self._send(question.again or self.text(_AGAIN[question.kind.name]), {})
                    continue
            self._remove_buttons(question, step)
            answered = replace(step, done=True, value=value, answer=message.id)
            steps.keep(answered, last=message.id, album=message.grouped_id or 0)
            return await question.kind.give(deepcopy(value), _returning(message))

    async def _given(self, kind: Kind, step: Step) -> Answer:
        """Return what a kept answer is, or raise what it raised."""
        if step.raised is Raised.EXPIRED:
            raise TalkExpired
        if step.raised is Raised.CANCELLED:
            self.cancelled = str(step.value)
            raise TalkCancelled(self.cancelled)

        async def fetch() -> types.Message | None:
            peer = await self.bot.peer(self.chat_id)
            return await self.bot.client.get_messages(peer, ids=step.answer)

        try:
            return await kind.give(deepcopy(step.value), fetch)
        except LookupError:
            self.steps.done -= 1
            raise self.steps.unfit() from None

    # ---- for who runs it -----------------------------------------------------------------------

    def text(self, name: str, **args: str | int | float) -> str:
        """Return a text in the language of the talk."""
        return self.bot.texts.render(self.steps.kept.language or None, name, **args)

    def begin_closing(self) -> None:
        """Keep nothing from now on: what is said are the last words."""
        self._closing = True
        self._strand.name_sends(f"{work_of(self.steps.kept)} end")

    async def close(self, name: str) -> None:
        """Say the text of this name as the last words, "" for none."""
        self.begin_closing()
        if name:
            await self._send(self.text(name), {})

    async def show_choices(self) -> None:
        """Show the buttons of the open question as they are now."""
        step = self.steps.kept.question
        if step is not None and self.open is not None and self.open.choices is not None:
            await self._mark_up(step, self.bot.client.build_reply_markup(self._buttons(self.open)))

    # ---- how it sends --------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Raise what the function is to end with, if it is to end."""
        if self._strand.closing:
            raise asyncio.CancelledError
        if self.steps.misfit is not None and not self._closing:
            raise self.steps.misfit

    async def _send(self, text: str, options: Mapping[str, object]) -> types.Message:
        topic = self.steps.kept.topic
        if topic and options.get("reply_to") is None:
            options = {**options, "reply_to": topic}
        return await self.bot.send(self.chat_id, text, options)

    def _asking(self, question: Question) -> Mapping[str, object]:
        """Return the options to send a question with."""
        options = dict(question.options)
        if question.choices is not None:
            options["buttons"] = self._buttons(question)
        if self.chat_id < 0:  # others talk here, too
            options = {"reply_to": self.steps.kept.last or None, **options}
            options.setdefault("buttons", Button.force_reply(selective=True))
        return options

    def _buttons(self, question: Question) -> list[list[types.TypeKeyboardButton]]:
        assert question.choices is not None
        return question.choices.buttons(mark_of(self.steps.kept), self.steps.done, question.columns)

    def _deadline(self, until: Until, sent: types.Message) -> int:
        if until is None:
            return 0
        seconds = until.total_seconds() if isinstance(until, timedelta) else until
        asked = self.bot.clock() if sent.date is None else sent.date.timestamp()
        return max(1, int(asked + seconds))

    def _remove_buttons(self, question: Question, step: Step) -> None:
        """Remove the buttons of a question that has its answer; whether that works does not matter."""
        if question.choices is not None:
            self.bot.client.spawn(self._mark_up(step, None), "buttons of a talk")

    async def _mark_up(self, step: Step, markup: types.TypeReplyMarkup | None) -> None:
        peer = await self.bot.peer(self.chat_id)
        request = functions.messages.EditMessageRequest(peer, step.message, reply_markup=markup)
        await tried(self.bot.client(request))


def _returning(message: types.Message) -> Fetch:
    async def fetch() -> types.Message:
        return message

    return fetch
