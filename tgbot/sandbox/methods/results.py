"""What a bot answers to an inline query: from InputBotInlineResult to what apps show and people send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from telethon.tl import TLObject, types

from ..queries import Result
from ..rpc import RpcError
from .calls import Call
from .keyboards import shown_markup
from .media import as_message_media, known_file, live_place, place
from .sending import CAPTION_LENGTH, TEXT_LENGTH, text_of

#: The kinds of results that the schema names.
_TYPES: Final = frozenset(
    [
        "article",
        "audio",
        "contact",
        "document",
        "file",
        "game",
        "geo",
        "gif",
        "mpeg4_gif",
        "location",
        "photo",
        "sticker",
        "venue",
        "video",
        "voice",
    ]
)
#: What has no title cannot be shown in a list.
_TITLED: Final = {"article": "ARTICLE_TITLE_EMPTY", "video": "VIDEO_TITLE_EMPTY"}


@dataclass(slots=True)
class _Message:
    """The message of a result: its TL form, and what a post needs."""

    shown: TLObject
    text: str = field(default="", repr=False)
    entities: list[TLObject] | None = field(default=None, repr=False)
    media: TLObject | None = None


def result_of(call: Call, given: TLObject, fetched: dict[str, TLObject]) -> Result:
    """Return a result of a bot; raise the RPC error of what Telegram does not take.

    `fetched` has the media of the addresses that other results of the call have named.
    """
    if given.type not in _TYPES:
        raise RpcError(400, "RESULT_TYPE_INVALID")
    markup = shown_markup(call, given.send_message.reply_markup)
    file = _file(call, given)
    message = _message(call, given.send_message, markup, file)
    if isinstance(given, types.InputBotInlineResult):
        if given.type in _TITLED and not given.title:
            raise RpcError(400, _TITLED[given.type])
        if isinstance(given.send_message, types.InputBotInlineMessageMediaAuto):
            if not sends_content(given):
                raise RpcError(400, "SEND_MESSAGE_MEDIA_INVALID")
            url = given.content.url
            message.media = fetched[url] = fetched.get(url) or _fetched(call, given)
        about = (given.title, given.description, given.url, _web(given.thumb), _web(given.content))
        shown: TLObject = types.BotInlineResult(given.id, given.type, message.shown, *about)
    else:
        shown = types.BotInlineMediaResult(given.id, given.type, message.shown)
        if isinstance(given, types.InputBotInlineResultPhoto):
            shown.photo = file.photo
        else:
            shown.document, shown.title, shown.description = file.document, given.title, given.description
    inverted = bool(getattr(given.send_message, "invert_media", False))
    return Result(shown, message.text, message.entities, markup, message.media, inverted)


def sends_content(given: types.InputBotInlineResult) -> bool:
    """Return whether a result becomes a message with the file at the address of its content."""
    return given.content is not None and isinstance(given.send_message, types.InputBotInlineMessageMediaAuto)


def _fetched(call: Call, given: types.InputBotInlineResult) -> TLObject:
    """Return the media at an address, which was fetched ahead of the call."""
    url = given.content.url
    if given.type == "photo":
        return as_message_media(call, types.InputMediaPhotoExternal(url))
    media: TLObject = as_message_media(call, types.InputMediaDocumentExternal(url))
    known = [types.DocumentAttributeAnimated()] if given.type in ("gif", "mpeg4_gif") else []
    media.document.attributes += [*given.content.attributes, *known]
    return media


def _file(call: Call, given: TLObject) -> TLObject:
    """Return the media of a result that is a file the server has, None for none."""
    if isinstance(given, types.InputBotInlineResultPhoto):
        return types.MessageMediaPhoto(photo=known_file(call, given.photo).value)
    if isinstance(given, types.InputBotInlineResultDocument):
        return types.MessageMediaDocument(document=known_file(call, given.document).value)
    return None


def _web(given: TLObject) -> TLObject:
    if given is None:
        return None
    if not given.url.lower().startswith(("http://", "https://")):
        raise RpcError(400, "WEBDOCUMENT_URL_INVALID")
    return types.WebDocumentNoProxy(given.url, given.size, given.mime_type, given.attributes)


def _message(call: Call, given: TLObject, markup: TLObject, file: TLObject) -> _Message:
    if isinstance(given, types.InputBotInlineMessageMediaAuto):
        text, entities = text_of(call, call.me, given.message, given.entities, CAPTION_LENGTH)
        shown = types.BotInlineMessageMediaAuto(
            text, invert_media=given.invert_media, entities=entities, reply_markup=markup
        )
        return _Message(shown, text, entities, file)
    if isinstance(given, types.InputBotInlineMessageText):
        text, entities = text_of(call, call.me, given.message, given.entities, TEXT_LENGTH)
        if not text:
            raise RpcError(400, "MESSAGE_EMPTY")
        shown = types.BotInlineMessageText(
            text,
            no_webpage=given.no_webpage,
            invert_media=given.invert_media,
            entities=entities,
            reply_markup=markup,
        )
        return _Message(shown, text, entities)
    if isinstance(given, types.InputBotInlineMessageMediaGeo):
        geo = place(call, given.geo_point)
        live = (given.heading, given.period, given.proximity_notification_radius)
        shown = types.BotInlineMessageMediaGeo(geo, *live, reply_markup=markup)
        if not given.period:
            return _Message(shown, media=types.MessageMediaGeo(geo))
        return _Message(shown, media=live_place(given, geo))
    if isinstance(given, types.InputBotInlineMessageMediaVenue):
        where = (given.title, given.address, given.provider, given.venue_id, given.venue_type)
        geo = place(call, given.geo_point)
        shown = types.BotInlineMessageMediaVenue(geo, *where, reply_markup=markup)
        return _Message(shown, media=types.MessageMediaVenue(geo, *where))
    if isinstance(given, types.InputBotInlineMessageMediaContact):
        person = (given.phone_number, given.first_name, given.last_name, given.vcard)
        if not given.phone_number or not given.first_name:
            raise RpcError(400, "PHONE_NUMBER_INVALID")
        shown = types.BotInlineMessageMediaContact(*person, reply_markup=markup)
        account = call.world.accounts.by_phone(given.phone_number.removeprefix("+"))
        return _Message(shown, media=types.MessageMediaContact(*person, account.id if account else 0))
    raise RpcError(400, "SEND_MESSAGE_TYPE_INVALID")
