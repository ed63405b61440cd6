"""How many users have each access: the one place where they are counted."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from tgbot.core.access import Access
from tgbot.core.users import Counts
from tgbot.core.verdicts import finally_judged, judge, settled
from tgbot.store.record import UserRecord

#: A name of its own, because it is needed for each user: a member of an enum is looked up slowly.
_UNKNOWN: Final = Access.UNKNOWN
#: The name of the note with the counts.
COUNTS: Final = "counts"
#: The name of the note on one user whose permission ends by itself is this and the user's id.
PASSING: Final = "passing/"
#: The least text above all of these names.
PASSING_END: Final = "passing0"

#: Name → the note to be written, None for one to be deleted.
Notes: TypeAlias = Mapping[str, str | None]
#: User id, under which access they were written, and under which they are; None for no access. A plain tuple,
#: because there is one for each new user.
Moved: TypeAlias = tuple[int, Access | None, Access | None]


class Passing(NamedTuple):
    """A permission that ends by itself: until when, the access until then, and the one afterwards."""

    until: int
    now: Access
    afterwards: Access


class Saving(NamedTuple):
    """What is written with the users: the notes that changed, None for one to be deleted, and who moved."""

    notes: Notes
    moved: Sequence[Moved]


class AccessCounts:
    """Counts each user under the access they have once every permission that ends by itself has ended.

    Those permissions are listed beside, so that the counts at any moment follow without a look at the users:
    the work is in proportion to what changed. `notes` are those written last; where the counts are missing in
    them, `recount` counts the stored users.
    """

    def __init__(
        self, clock: Callable[[], float], notes: Mapping[str, str], recount: Callable[[], Mapping[str, int]]
    ) -> None:
        found = json.loads(notes[COUNTS]) if COUNTS in notes else recount()
        self._clock = clock
        #: What is on disk.
        self._saved = dict.fromkeys(Access, 0) | {Access(name): int(number) for name, number in found.items()}
        self._final = dict(self._saved)
        #: User id → the permission that ends by itself; by how much these change the counts.
        self._passing: dict[int, Passing] = {}
        self._change = dict.fromkeys(Access, 0)
        #: When they end, the first first; with some that do not hold any more.
        self._ends: list[tuple[int, int]] = []
        for user_id, passing in _passing_in(notes).items():
            self._set(user_id, passing)
        #: Notes that are not as on disk.
        self._unsaved: dict[str, None] = {}

    def update(self, record: UserRecord) -> None:
        """Count the user under the access that follows from their evidence now."""
        passing: Passing | None = None
        evidence = record.fields.evidence
        counted = settled(evidence.spans)
        if counted is _UNKNOWN:
            counted = counted if record.met else None
        elif counted is None:
            verdict = judge(evidence, self._clock())
            counted = verdict.access
            if verdict.until is not None:
                counted = finally_judged(evidence).access
                passing = Passing(verdict.until, verdict.access, counted)
        if passing is not None or self._passing:
            user_id = record.fields.id
            if self._passing.get(user_id) != passing:
                self._set(user_id, passing)
                self._unsaved[_note_of(user_id)] = None
        if record.counted is not counted:
            _move(self._final, record.counted, counted)
            record.counted = counted

    def now(self) -> Counts:
        """Return the counts at this moment."""
        self._end()
        by = {access: number + self._change[access] for access, number in self._final.items()}
        return Counts(sum(by.values()), by)

    @contextmanager
    def saving(self, packed: Collection[tuple[UserRecord, Access | None]]) -> Iterator[Saving]:
        """Give what is written with these users, each with the access they are packed under.

        The counts on disk are the new ones unless the block raises.
        """
        self._end()
        final = dict(self._saved)
        moved = [
            (record.fields.id, record.saved, counted)
            for record, counted in packed
            if record.saved is not counted  # nearly all are counted as before, or are new
        ]
        for (before, after), number in Counter(map(itemgetter(1, 2), moved)).items():
            _move(final, before, after, number)
        unsaved, self._unsaved = self._unsaved, {}
        notes = {COUNTS: json.dumps(final)} | {name: self._note(name) for name in unsaved}
        try:
            yield Saving(notes, moved)
        except BaseException:
            self._unsaved = unsaved | self._unsaved
            raise
        self._saved = final
        for record, counted in packed:
            record.saved = counted

    @contextmanager
    def adding(self, accesses: Mapping[int, Access]) -> Iterator[Saving]:
        """Give what is written with users who are new, of whom none has an access that ends by itself.

        They count unless the block raises.
        """
        numbers = Counter(accesses.values())
        saved = {access: number + numbers[access] for access, number in self._saved.items()}
        moved = [(user_id, None, access) for user_id, access in accesses.items()]
        yield Saving({COUNTS: json.dumps(saved)}, moved)
        self.added(accesses)

    def added(self, accesses: Mapping[int, Access]) -> None:
        """Count users whom `adding` gave, after it became known that they were written."""
        for access, number in Counter(accesses.values()).items():
            self._saved[access] += number
            self._final[access] += number

    def _end(self) -> None:
        """Drop the permissions that have ended."""
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            until, user_id = heapq.heappop(self._ends)
            passing = self._passing.get(user_id)
            if passing is not None and passing.until == until:
                self._set(user_id, None)
                self._unsaved[_note_of(user_id)] = None

    def _set(self, user_id: int, passing: Passing | None) -> None:
        old = self._passing.pop(user_id, None)
        if old is not None:
            _move(self._change, old.now, old.afterwards)
        if passing is not None:
            self._passing[user_id] = passing
            _move(self._change, passing.afterwards, passing.now)
            heapq.heappush(self._ends, (passing.until, user_id))

    def _note(self, name: str) -> str | None:
        passing = self._passing.get(int(name.removeprefix(PASSING)))
        return None if passing is None else json.dumps(passing)


def _note_of(user_id: int) -> str:
    return f"{PASSING}{user_id}"


def _passing_in(notes: Mapping[str, str]) -> dict[int, Passing]:
    """Return user id → the permission that ends by itself, as written last."""
    return {
        int(name.removeprefix(PASSING)): passing_of(text)
        for name, text in notes.items()
        if name.startswith(PASSING)
    }


def passing_of(note: str) -> Passing:
    """Return the permission in a note."""
    until, now, afterwards = json.loads(note)
    return Passing(until, Access(now), Access(afterwards))


def _move(counts: dict[Access, int], before: Access | None, after: Access | None, number: int = 1) -> None:
    if before is not after:
        if before is not None:
            counts[before] -= number
        if after is not None:
            counts[after] += number
