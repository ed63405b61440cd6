"""The rules of broadcasts and their deliveries; where they are kept is behind `BroadcastRows`."""

from __future__ import annotations

import asyncio
from array import array
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from weakref import WeakValueDictionary

import msgspec
from msgspec.structs import replace

from tgbot.core.broadcasts import Audience, Broadcast
from tgbot.core.deliveries import (
    CHUNK,
    ERRORS,
    OTHER_ERROR,
    Chunk,
    Correction,
    Outcome,
    Tally,
    Wanted,
)
from tgbot.core.errors import RegistryDamagedError
from tgbot.store.base import Survey
from tgbot.store.chunk_bytes import packed, unpacked

#: How many chunks stay in memory beside those that somebody holds.
CACHED_CHUNKS: Final = 64

_SLICE: Final = 50  # chunks packed between two turns of the event loop

_encode: Final = msgspec.json.Encoder().encode
_decode_broadcast: Final = msgspec.json.Decoder(Broadcast).decode
_decode_tally: Final = msgspec.json.Decoder(Tally).decode

#: Numbers, because a member of an enum is looked up and compared slowly.
_WAITING: Final = int(Outcome.WAITING)
_SENT: Final = int(Outcome.SENT)
_LATE: Final = int(Outcome.LATE)
_FORGOTTEN: Final = int(Outcome.FORGOTTEN)


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
        count, sent = chunk.outcomes.count, chunk.outcomes.count(_SENT)
        corrected = len(chunk.corrections) - chunk.corrections.count(0)
        first = chunk.ids[0] or next(filter(None, chunk.ids), 0)
        return cls(
            *(broadcast_id, chunk.number, first, count(_WAITING), count(_LATE), sent),
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


NO_BROADCASTS: Final = BroadcastChanges({}, {}, ())


class BroadcastRows(Protocol):
    """Where broadcasts and their deliveries are kept.

    Each method raises a StorageError where they cannot be read or written.
    """

    #: The name of the place, for errors.
    place: str

    def definitions(self) -> Mapping[int, tuple[str, str]]:
        """Return definition and tally of each broadcast, as JSON, by number."""

    def last_number(self) -> int:
        """Return the greatest number that a broadcast ever had, 0 for none."""

    def chunk(self, broadcast_id: int, number: int) -> bytes | None:
        """Return a packed chunk, None if there is none."""

    def next_chunk(self, broadcast_id: int, after: int, wanted: Wanted, round: int) -> int | None:
        """Return the lowest number above `after` of a chunk with such deliveries (see `ChunkRow.has`)."""

    def chunk_of(self, broadcast_id: int, user_id: int) -> int | None:
        """Return the number of the only chunk that a delivery to this user may be in."""

    async def audience(self, audience: Audience, now: float) -> array[int]:
        """Return the ids of the recipients in ascending order, by the users as they were written last."""

    async def survey(self, audience: Audience, now: float) -> Survey:
        """Return what `Broadcasts.survey` does, by the users as they were written last."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A change of a definition that waits to be written; the definition is None if it is to be deleted."""

    definition: Broadcast | None
    #: In place of the tally there is; None: it stays, but for a new round of corrections.
    tally: Tally | None = None
    chunks: Sequence[ChunkRow] = ()


class StoredBroadcasts:
    """`Broadcasts` on some rows; `flush` writes what `saving` gives, and the users, in one transaction."""

    def __init__(self, rows: BroadcastRows, flush: Callable[[], Awaitable[None]]) -> None:
        self._rows = rows
        self._flush = flush
        #: Definitions as they are on disk, and their tallies.
        self._all: dict[int, Broadcast] = {}
        self._tallies: dict[int, Tally] = {}
        for broadcast_id, (definition, tally) in sorted(rows.definitions().items()):
            try:
                self._all[broadcast_id] = _decode_broadcast(definition)
                self._tallies[broadcast_id] = _decode_tally(tally)
            except msgspec.MsgspecError as error:
                raise self._damaged(f"broadcast {broadcast_id}", error) from error
        self._last = max(rows.last_number(), *self._all, 0)
        #: What `create`, `change`, `remove` and `freeze` ask for, one at a time.
        self._asked: dict[int, _Asked] = {}
        self._asking = asyncio.Lock()
        #: Whoever is to be forgotten waits until they can be found among the recipients.
        self._freezing = asyncio.Lock()
        #: Definitions from which somebody was taken, and whom: no later change brings them back.
        self._renewed: set[int] = set()
        self._left: defaultdict[int, set[int]] = defaultdict(set)
        #: Chunks that are in use, and the last ones that were.
        self._chunks: WeakValueDictionary[tuple[int, int], Chunk] = WeakValueDictionary()
        self._recent: deque[Chunk] = deque(maxlen=CACHED_CHUNKS)
        #: Chunks changed since they were written, and being written now.
        self._changed: dict[tuple[int, int], Chunk] = {}
        self._writing: dict[tuple[int, int], Chunk] = {}

    # ---- definitions ---------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        return bool(self._changed or self._asked or self._renewed)

    def all(self) -> list[Broadcast]:
        return list(self._all.values())

    def get(self, broadcast_id: int) -> Broadcast | None:
        return self._all.get(broadcast_id)

    def tally(self, broadcast_id: int) -> Tally:
        return self._tallies[broadcast_id]

    async def create(self, broadcast: Broadcast) -> Broadcast:
        self._last += 1
        broadcast = replace(broadcast, id=self._last)
        await self._ask(broadcast.id, _Asked(broadcast, Tally()))
        return broadcast

    async def change(self, broadcast: Broadcast) -> None:
        if broadcast.id not in self._all:
            raise KeyError(broadcast.id)
        await self._ask(broadcast.id, _Asked(broadcast))

    async def remove(self, broadcast_id: int) -> bool:
        if broadcast_id not in self._all:
            return False
        await self._ask(broadcast_id, _Asked(None))
        return True

    # ---- recipients ----------------------------------------------------------------------------

    async def freeze(self, broadcast: Broadcast, now: float) -> Broadcast:
        if not broadcast.parts:
            raise ValueError("the parts of the contents are not known yet")
        async with self._freezing:
            if self._all[broadcast.id].size is not None:
                raise ValueError(f"broadcast {broadcast.id} has its recipients already")
            await self._flush()
            ids = await self._rows.audience(broadcast.audience, now)
            broadcast = replace(broadcast, size=len(ids), languages=tuple(broadcast.contents))
            chunks = []
            for number, start in enumerate(range(0, len(ids), CHUNK)):
                chunk = Chunk(number, ids[start : start + CHUNK], broadcast.parts)
                chunk.round = broadcast.round
                chunks.append(ChunkRow.of(broadcast.id, chunk))
                if number % _SLICE == _SLICE - 1:
                    await asyncio.sleep(0)
            await self._ask(broadcast.id, _Asked(broadcast, Tally.of(len(ids)), chunks))
        return self._all[broadcast.id]

    async def survey(self, audience: Audience, now: float) -> Survey:
        await self._flush()
        return await self._rows.survey(audience, now)

    # ---- deliveries ----------------------------------------------------------------------------

    async def chunk(self, broadcast_id: int, number: int) -> Chunk | None:
        return self._chunk(broadcast_id, number)

    async def next_chunk(self, broadcast_id: int, after: int, *, wanted: Wanted) -> Chunk | None:
        broadcast = self._all.get(broadcast_id)
        if broadcast is None:
            return None
        # What is not written yet counts as it is in memory.
        unsaved = {
            number: chunk
            for places in (self._writing, self._changed)
            for (of, number), chunk in places.items()
            if of == broadcast_id
        }
        numbers = [number for number, chunk in unsaved.items() if number > after and chunk.has(wanted)]
        stored = self._rows.next_chunk(broadcast_id, after, wanted, broadcast.round)
        while stored in unsaved:
            stored = self._rows.next_chunk(broadcast_id, stored, wanted, broadcast.round)
        if stored is not None:
            numbers.append(stored)
        return self._chunk(broadcast_id, min(numbers)) if numbers else None

    async def find(self, broadcast_id: int, user_id: int) -> tuple[Chunk, int] | None:
        return self._find(broadcast_id, user_id)

    def settle(
        self,
        broadcast_id: int,
        chunk: Chunk,
        index: int,
        outcome: Outcome,
        at: int,
        *,
        language: int = 0,
        messages: Sequence[int] = (),
        error: str = "",
    ) -> None:
        outcomes = chunk.outcomes
        before = outcomes[index]
        if before == _FORGOTTEN:
            return
        tally = self._tallies[broadcast_id]
        if before != outcome:
            counts = tally.outcomes
            counts[before] -= 1
            counts[outcome] += 1
            outcomes[index] = outcome
        chunk.at[index] = at
        chunk.languages[index] = language
        if messages:
            start = index * chunk.parts
            for place, message in enumerate(messages, start):
                chunk.messages[place] = message
        if error or chunk.why[index]:
            _blame(tally, chunk, index, error)
        self._changed[broadcast_id, chunk.number] = chunk

    def settle_all(self, broadcast_id: int, chunk: Chunk, before: Outcome, after: Outcome, at: int) -> int:
        outcomes, number = chunk.outcomes, 0
        index = outcomes.find(before)
        while index >= 0:
            self.settle(broadcast_id, chunk, index, after, at)
            number += 1
            index = outcomes.find(before, index + 1)
        return number

    def correct(self, broadcast_id: int, chunk: Chunk, index: int, correction: Correction) -> None:
        if chunk.outcomes[index] != _FORGOTTEN:
            self._correct(broadcast_id, chunk, index, correction)

    def click(self, broadcast_id: int, chunk: Chunk, index: int, button: int) -> bool:
        clicks, bit = chunk.clicks[index], 1 << button
        if clicks & bit or not chunk.ids[index]:
            return False
        chunk.clicks[index] = clicks | bit
        self._tallies[broadcast_id].clicks[button] += 1
        self._changed[broadcast_id, chunk.number] = chunk
        return True

    async def forget(self, user_id: int) -> None:
        async with self._freezing:
            for broadcast in self.all():
                if user_id in (broadcast.audience.ids or ()):
                    self._left[broadcast.id].add(user_id)
                    self._all[broadcast.id] = self._without_left(broadcast)
                    self._renewed.add(broadcast.id)
                found = self._find(broadcast.id, user_id)
                if found is not None:
                    self._forget(broadcast.id, *found)
                await asyncio.sleep(0)

    # ---- writing -------------------------------------------------------------------------------

    @contextmanager
    def saving(self) -> Iterator[BroadcastChanges]:
        """Give the changes to a block that writes them; if it raises, they wait for the next one."""
        writing, self._changed = self._changed, {}
        renewed, self._renewed = self._renewed, set()
        asked = dict(self._asked)
        self._writing = writing
        try:
            yield self._changes(writing, renewed, asked)
        except BaseException:
            self._changed = {**writing, **self._changed}
            self._renewed |= renewed
            raise
        finally:
            self._writing = {}
        for broadcast_id, one in asked.items():
            if self._asked.get(broadcast_id) is one:
                del self._asked[broadcast_id]
            self._apply(broadcast_id, one)

    def _changes(
        self,
        chunks: Mapping[tuple[int, int], Chunk],
        renewed: Collection[int],
        asked: Mapping[int, _Asked],
    ) -> BroadcastChanges:
        definitions: dict[int, Broadcast | None] = {one: self._all[one] for one in renewed}
        tallies = {one: self._tallies[one] for one, _ in chunks}
        rows = [ChunkRow.of(one, chunk) for (one, _), chunk in chunks.items()]
        for broadcast_id, one in asked.items():
            definition = None if one.definition is None else self._without_left(one.definition)
            definitions[broadcast_id] = definition
            rows += one.chunks
            if one.tally is not None:
                tallies[broadcast_id] = one.tally
            elif definition is not None and definition.round != self._all[broadcast_id].round:
                tallies[broadcast_id] = replace(self._tallies[broadcast_id], corrected=0, refused=0)
        return BroadcastChanges(
            {one: None if value is None else _encode(value).decode() for one, value in definitions.items()},
            {one: _encode(tally).decode() for one, tally in tallies.items()},
            rows,
        )

    async def _ask(self, broadcast_id: int, asked: _Asked) -> None:
        """Have a definition written, and return once it is on disk."""
        async with self._asking:
            self._asked[broadcast_id] = asked
            try:
                await self._flush()
            except Exception:
                if self._asked.get(broadcast_id) is asked:  # else an earlier flush has written it
                    del self._asked[broadcast_id]
                    raise

    def _apply(self, broadcast_id: int, asked: _Asked) -> None:
        """Take over what was written."""
        definition, old = asked.definition, self._all.get(broadcast_id)
        in_use = [place for place in self._chunks if place[0] == broadcast_id]
        if definition is None:
            del self._all[broadcast_id], self._tallies[broadcast_id]
            self._renewed.discard(broadcast_id)
            for place in in_use:
                self._changed.pop(place, None)
                self._chunks.pop(place, None)
            return
        self._all[broadcast_id] = self._without_left(definition)
        if asked.tally is not None:
            self._tallies[broadcast_id] = asked.tally
        elif old is not None and definition.round != old.round:
            # Nothing is corrected yet; a chunk of an older round says so when it is read.
            tally = self._tallies[broadcast_id]
            tally.corrected = tally.refused = 0
            for place in in_use:
                _renew(self._chunks[place], definition.round)

    def _without_left(self, broadcast: Broadcast) -> Broadcast:
        """Return the definition without those who were forgotten while it was known."""
        ids, left = broadcast.audience.ids, self._left.get(broadcast.id)
        if ids is None or not left:
            return broadcast
        rest = tuple(one for one in ids if one not in left)
        return replace(broadcast, audience=replace(broadcast.audience, ids=rest))

    # ---- chunks --------------------------------------------------------------------------------

    def _chunk(self, broadcast_id: int, number: int) -> Chunk | None:
        chunk = self._chunks.get((broadcast_id, number))
        if chunk is None:
            raw = self._rows.chunk(broadcast_id, number)
            broadcast = self._all.get(broadcast_id)
            if raw is None or broadcast is None:
                return None
            try:
                chunk = unpacked(number, raw)
            except ValueError as error:
                raise self._damaged(f"chunk {number} of broadcast {broadcast_id}", error) from error
            _renew(chunk, broadcast.round)
            self._chunks[broadcast_id, number] = chunk
            self._recent.append(chunk)
        return chunk

    def _find(self, broadcast_id: int, user_id: int) -> tuple[Chunk, int] | None:
        number = self._rows.chunk_of(broadcast_id, user_id)
        chunk = None if number is None else self._chunk(broadcast_id, number)
        try:
            return None if chunk is None else (chunk, chunk.ids.index(user_id))
        except ValueError:
            return None

    def _correct(self, broadcast_id: int, chunk: Chunk, index: int, correction: Correction) -> None:
        tally = self._tallies[broadcast_id]
        for value, number in ((chunk.corrections[index], -1), (correction, 1)):
            tally.corrected += number * (value == Correction.DONE)
            tally.refused += number * (value == Correction.REFUSED)
        chunk.corrections[index] = correction
        self._changed[broadcast_id, chunk.number] = chunk

    def _forget(self, broadcast_id: int, chunk: Chunk, index: int) -> None:
        tally = self._tallies[broadcast_id]
        self._correct(broadcast_id, chunk, index, Correction.NONE)
        for button in range(len(tally.clicks)):
            tally.clicks[button] -= chunk.clicks[index] >> button & 1
        chunk.clicks[index] = 0
        self.settle(
            broadcast_id, chunk, index, Outcome.FORGOTTEN, 0, messages=(0,) * chunk.parts
        )  # which also takes the failure out of the counts
        chunk.ids[index] = 0

    def _damaged(self, what: str, error: Exception) -> RegistryDamagedError:
        return RegistryDamagedError(self._rows.place, f"{what}: {type(error).__name__}")


def _blame(tally: Tally, chunk: Chunk, index: int, error: str) -> None:
    """Note with which error a delivery failed, in place of the one before; "" for none."""
    if before := chunk.error_of(index):
        tally.failed(before, -1)
    if error and error not in chunk.errors:
        if len(chunk.errors) < ERRORS - 1:
            chunk.errors.append(error)
        else:
            error = OTHER_ERROR
            if error not in chunk.errors:
                chunk.errors.append(error)
    chunk.why[index] = chunk.errors.index(error) + 1 if error else 0
    if error:
        tally.failed(error)


def _renew(chunk: Chunk, round: int) -> None:
    """Take corrections of an older round for none."""
    if chunk.round != round:
        chunk.round = round
        chunk.corrections = bytearray(len(chunk.ids))
