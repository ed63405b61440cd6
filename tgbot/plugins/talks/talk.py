"""A talk as its function sees it: what it says and asks, each of it once."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

from msgspec.structs import replace
from telethon import Button, utils
from telethon.tl import functions, types

from tgbot.core.talks import Raised, Step
from tgbot.core.users import User
from tgbot.plugins.talks.answers import (
    FILE,
    PHOTO,
    Check,
    Choice,
    Contact,
    ContactKind,
    Kind,
    Location,
    LocationKind,
    Text,
)
from tgbot.plugins.talks.choices import Choices, mark_of
from tgbot.plugins.talks.given import Cancelled, Late, Pressed, Written
from tgbot.plugins.talks.raised import TalkCancelled, TalkExpired, UnfitError
from tgbot.plugins.talks.steps import Steps, as_json, digest, work_of
from tgbot.plugins.talks.surroundings import Surroundings
from tgbot.telegram import BotClient
from tgbot.telegram.refusals import answer_of
from tgbot.telegram.strand import Strand

#: How long an answer is waited for.
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


@dataclass(slots=True, eq=False)
class Talk:
    """A conversation with one user in one chat, as straight code: it goes on where it stood after a restart.

    The function of the talk runs from its top then. What it has said and asked is not said and asked again,
    and what was answered is returned; so between its steps it must do the same each time. What must not be
    done twice, and what does not come out the same, belongs into `once`.
    """

    _bot: Surroundings
    _strand: Strand
    _steps: Steps
    #: Id of the user.
    user_id: int
    #: Marked id of the chat; in private the same as `user_id`.
    chat_id: int
    #: The match of the pattern on the text that began the talk; None for a talk without a pattern.
    match: Any  # Any: what a pattern returns
    #: The event of the update that the function works for now, None where it works for none.
    event: Any = None  # Any: an event of Telethon's
    #: Whether a question may be asked still, and what is said is kept.
    _closing: bool = False
    #: The command that ended the talk, None if none did.
    _cancelled: str | None = None
    #: The question that is open, once the function waits at it.
    _choices: Choices | None = None
    _columns: int = 1

    def __repr__(self) -> str:
        return f"Talk({self._steps.kept.name!r})"

    # ---- what it is about ----------------------------------------------------------------------

    @property
    def client(self) -> BotClient:
        """The bot's client."""
        return self._bot.client

    @property
    def user(self) -> User | None:
        """The user as the bot knows them, None for somebody it does not keep."""
        return self._bot.users.get(self.user_id)

    @property
    def text(self) -> str:
        """The text of the message that began the talk."""
        return self._steps.kept.text

    @property
    def language(self) -> str | None:
        """The language that the user had when the talk began, None for the default one."""
        return self._steps.kept.language or None

    @property
    def cancelled(self) -> bool:
        """Whether the user has ended the talk by a command."""
        return self._cancelled is not None

    def texts(self, text: str, **args: str | int | float) -> str:
        """Return a text in the language of the talk."""
        return self._bot.texts.render(self.language, text, **args)

    # ---- what it says and does -----------------------------------------------------------------

    async def say(self, text: str, **options: Any) -> types.Message:  # Any: as Telethon's `send_message`
        """Send a text, once, and return its message; `options` are those of `send_message`.

        The text is sent as it is unless `parse_mode` says otherwise, in several messages if it is long. After
        a restart what is returned is the message's id, chat and text: enough to edit or delete it.
        """
        self._go_on()
        if self._closing:
            return await self._send(text, options)
        step = self._steps.find("say", "")
        if step is None:
            sent = await self._send(text, options)
            self._steps.keep(Step("say", message=sent.id, done=True))
            return sent
        self._steps.passed()
        return self._message(step.message, text, await self._bot.peer(self.chat_id))

    async def once(self, name: str, do: Callable[[], Any]) -> Any:  # Any: JSON
        """Call a function, plain or async, and return its result; once that is returned, never again.

        The result is kept as JSON, and on disk before it is returned. If the process dies before, the
        function is called again.
        """
        self._go_on()
        step = self._steps.find("once", name)
        if step is None:
            result = do()
            if inspect.isawaitable(result):
                result = await result
            value = as_json(result, f"what once({name!r}) returned")
            step = self._steps.keep(Step("once", name, done=True, value=value))
            await self._bot.saved()
        else:
            self._steps.passed()
        return deepcopy(step.value)

    # ---- what it asks --------------------------------------------------------------------------

    async def ask(
        self,
        question: str,
        *,
        name: str | None = None,
        until: Until = None,
        check: Check | None = None,
        again: str | None = None,
        **options: Any,  # Any: as Telethon's `send_message` takes them
    ) -> Any:  # Any: a text, or what `check` returns
        """Ask for a text, and return the answer.

        `check` is given the text: it raises ValueError or returns False where the text is no answer, and
        `again` is said. What it returns else, but True and None, is the answer, and is kept as JSON. `until`
        is how long an answer is waited for, also while the bot is off; TalkExpired is raised then. A question
        whose text is not the same each time needs a `name`.
        """
        return await self._ask(Text(check), question, name, until, again, options)

    async def choose(
        self,
        question: str,
        choices: Iterable[str] | Mapping[str, Any],  # Any: JSON
        *,
        columns: int = 1,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: Any,  # Any: as above
    ) -> Any:  # Any: a value of an option
        """Ask with a button for each choice, and return the label of the chosen one, or its value.

        The label as a text is taken, too. `choices` maps labels to values where these are not the same.
        """
        self._choices, self._columns = Choices(choices), columns
        try:
            return deepcopy(await self._ask(Choice(self._choices), question, name, until, again, options))
        finally:
            self._choices = None

    async def ask_photo(
        self,
        question: str,
        *,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: Any,  # Any: as above
    ) -> types.Message:
        """Ask for a photo, or a picture as a file, and return the message; of an album the first."""
        return await self._ask(PHOTO, question, name, until, again, options)

    async def ask_file(
        self,
        question: str,
        *,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: Any,  # Any: as above
    ) -> types.Message:
        """Ask for a file of any kind, and return the message; of an album the first."""
        return await self._ask(FILE, question, name, until, again, options)

    async def ask_contact(
        self,
        question: str,
        *,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: Any,  # Any: as above
    ) -> Contact:
        """Ask for a contact, and return it."""
        found: Contact = await self._ask(ContactKind(), question, name, until, again, options)
        return found

    async def ask_location(
        self,
        question: str,
        *,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: Any,  # Any: as above
    ) -> Location:
        """Ask for a place on the map, and return it."""
        found: Location = await self._ask(LocationKind(), question, name, until, again, options)
        return found

    async def _ask(
        self,
        kind: Kind,
        question: str,
        name: str | None,
        until: Until,
        again: str | None,
        options: dict[str, Any],
    ) -> Any:
        self._go_on()
        if self._closing:
            raise RuntimeError("a talk that has ended asks nothing")
        if self._cancelled is not None:
            raise TalkCancelled(self._cancelled)
        label = digest(question) if name is None else name
        step = self._steps.find(kind.name, label)
        if step is None:
            sent = await self._send(question, self._asking(options))
            step = self._steps.keep(
                Step(kind.name, label, message=sent.id), until=self._deadline(until, sent)
            )
        elif step.done:
            self._steps.passed()
            return await self._given(kind, step)
        while True:
            given = await self._strand.rest()
            if isinstance(given, Late):
                self._close_question(step)
                self._steps.keep(replace(step, done=True, raised=Raised.EXPIRED))
                raise TalkExpired
            if isinstance(given, Cancelled):
                self._close_question(step)
                return self._cancel(step, given)
            if isinstance(given, Pressed):
                self._close_question(step)
                self._steps.keep(replace(step, done=True, value=given.value))
                return given.value
            if isinstance(given, Written):
                message = given.event.message
                with self._strand.sends_named(f"{self._steps.work} {message.id}"):
                    try:
                        value = await kind.read(message)
                    except UnfitError:
                        await self._send(again or self.texts(_AGAIN[kind.name]), {})
                        continue
                self._close_question(step)
                answer = replace(step, done=True, value=value, answer=message.id)
                self._steps.keep(answer, last=message.id, album=message.grouped_id or 0)
                return await kind.give(value, _returning(message))

    async def _given(self, kind: Kind, step: Step) -> Any:  # Any: JSON, or a message
        """Return what a kept answer is, or raise what it raised."""
        if step.raised is Raised.EXPIRED:
            raise TalkExpired
        if step.raised is Raised.CANCELLED:
            self._cancelled = str(step.value)
            raise TalkCancelled(self._cancelled)

        async def fetch() -> Any:  # Any: a message of Telethon's
            return await self.client.get_messages(await self._bot.peer(self.chat_id), ids=step.answer)

        try:
            return await kind.give(step.value, fetch)
        except LookupError:
            self._steps.done -= 1
            return self._steps.fail()

    def _cancel(self, step: Step, given: Cancelled) -> None:
        self._cancelled = given.command
        last = given.message or self._steps.kept.last
        self._steps.keep(replace(step, done=True, value=given.command, raised=Raised.CANCELLED), last=last)
        raise TalkCancelled(given.command)

    # ---- for who runs it -----------------------------------------------------------------------

    @property
    def choices(self) -> Choices | None:
        """The options of the question that the function waits at, None if it has none."""
        return self._choices

    async def close(self, text: str) -> None:
        """Say the last words of a talk that ends otherwise than by its function's return; "" for none."""
        self.begin_closing()
        if text:
            await self._send(self.texts(text), {})

    def begin_closing(self) -> None:
        """Keep nothing from now on: what is said is said in closing."""
        self._closing = True
        self._strand.name_sends(f"{work_of(self._steps.kept)} end")

    async def show_choices(self) -> None:
        """Show the buttons of the open question as they are now."""
        step = self._steps.kept.question
        if step is not None and self._choices is not None:
            await self._mark_up(step, self.client.build_reply_markup(self._buttons()))

    # ---- how it sends --------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Raise what the function is to end with, if it is to end."""
        if self._strand.closing:
            raise asyncio.CancelledError
        if self._steps.misfit is not None and not self._closing:
            raise self._steps.misfit

    async def _send(self, text: str, options: Mapping[str, Any]) -> types.Message:
        topic = self._steps.kept.topic
        if topic and options.get("reply_to") is None:
            options = {**options, "reply_to": topic}
        return await self._bot.send(self.chat_id, text, options)

    def _asking(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a question."""
        if self._choices is not None:
            options = {**options, "buttons": self._buttons()}
        if self.chat_id < 0:  # others talk here, too
            options = {"reply_to": self._steps.kept.last or None, **options}
            options.setdefault("buttons", Button.force_reply(selective=True))
        return options

    def _buttons(self) -> list[list[Any]]:  # Any: buttons of Telethon's
        assert self._choices is not None
        return self._choices.buttons(mark_of(self._steps.kept), self._steps.done, self._columns)

    def _message(self, number: int, text: str, peer: types.TypeInputPeer) -> types.Message:
        """Return a message of the bot's by its id."""
        chat = utils.get_peer(self.chat_id)
        message = types.Message(number, chat, message=text, date=None, out=True)
        message._client, message._chat_peer, message._input_chat = self.client, chat, peer
        return message

    def _deadline(self, until: Until, sent: types.Message) -> int:
        if until is None:
            return 0
        seconds = until.total_seconds() if isinstance(until, timedelta) else until
        asked = self._bot.clock() if sent.date is None else sent.date.timestamp()
        return max(1, int(asked + seconds))

    def _close_question(self, step: Step) -> None:
        """Remove the buttons of a question that has its answer; whether that works does not matter."""
        if self._choices is not None:
            self.client.spawn(self._mark_up(step, None), "buttons of a talk")

    async def _mark_up(self, step: Step, markup: Any) -> None:  # Any: a TL object
        request = functions.messages.EditMessageRequest(
            await self._bot.peer(self.chat_id), step.message, reply_markup=markup
        )
        try:
            await self.client(request)
        except Exception as error:
            if answer_of(error) is None:
                raise


def _returning(message: Any) -> Callable[[], Awaitable[Any]]:  # Any: a message of Telethon's
    async def fetch() -> Any:
        return message

    return fetch
