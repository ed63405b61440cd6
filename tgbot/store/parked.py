"""The rules of the parked updates; where they are kept is behind `ParkedRows`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from typing import Final, NamedTuple, Protocol, TypeAlias

from tgbot.store.base import Parked, Reason

#: How many updates that handlers failed on are kept.
PARKED_UPDATES: Final = 10_000
#: After how many seconds an update that waits for a hand is dropped.
KEPT_SECONDS: Final = 30 * 24 * 3600
#: For how many seconds an update is tried again by itself; nobody expects the answer any more afterwards.
TRIED_SECONDS: Final = 7 * 24 * 3600
#: Of a trace at most so many characters are kept.
TRACE_LENGTH: Final = 20_000

#: Key → the entry to be written, None for one to be deleted.
ParkedChanges: TypeAlias = Mapping[str, Parked | None]

_PAGE: Final = 100  # entries read at once by `entries`


class Place(NamedTuple):
    """What stays in memory of an entry."""

    dialog: int
    user: int
    reason: Reason
    parked_at: int
    retry_at: int | None

    @classmethod
    def of(cls, entry: Parked) -> Place:
        return cls(entry.dialog, entry.user, entry.reason, entry.parked_at, entry.retry_at)

    @property
    def by_hand(self) -> bool:
        return self.retry_at is None


class ParkedRows(Protocol):
    """Where the parked updates are kept. Each method raises a StorageError where they cannot be read."""

    def places(self) -> Mapping[str, Place]:
        """Return what stays in memory of each entry, by key."""

    def parked(self, keys: Collection[str]) -> Mapping[str, Parked]:
        """Return those of these entries that are there, by key."""


class ParkingLot:
    """`ParkedUpdates` on some rows: in memory are keys and times, and the entries that are not yet written.

    `clock` is Telegram's, in unix seconds; `limit` is how many FAILED entries may wait for a hand, and with 0
    none is kept.
    """

    def __init__(self, rows: ParkedRows, clock: Callable[[], float], *, limit: int = PARKED_UPDATES) -> None:
        self._rows = rows
        self._clock = clock
        self._limit = limit
        self._places: dict[str, Place] = {}
        #: How many entries there are for each reason.
        self.by_reason: Counter[Reason] = Counter()
        #: User or dialog → the keys of the entries that are about it.
        self._about: defaultdict[int, set[str]] = defaultdict(set)
        #: Changed since they were written, and being written now; None for an entry that was dropped.
        self._changes: dict[str, Parked | None] = {}
        self._writing: ParkedChanges = {}
        #: When an entry is tried again; since when one waits for a hand; the FAILED ones of these.
        self._retries, self._waiting, self._failed = _Times(), _Times(), _Times()
        for key, place in rows.places().items():
            self._put(key, place)

    @property
    def changed(self) -> bool:
        """Whether anything waits to be written, or has become too old."""
        return bool(self._changes) or self._is_too_old(self._waiting.first())

    def park(self, entry: Parked) -> None:
        now = self._clock()
        if entry.reason is Reason.LATER and entry.parked_at + TRIED_SECONDS <= now:
            entry = replace(entry, reason=Reason.FAILED, retry_at=None)
        if len(entry.trace) > TRACE_LENGTH or not entry.trace.isascii():
            # SQLite stores no lone surrogates; of a long text the end names the error.
            trace = entry.trace[-TRACE_LENGTH:].encode(errors="backslashreplace").decode()
            entry = replace(entry, trace=trace)
        self._put(entry.key, Place.of(entry))
        self._changes[entry.key] = entry
        while len(self._failed) > self._limit and (oldest := self._failed.first()):
            self.drop(oldest[1])

    def get(self, key: str) -> Parked | None:
        return self._some((key,)).get(key)

    def drop(self, key: str) -> bool:
        place = self._places.pop(key, None)
        if place is None:
            return False
        self._leave(key, place)
        for times in (self._retries, self._waiting, self._failed):
            times.remove(key)
        self._changes[key] = None
        return True

    def due(self, now: float) -> list[str]:
        return self._retries.until(now)

    def next_due(self) -> int | None:
        first = self._retries.first()
        return None if first is None else first[0]

    def entries(self, after: tuple[int, str] | None = None) -> Iterator[Parked]:
        order = sorted((place.parked_at, key) for key, place in self._places.items())
        keys = [key for _, key in order[0 if after is None else bisect_right(order, after) :]]
        for start in range(0, len(keys), _PAGE):
            yield from self._some(keys[start : start + _PAGE]).values()

    def count(self, user_id: int) -> int:
        return len(self._about.get(user_id, ()))

    def forget(self, user_id: int) -> None:
        """Drop the entries that `count` counts."""
        for key in tuple(self._about.get(user_id, ())):
            self.drop(key)

    @contextmanager
    def saving(self) -> Iterator[ParkedChanges]:
        """Give the changes to a block that writes them; if it raises, they wait for the next one."""
        while self._is_too_old(first := self._waiting.first()) and first is not None:
            self.drop(first[1])
        self._writing, self._changes = self._changes, {}
        try:
            yield self._writing
        except BaseException:
            self._changes = {**self._writing, **self._changes}
            raise
        finally:
            self._writing = {}

    def _put(self, key: str, place: Place) -> None:
        old = self._places.get(key)
        if old is not None:
            self._leave(key, old)
        self._places[key] = place
        self.by_reason[place.reason] += 1
        for number in {place.dialog, place.user}:
            self._about[number].add(key)
        self._retries.set(key, place.retry_at)
        self._waiting.set(key, place.parked_at if place.by_hand else None)
        failed = place.by_hand and place.reason is Reason.FAILED
        self._failed.set(key, place.parked_at if failed else None)

    def _some(self, keys: Collection[str]) -> dict[str, Parked]:
        """Return those of these entries that are there, in this order."""
        known = [key for key in keys if key in self._places]
        unsaved = {key: self._changes.get(key) or self._writing.get(key) for key in known}
        stored = self._rows.parked([key for key in known if unsaved[key] is None])
        found = ((key, unsaved[key] or stored.get(key)) for key in known)
        return {key: entry for key, entry in found if entry is not None}

    def _leave(self, key: str, place: Place) -> None:
        """Take an entry out of the counts, and from those that are about its user and its dialog."""
        self.by_reason[place.reason] -= 1
        for number in {place.dialog, place.user}:
            keys = self._about[number]
            keys.discard(key)
            if not keys:
                del self._about[number]

    def _is_too_old(self, first: tuple[int, str] | None) -> bool:
        return first is not None and first[0] + KEPT_SECONDS <= self._clock()


class _Times:
    """Times of keys, in order: the earliest are found without a look at the others."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}
        self._order: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._of)

    def set(self, key: str, at: int | None) -> None:
        self.remove(key)
        if at is not None:
            self._of[key] = at
            insort(self._order, (at, key))

    def remove(self, key: str) -> None:
        at = self._of.pop(key, None)
        if at is not None:
            del self._order[bisect_left(self._order, (at, key))]

    def first(self) -> tuple[int, str] | None:
        return self._order[0] if self._order else None

    def until(self, now: float) -> list[str]:
        """Return the keys with a time up to `now`, the earliest first."""
        return [key for _, key in self._order[: bisect_right(self._order, now, key=itemgetter(0))]]
