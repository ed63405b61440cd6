"""The users in a database: the rows of a registry, with what goes with them in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from operator import attrgetter
from typing import Final, LiteralString, TypeAlias

from tgbot.core.access import Access
from tgbot.core.errors import RegistryDamagedError
from tgbot.store.base import Parked, Reason
from tgbot.store.broadcast_rows import BroadcastRows
from tgbot.store.counts import PASSING, PASSING_END
from tgbot.store.parked import ParkedChanges, Place
from tgbot.store.planned import PlannedRows
from tgbot.store.postgres import broadcastrows, plannedrows
from tgbot.store.postgres.broadcastrows import PostgresBroadcastRows
from tgbot.store.postgres.database import Cursor, Database, Question, Row
from tgbot.store.postgres.plannedrows import PostgresPlannedRows
from tgbot.store.postgres.usercolumns import columns_of
from tgbot.store.postgres.writes import write_again
from tgbot.store.stored import Changes, SessionChanges

#: Raises LeaseLostError, inside a transaction that writes, if another node leads.
Fence: TypeAlias = Callable[[Cursor], None]
#: Writes changes of the session inside a transaction.
WriteSession: TypeAlias = Callable[[Cursor, SessionChanges], None]

#: Ids of the database are from minus this number on, and below it.
_IDS: Final = 2**63
_PAGE: Final = 1_000  # users read at once by `after`: a round trip costs more than they do
_SLICE: Final = 250  # users written by one statement: the server works on one while the next is made
#: What is damaged beyond a text is given as one that holds no user.
_TEXT: Final = "coalesce(exact, value::text, 'null')"
_ONE: Final = f"SELECT {_TEXT} FROM tgbot.users WHERE id = %s"
_MANY: Final = f"SELECT id, {_TEXT} FROM tgbot.users WHERE id = ANY(%s::bigint[])"
_AFTER: Final = f"SELECT id, {_TEXT} FROM tgbot.users WHERE id > %(above)s ORDER BY id LIMIT {_PAGE}"
#: Each part is limited, so that neither is read to its end for one page. The notes are a range of the key.
_AFTER_OF: Final = f"""
    SELECT id, {_TEXT} FROM tgbot.users WHERE id = ANY(ARRAY(
        (SELECT id FROM tgbot.users WHERE access = %(access)s AND id > %(above)s ORDER BY id LIMIT {_PAGE})
        UNION
        (SELECT * FROM (
            SELECT CASE WHEN key >= '{PASSING}' AND key < '{PASSING_END}'
                THEN substr(key, {len(PASSING) + 1})::bigint END AS id
            FROM tgbot.meta WHERE key >= '{PASSING}' AND key < '{PASSING_END}') AS passing
         WHERE id > %(above)s ORDER BY id LIMIT {_PAGE})
        ORDER BY id LIMIT {_PAGE}))
    ORDER BY id"""
_NOTES: Final = "SELECT key, value FROM tgbot.meta"
_RECOUNT: Final = "SELECT access, count(*) FROM tgbot.users WHERE access IS NOT NULL GROUP BY access"
_PLACES: Final = 'SELECT key, dialog, "user", reason, parked_at, retry_at FROM tgbot.parked'
#: The columns are in the order of the fields of `Parked`.
_PARKED: Final = """
    SELECT key, dialog, "user", reason, handler, error, trace, parked_at, retry_at, attempts, "update"
    FROM tgbot.parked WHERE key = ANY(%s::text[])"""

_SAVE: Final = """
    INSERT INTO tgbot.users AS old (id, access, language, last_seen, declines, value, exact)
    SELECT id, access, language, last_seen, declines, CASE WHEN exact IS NULL THEN value END, exact
    FROM ROWS FROM (
        unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::boolean[], %s::text[]),
        jsonb_array_elements(%s::jsonb)) AS new (id, access, language, last_seen, declines, exact, value)
    ON CONFLICT (id) DO UPDATE SET
        access = excluded.access, language = excluded.language, last_seen = excluded.last_seen,
        declines = excluded.declines, value = excluded.value, exact = excluded.exact"""
_DELETE: Final = "DELETE FROM tgbot.users WHERE id = ANY(%s::bigint[])"
_NOTE: Final = """
    INSERT INTO tgbot.meta SELECT * FROM unnest(%s::text[], %s::text[])
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
_DROP_NOTES: Final = "DELETE FROM tgbot.meta WHERE key = ANY(%s::text[])"
_PARK: Final = """
    INSERT INTO tgbot.parked AS old
        (key, dialog, "user", reason, handler, error, trace, parked_at, retry_at, attempts, "update")
    SELECT * FROM unnest(
        %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],
        %s::bytea[], %s::bigint[], %s::bigint[], %s::integer[], %s::bytea[])
    ON CONFLICT (key) DO UPDATE SET
        dialog = excluded.dialog, "user" = excluded."user", reason = excluded.reason,
        handler = excluded.handler, error = excluded.error, trace = excluded.trace,
        parked_at = excluded.parked_at, retry_at = excluded.retry_at, attempts = excluded.attempts,
        "update" = excluded."update" """
_DROP_PARKED: Final = "DELETE FROM tgbot.parked WHERE key = ANY(%s::text[])"
_NAMES: Final = [one.name for one in fields(Parked)]
_VALUES: Final = attrgetter(*_NAMES)
_TRACE: Final = _NAMES.index("trace")

