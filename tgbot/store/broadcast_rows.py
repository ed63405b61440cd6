"""Where broadcasts and their deliveries are kept: what a store reads and writes of them."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from tgbot.core.broadcasts import Audience
from tgbot.core.deliveries import Chunk, Outcome, Wanted
from tgbot.store.base import Survey
from tgbot.store.chunk_bytes import packed


class ChunkRow(NamedTuple):
    """A chunk as it is kept: packed, with what is looked for beside it."""

    broadcast: int
    number: int
    #: The lowest user id in it, 0 if everybody was forgotten.
    first: int
    #: How many deliveries have these outcomes, and how many of those sent were corrected in `round`.
    waiting: int
    late: int
    sent: int
    round: int
    corrected: int
    value: bytes

    @classmethod
    def of(cls, broadcast_id: int, chunk: Chunk) -> ChunkRow:
        count, sent = chunk.outcomes.count, chunk.outcomes.count(Outcome.SENT)
        corrected = len(chunk.corrections) - chunk.corrections.count(0)
        first = chunk.ids[0] or next(filter(None, chunk.ids), 0)
        return cls(
            *(broadcast_id, chunk.number, first, count(Outcome.WAITING), count(Outcome.LATE), sent),
            *(chunk.round, corrected, packed(chunk)),
        )

    def has(self, wanted: Wanted, round: int) -> bool:
        """Return whether there are such deliveries, in a round of corrections."""
        if wanted is Wanted.UNCORRECTED:
            return self.sent > (self.corrected if self.round == round else 0)
        return bool(self.waiting if wanted is Wanted.WAITING else self.late)


@dataclass(frozen=True, slots=True)
class BroadcastChanges:
    """What is to be written of broadcasts."""

    #: Number → the definition as JSON, None for one to be deleted, with everything about it.
    definitions: Mapping[int, str | None]
    #: Number → the tally as JSON.
    tallies: Mapping[int, str]
    chunks: Sequence[ChunkRow]
    #: Broadcasts whose chunks are all among these: others that are there are deleted first.
    anew: Collection[int] = ()


NO_BROADCASTS: Final = BroadcastChanges({}, {}, ())


class BroadcastRows(Protocol):
    """Where broadcasts and their deliveries are kept.

    Each method raises a StorageError where they cannot be read or written. Definitions are read once, when
    the store is opened; what is read in a running bot does not hold up the event loop.
    """

    #: The name of the place, for errors.
    place: str

    def definitions(self) -> Mapping[int, tuple[str, str]]:
        """Return definition and tally of each broadcast, as JSON, by number."""

    def last_number(self) -> int:
        """Return the greatest number that a broadcast ever had, 0 for none."""

    async def chunk(self, broadcast_id: int, number: int) -> bytes | None:
        """Return a packed chunk, None if there is none."""

    async def next_chunk(self, broadcast_id: int, after: int, wanted: Wanted, round: int) -> int | None:
        """Return the lowest number above `after` of a chunk with such deliveries (see `ChunkRow.has`)."""

    async def chunk_of(self, broadcast_id: int, user_id: int) -> int | None:
        """Return the number of the only chunk that a delivery to this user may be in."""

    async def audience(self, audience: Audience, now: float) -> array[int]:
        """Return the ids of the recipients in ascending order, by the users as they were written last."""

    async def survey(self, audience: Audience, now: float) -> Survey:
        """Return what `Broadcasts.survey` does, by the users as they were written last."""
