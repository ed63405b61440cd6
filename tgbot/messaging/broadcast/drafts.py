"""Contents of a broadcast out of texts, checked before anything is stored."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from telethon.extensions import BinaryReader, html, markdown
from telethon.tl import types

from tgbot.core.broadcasts import Audience, Content, Part
from tgbot.core.errors import ContentError
from tgbot.locales import languages
from tgbot.messaging.lengths import CAPTION, TEXT, length

_VECTOR: Final = b"\x15\xc4\xb5\x1c"


class Markup(StrEnum):
    """How a text is written; a member's value is how the command line spells it."""

    #: As it is.
    PLAIN = "plain"
    #: Telethon's Markdown: **bold**, __italic__, `code`, [a link](https://example.com).
    MARKDOWN = "markdown"
    #: Telegram's HTML: <b>bold</b>, <a href="https://example.com">a link</a>.
    HTML = "html"


def text_content(text: str, markup: Markup = Markup.PLAIN) -> Content:
    """Return a text as content; raise ContentError if it is empty or longer than Telegram takes."""
    entities: Sequence[types.TypeMessageEntity] = ()
    if markup is not Markup.PLAIN:
        text, entities = (markdown if markup is Markup.MARKDOWN else html).parse(text)
    if not text.strip():
        raise ContentError("the text is empty", "write what is to be sent")
    check_length(text, TEXT)
    return Content((Part(text, packed(entities)),))


def check_length(text: str, limit: int) -> None:
    """Raise ContentError if a text is longer than Telegram takes: a whole text, or a caption."""
    if (size := length(text)) > limit:
        what = "caption" if limit == CAPTION else "text"
        raise ContentError(
            f"the {what} has {size:,} characters of {limit:,}", "shorten it: a broadcast is one message"
        )


def checked(contents: Mapping[str, Content], audience: Audience) -> dict[str, Content]:
    """Return the contents by the codes of their languages, as they are stored.

    Raise ContentError for a code that is no language, and where somebody in the audience would get nothing.
    """
    found: dict[str, Content] = {}
    for code, content in contents.items():
        known = languages.read(code) if code else None
        if code and known is None:
            raise ContentError(f"{code[:20]!r} is no code of a language", "give one such as ru or pt-br")
        name = str(known).lower() if known else ""
        if name in found:
            raise ContentError(f"there are two texts for {name}", "leave one of them out")
        found[name] = content
    if not found:
        raise ContentError("there is none", "give a text, or name a message to copy")
    if "" not in found and not (audience.languages and found.keys() >= set(audience.languages)):
        named = ", ".join(sorted(found))
        raise ContentError(
            f"it is in {named} only, and others would get nothing",
            f"add a text for everybody else, or send it to those who speak {named} (--language)",
        )
    return found


def packed(entities: Sequence[types.TypeMessageEntity]) -> bytes:
    """Return entities as the bytes of a TL vector, b"" for none."""
    if not entities:
        return b""
    return _VECTOR + struct.pack("<i", len(entities)) + b"".join(map(bytes, entities))


def unpacked(entities: bytes) -> list[Any] | None:  # Any: a TL entity
    """Return the entities in the bytes of a TL vector, None for none."""
    return list(BinaryReader(entities).tgread_vector()) if entities else None
