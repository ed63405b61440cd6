"""Entities that the server finds in a text: commands, mentions, hashtags, links."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from telethon.tl import TLObject, types

from .rpc import RpcError

_KINDS: Final = {
    "command": types.MessageEntityBotCommand,
    "mention": types.MessageEntityMention,
    "hashtag": types.MessageEntityHashtag,
    "email": types.MessageEntityEmail,
    "url": types.MessageEntityUrl,
}
_FOUND: Final = re.compile(
    # Each alternative can begin only where the one before it cannot continue: no quadratic search.
    r"(?P<url>\b(?:https?|tg)://[^\s<>\"]*[^\s<>\".,!?)]"
    r"|(?<![\w@./-])(?:[\w-]+\.)+(?:com|org|net|me|ru|io|dev)\b(?:/[^\s<>\"]*)?)"
    r"|(?P<email>(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<command>(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/]))"
    r"|(?P<mention>(?<!\w)@[A-Za-z][A-Za-z0-9_]{2,31}\b)"
    r"|(?P<hashtag>(?<!\w)#\w*[^\W\d]\w*)"
)
_HINTS: Final = re.compile(r"[/@#.]")


def units(text: str) -> int:
    """Return the length in UTF-16 code units, the unit of entity offsets."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_bounds(text: str, entities: list[TLObject] | None) -> None:
    """Raise 400 ENTITY_BOUNDS_INVALID for an entity that is empty or not within a text as it was sent."""
    if not entities:
        return
    total = units(text)
    for entity in entities:
        if entity.offset < 0 or entity.length <= 0 or entity.offset + entity.length > total:
            raise RpcError(400, "ENTITY_BOUNDS_INVALID")


def trimmed(text: str, entities: list[TLObject] | None) -> tuple[str, list[TLObject]]:
    """Strip a text and return it with its entities, moved and shortened to match."""
    stripped = text.strip()
    if not entities:
        return stripped, []
    shift = units(text[: len(text) - len(text.lstrip())])
    total = units(stripped)
    kept = []
    for entity in entities:
        start = max(entity.offset - shift, 0)
        end = min(entity.offset - shift + entity.length, total)
        if end > start:
            entity.offset, entity.length = start, end - start
            kept.append(entity)
    return stripped, kept


def found(text: str, given: list[TLObject], *, commands: bool) -> list[TLObject]:
    """Return the sender's entities and those that the server finds outside them, in order."""
    if not _HINTS.search(text):
        return given
    taken = [(entity.offset, entity.offset + entity.length) for entity in given]
    result = list(given)
    for kind, start, length in _places(text):
        if kind == "command" and not commands:
            continue
        if not any(start < end and begin < start + length for begin, end in taken):
            result.append(_KINDS[kind](start, length))
    result.sort(key=lambda entity: (entity.offset, -entity.length))
    return result


@lru_cache(maxsize=64)  # a broadcast sends one text to many
def _places(text: str) -> tuple[tuple[str, int, int], ...]:
    """Return (kind, offset, length) of everything in a text that the server can find, in UTF-16 units."""
    places = []
    at = at_units = 0
    for match in _FOUND.finditer(text):
        at_units += units(text[at : match.start()])
        at = match.start()
        places.append((match.lastgroup or "", at_units, units(match.group())))
    return tuple(places)
