"""Which messages a search finds: by words, by kind, by date, by sender."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from telethon.tl import types

from .dialogs import Copy
from .polls import Poll

_WORD: Final = re.compile(r"\w+")


def has_words(copy: Copy, query: str) -> bool:
    """Return whether each word of a query is the beginning of a word of the message."""
    wanted = _WORD.findall(query.casefold())
    if not wanted:
        return not query.strip() or query.casefold() in copy.post.text.casefold()
    held = _WORD.findall(_searchable(copy).casefold())
    return all(any(word.startswith(each) for word in held) for each in wanted)


def _searchable(copy: Copy) -> str:
    media = copy.post.media
    parts = [copy.post.text]
    if isinstance(media, Poll):
        parts += [media.question.text, *(answer.text.text for answer in media.answers)]
    elif isinstance(media, types.MessageMediaDocument):
        parts += [getattr(each, "file_name", "") for each in media.document.attributes]
        parts += [getattr(each, "title", None) or "" for each in media.document.attributes]
    elif isinstance(media, types.MessageMediaContact):
        parts += [media.first_name, media.last_name]
    elif isinstance(media, types.MessageMediaVenue):
        parts += [media.title, media.address]
    return " ".join(parts)


def _video(copy: Copy) -> Any:
    """Return the DocumentAttributeVideo of a message, None for none."""
    return _attribute(copy, types.DocumentAttributeVideo)


def _attribute(copy: Copy, kind: type) -> Any:
    media = copy.post.media
    if not isinstance(media, types.MessageMediaDocument):
        return None
    return next((each for each in media.document.attributes if isinstance(each, kind)), None)


def _is_gif(copy: Copy) -> bool:
    return _attribute(copy, types.DocumentAttributeAnimated) is not None


def _is_video(copy: Copy) -> bool:
    video = _video(copy)
    return video is not None and not video.round_message and not _is_gif(copy)


def _is_round(copy: Copy) -> bool:
    video = _video(copy)
    return video is not None and bool(video.round_message)


def _is_voice(copy: Copy) -> bool:
    audio = _attribute(copy, types.DocumentAttributeAudio)
    return audio is not None and bool(audio.voice)


def _is_music(copy: Copy) -> bool:
    audio = _attribute(copy, types.DocumentAttributeAudio)
    return audio is not None and not audio.voice


def _is_photo(copy: Copy) -> bool:
    return isinstance(copy.post.media, types.MessageMediaPhoto)


_NO_FILES: Final = (
    types.DocumentAttributeVideo,
    types.DocumentAttributeAudio,
    types.DocumentAttributeAnimated,
    types.DocumentAttributeSticker,
)
_PLACES: Final = (types.MessageMediaGeo, types.MessageMediaGeoLive, types.MessageMediaVenue)
_LINKS: Final = (types.MessageEntityUrl, types.MessageEntityTextUrl)


def _is_file(copy: Copy) -> bool:
    plain = not any(_attribute(copy, kind) is not None for kind in _NO_FILES)
    return isinstance(copy.post.media, types.MessageMediaDocument) and plain


def _has_link(copy: Copy) -> bool:
    return any(isinstance(entity, _LINKS) for entity in copy.post.entities or ())


#: Filter → whether a message passes it. Which messages mention somebody is asked of `mentions`.
FILTERS: Final[dict[type, Callable[[Copy], bool]]] = {
    types.InputMessagesFilterEmpty: lambda copy: True,
    types.InputMessagesFilterPhotos: _is_photo,
    types.InputMessagesFilterVideo: _is_video,
    types.InputMessagesFilterPhotoVideo: lambda copy: _is_photo(copy) or _is_video(copy),
    types.InputMessagesFilterDocument: _is_file,
    types.InputMessagesFilterUrl: _has_link,
    types.InputMessagesFilterGif: _is_gif,
    types.InputMessagesFilterVoice: _is_voice,
    types.InputMessagesFilterMusic: _is_music,
    types.InputMessagesFilterRoundVideo: _is_round,
    types.InputMessagesFilterRoundVoice: lambda copy: _is_round(copy) or _is_voice(copy),
    types.InputMessagesFilterContacts: lambda copy: isinstance(copy.post.media, types.MessageMediaContact),
    types.InputMessagesFilterGeo: lambda copy: isinstance(copy.post.media, _PLACES),
    types.InputMessagesFilterPoll: lambda copy: isinstance(copy.post.media, Poll),
    types.InputMessagesFilterPinned: lambda copy: copy.pinned,
    types.InputMessagesFilterChatPhotos: lambda copy: isinstance(
        copy.post.action, types.MessageActionChatEditPhoto
    ),
    types.InputMessagesFilterPhoneCalls: lambda copy: isinstance(
        copy.post.action, types.MessageActionPhoneCall
    ),
}
