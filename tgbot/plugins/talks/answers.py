"""What answers a question: what is read of a message, what is kept of it, and what the function gets."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeAlias

from telethon.tl import types

from tgbot.core.talks import Json
from tgbot.plugins.talks.choices import Choices
from tgbot.plugins.talks.raised import UnfitError
from tgbot.plugins.talks.steps import as_json

#: Says whether a text answers a question: False or a ValueError if not, True or None if it does; any other
#: value is the answer in its place.
Check: TypeAlias = Callable[[str], Json | Awaitable[Json]]
#: Returns the message that answered a question, None if it is no longer there.
Fetch: TypeAlias = Callable[[], Awaitable[types.Message | None]]


#: What a function gets for an answer.
Answer: TypeAlias = Any  # Any: JSON, a message of Telethon's, a contact or a location


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that somebody sent."""

    phone: str
    first_name: str
    last_name: str
    #: Telegram's id of the contact, 0 for somebody who has no account.
    user_id: int

    def __repr__(self) -> str:
        return f"Contact(user_id={self.user_id})"  # no phone number belongs into a log


@dataclass(frozen=True, slots=True)
class Location:
    """A place that somebody sent, in degrees."""

    latitude: float
    longitude: float

    def __repr__(self) -> str:
        return "Location()"  # where somebody is does not belong into a log


class Kind(Protocol):
    """What a question asks for."""

    @property
    def name(self) -> str:
        """The kind of its steps; it is kept, so it never changes."""

    async def read(self, message: types.Message) -> Json:
        """Return what is kept of an answer; raise UnfitError if the message is none."""

    async def give(self, kept: Json, fetch: Fetch) -> Answer:
        """Return what the function gets for what is kept; raise LookupError if that is gone."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text, or what a check makes of it."""

    check: Check | None = None
    name: str = "ask"

    async def read(self, message: types.Message) -> Json:
        if not message.message or not isinstance(message.media, (types.MessageMediaWebPage, type(None))):
            raise UnfitError
        text = str(message.message)
        if self.check is None:
            return text
        try:
            found = self.check(text)
            if inspect.isawaitable(found):
                found = await found
        except ValueError as error:
            raise UnfitError from error
        if found is False:
            raise UnfitError
        return text if found is True or found is None else as_json(found, "what check returned")

    async def give(self, kept: Json, fetch: Fetch) -> Answer:
        return kept


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several options."""

    choices: Choices
    name: str = "choose"

    async def read(self, message: types.Message) -> Json:
        return self.choices.written(message.message or "")

    async def give(self, kept: Json, fetch: Fetch) -> Answer:
        if kept not in self.choices:
            raise LookupError
        return kept


@dataclass(frozen=True, slots=True)
class Media:
    """A message with something in it; the function gets the message."""

    name: str
    fits: Callable[[types.Message], object]

    async def read(self, message: types.Message) -> Json:
        if not self.fits(message):
            raise UnfitError
        return None

    async def give(self, kept: Json, fetch: Fetch) -> Answer:
        message = await fetch()
        if message is None:
            raise LookupError
        return message


def _is_photo(message: types.Message) -> bool:
    """Return whether a message brings a photo, or a picture as a file."""
    if isinstance(message.media, types.MessageMediaPhoto):
        return True
    document = getattr(message.media, "document", None)
    return str(getattr(document, "mime_type", "")).startswith("image/") and not message.sticker


def _is_file(message: types.Message) -> bool:
    """Return whether a message brings a file of any kind, a photo too."""
    return (
        isinstance(message.media, (types.MessageMediaPhoto, types.MessageMediaDocument))
        and not message.sticker
    )


PHOTO = Media("ask_photo", _is_photo)
FILE = Media("ask_file", _is_file)


class ContactKind:
    """A contact."""

    name = "ask_contact"

    async def read(self, message: types.Message) -> Json:
        found = message.media
        if not isinstance(found, types.MessageMediaContact):
            raise UnfitError
        return asdict(Contact(found.phone_number, found.first_name, found.last_name, found.user_id or 0))

    async def give(self, kept: Json, fetch: Fetch) -> Contact:
        return Contact(**kept)


class LocationKind:
    """A place on the map."""

    name = "ask_location"

    async def read(self, message: types.Message) -> Json:
        place = getattr(message.media, "geo", None)
        if not isinstance(place, types.GeoPoint):
            raise UnfitError
        return asdict(Location(place.lat, place.long))

    async def give(self, kept: Json, fetch: Fetch) -> Location:
        return Location(**kept)
