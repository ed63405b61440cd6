"""How many users have each access: the one place where they are counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from tgbot.core.access import LASTING, Access, finally_judged, judge
from tgbot.core.users import Counts
from tgbot.store.record import UserRecord

#: The names under which a store keeps the two notes of `AccessCounts.saving`.
COUNTS: Final = "counts"
PASSING: Final = "passing"


class Passing(NamedTuple):
    """A permission that ends by itself: until when, the access until then, and the one afterwards."""

    until: int
    now: Access
    afterwards: Access


def passing_in(notes: Mapping[str, str]) -> dict[int, Passing]:
    """Return user id → the permission that ends by itself, as written last."""
    found = json.loads(notes.get(PASSING, "{}"))
    return {int(i): Passing(until, Access(now), Access(then)) for i, (until, now, then) in found.items()}


class AccessCounts:
    """Counts each user under the access they have once every permission that ends by itself has ended.

    Those permissions are listed beside, so that the counts at any moment follow without a look at the users.
    `notes` are those written last; where the counts are missing in them, `recount` counts the stored users.
    """

    def __init__(
        self, clock: Callable[[], float], notes: Mapping[str, str], recount: Callable[[], Mapping[str, int]]
    ) -> None:
        found = json.loads(notes[COUNTS]) if COUNTS in notes else recount()
        self._clock = clock
        #: What is on disk.
        self._saved = dict.fromkeys(Access, 0) | {Access(name): int(number) for name, number in found.items()}
        self._saved_passing = ""
        self._final = dict(self._saved)
        #: User id → the permission that ends by itself.
        self.passing = passing_in(notes)

    def update(self, record: UserRecord) -> None:
        """Count the user under the access that follows from their evidence now."""
        counted: Access | None = None
        passing = False
        if record.user.met:
            evidence = record.fields.evidence
            if LASTING.issuperset(evidence.spans):  # nearly everyone: the verdict is known without `judge`
                counted = Access.REACHABLE if evidence.spans else Access.UNKNOWN
            else:
                verdict = judge(evidence, self._clock())
                counted, passing = verdict.access, verdict.until is not None
                if verdict.until is not None:
                    counted = finally_judged(evidence).access
                    self.passing[record.fields.id] = Passing(verdict.until, verdict.access, counted)
        if not passing and self.passing:
            self.passing.pop(record.fields.id, None)
        _move(self._final, record.counted, counted)
        record.counted = counted

    def now(self) -> Counts:
        """Return the counts at this moment."""
        by = dict(self._final)
        now = self._clock()
        for user_id, passing in list(self.passing.items()):
            if passing.until <= now:
                del self.passing[user_id]
            else:
                by[passing.afterwards] -= 1
                by[passing.now] += 1
        return Counts(sum(by.values()), by)

    @contextmanager
    def saving(self, packed: Collection[tuple[UserRecord, Access | None]]) -> Iterator[dict[str, str]]:
        """Give the notes to write together with these users, each with the access they are packed under.

        The counts on disk are the new ones unless the block raises.
        """
        self.now()  # drops the permissions that have ended
        final = dict(self._saved)
        for record, counted in packed:
            _move(final, record.saved, counted)
        passing = json.dumps(self.passing)
        notes = {COUNTS: json.dumps(final)}
        if passing != self._saved_passing:
            notes[PASSING] = passing
        yield notes
        self._saved, self._saved_passing = final, passing
        for record, counted in packed:
            record.saved = counted


def _move(counts: dict[Access, int], before: Access | None, after: Access | None) -> None:
    if before is not after:
        if before is not None:
            counts[before] -= 1
        if after is not None:
            counts[after] += 1
