"""The bot's database as plain tables (see `store.tables`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields
from typing import Final, LiteralString, cast

from psycopg import sql

from tgbot.store.base import Parked, Planned
from tgbot.store.broadcast_rows import ChunkRow
from tgbot.store.postgres.database import Connection, Cursor, Database
from tgbot.store.postgres.usercolumns import columns_of, text_of
from tgbot.store.tables import OWN_NOTES, Key, Row, Table, storable
from tgbot.store.user_json import tidied

_CHUNK: Final = ChunkRow._fields
_PARKED: Final = tuple(one.name for one in fields(Parked))
#: A trace is kept as UTF-8, which may have a NUL.
_TRACE: Final = _PARKED.index("trace")
_PLANNED: Final = tuple(one.name for one in fields(Planned))
_USER: Final = ("id", "access", "language", "last_seen", "declines", "value", "exact")
#: Long table → its name, its columns, and those of the key.
_LONG: Final[dict[Table, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    Table.USERS: ("users", _USER, ("id",)),
    Table.PEERS: ("peers", ("id", "hash", "phone", "title", "seen"), ("id",)),
    Table.DELIVERIES: ("deliveries", _CHUNK, ("broadcast", "number")),
    Table.PARKED: ("parked", _PARKED, ("key",)),
    Table.PLANNED: ("planned", _PLANNED, ("key",)),
}
#: What is read of a row where that is not just its columns.
_READ: Final[dict[Table, LiteralString]] = {
    Table.USERS: "id, value::text, exact",
    Table.PEERS: """id, hash,
        ARRAY(SELECT name FROM tgbot.usernames WHERE usernames.id = peers.id ORDER BY place),
        phone, title, seen""",
}
_BROADCASTS: Final = """
    SELECT id, broadcasts.value, tallies.value
    FROM tgbot.broadcasts JOIN tgbot.tallies ON broadcast = id ORDER BY id"""
#: Values of the session are notes under names with this beginning, as JSON.
_OURS: Final = "session/"
_META: Final = "SELECT key, value FROM tgbot.meta ORDER BY key"
_NOTE: Final = """
    INSERT INTO tgbot.meta (key, value) VALUES (%s, %s)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
_KEYS: Final = """
    SELECT name, dc_id, address, port, auth_key, notes::text FROM tgbot.nodes
    WHERE auth_key IS NOT NULL ORDER BY name"""
_PUT_KEY: Final = """
    INSERT INTO tgbot.nodes (name, dc_id, address, port, auth_key, notes)
    VALUES (%s, %s, %s, %s, %s, %s::jsonb)
    ON CONFLICT (name) DO UPDATE SET dc_id = excluded.dc_id, address = excluded.address, port = excluded.port,
        auth_key = excluded.auth_key, notes = excluded.notes"""


