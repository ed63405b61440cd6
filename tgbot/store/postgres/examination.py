"""What a database is like, found out without changing anything: for the doctor."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from typing import Final, LiteralString

from tgbot.store.base import Account
from tgbot.store.postgres.connections import Value
from tgbot.store.postgres.database import Connection
from tgbot.store.postgres.place import connected
from tgbot.store.postgres.schema import found_in, steps

#: How many round trips are measured.
_TRIPS: Final = 5
_RIGHTS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_REFUSED: Final[LiteralString] = """
    SELECT string_agg(DISTINCT wanted || ' on tgbot.' || tablename, ', ')
    FROM pg_tables, unnest(%s::text[]) AS wanted
    WHERE schemaname = 'tgbot' AND NOT has_table_privilege(format('tgbot.%%I', tablename), wanted)"""
_MAY_MAKE: Final = "SELECT has_database_privilege(current_database(), 'CREATE')"
_MAY_USE: Final = "SELECT has_schema_privilege('tgbot', 'USAGE')"
_READ_ONLY: Final = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean"
_LEADER: Final = "SELECT node FROM tgbot.lease WHERE until >= clock_timestamp()"
_NOTES: Final = "SELECT key, value FROM tgbot.meta WHERE key IN ('session/bot', 'account')"
_RESOLVES: Final = (
    "SELECT count(*) FROM tgbot.resolves WHERE at > extract(epoch FROM clock_timestamp()) - 86400"
)


@dataclass(frozen=True, slots=True)
class Examined:
    """A database that answers."""

    #: Without a password.
    place: str
    #: The version of the server, such as 160004 for 16.4.
    version: int
    #: The step that the tables are at, 0 for none, and the one of this program.
    schema: int
    known: int
    #: What this user may not do, "" for nothing.
    refused: str
    read_only: bool
    #: By how many seconds its clock is ahead of this machine's.
    ahead: float
    #: How long a round trip takes, in seconds.
    trip: float
    #: Who leads, "" for nobody.
    leader: str
    #: Whose things it has, and what was said at the last login.
    bot_id: int | None
    account: Account | None
    #: How many usernames were looked up in the last day.
    resolves: int


def examine(address: str) -> Examined:
    """Return what is found in a database; raise ConfigError for its address, or a StorageError."""
    with connected(address) as database:
        schema, known = found_in(database), max(steps())
        return database.use(lambda connection: _examined(connection, database.place, schema, known))


def _examined(connection: Connection, place: str, schema: int, known: int) -> Examined:
    def one(query: LiteralString, *values: object) -> Value:
        row = connection.execute(query, values).fetchone()
        return None if row is None else row[0]

    trips, ahead = [], 0.0
    for _ in range(_TRIPS):
        began, at = time.monotonic(), time.time()
        theirs = one("SELECT extract(epoch FROM clock_timestamp())::float8")
        trips.append(time.monotonic() - began)
        ahead = theirs - at - trips[-1] / 2
    refused, leader, bot, account, resolves = "", "", None, None, 0
    if not schema:
        refused = "" if one(_MAY_MAKE) else "CREATE in the database"
    elif not one(_MAY_USE):
        refused = "USAGE of the schema tgbot"
    else:
        refused = one(_REFUSED, list(_RIGHTS)) or ""
    if schema and not refused:
        leader = one(_LEADER) or ""
        notes: dict[str, str] = dict(connection.execute(_NOTES).fetchall())
        bot = json.loads(notes["session/bot"]) if "session/bot" in notes else None
        account = Account(**json.loads(notes["account"])) if "account" in notes else None
        resolves = one(_RESOLVES)
    return Examined(
        place,
        connection.info.server_version,
        schema,
        known,
        refused,
        bool(one(_READ_ONLY)),
        ahead,
        statistics.median(trips),
        leader,
        bot,
        account,
        resolves,
    )
