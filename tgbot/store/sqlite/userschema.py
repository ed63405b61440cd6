"""The file of users as a whole: how it is made, checked and upgraded."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from tgbot.core.broadcasts import NEWS, NO_NEWS
from tgbot.core.errors import RegistryDamagedError, RegistryTooNewError, RegistryTooOldError
from tgbot.store.base import Account
from tgbot.store.counts import PASSING
from tgbot.store.files import beside
from tgbot.store.sqlite.connection import (
    UNREADABLE_TEXT,
    connect,
    connect_durable,
    is_cut_short,
    is_unreadable,
    new_file,
    sqlite_errors,
    transaction,
    what_is_wrong,
)
from tgbot.store.sqlite.upgrade import keep_before_upgrade
from tgbot.store.stored import ACCOUNT

#: The schema this program writes.
SCHEMA: Final = 4

#: Which users are stored under which access, and which want no broadcasts, so that nobody looks at each. In
#: tables of their own: an index on what is in the JSON would cost each write of a user more than the write.
_LISTS: Final = (
    """CREATE TABLE users_by_access (
        access TEXT NOT NULL, user INTEGER NOT NULL, PRIMARY KEY (access, user)) WITHOUT ROWID""",
    "CREATE TABLE users_declining (user INTEGER PRIMARY KEY)",
)
#: Fills these tables from the users.
LIST_USERS: Final = (
    "DELETE FROM users_by_access",
    """INSERT INTO users_by_access
        SELECT json_extract(value, '$.access') AS access, CAST(key AS INTEGER) AS user FROM users
        WHERE json_valid(value) AND access IS NOT NULL ORDER BY access, user""",
    "DELETE FROM users_declining",
    f"""INSERT INTO users_declining
        SELECT CAST(key AS INTEGER) FROM users
        WHERE json_valid(value) AND json_extract(value, '$.preferences.{NEWS}') = '{NO_NEWS}'""",
)

#: Definitions and tallies are JSON; the tally is written each second, the definition is not. Numbers of
#: broadcasts are never given again, so AUTOINCREMENT. The columns of a chunk are those of `ChunkRow`; the
#: indexes have all that a look for a chunk needs, so that it reads no packed ones.
_BROADCASTS: Final = (
    "CREATE TABLE broadcasts (id INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT NOT NULL)",
    "CREATE TABLE tallies (broadcast INTEGER PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE deliveries (
        broadcast INTEGER NOT NULL, number INTEGER NOT NULL, first INTEGER NOT NULL,
        waiting INTEGER NOT NULL, late INTEGER NOT NULL, sent INTEGER NOT NULL,
        round INTEGER NOT NULL, corrected INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (broadcast, number))""",
    """CREATE INDEX deliveries_to_do ON deliveries (
        broadcast, number, waiting, late, sent, round, corrected)""",
    "CREATE INDEX deliveries_by_user ON deliveries (broadcast, first, number)",
)

#: What is planned, to be found by its time, and by the user whom it is about. A row may be large.
_PLANNED: Final = (
    """CREATE TABLE planned (
        key TEXT PRIMARY KEY, at INTEGER NOT NULL, name TEXT NOT NULL, user INTEGER NOT NULL,
        data TEXT NOT NULL, attempts INTEGER NOT NULL)""",
    "CREATE INDEX planned_by_time ON planned (at, key)",
    "CREATE INDEX planned_by_user ON planned (user) WHERE user <> 0",
)

#: Schema → the statements that lead to the next one. Those that change under which access users are stored
#: delete `counts` from meta, and they are counted again, and end with `LIST_USERS`.
MIGRATIONS: Final[Mapping[int, tuple[str, ...]]] = {
    # Schema 2 gives open join requests a field of their own; `user_json.unpack` reads the older form.
    1: (),
    # Schema 3 lists users by access, and has broadcasts. Permissions that end by themselves have a note each;
    # there was a version that had one note of all.
    2: (
        *_LISTS,
        *LIST_USERS,
        *_BROADCASTS,
        f"""INSERT OR IGNORE INTO meta SELECT '{PASSING}' || one.key, one.value
            FROM json_each((SELECT value FROM meta WHERE key = 'passing')) AS one""",
        "DELETE FROM meta WHERE key = 'passing'",
    ),
    # Schema 4 has planned entries, and users with talks and data of plugins: older programs cannot read them.
    3: _PLANNED,
}

