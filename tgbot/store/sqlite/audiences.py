"""Who gets a broadcast: found in the file of the users, on a connection and in a thread of its own.

SQLite makes one text of many users, and does so without the interpreter's lock, which the event loop needs.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tgbot.core.access import Access
from tgbot.core.broadcasts import Audience, Recipient
from tgbot.core.errors import RegistryDamagedError
from tgbot.store.base import Survey
from tgbot.store.counts import PASSING, PASSING_END, passing_of
from tgbot.store.sqlite.connection import connect, sqlite_errors
from tgbot.store.user_json import traits_of

#: How many ids, and how many users, are read at once: about a millisecond of Python for each.
_IDS: Final = 10_000
_USERS: Final = 500
_LOWEST: Final = -(2**63)

_REACHABLE: Final = f"""
    SELECT json_group_array(user) FROM (
        SELECT user FROM users_by_access
        WHERE access = '{Access.REACHABLE}' AND user > ? ORDER BY user LIMIT {_IDS})"""
_REACHABLE_OF: Final = f"""
    SELECT json_group_array(user) FROM (
        SELECT user FROM users_by_access
        WHERE access = '{Access.REACHABLE}' AND user IN (SELECT value FROM json_each(?)) ORDER BY user)"""
_DECLINING: Final = "SELECT json_group_array(user) FROM users_declining"
#: A range, so that the key of `meta` finds them.
_PASSING: Final = f"""
    SELECT key, value FROM meta WHERE key >= '{PASSING}' AND key < '{PASSING_END}'"""
_TEXTS: Final = """
    SELECT '[' || group_concat(value) || ']' FROM users
    WHERE key IN (SELECT CAST(value AS TEXT) FROM json_each(?))"""

_ids_in: Final = msgspec.json.Decoder(list[int]).decode
_json: Final = msgspec.json.Encoder().encode


def recipients(path: Path, audience: Audience, now: float) -> array[int]:
    """Return the ids of the users in an audience whom the bot may write to at `now`, in ascending order."""
    found = array("q")
    everybody = audience == Audience(ids=audience.ids)
    with _reading(path) as connection:
        for ids in _Reachable(connection, now).of(audience.ids):
            if everybody:
                found.extend(ids)
                continue
            for users in _users(connection, ids):
                found.extend(sorted(user.id for user in users if audience.includes(user)))
    return found


def survey(path: Path, audience: Audience, now: float) -> Survey:
    """Return who would be in an audience at `now`, and how many are not because they want no broadcasts."""
    languages: Counter[str] = Counter()
    with _reading(path) as connection:
        reachable = _Reachable(connection, now)
        for ids in reachable.of(audience.ids):
            for users in _users(connection, ids):
                languages.update(user.spoken or "" for user in users if audience.includes(user))
        return Survey(languages, reachable.declining)


class _Reachable:
    """The users whom the bot may write to at `now`, page by page, without those who want no broadcasts."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self._unwilling = frozenset(_ids_in(connection.execute(_DECLINING).fetchone()[0]))
        #: Those whose permission ends by itself: the access they are stored under is the one afterwards.
        self._passing = sorted(
            int(key.removeprefix(PASSING))
            for key, note in connection.execute(_PASSING)
            if (passing := passing_of(note)).now is Access.REACHABLE and passing.until > now
        )
        #: How many were left out because they want no broadcasts.
        self.declining = 0

    def of(self, chosen: Sequence[int] | None) -> Iterator[list[int]]:
        """Yield their ids in ascending order; only those that were chosen, unless that is None."""
        for page in self._everybody() if chosen is None else self._some(sorted(set(chosen))):
            wanted = page
            if self._unwilling:
                wanted = [one for one in page if one not in self._unwilling]
                self.declining += len(page) - len(wanted)
            yield wanted

    def _everybody(self) -> Iterator[list[int]]:
        above, used = _LOWEST, 0
        while True:
            page = self._read(_REACHABLE, above)
            is_last = len(page) < _IDS
            end = len(self._passing) if is_last else bisect_right(self._passing, page[-1])
            if not is_last:
                above = page[-1]
            yield _merged(page, self._passing[used:end])
            used = end
            if is_last:
                return

    def _some(self, chosen: Sequence[int]) -> Iterator[list[int]]:
        passing = frozenset(self._passing)
        for start in range(0, len(chosen), _IDS):
            part = chosen[start : start + _IDS]
            page = self._read(_REACHABLE_OF, _json(part).decode())
            yield _merged(page, [one for one in part if one in passing])

    def _read(self, query: str, value: int | str) -> list[int]:
        return _ids_in(self._connection.execute(query, (value,)).fetchone()[0])


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that sees the file as it is now, whatever is written meanwhile."""
    with sqlite_errors(path, damaged=RegistryDamagedError), closing(connect(path)) as connection:
        connection.execute("BEGIN").close()
        try:
            yield connection
        except ValueError as error:
            raise RegistryDamagedError(path, f"records of users: {error}") from error


def _users(connection: sqlite3.Connection, ids: Sequence[int]) -> Iterator[Sequence[Recipient]]:
    """Yield what audiences ask of these users, page by page, in any order."""
    for start in range(0, len(ids), _USERS):
        texts = connection.execute(_TEXTS, (_json(ids[start : start + _USERS]).decode(),)).fetchone()[0]
        yield traits_of(texts or "[]")


def _merged(page: list[int], more: Sequence[int]) -> list[int]:
    return sorted({*page, *more}) if more else page
