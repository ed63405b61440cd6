"""The tables: made and upgraded by numbered SQL files, under a lock, and refused when they are newer."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from tgbot.core.errors import RegistryTooNewError
from tgbot.core.storeerrors import WrongEncodingError
from tgbot.store.postgres.database import Connection, Database

#: An advisory lock that a transaction holds while it makes or upgrades the tables.
_LOCK: Final = "SELECT pg_advisory_xact_lock(7494266)"
#: A query on the catalogue: `to_regclass` may remember from before the lock that there was none.
_HAS_TABLES: Final = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'tgbot' AND tablename = 'meta')"
_FOUND: Final = "SELECT value FROM tgbot.meta WHERE key = 'schema'"
_NOTE: Final = """
    INSERT INTO tgbot.meta VALUES ('schema', %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value"""


def steps() -> dict[int, str]:
    """Return the number of each step → its SQL, in order; the last one is the schema of this program."""
    found = {
        int(file.name.removesuffix(".sql")): file.read_text("utf-8")
        for file in files("tgbot.store.postgres").joinpath("schema").iterdir()
        if file.name.endswith(".sql")
    }
    return dict(sorted(found.items()))


def prepare(database: Database) -> None:
    """Make the tables if there are none, and upgrade older ones; several nodes may do so at once.

    Raise RegistryTooNewError for those of a newer program, which are left as they are, and WrongEncodingError
    for a database that cannot hold every text.
    """
    database.use(lambda connection: _prepare(connection, database.place))


def found_in(database: Database) -> int:
    """Return the number of the step that the tables are at, 0 where there are none."""
    return database.use(_found)


def _prepare(connection: Connection, place: str) -> None:
    known = steps()
    newest = max(known)
    if _check(_found(connection), newest, place) == newest:
        return
    (encoding,) = connection.execute("SHOW server_encoding").fetchone() or ("",)
    if encoding != "UTF8":
        raise WrongEncodingError(place, encoding)
    with connection.transaction():
        connection.execute(_LOCK)
        found = _check(_found(connection), newest, place)
        for number, sql in known.items():
            if number > found:
                connection.execute(sql.encode())
        connection.execute(_NOTE, (str(newest),))


def _found(connection: Connection) -> int:
    (has,) = connection.execute(_HAS_TABLES).fetchone() or (False,)
    if not has:
        return 0
    row = connection.execute(_FOUND).fetchone()
    return int(row[0]) if row else 0


def _check(found: int, newest: int, place: str) -> int:
    if found > newest:
        raise RegistryTooNewError(place, found, newest)
    return found
