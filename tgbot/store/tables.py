"""All that a store keeps as plain rows, in one form for every place: what a copy reads and writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

#: The columns of a row in their order; of a peer, one holds a tuple of usernames.
Row: TypeAlias = tuple[Any, ...]  # Any: values of any column
#: The first columns of a row, by which its table is ordered.
Key: TypeAlias = tuple[str | int, ...]


class Table(StrEnum):
    """What is kept; a member's value is what a person reads."""

    #: id, packed text.
    USERS = "users"
    #: marked id, access hash, usernames, phone, title, seen.
    PEERS = "peers"
    #: broadcast and the other columns of `ChunkRow`.
    DELIVERIES = "deliveries"
    #: The fields of `Parked`.
    PARKED = "parked updates"
    #: The fields of `Planned`.
    PLANNED = "planned entries"
    #: number, definition, tally.
    BROADCASTS = "broadcasts"
    #: The greatest number that a broadcast ever had.
    NUMBERS = "last broadcast"
    #: name, text.
    NOTES = "notes"
    #: bare channel id (0 for the account), pts, qts, date, seq.
    STATES = "update states"
    #: When usernames were resolved.
    RESOLVES = "look-ups"
    #: digest, until, user, language; in the order of their use.
    LOGINS = "used logins"
    #: name, value; under "bot" the bot's id.
    VALUES = "values"
    #: node, data center, address, port, auth key, values that belong to it as JSON.
    KEYS = "auth keys"


#: Tables that may be long, with the number of columns in their key: copied in portions, in order of the key.
LONG: Final = {
    Table.USERS: 1,
    Table.PEERS: 1,
    Table.DELIVERIES: 2,
    Table.PARKED: 1,
    Table.PLANNED: 1,
}
#: The others, which are copied as a whole.
SHORT: Final = tuple(table for table in Table if table not in LONG)

#: The name of the note in a place that is not yet a whole copy; its text is the name of what is copied.
COPYING: Final = "copying"
#: Notes that belong to the place, and not to what is kept there.
OWN_NOTES: Final = frozenset({"schema", COPYING})


#: The values of a session that belong to its auth key.
KEY_VALUES: Final = frozenset({"token", "server", "login_wait", "login_wait_until"})
#: The name of the value that is the bot's id.
BOT: Final = "bot"


def storable(table: Table, row: Row) -> Row:
    """Return a row as every place can hold it: a NUL in a text is left out, or spelled out for readers."""
    instead = "\\x00" if table is Table.PARKED else ""
    return tuple(one.replace("\0", instead) if isinstance(one, str) else one for one in row)


class Tables(Protocol):
    """One place, opened for nobody else; each change is all or nothing, and kept on return.

    Every method raises a StorageError, and waits for a disk or a network.
    """

    #: The name of the place, for people.
    place: str
    #: The only node whose auth key can be there; "" where each node's can.
    only_node: str
    #: How many planned entries the last `count` of them has found that cannot be read: they are not given.
    damaged: int

    def count(self, table: Table) -> int:
        """Return how many rows there are."""

    def portion(self, table: Table, after: Key | None, most: int) -> Sequence[Row]:
        """Return the next rows of a long table in order of the key, from its beginning for None."""

    def last(self, table: Table) -> Key | None:
        """Return the greatest key in a long table, None if it is empty."""

    def some(self, table: Table, keys: Collection[Key]) -> Sequence[Row]:
        """Return those rows of a long table that have these keys, in any order."""

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows to a long table, which has none of them."""

    def whole(self, table: Table) -> Sequence[Row]:
        """Return all rows of a short table."""

    def replace(self, table: Table, rows: Sequence[Row]) -> None:
        """Replace all rows of a short table."""

    def note(self, name: str, text: str | None) -> None:
        """Set a note that belongs to the place, delete it for None."""

    def noted(self, name: str) -> str | None:
        """Return a note that belongs to the place, None if there is none."""

    def finish(self) -> None:
        """Bring up to date what is derived from rows that were added."""