#: Sets one key of meta.
NOTE: Final = "REPLACE INTO meta (key, value) VALUES (?, ?)"

#: No step of the schema: programs of the same schema that do not know the table leave it alone. REPLACE needs
#: the key as the only unique column; the rows are large, so they have a rowid.
_PARKED: Final = """
    CREATE TABLE IF NOT EXISTS parked (
        key TEXT PRIMARY KEY, dialog INTEGER NOT NULL, user INTEGER NOT NULL, reason TEXT NOT NULL,
        handler TEXT NOT NULL, error TEXT NOT NULL, trace TEXT NOT NULL, parked_at INTEGER NOT NULL,
        retry_at INTEGER, attempts INTEGER NOT NULL, "update" BLOB NOT NULL)"""

_TABLES: Final = (
    # The first as sqlitedict makes it. The index is on the number in the key: ids in order, without a scan.
    'CREATE TABLE "users" (key TEXT PRIMARY KEY, value BLOB)',
    "CREATE INDEX users_by_id ON users (CAST(key AS INTEGER))",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    _PARKED,
    *_LISTS,
    *_BROADCASTS,
    *_PLANNED,
)


def schema_of(path: Path) -> int:
    """Return the schema of an existing file, which is not changed.

    Raise RegistryDamagedError if it has none, RegistryTooNewError for one that this program does not know.
    """
    if path.stat().st_size == 0:
        # A new file appears under its name with everything in it, so an empty one was cut off.
        raise RegistryDamagedError(path, "the file is empty")
    with closing(connect(path)) as connection:
        try:
            connection.execute("SELECT key, value FROM users LIMIT 1").fetchone()
            if is_cut_short(connection, path):
                raise RegistryDamagedError(path, "its end is missing")
            (value,) = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
            schema = int(value)
        except sqlite3.OperationalError as error:
            if is_unreadable(error):
                raise RegistryDamagedError(path, UNREADABLE_TEXT) from error
            if error.sqlite_errorname == "SQLITE_ERROR":  # no such table
                raise RegistryDamagedError(path, "it is not a registry of users") from error
            raise
        except (TypeError, ValueError) as error:
            raise RegistryDamagedError(path, "it names no schema") from error
    if schema > SCHEMA:
        raise RegistryTooNewError(path, schema, SCHEMA)
    return schema


def check_whole(path: Path) -> int | None:
    """Read all of an existing file, and return the id of the bot whose users it has, None if it does not say.

    Raise RegistryDamagedError or RegistryTooNewError; the file is not changed.
    """
    with sqlite_errors(path, damaged=RegistryDamagedError, opening=True):
        schema_of(path)
        with closing(connect(path)) as connection:
            if (said := what_is_wrong(connection)) is not None:
                raise RegistryDamagedError(path, said)
    account = account_in(path)
    return None if account is None else account.id


def account_in(path: Path) -> Account | None:
    """Return the account of the bot whose users an existing file has; None if it does not say."""
    with sqlite_errors(path, damaged=RegistryDamagedError), closing(connect(path)) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (ACCOUNT,)).fetchone()
    return Account(**json.loads(row[0])) if row else None


def prepare(path: Path) -> None:
    """Make the file if there is none; upgrade one of an older schema, of which a copy is kept."""
    if not path.exists():
        left = [other for other in (path, *beside(path)) if other.exists()]
        if left:
            # SQLite would take the old log for one of the new file.
            raise RegistryDamagedError(path, f"it is missing, but {left[0].name} is there")
        _create(path)
    found = schema_of(path)
    if found < SCHEMA:
        _upgrade(path, found)
    with closing(connect_durable(path)) as connection:
        connection.execute(_PARKED).close()


def _create(path: Path) -> None:
    with new_file(path) as connection, transaction(connection) as cursor:
        for table in _TABLES:
            cursor.execute(table)
        cursor.execute(NOTE, ("schema", str(SCHEMA)))


def _upgrade(path: Path, found: int) -> None:
    if not all(version in MIGRATIONS for version in range(found, SCHEMA)):
        raise RegistryTooOldError(path, found, SCHEMA)
    keep_before_upgrade(path, found, SCHEMA)
    with closing(connect_durable(path)) as connection, transaction(connection) as cursor:
        for version in range(found, SCHEMA):
            for statement in MIGRATIONS[version]:
                cursor.execute(statement)
        cursor.execute(NOTE, ("schema", str(SCHEMA)))