#: What a registry asks when it is opened.
QUESTIONS: Final[Sequence[Question]] = ((_NOTES, ()), (_PLACES, ()), *broadcastrows.QUESTIONS)


def no_session(cursor: Cursor, changes: SessionChanges) -> None:
    """Write nothing: no session goes along with these users."""


class ReadOnlyPostgresRows:
    """The rows in a database, for reading (see `UserRows`); the database is the caller's to close."""

    def __init__(self, database: Database) -> None:
        self._database, self.place = database, database.place
        self.broadcasts: BroadcastRows = PostgresBroadcastRows(database)
        self.plans: PlannedRows = PostgresPlannedRows(database)

    def one(self, user_id: int) -> str | None:
        if not -_IDS <= user_id < _IDS:
            return None
        rows = self._database.read(_ONE, (user_id,))
        return rows[0][0] if rows else None

    async def many(self, user_ids: Collection[int]) -> Mapping[int, str]:
        return dict(
            await self._database.read_aside(_MANY, ([one for one in user_ids if -_IDS <= one < _IDS],))
        )

    def after(self, user_id: int, access: Access | None) -> Iterator[tuple[int, str | None]]:
        query: LiteralString = _AFTER if access is None else _AFTER_OF
        wanted = {"above": user_id, "access": None if access is None else access.value}
        while True:
            page = self._database.read(query, wanted)
            yield from page
            if len(page) < _PAGE:
                return
            wanted["above"] = page[-1][0]

    def notes(self) -> Mapping[str, str]:
        return dict(self._database.read(_NOTES))

    def recount(self) -> Mapping[str, int]:
        # It looks at everybody, once in a store's life: as long as that takes.
        return dict(self._database.reading(lambda connection: connection.execute(_RECOUNT).fetchall()))

    def places(self) -> Mapping[str, Place]:
        with self._readable():
            rows = self._database.read(_PLACES)
            return {key: Place(to, who, Reason(why), *times) for key, to, who, why, *times in rows}

    def parked(self, keys: Collection[str]) -> Mapping[str, Parked]:
        if not keys:
            return {}
        with self._readable():
            rows = self._database.read(_PARKED, ([*keys],))
            return {row[0]: _parked(row) for row in rows}

    async def write(self, changes: Changes) -> None:
        raise TypeError("these rows are open for reading only")

    def close(self) -> None:
        """Return at once: the database is the caller's."""

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise RegistryDamagedError(self.place, f"a parked update: {error}") from None


class PostgresUserRows(ReadOnlyPostgresRows):
    """The rows in a database whose tables are there; each write is one transaction, and the fence its end.

    `write_session` writes what of the session goes along.
    """

    def __init__(self, database: Database, fence: Fence, write_session: WriteSession = no_session) -> None:
        super().__init__(database)
        self._fence, self._write_session = fence, write_session

    async def write(self, changes: Changes) -> None:
        # Again at once if the link turns out to be lost: nobody may have noticed for hours.
        database = self._database
        await database.aside(lambda: write_again(database, lambda cursor: self._write(cursor, changes)))

    def _write(self, cursor: Cursor, changes: Changes) -> None:
        _write_users(cursor, changes.users)
        if changes.gone:
            cursor.execute(_DELETE, ([*changes.gone],))
        kept = {name: text for name, text in changes.notes.items() if text is not None}
        if kept:
            cursor.execute(_NOTE, ([*kept], [*kept.values()]))
        if dropped := [name for name, text in changes.notes.items() if text is None]:
            cursor.execute(_DROP_NOTES, (dropped,))
        _write_parked(cursor, changes.parked)
        plannedrows.write(cursor, changes.planned)
        broadcastrows.write(cursor, changes.broadcasts)
        if changes.session is not None:
            self._write_session(cursor, changes.session)
        self._fence(cursor)


def _write_users(cursor: Cursor, texts: Mapping[int, str]) -> None:
    # In the order of ids: two transactions that lock rows in one order never wait for each other.
    users = sorted(texts.items())
    for start in range(0, len(users), _SLICE):
        rows = [columns_of(*user) for user in users[start : start + _SLICE]]
        *columns, _, exact = _columns(rows)
        # One JSON array: no text has to be escaped here, and unescaped by the server.
        array = ",".join([row.value or "null" for row in rows])
        cursor.execute(_SAVE, (*columns, exact, f"[{array}]"))


def _write_parked(cursor: Cursor, parked: ParkedChanges) -> None:
    if kept := [_row(one) for one in parked.values() if one is not None]:
        cursor.execute(_PARK, _columns(kept))
    if dropped := [key for key, one in parked.items() if one is None]:
        cursor.execute(_DROP_PARKED, (dropped,))


def _row(entry: Parked) -> Row:
    return tuple(
        one.encode("utf-8", "surrogatepass") if number == _TRACE else one
        for number, one in enumerate(_VALUES(entry))
    )


def _parked(row: Row) -> Parked:
    key, dialog, user, reason, handler, error, trace, *rest = row
    return Parked(
        key, dialog, user, Reason(reason), handler, error, trace.decode("utf-8", "surrogatepass"), *rest
    )


def _columns(rows: Sequence[Row]) -> list[list[object]]:
    """Return the columns of these rows, each as one parameter."""
    return [[*column] for column in zip(*rows, strict=True)]
