"""Who gets a broadcast: found in the database, page by page, in a thread."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from psycopg.abc import Params

from tgbot.core.access import Access
from tgbot.core.broadcasts import Audience
from tgbot.core.errors import RegistryDamagedError
from tgbot.store import audiences
from tgbot.store.base import Survey
from tgbot.store.counts import PASSING, PASSING_END
from tgbot.store.postgres.database import Connection, Database

T = TypeVar("T")

#: What all reads see is what was there at the first of them.
_MOMENT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_IDS: Final = "SELECT coalesce(json_agg(id)::text, '[]') FROM"
_REACHABLE: Final = f"""{_IDS} (
    SELECT id FROM tgbot.users
    WHERE access = '{Access.REACHABLE}' AND id > %s ORDER BY id LIMIT %s) AS page"""
_REACHABLE_OF: Final = f"""{_IDS} (
    SELECT id FROM tgbot.users
    WHERE access = '{Access.REACHABLE}' AND id = ANY(%s::bigint[]) ORDER BY id) AS page"""
_DECLINING: Final = f"""{_IDS} (
    SELECT id FROM tgbot.users WHERE declines AND id > %s ORDER BY id LIMIT %s) AS page"""
#: A range, so that the key of `meta` finds them.
_PASSING: Final = f"""
    SELECT key, value FROM tgbot.meta WHERE key >= '{PASSING}' AND key < '{PASSING_END}'"""
_USERS: Final = """
    SELECT '[' || coalesce(string_agg(coalesce(nullif(exact, ''), value::text, 'null'), ','), '') || ']'
    FROM tgbot.users WHERE id = ANY(%s::bigint[])"""


async def recipients(database: Database, audience: Audience, now: float) -> array[int]:
    """Return the ids of the users in an audience whom the bot may write to at `now`, in ascending order."""
    return await _listed(database, lambda lists: audiences.recipients(lists, audience, now))


async def survey(database: Database, audience: Audience, now: float) -> Survey:
    """Return who would be in an audience at `now`, and how many are not because they want no broadcasts."""
    return await _listed(database, lambda lists: audiences.survey(lists, audience, now))


async def _listed(database: Database, work: Callable[[audiences.Lists], T]) -> T:
    def read(connection: Connection) -> T:
        with connection.transaction():
            connection.execute(_MOMENT)
            return work(_Lists(connection))

    try:
        return await database.aside(lambda: database.reading(read))
    except ValueError as error:
        raise RegistryDamagedError(database.place, f"records of users: {error}") from error


class _Lists:
    """The lists of `audiences.Lists`, out of a transaction that sees one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def reachable(self, above: int, limit: int) -> str:
        return self._text(_REACHABLE, (above, limit))

    def reachable_of(self, ids: Sequence[int]) -> str:
        return self._text(_REACHABLE_OF, ([*ids],))

    def declining(self, above: int, limit: int) -> str:
        return self._text(_DECLINING, (above, limit))

    def passing(self) -> Iterable[tuple[str, str]]:
        return ((key, note) for key, note in self._connection.execute(_PASSING))

    def users(self, ids: Sequence[int]) -> str:
        return self._text(_USERS, ([*ids],))

    def _text(self, query: str, values: Params) -> str:
        return "".join(text for (text,) in self._connection.execute(query.encode(), values))
