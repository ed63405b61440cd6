"""Chunks of deliveries made by hand."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from tgbot.core.broadcasts import Broadcast, Button, Content, State
from tgbot.core.deliveries import Chunk, Correction, Outcome

#: 2026-09-21 14:13:20 UTC.
BEGAN = 1_790_000_000


class Delivery(NamedTuple):
    """One delivery; `language` and `clicks` are what the chunk holds."""

    user: int
    outcome: Outcome
    at: int = 0
    language: int = 0
    messages: tuple[int, ...] = ()
    error: str = ""
    clicks: int = 0
    correction: Correction = Correction.NONE


def chunk_of(deliveries: Sequence[Delivery], *, number: int = 0, parts: int = 1, round: int = 0) -> Chunk:
    """Return a chunk with these deliveries."""
    chunk = Chunk(number, array("q", [one.user for one in deliveries]), parts)
    chunk.round = round
    for index, one in enumerate(deliveries):
        chunk.outcomes[index] = one.outcome
        chunk.at[index] = one.at
        chunk.languages[index] = one.language
        chunk.clicks[index] = one.clicks
        chunk.corrections[index] = one.correction
        for part, message in enumerate(one.messages):
            chunk.messages[index * parts + part] = message
        if one.error:
            if one.error not in chunk.errors:
                chunk.errors.append(one.error)
            chunk.why[index] = chunk.errors.index(one.error) + 1
    return chunk


async def each(*chunks: Chunk) -> AsyncIterator[Chunk]:
    """Yield the chunks."""
    for chunk in chunks:
        yield chunk


def made(**fields: object) -> Broadcast:
    """Return a broadcast that is done, with a text that is in no report, and these fields."""
    given: dict[str, object] = {
        "name": "Autumn",
        "contents": {"": Content(), "ru": Content()},
        "buttons": (Button("Open", payload="spring"), Button("Site", "https://example.com"), Button("More")),
        "state": State.DONE,
        "started": BEGAN,
        "ended": BEGAN + 10,
        "languages": ("", "ru"),
    }
    return Broadcast(7, 1, BEGAN - 60, **{**given, **fields})  # type: ignore[arg-type]
