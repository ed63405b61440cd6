"""What is in a message, as records have it."""

from __future__ import annotations

import mimetypes
from typing import Any, Final

from telethon.tl import TLObject, types

from ..dialogs import Copy, Post
from ..world import World
from .records import Labels, Media

#: Formatting that a person chooses. The server finds the rest, such as links and commands, by itself.
_CHOSEN: Final = (
    types.MessageEntityBold,
    types.MessageEntityItalic,
    types.MessageEntityUnderline,
    types.MessageEntityStrike,
    types.MessageEntitySpoiler,
    types.MessageEntityCode,
    types.MessageEntityPre,
    types.MessageEntityBlockquote,
    types.MessageEntityTextUrl,
    types.MessageEntityMentionName,
    types.MessageEntityCustomEmoji,
)
#: What is true of any file that is sent as one.
_PLAIN: Final = types.DocumentAttributeFilename, types.DocumentAttributeImageSize


def chosen(post: Post) -> tuple[tuple[TLObject, ...], tuple[str, ...]]:
    """Return the formatting that the sender chose, and what of it a test cannot do."""
    found = [entity for entity in post.entities or () if isinstance(entity, _CHOSEN)]
    able = tuple(one for one in found if not isinstance(one, types.MessageEntityMentionName))
    return able, ("a mention without a username",) if len(able) < len(found) else ()


def kind_of(
    world: World, media: Any, sender: int
) -> tuple[Media, tuple[object, ...], tuple[str, ...]] | None:
    """Return what was sent, its content, and what of it a test cannot do."""
    match media:
        case types.MessageMediaPhoto(photo=photo):
            stored = world.files.named(photo.id) if photo is not None else None
            sizes = stored.picture.sizes if stored is not None and stored.picture is not None else ()
            largest = max((size.content for size in sizes), key=len, default=None)
            lacks = ("that a picture was covered",) if media.spoiler else ()
            return Media.PHOTO, () if largest is None else (largest,), lacks
        case types.MessageMediaDocument(document=types.Document() as document):
            content = world.files.stored(document.id)
            name = next((one.file_name for one in document.attributes if hasattr(one, "file_name")), "")
            return None if content is None else (Media.FILE, (content, name), _special(document, name))
        case types.MessageMediaContact(phone_number=phone, first_name=name):
            own = world.accounts[sender].phone or ""
            return Media.CONTACT, ("" if phone.lstrip("+") == own else phone, name), ()
        case types.MessageMediaGeo(geo=types.GeoPoint(lat=latitude, long=longitude)):
            return Media.LOCATION, (latitude, longitude), ()
    return None


def labels_of(markup: Any) -> Labels:  # Any: a reply markup of the schema, or None
    """Return the labels of a keyboard."""
    return tuple(button.text for row in getattr(markup, "rows", ()) for button in row.buttons)


def label_of(copy: Copy, data: bytes | None) -> str:
    """Return the label of the button of a message that has this data."""
    for row in getattr(copy.post.markup, "rows", ()):
        for button in row.buttons:
            if getattr(getattr(button, "type", button), "data", None) == data:
                return str(button.text)
    return ""


def _special(document: types.Document, name: str) -> tuple[str, ...]:
    """Return how a file differs from one that a test sends under this name."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    special = [type(one).__name__ for one in document.attributes if not isinstance(one, _PLAIN)]
    kinds = ", ".join(one.removeprefix("DocumentAttribute").lower() for one in special)
    return (
        *((f"that the type of a file was {document.mime_type}",) if document.mime_type != kind else ()),
        *((f"that a file was sent as {kinds}",) if kinds else ()),
    )


def is_media(post: Post) -> bool:
    return post.media is not None and not isinstance(post.media, types.MessageMediaWebPage)
