"""The rules of broadcasts; where they and their deliveries are kept is behind `BroadcastRows`."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from tgbot.core.broadcasts import Audience, Broadcast
from tgbot.core.deliveries import CHUNK, Chunk, Tally
from tgbot.core.errors import StorageError, StorageUnreachableError
from tgbot.store.base import Survey
from tgbot.store.broadcast_rows import BroadcastChanges, BroadcastRows, ChunkRow
from tgbot.store.deliveries import Deliveries, renew

#: For how many seconds a definition is written again of which nobody knows whether it was written.
DOUBT_SECONDS: Final = 5.0

_PAUSE: Final = 0.2  # seconds between two of these attempts
_SLICE: Final = 50  # chunks packed between two turns of the event loop

_encode: Final = msgspec.json.Encoder().encode
_decode_broadcast: Final = msgspec.json.Decoder(Broadcast).decode
_decode_tally: Final = msgspec.json.Decoder(Tally).decode


@dataclass(frozen=True, slots=True)
class _Asked:
    """A change of a definition that waits to be written; the definition is None if it is to be deleted."""

    definition: Broadcast | None
    #: In place of the tally there is; None: it stays, but for a new round of corrections.
    tally: Tally | None = None
    chunks: Sequence[ChunkRow] = ()
    #: Whether these are all chunks that it has: what else is on disk is deleted.
    anew: bool = False
    #: Whether the tally on disk may be another one than that in memory.
    restated: bool = False


class StoredBroadcasts(Deliveries):
    """`Broadcasts` on some rows; `flush` writes what `saving` gives, and the users, in one transaction."""

    def __init__(self, rows: BroadcastRows, flush: Callable[[], Awaitable[None]]) -> None:
        super().__init__(rows)
        self._flush = flush
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
        #: Those of them of which nobody knows whether they were written.
        self._doubtful: set[int] = set()
        #: Whoever is to be forgotten waits until they can be found among the recipients.
        self._freezing = asyncio.Lock()
        #: Definitions from which somebody was taken, and whom: no later change brings them back.
        self._renewed: set[int] = set()
        self._left: defaultdict[int, set[int]] = defaultdict(set)

    # ---- definitions ---------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        return bool(self._changed or self._asked or self._renewed)

    def all(self) -> list[Broadcast]:
        return list(self._all.values())

    def get(self, broadcast_id: int) -> Broadcast | None:
        return self._all.get(broadcast_id)

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
                chunks.append(ChunkRow.of(broadcast.id, chunk))
                if number % _SLICE == _SLICE - 1:
                    await asyncio.sleep(0)
            await self._ask(broadcast.id, _Asked(broadcast, Tally.of(len(ids)), chunks, anew=True))
        return self._all[broadcast.id]

    async def survey(self, audience: Audience, now: float) -> Survey:
        await self._flush()
        return await self._rows.survey(audience, now)

    async def forget(self, user_id: int) -> None:
        async with self._freezing:
            for broadcast in self.all():
                if user_id in (broadcast.audience.ids or ()):
                    self._left[broadcast.id].add(user_id)
                    self._all[broadcast.id] = self._without_left(broadcast)
                    self._renewed.add(broadcast.id)
                found = await self._find(broadcast.id, user_id)
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
        except BaseException as error:
            self._changed = {**writing, **self._changed}
            self._renewed |= renewed
            if not isinstance(error, Exception) or (isinstance(error, StorageError) and error.in_doubt):
                self._doubtful.update(asked)  # the link may have gone after the commit
            raise
        finally:
            self._writing = {}
            self._writes.ended += 1
        for broadcast_id, one in asked.items():
            if self._asked.get(broadcast_id) is one:
                del self._asked[broadcast_id]
                self._doubtful.discard(broadcast_id)
            self._apply(broadcast_id, one)

    def _changes(
        self,
        chunks: Mapping[tuple[int, int], Chunk],
        renewed: Collection[int],
        asked: Mapping[int, _Asked],
    ) -> BroadcastChanges:
        definitions: dict[int, Broadcast | None] = {one: self._all[one] for one in renewed}
        kept = {place for place in chunks if place[0] not in asked or asked[place[0]].definition is not None}
        tallies = {one: self._tallies[one] for one, _ in kept}
        rows = [ChunkRow.of(one, chunk) for (one, number), chunk in chunks.items() if (one, number) in kept]
        for broadcast_id, one in asked.items():
            definition = None if one.definition is None else self._without_left(one.definition)
            definitions[broadcast_id] = definition
            rows += one.chunks
            if one.tally is not None:
                tallies[broadcast_id] = one.tally
            elif definition is not None and definition.round != self._all[broadcast_id].round:
                tallies[broadcast_id] = anew = replace(self._tallies[broadcast_id])
                anew.begin_round()
            elif definition is not None and one.restated:
                tallies[broadcast_id] = self._tallies[broadcast_id]
        return BroadcastChanges(
            {one: None if value is None else _encode(value).decode() for one, value in definitions.items()},
            {one: _encode(tally).decode() for one, tally in tallies.items()},
            rows,
            [broadcast_id for broadcast_id, one in asked.items() if one.anew],
        )

    async def _ask(self, broadcast_id: int, asked: _Asked) -> None:
        """Have a definition written, and return once it is on disk.

        Where nobody knows whether it was written, it is written again for some seconds: the same number with
        the same contents is the same broadcast.
        """
        async with self._asking:
            before = self._asked.get(broadcast_id)  # what an earlier one in doubt has left to be written
            if before is not None:
                asked = dataclasses.replace(asked, anew=asked.anew or before.anew, restated=True)
            self._asked[broadcast_id] = asked
            loop = asyncio.get_running_loop()
            end = loop.time() + DOUBT_SECONDS
            while True:
                try:
                    await self._flush()
                except Exception as error:
                    if self._asked.get(broadcast_id) is not asked:  # an earlier flush has written it
                        return
                    if isinstance(error, StorageUnreachableError) and loop.time() < end:
                        await asyncio.sleep(_PAUSE)
                        continue
                    self._give_up(broadcast_id, asked, before)
                    raise
                return

    def _give_up(self, broadcast_id: int, asked: _Asked, before: _Asked | None) -> None:
        """Leave what was asked for undone; what may have been written is to be taken back, but a removal."""
        if broadcast_id not in self._doubtful:
            if before is None:
                del self._asked[broadcast_id]
            else:
                self._asked[broadcast_id] = before
        elif asked.definition is None:
            self._apply(broadcast_id, asked)  # its deliveries may be gone
        else:
            old = self._all.get(broadcast_id)
            self._asked[broadcast_id] = _Asked(old, anew=asked.anew, restated=True)

    def _apply(self, broadcast_id: int, asked: _Asked) -> None:
        """Take over what was written."""
        definition, old = asked.definition, self._all.get(broadcast_id)
        in_use = [place for place in self._chunks if place[0] == broadcast_id]
        if definition is None:
            self._all.pop(broadcast_id, None)
            self._tallies.pop(broadcast_id, None)
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
            self._tallies[broadcast_id].begin_round()
            for place in in_use:
                renew(self._chunks[place], definition.round)

    def _without_left(self, broadcast: Broadcast) -> Broadcast:
        """Return the definition without those who were forgotten while it was known."""
        ids, left = broadcast.audience.ids, self._left.get(broadcast.id)
        if ids is None or not left:
            return broadcast
        rest = tuple(one for one in ids if one not in left)
        return replace(broadcast, audience=replace(broadcast.audience, ids=rest))
