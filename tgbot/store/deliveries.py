"""The rules of deliveries: chunks in memory, changed one delivery at a time, and the counts with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final
from weakref import WeakValueDictionary

from tgbot.core.broadcasts import Broadcast
from tgbot.core.deliveries import ERRORS, OTHER_ERROR, Chunk, Correction, Outcome, Tally, Wanted
from tgbot.core.errors import RegistryDamagedError
from tgbot.store.broadcast_rows import BroadcastRows
from tgbot.store.chunk_bytes import unpacked
from tgbot.store.writes import Writes

#: How many chunks stay in memory beside those that somebody holds.
CACHED_CHUNKS: Final = 64

#: A number, because a member of an enum is looked up slowly.
_FORGOTTEN: Final = int(Outcome.FORGOTTEN)


class Deliveries:
    """The part of `Broadcasts` that is about deliveries, on some rows."""

    def __init__(self, rows: BroadcastRows) -> None:
        self._rows = rows
        #: Definitions as they are on disk, and their tallies.
        self._all: dict[int, Broadcast] = {}
        self._tallies: dict[int, Tally] = {}
        #: Chunks that are in use, and the last ones that were.
        self._chunks: WeakValueDictionary[tuple[int, int], Chunk] = WeakValueDictionary()
        self._recent: deque[Chunk] = deque(maxlen=CACHED_CHUNKS)
        #: Chunks changed since they were written, and being written now.
        self._changed: dict[tuple[int, int], Chunk] = {}
        self._writing: dict[tuple[int, int], Chunk] = {}
        self._writes = Writes()

    def tally(self, broadcast_id: int) -> Tally:
        return self._tallies[broadcast_id]

    async def chunk(self, broadcast_id: int, number: int) -> Chunk | None:
        return await self._chunk(broadcast_id, number)

    async def next_chunk(self, broadcast_id: int, after: int, *, wanted: Wanted) -> Chunk | None:
        number = await self._writes.apart(lambda: self._next(broadcast_id, after, wanted))
        return None if number is None else await self._chunk(broadcast_id, number)

    async def find(self, broadcast_id: int, user_id: int) -> tuple[Chunk, int] | None:
        return await self._find(broadcast_id, user_id)

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
            if before_error := chunk.error_of(index):
                tally.failed(before_error, -1)
            if error := _numbered(chunk, chunk.why, index, error):
                tally.failed(error)
        self._changed[broadcast_id, chunk.number] = chunk

    def settle_all(self, broadcast_id: int, chunk: Chunk, before: Outcome, after: Outcome, at: int) -> int:
        outcomes, number = chunk.outcomes, 0
        index = outcomes.find(before)
        while index >= 0:
            self.settle(broadcast_id, chunk, index, after, at)
            number += 1
            index = outcomes.find(before, index + 1)
        return number

    def correct(
        self, broadcast_id: int, chunk: Chunk, index: int, correction: Correction, *, error: str = ""
    ) -> None:
        if chunk.outcomes[index] != _FORGOTTEN:
            self._correct(broadcast_id, chunk, index, correction, error)

    def removed(self, broadcast_id: int, number: int) -> None:
        self._tallies[broadcast_id].removed += number

    def click(self, broadcast_id: int, chunk: Chunk, index: int, button: int) -> bool:
        clicks, bit = chunk.clicks[index], 1 << button
        if clicks & bit or not chunk.ids[index]:
            return False
        chunk.clicks[index] = clicks | bit
        self._tallies[broadcast_id].clicks[button] += 1
        self._changed[broadcast_id, chunk.number] = chunk
        return True

    async def _chunk(self, broadcast_id: int, number: int) -> Chunk | None:
        place = broadcast_id, number
        while (chunk := self._chunks.get(place)) is None:
            ended = self._writes.ended
            raw = await self._rows.chunk(broadcast_id, number)
            if place in self._chunks or ended != self._writes.ended:
                continue  # somebody else has read it, or what was read may be what it was before
            broadcast = self._all.get(broadcast_id)
            if raw is None or broadcast is None or broadcast.size is None:
                return None  # what is there before it has recipients is of a start that is to be taken back
            try:
                chunk = unpacked(number, raw)
            except ValueError as error:
                raise self._damaged(f"chunk {number} of broadcast {broadcast_id}", error) from error
            renew(chunk, broadcast.round)
            self._chunks[place] = chunk
            self._recent.append(chunk)
        return chunk

    async def _next(self, broadcast_id: int, after: int, wanted: Wanted) -> int | None:
        """Return the number of the chunk that `next_chunk` returns, if nothing is written meanwhile."""
        broadcast = self._all.get(broadcast_id)
        if broadcast is None:
            return None
        place = after
        while True:
            stored = await self._rows.next_chunk(broadcast_id, place, wanted, broadcast.round)
            # What is not written yet counts as it is in memory.
            unsaved = {
                number: chunk
                for places in (self._writing, self._changed)
                for (of, number), chunk in places.items()
                if of == broadcast_id
            }
            if stored is None or stored not in unsaved:
                break
            place = stored
        numbers = [number for number, chunk in unsaved.items() if number > after and chunk.has(wanted)]
        return min(numbers if stored is None else [*numbers, stored], default=None)

    async def _find(self, broadcast_id: int, user_id: int) -> tuple[Chunk, int] | None:
        number = await self._rows.chunk_of(broadcast_id, user_id)
        chunk = None if number is None else await self._chunk(broadcast_id, number)
        try:
            return None if chunk is None else (chunk, chunk.ids.index(user_id))
        except ValueError:
            return None

    def _correct(
        self, broadcast_id: int, chunk: Chunk, index: int, correction: Correction, error: str = ""
    ) -> None:
        tally = self._tallies[broadcast_id]
        tally.correct(chunk.corrections[index], chunk.refusal_of(index), -1)
        tally.correct(correction, _numbered(chunk, chunk.refusals, index, error))
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


def _numbered(chunk: Chunk, column: bytearray, index: int, error: str) -> str:
    """Put the number of an error into a column, in place of the one before; return the name it stands for."""
    if error and error not in chunk.errors:
        if len(chunk.errors) < ERRORS - 1:
            chunk.errors.append(error)
        else:
            error = OTHER_ERROR
            if error not in chunk.errors:
                chunk.errors.append(error)
    column[index] = chunk.errors.index(error) + 1 if error else 0
    return error


def renew(chunk: Chunk, round: int) -> None:
    """Take corrections of an older round for none."""
    if chunk.round != round:
        chunk.round = round
        chunk.corrections = bytearray(len(chunk.ids))
        chunk.refusals = bytearray(len(chunk.ids))
