"""A talk as its function sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from telethon.tl import types

from tgbot.core.talks import Json
from tgbot.core.users import User
from tgbot.plugins.talks.answers import (
    FILE,
    PHOTO,
    Answer,
    Check,
    Choice,
    Contact,
    ContactKind,
    Kind,
    Location,
    LocationKind,
    Text,
)
from tgbot.plugins.talks.choices import Choices
from tgbot.plugins.talks.course import Course, Question, Until
from tgbot.plugins.talks.given import Event, Matched
from tgbot.telegram import BotClient


class Talk:
    """A conversation with one user in one chat as straight code, which goes on after a restart.

    Its function runs from its top then: what it has said and asked is not said and asked again, and what was
    answered is returned, until it stands where it stood. So between its steps it must do the same each time.
    What must not be done twice, and what does not come out the same each time, belongs into `once`.

    Its methods are awaited by the function itself, or by coroutines that it awaits, in no task of their own.
    """

    def __init__(self, course: Course) -> None:
        self._course = course

    def __repr__(self) -> str:
        return f"Talk({self._course.steps.kept.name!r})"

    # ---- what it is about ----------------------------------------------------------------------

    @property
    def user_id(self) -> int:
        """Telegram's id of the user."""
        return self._course.user_id

    @property
    def user(self) -> User | None:
        """The user as the bot knows them, None for somebody whom it does not keep."""
        return self._course.bot.users.get(self._course.user_id)

    @property
    def chat_id(self) -> int:
        """The marked id of the chat; in private the same as `user_id`."""
        return self._course.chat_id

    @property
    def client(self) -> BotClient:
        """The bot's client. What it sends in the function is sent once, too."""
        return self._course.bot.client

    @property
    def text(self) -> str:
        """The text of the message that began the talk."""
        return self._course.steps.kept.text

    @property
    def match(self) -> Matched:
        """What the pattern made of that text: a match of a regular expression."""
        return self._course.match

    @property
    def event(self) -> Event:
        """The event of the update that the function works for now, None where it works for none.

        It works for none after a restart, and when a deadline has passed.
        """
        return self._course.event

    @property
    def language(self) -> str | None:
        """The language that the user had when the talk began, None for the default one."""
        return self._course.steps.kept.language or None

    @property
    def cancelled(self) -> bool:
        """Whether the user has ended the talk by a command."""
        return self._course.cancelled is not None

    def texts(self, name: str, **args: str | int | float) -> str:
        """Return the text of this name in the language of the talk."""
        return self._course.text(name, **args)

    # ---- what it says and does -----------------------------------------------------------------

    async def say(self, text: str, **options: object) -> types.Message:
        """Send a text, once, and return its message; `options` are those of `send_message`.

        The text is sent as it is unless `parse_mode` says otherwise, in several messages if it is long. After
        a restart the message has its id, chat and text: enough to edit or delete it.
        """
        return await self._course.say(text, options)

    async def once(self, name: str, do: Callable[[], object]) -> Json:
        """Call a function, plain or async, and return its result; once that is returned, never again.

        The result is kept as JSON, and on disk before it is returned. If the process dies before, the
        function is called again.
        """
        return await self._course.once(name, do)

    # ---- what it asks --------------------------------------------------------------------------

    async def ask(
        self,
        question: str,
        *,
        check: Check | None = None,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: object,
    ) -> Json:
        """Ask for a text, and return it; the user's next message that fits is the answer.

        `check` is given the text: it raises ValueError or returns False for a text that is no answer, and
        `again` is said. Anything else that it returns, but True and None, is the answer in place of the text,
        and is kept as JSON.

        `name` tells the question from others after a restart, if its text is not the same each time. `until`
        is how long to wait for an answer, also while the bot is off; then TalkExpired is raised. A command of
        the user's raises TalkCancelled. All questions have these.
        """
        return await self._ask(Text(check), question, name, until, again, options)

    async def choose(
        self,
        question: str,
        choices: Iterable[str] | Mapping[str, Json],
        *,
        columns: int = 1,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: object,
    ) -> Json:
        """Ask with a button for each choice, and return the chosen one.

        `choices` are labels, or a mapping from labels to what is returned for them. A label that is written,
        in upper or lower case, is taken, too. `columns` is how many buttons are in a row.
        """
        offered = Choices(choices)
        asked = Question(Choice(offered), question, name, until, again, options, offered, columns)
        return await self._course.ask(asked)

    async def ask_photo(
        self,
        question: str,
        *,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: object,
    ) -> types.Message:
        """Ask for a photo, or a picture as a file, and return the message; of an album the first one."""
        return await self._ask(PHOTO, question, name, until, again, options)

    async def ask_file(
        self,
        question: str,
        *,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: object,
    ) -> types.Message:
        """Ask for a file of any kind, and return the message; of an album the first one."""
        return await self._ask(FILE, question, name, until, again, options)

    async def ask_contact(
        self,
        question: str,
        *,
        name: str | None = None,
        until: Until = None,
        again: str | None = None,
        **options: object,
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
        **options: object,
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
        options: Mapping[str, object],
    ) -> Answer:
        return await self._course.ask(Question(kind, question, name, until, again, options))
