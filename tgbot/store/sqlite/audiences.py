"""Who gets a broadcast: found in the file of the users, on a connection and in a thread of its own."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from tgbot.core.access import Access
from tgbot.core.broadcasts import Audience
from tgbot.core.errors import RegistryDamagedError
from tgbot.store import audiences
from tgbot.store.base import Survey
from tgbot.store.counts import PASSING, PASSING_END
from tgbot.store.json_text import dumps
from tgbot.store.sqlite.connection import connect, sqlite_errors

_REACHABLE: Final = f"""
    SELECT json_group_array(user) FROM (
        SELECT user FROM users_by_access
        WHERE access = '{Access.REACHABLE}' AND user > ? ORDER BY user LIMIT ?)"""
_REACHABLE_OF: Final = f"""
    SELECT json_group_array(user) FROM (
        SELECT user FROM users_by_access
        WHERE access = '{Access.REACHABLE}' AND user IN (SELECT value FROM json_each(?)) ORDER BY user)"""
_DECLINING: Final = """
    SELECT json_group_array(user) FROM (
        SELECT user FROM users_declining WHERE user > ? ORDER BY user LIMIT ?)"""
#: A range, so that the key of `meta` finds them.
_PASSING: Final = f"""
    SELECT key, value FROM meta WHERE key >= '{PASSING}' AND key < '{PASSING_END}'"""
_TEXTS: Final = """
    SELECT '[' || coalesce(group_concat(value), '') || ']' FROM users
    WHERE key IN (SELECT CAST(value AS TEXT) FROM json_each(?))"""


def recipients(path: Path, audience: Audience, now: float) -> array[int]:
    """Return the ids of the users in an audience whom the bot may write to at `now`, in ascending order."""
    with _reading(path) as lists:
        return audiences.recipients(lists, audience, now)


def survey(path: Path, audience: Audience, now: float) -> Survey:
    """Return who would be in an audience at `now`, and how many are not because they want no broadcasts."""
    with _reading(path) as lists:
        return audiences.survey(lists, audience, now)


@contextmanager
def _reading(path: Path) -> Iterator[_Lists]:
    """Give the lists in the file as it is now, whatever is written meanwhile."""
    with sqlite_errors(path, damaged=RegistryDamagedError), closing(connect(path)) as connection:
        connection.execute("BEGIN").close()
        try:
            yield _Lists(connection)
        except ValueError as error:
            raise RegistryDamagedError(path, f"records of users: {error}") from error


class _Lists:
    """The lists of `audiences.Lists`, out of one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def reachable(self, above: int, limit: int) -> str:
        return self._text(_REACHABLE, above, limit)

    def reachable_of(self, ids: Sequence[int]) -> str:
        return self._text(_REACHABLE_OF, dumps(ids))

    def declining(self, above: int, limit: int) -> str:
        return self._text(_DECLINING, above, limit)

    def passing(self) -> Iterable[tuple[str, str]]:
        return self._connection.execute(_PASSING)

    def users(self, ids: Sequence[int]) -> str:
        return self._text(_TEXTS, dumps(ids))

    def _text(self, query: str, *values: int | str) -> str:
        text: str = self._connection.execute(query, values).fetchone()[0]
        return text
