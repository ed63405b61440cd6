"""The content of a broadcast as requests: made once for each language, then addressed to each recipient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from telethon.extensions import BinaryReader
from telethon.tl import TLRequest, functions, types

from tgbot.core.broadcasts import Broadcast, Content, Part
from tgbot.locales.languages import Language, nearest, read
from tgbot.messaging.broadcast.buttons import markup
from tgbot.messaging.broadcast.drafts import check_buttons, unpacked
from tgbot.telegram.calls.named import derive_random_id
from tgbot.telegram.calls.packed import Form, Packed

_NOBODY: Final = types.InputPeerEmpty()


class Bot(NamedTuple):
    """What the contents need to know of the bot."""

    id: int
    #: The username, "" for none.
    username: str
    #: Signs the start payloads of counted buttons.
    key: bytes


class Addressed(NamedTuple):
    """The send to one recipient."""

    send: Packed
    random_ids: tuple[int, ...]
    #: The number of its language among those of the broadcast, counted from 1.
    language: int


class Languages:
    """The languages of a broadcast's contents, and which of them is for whom."""

    def __init__(self, codes: Iterable[str]) -> None:
        self._codes = tuple(codes)
        self._known: dict[Language, str] = {
            known: code for code in self._codes if code and (known := read(code))
        }

    def of(self, spoken: str | None) -> str:
        """Return the nearest language, else what is for everybody else, else the first."""
        wanted = read(spoken) if spoken else None
        if wanted is not None:
            for language in nearest(wanted, self._known):
                return self._known[language]
        return "" if "" in self._codes else self._codes[0]


class Contents:
    """What the recipients of one broadcast are sent; the parts of its contents have to be known."""

    def __init__(self, broadcast: Broadcast, bot: Bot, *, test: bool = False) -> None:
        """With `test` it is another message each time that `broadcast.tests` has changed."""
        self._bot_id = bot.id
        self._key = f"broadcast {broadcast.id}.{broadcast.salt}.{broadcast.revision}"
        if test:
            self._key += f" test {broadcast.tests}"
        codes = broadcast.languages or tuple(broadcast.contents)
        self._forms = [
            Form(request_for(broadcast, broadcast.contents[code], bot))
            if code in broadcast.contents
            else None
            for code in codes
        ]
        self._places = {code: place for place, code in enumerate(codes)}
        self._languages = Languages(broadcast.contents)
        #: What a recipient's language code means, as it is found out.
        self._chosen: dict[str | None, int] = {}

    def to(self, user_id: int, access_hash: int, spoken: str | None) -> Addressed:
        """Return the send to a recipient who speaks this language, with its own random_ids."""
        number = self._chosen.get(spoken)
        if number is None:
            number = self._chosen[spoken] = self._places[self._languages.of(spoken)]
        form = self._forms[number]
        assert form is not None
        bot_id, key = self._bot_id, self._key
        if form.messages == 1:
            random_ids: tuple[int, ...] = (derive_random_id(bot_id, key, "", user_id, 0),)
        else:
            random_ids = tuple(
                derive_random_id(bot_id, key, "", user_id, index) for index in range(form.messages)
            )
        return Addressed(form.to(user_id, access_hash, random_ids), random_ids, number + 1)


def request_for(broadcast: Broadcast, content: Content, bot: Bot) -> TLRequest:
    """Return the request that sends a content, to nobody yet; raise ContentError where Telegram has none."""
    parts = content.parts
    keyboard = markup(broadcast, bot.username, bot.key)
    flags: dict[str, Any] = {  # Any: as Telethon takes flags
        "silent": broadcast.silent or None,
        "allow_paid_floodskip": broadcast.paid or None,
    }
    if len(parts) > 1:
        check_buttons(content, bool(broadcast.buttons))
        singles = [
            types.InputSingleMedia(media_of(part), part.text, random_id=0, entities=unpacked(part.entities))
            for part in parts
        ]
        return functions.messages.SendMultiMediaRequest(_NOBODY, singles, **flags)
    (part,) = parts
    options = {"reply_markup": keyboard, "entities": unpacked(part.entities), "random_id": 0, **flags}
    if part.media:
        return functions.messages.SendMediaRequest(_NOBODY, media_of(part), part.text, **options)
    no_webpage = not broadcast.preview or None
    return functions.messages.SendMessageRequest(_NOBODY, part.text, no_webpage=no_webpage, **options)


def edit_for(broadcast: Broadcast, content: Content, bot: Bot) -> functions.messages.EditMessageRequest:
    """Return the request that edits a message to a content, or only its buttons if that has no parts.

    A text without a medium leaves the medium of the message as it is.
    """
    # Telegram takes an edit without buttons for one that removes them.
    options: dict[str, Any] = {  # Any: as Telethon takes flags
        "reply_markup": markup(broadcast, bot.username, bot.key),
        "no_webpage": not broadcast.preview or None,
    }
    for part in content.parts[:1]:
        options |= {
            "message": part.text,
            "entities": unpacked(part.entities),
            "media": media_of(part) if part.media else None,
        }
    return functions.messages.EditMessageRequest(_NOBODY, 0, **options)


def media_of(part: Part) -> types.TypeInputMedia:
    """Return the medium of a part that has one."""
    return BinaryReader(part.media).tgread_object()
