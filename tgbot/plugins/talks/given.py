"""What a talk is carried on with while it waits for an answer."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from telethon import events

from tgbot.core.talks import Json

#: What a talk works for: a message or a press; None for no update.
Event: TypeAlias = events.NewMessage.Event | events.CallbackQuery.Event | None
#: What a pattern made of the text that began a talk.
Matched: TypeAlias = Any  # Any: a match of a regular expression, or what a function returned


class Written(NamedTuple):
    """A message of the user that may answer the open question."""

    event: events.NewMessage.Event


class Pressed(NamedTuple):
    """The value of the option that the user chose by a button."""

    value: Json


class Cancelled(NamedTuple):
    """The user ended the talk by a command; the id of the message if the talk takes it, else 0."""

    command: str
    message: int


class Late(NamedTuple):
    """The time for an answer is over."""
