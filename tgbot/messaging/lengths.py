"""Texts that are longer than Telegram takes: cut into several messages, or shortened.

All lengths are in UTF-16 units, in which Telegram counts entities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Final

from telethon import helpers, utils
from telethon.tl import types

#: The longest text of a message, the longest caption, and the longest notice about a pressed button.
TEXT: Final = 4096
CAPTION: Final = 1024
NOTICE: Final = 200

#: Where a text is cut, the best place first: after a line, a word, a visible character, anything.
_CUTS: Final = (
    r"\n",
    r"\s",
    "[^\u200d](?![\udc00-\udfff\u0300-\u036f\u200d\ufe0f\u20e3]|\ud83c[\udffb-\udfff])",
    r"(?s:.)",
)


def length(text: str) -> int:
    """Return the length of a text."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def pieces(
    text: str, entities: Iterable[types.TypeMessageEntity] = (), limit: int = TEXT
) -> Iterator[tuple[str, list[types.TypeMessageEntity]]]:
    """Yield a text in pieces that are no longer than the limit, each with the entities that are in it.

    An entity that goes over a cut is in both pieces. White space at a cut is left out, as Telegram does.
    """
    for part, inside in utils.split_text(text, [*map(copy, entities)], limit=limit, split_at=_CUTS):
        stripped = helpers.del_surrogate(helpers.strip_text(helpers.add_surrogate(part), inside))
        if stripped:
            yield stripped, inside


def shortened(text: str, limit: int) -> str:
    """Return a text with "…" in place of what goes over the limit."""
    if length(text) <= limit:
        return text
    return next(part for part, _ in pieces(text, limit=limit - 1)) + "…"
