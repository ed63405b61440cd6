"""Contents of a broadcast that are copied from a message, which is fetched from Telegram."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec.structs import replace
from telethon import errors, utils
from telethon.tl import TLRequest, functions, types

from tgbot.core.broadcasterrors import ContentError, SourceError
from tgbot.core.broadcasts import Broadcast, Content, Part, Source, State
from tgbot.core.ids import bare_id, is_channel, marked_id
from tgbot.messaging.broadcast.drafts import check_buttons, check_length, packed
from tgbot.messaging.lengths import CAPTION, TEXT
from tgbot.telegram import BotClient, error_name

#: Telegram numbers the messages of an album, up to ten, without gaps.
_BESIDE: Final = 9
#: The media that can be sent again. Of the others Telegram lets nobody send a copy, or the copy would be
#: something else: a poll of its own, a location that does not move.
_COPIED: Final = (
    types.MessageMediaPhoto,
    types.MessageMediaDocument,
    types.MessageMediaContact,
    types.MessageMediaGeo,
    types.MessageMediaVenue,
    types.MessageMediaDice,
    types.MessageMediaGame,
)
#: What a text with a link has; Telegram makes it again.
_TEXT_ONLY: Final = (type(None), types.MessageMediaEmpty, types.MessageMediaWebPage)


class Obstacle(StrEnum):
    """Why a message cannot be copied; a member's value is in the name of the text that says so."""

    #: Telegram does not show it to the bot.
    HIDDEN = "hidden"
    #: It does not exist, or not any more.
    GONE = "gone"
    #: It is a service message.
    SERVICE = "service"
    #: Its medium is of a kind that cannot be sent again.
    KIND = "kind"
    #: Its medium deletes itself.
    VANISHING = "vanishing"
    #: Its file is gone.
    FILE = "file"
    #: There is nothing in it.
    EMPTY = "empty"
    #: Its text is longer than a bot's may be.
    LONG = "long"
    #: Its album is another one than at the start.
    CHANGED = "changed"


async def prepare(client: BotClient, draft: Broadcast) -> Broadcast:
    """Return a draft whose contents are known; those that are copied are fetched, also once more.

    Raise SourceError for what cannot be copied, and ContentError for buttons under an album. What is no draft
    any more stays as it is.
    """
    if draft.state is not State.DRAFT:
        return draft
    contents = await known(client, draft.contents)
    for content in contents.values():
        check_buttons(content, bool(draft.buttons))
    return replace(draft, contents=contents)


async def known(client: BotClient, contents: Mapping[str, Content]) -> dict[str, Content]:
    """Return contents whose parts are known: those that are copied are fetched, also once more.

    Raise SourceError for what cannot be copied.
    """
    fetched: dict[str, Content] = {}
    for code, content in contents.items():
        if content.source is not None:
            content = Content(await fetch(client, content.source), content.source)
        fetched[code] = content
    return fetched


async def renew(client: BotClient, contents: Mapping[str, Content]) -> dict[str, Content]:
    """Return contents with the files of those that are copied fetched anew; the texts stay as they are.

    Raise SourceError if a message is gone, or its album has changed.
    """
    renewed: dict[str, Content] = {}
    for code, content in contents.items():
        source = content.source
        if source is not None:
            parts = await fetch(client, source)
            if len(parts) != len(content.parts):
                raise _refused(source, Obstacle.CHANGED, "its album has changed since the start")
            pairs = zip(content.parts, parts, strict=True)
            content = Content(tuple(replace(old, media=new.media) for old, new in pairs), source)
        renewed[code] = content
    return renewed


async def fetch(client: BotClient, source: Source) -> tuple[Part, ...]:
    """Return what a message consists of, with fresh file references; of an album all of its messages.

    Raise SourceError if it is not there or cannot be copied, and Telegram's error if it cannot be asked now.
    """
    around = range(max(1, source.message - _BESIDE), source.message + _BESIDE + 1)
    wanted = [types.InputMessageID(number) for number in around]
    request: TLRequest
    if is_channel(source.chat):
        # A bot may use access hash 0 for a chat that it is a member of.
        channel = types.InputChannel(bare_id(source.chat), client.session.access_hash(source.chat) or 0)
        request = functions.channels.GetMessagesRequest(channel, wanted)
    else:
        request = functions.messages.GetMessagesRequest(wanted)
    try:
        answer = await client(request)
    except errors.BadRequestError as error:
        name = error_name(error)
        reason = f"Telegram does not show it to this bot ({name}): is it a member?"
        raise _refused(source, Obstacle.HIDDEN, reason, name) from error
    found = [one for one in answer.messages if _is_in(one, source.chat)]
    message = next((one for one in found if one.id == source.message), None)
    if message is None:
        raise _refused(source, Obstacle.GONE, "there is no such message, or it was deleted")
    if type(message) is types.MessageService:
        raise _refused(source, Obstacle.SERVICE, "it is a service message of Telegram's")
    group = getattr(message, "grouped_id", None)
    album = [one for one in found if getattr(one, "grouped_id", None) == group] if group else [message]
    return tuple(_part(client, one, source) for one in sorted(album, key=lambda one: int(one.id)))


def _is_in(message: types.TypeMessage, chat: int) -> bool:
    return type(message) is not types.MessageEmpty and marked_id(message.peer_id) == chat


def _part(client: BotClient, message: types.TypeMessage, source: Source) -> Part:
    media = message.media
    if isinstance(media, _TEXT_ONLY):
        shown = b""
    elif not isinstance(media, _COPIED):
        kind = type(media).__name__.removeprefix("MessageMedia").lower()
        reason = f"it holds something that cannot be sent again ({kind})"
        raise _refused(source, Obstacle.KIND, reason, kind)
    elif getattr(media, "ttl_seconds", None):
        raise _refused(source, Obstacle.VANISHING, "its picture or video deletes itself")
    else:
        try:
            shown = bytes(utils.get_input_media(media))
        except TypeError as error:
            raise _refused(source, Obstacle.FILE, "its file is gone") from error
    text = message.message or ""
    if not text and not shown:
        raise _refused(source, Obstacle.EMPTY, "it is empty")
    try:
        check_length(text, CAPTION if shown else TEXT)
    except ContentError as error:
        reason = "its text is longer than what a bot may send with it"
        raise _refused(source, Obstacle.LONG, reason) from error
    return Part(text, packed([_sendable(client, one) for one in message.entities or ()]), shown)


def _sendable(client: BotClient, entity: types.TypeMessageEntity) -> types.TypeMessageEntity:
    """Return an entity as it is sent: a mention names its user with an access hash."""
    if type(entity) is not types.MessageEntityMentionName:
        return entity
    user = types.InputUser(entity.user_id, client.session.access_hash(entity.user_id) or 0)
    return types.InputMessageEntityMentionName(entity.offset, entity.length, user)


def _refused(source: Source, obstacle: Obstacle, reason: str, detail: str = "") -> SourceError:
    return SourceError(source.message, source.chat, reason, obstacle=obstacle, detail=detail)
