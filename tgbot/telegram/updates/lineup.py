"""The handlers that were registered, in the order of their calls, and which of them an update is for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from itertools import takewhile
from typing import Any, Final, NamedTuple, TypeAlias

from telethon import events
from telethon.tl import types

from tgbot.core.commands import word_of
from tgbot.telegram.updates.failures import name_of_handler
from tgbot.telegram.updates.marks import mark_of_handler

#: The package of the bot's own handlers.
OWN: Final = __name__.partition(".")[0]

#: Patterns of one command, with or without arguments, as handlers are written: "^/start( .+)?$".
_COMMAND: Final = re.compile(r"\^?/(?P<word>[A-Za-z0-9_]+)(?:\((?:\?:)? \.[+*]\)\?)?\$")


#: Make of a handler and its module what is called in its place, and measures it.
Measured: TypeAlias = Callable[[Callable[..., Awaitable[object]], str], Callable[..., Awaitable[object]]]


class Entry(NamedTuple):
    """A handler, and what it was registered with."""

    #: The class of the builder, and the builder.
    kind: type[Any]  # Any: builders of events have no types
    builder: Any  # Any: as above
    callback: Callable[..., Awaitable[object]]
    #: Matches the texts that it is called for, None for all texts.
    pattern: Callable[[str], object] | None
    #: Whether the pattern alone says so: no filter has to be asked.
    unfiltered: bool
    #: Whether it is called with the update itself, if it is asked at all.
    raw: bool
    #: The module and name of the handler, and whether it is the bot's own.
    name: str
    own: bool
    #: What marks it while it runs.
    mark: bytes
    #: What is called: the handler itself, or what measures it as well.
    call: Callable[..., Awaitable[object]]


class Lineup(list[tuple[Any, Callable[..., Awaitable[object]]]]):  # Any: as above
    """Telethon's list of handlers, in the order in which they are called.

    Handlers of plugins come before those of the bot, whenever they are registered, but for the raw ones at
    the beginning: what the bot records is recorded before anybody else is called.
    """

    def __init__(
        self,
        handlers: Collection[tuple[Any, Callable[..., Awaitable[object]]]],
        measured: Measured | None = None,
    ) -> None:
        super().__init__(handlers)
        self._measured = measured
        #: What the plan below was made for, and all words of commands in it.
        self._planned: tuple[tuple[Any, Callable[..., Awaitable[object]]], ...] = ()
        self._words: set[str] = set()
        #: The class of an update, and its command as "/word" → who has to be asked whether they want it.
        self._plan: dict[tuple[type, str], tuple[Entry, ...]] = {}
        self._albums: tuple[Entry, ...] = ()

    def append(self, entry: tuple[Any, Callable[..., Awaitable[object]]], /) -> None:
        place = len(self)
        if package_of(entry[1]) != OWN:
            plugins = [index for index, (_, callback) in enumerate(self) if package_of(callback) != OWN]
            place = plugins[-1] + 1 if plugins else self._firsts()
        self.insert(place, entry)

    def put_first(self, entry: tuple[Any, Callable[..., Awaitable[object]]]) -> None:
        """Insert a raw handler of the bot's own behind those at the beginning, ahead of the plugins'."""
        self.insert(self._firsts(), entry)

    def _firsts(self) -> int:
        """Return how many raw handlers of the bot's own are at the beginning."""
        own = takewhile(lambda one: type(one[0]) is events.Raw and package_of(one[1]) == OWN, self)
        return len(list(own))

    def wanting(self, update: types.TypeUpdate) -> tuple[Entry, ...]:
        """Return the handlers that may want an update, in order: one look-up in a dictionary.

        Left out are raw handlers of other updates, those of commands that the text is not, and of albums.
        """
        if self._planned != (now := tuple(self)):
            self._make_plan(now)
        message = getattr(update, "message", None)
        text = getattr(message, "message", message)
        if type(text) is not str:
            text = ""
        # A text that is a command and nothing else is found as it is.
        entries = self._plan.get((type(update), text))
        return self._wanting_word(type(update), word_of(text)) if entries is None else entries

    def wanting_albums(self) -> tuple[Entry, ...]:
        """Return the handlers of albums, in order."""
        if self._planned != (now := tuple(self)):
            self._make_plan(now)
        return self._albums

    def _make_plan(self, now: tuple[tuple[Any, Callable[..., Awaitable[object]]], ...]) -> None:
        self._planned, self._plan = now, {}
        self._words = set().union(*(words_of(builder) or () for builder, _ in now))
        self._albums = tuple(self._entry_of(*one) for one in now if isinstance(one[0], events.Album))

    def _wanting_word(self, update: type, word: str) -> tuple[Entry, ...]:
        if word not in self._words:
            word = ""  # nobody looks for it
        key = update, f"/{word}" if word else ""
        entries = self._plan.get(key)
        if entries is None:
            asked = (one for one in self._planned if _may_want(one[0], update, word))
            entries = self._plan[key] = tuple(self._entry_of(*one) for one in asked)
        return entries

    def _entry_of(self, builder: Any, callback: Callable[..., Awaitable[object]]) -> Entry:  # Any: as above
        kind, own = type(builder), package_of(callback) == OWN
        pattern, name = getattr(builder, "pattern", None), name_of_handler(callback)
        unfiltered, raw = _is_unfiltered(builder), kind is events.Raw and builder.func is None
        call = callback if self._measured is None else self._measured(callback, module_of(callback))
        mark = mark_of_handler(name)
        return Entry(kind, builder, callback, pattern, unfiltered, raw, name, own, mark, call)


def words_of(builder: Any) -> Collection[str] | None:  # Any: as above
    """Return the commands that a builder of `events.NewMessage` is for, in lower case; None for any text.

    They are told by a pattern of the common form, or by one of the bot's own, which names its `words`.
    """
    if type(builder) is not events.NewMessage:
        return None
    pattern = builder.pattern
    words: Collection[str] | None = getattr(pattern, "words", None)
    if words is not None:
        return words
    compiled = getattr(pattern, "__self__", None)
    if not isinstance(compiled, re.Pattern) or pattern != compiled.match or compiled.flags != re.UNICODE:
        return None
    command = _COMMAND.fullmatch(compiled.pattern)
    return None if command is None else (command["word"].lower(),)


def _may_want(builder: Any, update: type, word: str) -> bool:  # Any: as above
    if isinstance(builder, events.Album):
        return False
    if type(builder) is events.Raw and builder.types is not None:
        return issubclass(update, builder.types)
    words = words_of(builder)
    return words is None or word in words


def _is_unfiltered(builder: Any) -> bool:  # Any: as above
    """Return whether a pattern alone says which messages of users to the bot a builder wants."""
    if type(builder) is not events.NewMessage or "filter" in vars(builder):
        return False
    others = (builder.chats, builder.from_users, builder.forwards, builder.func)
    return not builder.outgoing and all(one is None for one in others)


def package_of(callback: Callable[..., object]) -> str:
    """Return the package that a handler is of."""
    return module_of(callback).partition(".")[0]


def module_of(callback: Callable[..., object]) -> str:
    """Return the module that a handler is of."""
    return str(getattr(callback, "__module__", None))
