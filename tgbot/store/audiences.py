"""Who gets a broadcast: the rules, on lists of the users that a database makes."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from tgbot.core.access import Access
from tgbot.core.broadcasts import Audience, Recipient
from tgbot.store.base import Survey
from tgbot.store.counts import PASSING, passing_of
from tgbot.store.user_json import traits_of

#: How many ids, and how many users, are read at once: about a millisecond of Python for each.
_IDS: Final = 10_000
_USERS: Final = 500
_MOST: Final = 2**63

_ids_in: Final = msgspec.json.Decoder(list[int]).decode


class Lists(Protocol):
    """The users as they are at one moment, whatever is written meanwhile.

    Each list is a JSON array in one text: a database makes it without the interpreter's lock, which the event
    loop needs. Each method raises a StorageError where they cannot be read.
    """

    def reachable(self, above: int, limit: int) -> str:
        """Return the lowest ids above one of users who are stored as reachable, in ascending order."""

    def reachable_of(self, ids: Sequence[int]) -> str:
        """Return those of these ids that are stored as reachable, in ascending order."""

    def declining(self, above: int, limit: int) -> str:
        """Return the lowest ids above one of users who want no broadcasts, in ascending order."""

    def passing(self) -> Iterable[tuple[str, str]]:
        """Return the notes on permissions that end by themselves (see `counts.PASSING`)."""

    def users(self, ids: Sequence[int]) -> str:
        """Return the texts of these users (see `user_json`) in any order."""


def recipients(lists: Lists, audience: Audience, now: float) -> array[int]:
    """Return the ids of the users in an audience whom the bot may write to at `now`, in ascending order.

    Raise ValueError for records that cannot be read.
    """
    found = array("q")
    everybody = audience == Audience(ids=audience.ids)
    for ids in _Reachable(lists, now).of(audience.ids):
        if everybody:
            found.extend(ids)
            continue
        for users in _users(lists, ids):
            found.extend(sorted(user.id for user in users if audience.includes(user)))
    return found


def survey(lists: Lists, audience: Audience, now: float) -> Survey:
    """Return who would be in an audience at `now`, and how many are not because they want no broadcasts.

    Raise ValueError for records that cannot be read.
    """
    languages: Counter[str] = Counter()
    reachable = _Reachable(lists, now)
    for ids in reachable.of(audience.ids):
        for users in _users(lists, ids):
            languages.update(user.spoken or "" for user in users if audience.includes(user))
    return Survey(languages, reachable.declining)


class _Reachable:
    """The users whom the bot may write to at `now`, page by page, without those who want no broadcasts."""

    def __init__(self, lists: Lists, now: float) -> None:
        self._lists = lists
        self._unwilling = array("q")
        for page in _pages(lists.declining):
            self._unwilling.extend(page)
        #: Those whose permission ends by itself: the access they are stored under is the one afterwards.
        self._passing = array(
            "q",
            sorted(
                int(key.removeprefix(PASSING))
                for key, note in lists.passing()
                if (passing := passing_of(note)).now is Access.REACHABLE and passing.until > now
            ),
        )
        #: How many were left out because they want no broadcasts.
        self.declining = 0

    def of(self, chosen: Sequence[int] | None) -> Iterator[list[int]]:
        """Yield their ids in ascending order; only those that were chosen, unless that is None."""
        for page in self._everybody() if chosen is None else self._some(chosen):
            wanted = page
            if self._unwilling and page:
                unwilling = frozenset(_between(self._unwilling, page[0], page[-1]))
                wanted = [one for one in page if one not in unwilling]
                self.declining += len(page) - len(wanted)
            yield wanted

    def _everybody(self) -> Iterator[list[int]]:
        used = 0
        for page in _pages(self._lists.reachable):
            end = bisect_right(self._passing, page[-1])
            yield _merged(page, self._passing[used:end])
            used = end
        yield self._passing[used:].tolist()

    def _some(self, chosen: Iterable[int]) -> Iterator[list[int]]:
        passing = frozenset(self._passing)
        wanted = sorted({one for one in chosen if -_MOST <= one < _MOST})
        for start in range(0, len(wanted), _IDS):
            part = wanted[start : start + _IDS]
            page = _ids_in(self._lists.reachable_of(part))
            yield _merged(page, [one for one in part if one in passing])


class _List(Protocol):
    def __call__(self, above: int, limit: int) -> str: ...


def _pages(read: _List) -> Iterator[list[int]]:
    """Yield all ids of a list, page by page; none is empty."""
    above = -_MOST
    while page := _ids_in(read(above, _IDS)):
        yield page
        above = page[-1]
        if len(page) < _IDS:
            return


def _users(lists: Lists, ids: Sequence[int]) -> Iterator[Sequence[Recipient]]:
    """Yield what audiences ask of these users, page by page, in any order."""
    for start in range(0, len(ids), _USERS):
        yield traits_of(lists.users(ids[start : start + _USERS]))


def _between(ids: array[int], first: int, last: int) -> array[int]:
    return ids[bisect_left(ids, first) : bisect_right(ids, last)]


def _merged(page: list[int], more: Sequence[int]) -> list[int]:
    return sorted({*page, *more}) if more else page