class PostgresTables:
    """The tables of a bot's database, which this process leads; `fence` ends each transaction.

    The tables are there, of this program's version.
    """

    only_node = ""
    damaged = 0  # the types of the columns see to that

    def __init__(self, database: Database, fence: Callable[[Cursor], None]) -> None:
        self.place = database.place
        self._database = database
        self._fence = fence

    # ---- long tables ---------------------------------------------------------------------------

    def count(self, table: Table) -> int:
        if table not in _LONG:
            return len(self.whole(table))
        name, _, _ = _LONG[table]
        ((number,),) = self._select(sql.SQL("SELECT count(*) FROM {}").format(_table(name)))
        return int(number)

    def portion(self, table: Table, after: Key | None, most: int) -> Sequence[Row]:
        _, _, key = _LONG[table]
        order = sql.SQL("ORDER BY {} LIMIT %s").format(_columns(key))
        if after is None:
            return self._rows(table, order, (most,))
        places = sql.SQL(", ").join([sql.Placeholder()] * len(after))
        above = sql.SQL("WHERE ({}) > ({}) {}").format(_columns(key), places, order)
        return self._rows(table, above, (*after, most))

    def last(self, table: Table) -> Key | None:
        name, _, key = _LONG[table]
        backwards = sql.SQL(", ").join([sql.SQL("{} DESC").format(sql.Identifier(one)) for one in key])
        query = sql.SQL("SELECT {} FROM {} ORDER BY {} LIMIT 1")
        found = self._select(query.format(_columns(key), _table(name), backwards))
        return found[0] if found else None

    def some(self, table: Table, keys: Collection[Key]) -> Sequence[Row]:
        _, _, key = _LONG[table]
        if not keys:
            return ()
        one = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * len(key)))
        among = sql.SQL("WHERE ({}) IN ({})").format(_columns(key), sql.SQL(", ").join([one] * len(keys)))
        return self._rows(table, among, [value for each in keys for value in each])

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        def work(cursor: Cursor) -> None:
            name, columns, _ = _LONG[table]
            kept = (storable(table, row) for row in rows)
            if table is Table.USERS:
                _copy(cursor, name, columns, [columns_of(user_id, text) for user_id, text in rows])
            elif table is Table.PEERS:
                _copy(cursor, name, columns, [(row[0], row[1], *row[3:]) for row in kept])
                names = [(each, row[0], place) for row in rows for place, each in enumerate(row[2])]
                _copy(cursor, "usernames", ("name", "id", "place"), names)
            elif table is Table.PARKED:
                traces = ((*row[:_TRACE], row[_TRACE].encode(), *row[_TRACE + 1 :]) for row in kept)
                _copy(cursor, name, columns, traces)
            else:
                _copy(cursor, name, columns, kept)

        self._write(work)

    # ---- short tables --------------------------------------------------------------------------

    def whole(self, table: Table) -> Sequence[Row]:
        read = self._database.read
        match table:
            case Table.BROADCASTS:
                return read(_BROADCASTS)
            case Table.STATES:
                return read("SELECT channel, pts, qts, date, seq FROM tgbot.states ORDER BY channel")
            case Table.RESOLVES:
                return read("SELECT at FROM tgbot.resolves ORDER BY at")
            case Table.LOGINS:
                return read('SELECT digest, until, "user", language FROM tgbot.logins ORDER BY used, digest')
            case Table.KEYS:
                return read(_KEYS)
            case Table.NUMBERS:
                return read("SELECT broadcast FROM tgbot.numbers WHERE broadcast > 0")
            case _:
                notes: dict[str, str] = dict(read(_META))
        ours = {name: text for name, text in notes.items() if name.startswith(_OURS)}
        if table is Table.VALUES:
            return [(name.removeprefix(_OURS), json.loads(text)) for name, text in ours.items()]
        apart = {*ours, *OWN_NOTES}
        return [note for note in notes.items() if note[0] not in apart]

    def replace(self, table: Table, rows: Sequence[Row]) -> None:
        def work(cursor: Cursor) -> None:
            match table:
                case Table.BROADCASTS:
                    cursor.execute("DELETE FROM tgbot.broadcasts")
                    cursor.execute("DELETE FROM tgbot.tallies")
                    _copy(cursor, "broadcasts", ("id", "value"), [row[:2] for row in rows])
                    _copy(cursor, "tallies", ("broadcast", "value"), [(row[0], row[2]) for row in rows])
                case Table.STATES:
                    cursor.execute("DELETE FROM tgbot.states")
                    _copy(cursor, "states", ("channel", "pts", "qts", "date", "seq"), rows)
                case Table.RESOLVES:
                    cursor.execute("DELETE FROM tgbot.resolves")
                    _copy(cursor, "resolves", ("at",), rows)
                case Table.LOGINS:
                    cursor.execute("DELETE FROM tgbot.logins")
                    _copy(cursor, "logins", ("digest", "until", "user", "language"), rows)
                case Table.KEYS:
                    cursor.execute("UPDATE tgbot.nodes SET auth_key = NULL, notes = '{}'")
                    for row in rows:
                        cursor.execute(_PUT_KEY, row)
                case Table.NUMBERS:
                    cursor.execute("DELETE FROM tgbot.numbers")
                    _copy(cursor, "numbers", ("broadcast",), rows)
                case _:
                    _replace_notes(cursor, table, rows)

        self._write(work)

    def note(self, name: str, text: str | None) -> None:
        def work(cursor: Cursor) -> None:
            if text is None:
                cursor.execute("DELETE FROM tgbot.meta WHERE key = %s", (name,))
            else:
                cursor.execute(_NOTE, (name, text))

        self._write(work)

    def noted(self, name: str) -> str | None:
        found = self._database.read("SELECT value FROM tgbot.meta WHERE key = %s", (name,))
        return found[0][0] if found else None

    def finish(self) -> None:
        """Have the planner know the tables."""
        for name, _, _ in _LONG.values():
            query = sql.SQL("ANALYZE {}").format(_table(name))
            self._database.use(lambda connection, query=query: connection.execute(query))  # type: ignore[misc]

    # ---- inside --------------------------------------------------------------------------------

    def _rows(self, table: Table, behind: sql.Composable, values: Sequence[object]) -> Sequence[Row]:
        name, columns, _ = _LONG[table]
        wanted = sql.SQL(_READ[table]) if table in _READ else _columns(columns)
        query = sql.SQL("SELECT {} FROM {} {}").format(wanted, _table(name), behind)
        found = self._select(query, values)
        if table is Table.USERS:
            return [(user_id, tidied(text_of(value, exact))) for user_id, value, exact in found]
        if table is Table.PEERS:
            return [(*row[:2], tuple(row[2]), *row[3:]) for row in found]
        if table is Table.PARKED:
            return [(*row[:_TRACE], bytes(row[_TRACE]).decode(), *row[_TRACE + 1 :]) for row in found]
        return found

    def _select(self, query: sql.Composed, values: Sequence[object] = ()) -> list[Row]:
        return self._database.read(cast("LiteralString", query), values)

    def _write(self, work: Callable[[Cursor], None]) -> None:
        """Do work in a transaction without a pipeline, which COPY cannot be in."""

        def whole(connection: Connection) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                work(cursor)
                self._fence(cursor)

        self._database.use(whole)


def _replace_notes(cursor: Cursor, table: Table, rows: Sequence[Row]) -> None:
    if table is Table.VALUES:
        cursor.execute("DELETE FROM tgbot.meta WHERE starts_with(key, %s)", (_OURS,))
        notes = [(_OURS + name, json.dumps(value)) for name, value in rows]
    else:
        query = "DELETE FROM tgbot.meta WHERE key <> ALL(%s::text[]) AND NOT starts_with(key, %s)"
        cursor.execute(query, ([*OWN_NOTES], _OURS))
        notes = list(rows)
    _copy(cursor, "meta", ("key", "value"), notes)


def _copy(cursor: Cursor, name: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(_table(name), _columns(columns))
    with cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(row)


def _table(name: str) -> sql.Composable:
    return sql.Identifier("tgbot", name)


def _columns(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))
