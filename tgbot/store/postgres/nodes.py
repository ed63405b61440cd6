"""The nodes of a bot: each name belongs to one running process at a time, with one auth key."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from tgbot.core.nodeerrors import NodeNameTakenError
from tgbot.store.postgres.database import Cursor, Database, Row
from tgbot.store.postgres.writes import write_again

#: After how many seconds in which it did not say that it runs a process counts as gone.
GONE_SECONDS: Final = 10.0
#: How often it is looked whether a process of the same name still runs, in seconds.
_LOOK_SECONDS: Final = 0.5

#: Another process in the same directory has ended: only one gets the lock there.
_REGISTER: Final = """
    INSERT INTO tgbot.nodes (name, run, version, seen)
    VALUES (%(node)s, %(run)s, %(version)s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET run = excluded.run, version = excluded.version, seen = excluded.seen,
        state = ''
    WHERE nodes.run IN ('', excluded.run) OR split_part(nodes.run, ':', 1) = split_part(excluded.run, ':', 1)
        OR nodes.seen < clock_timestamp() - make_interval(secs => %(gone)s)
    RETURNING name"""
_WHO: Final = "SELECT run, seen FROM tgbot.nodes WHERE name = %s"
_REFRESH: Final = """
    UPDATE tgbot.nodes SET seen = clock_timestamp(), state = %s WHERE name = %s AND run = %s RETURNING name"""
_LEAVE: Final = """
    UPDATE tgbot.nodes SET run = '', state = '', seen = clock_timestamp() WHERE name = %s AND run = %s"""
_LIST: Final = """
    SELECT name, run <> '', extract(epoch FROM clock_timestamp() - seen)::double precision, version, state,
        auth_key IS NOT NULL
    FROM tgbot.nodes ORDER BY name"""


@dataclass(frozen=True, slots=True)
class Node:
    """A node, as the database knows it."""

    name: str
    #: Whether a process of this name entered and has not left; it may have died since.
    entered: bool
    #: How many seconds ago it was seen last, by the database's clock.
    seen: float
    version: str
    state: str
    #: Whether it has an auth key.
    logged_in: bool


def run_id(directory: Path) -> str:
    """Return a name of this process among all: of its directory on this machine, and a random one.

    Call it while the process has the directory's lock.
    """
    found = directory.stat()
    parts = [socket.gethostname(), str(found.st_dev), str(found.st_ino)]
    for file in ("/proc/sys/kernel/random/boot_id", "/etc/machine-id"):
        with suppress(OSError):
            parts.append(Path(file).read_text("utf-8").strip())
    place = sha256("\n".join(parts).encode()).hexdigest()[:32]
    return f"{place}:{os.getpid()}-{secrets.token_hex(8)}"


async def register(
    database: Database, node: str, run: str, version: str, *, gone_seconds: float = GONE_SECONDS
) -> None:
    """Enter this process as a node; kept on return.

    Wait until it is clear what became of another process with this name. Raise NodeNameTakenError if it
    runs: two processes must not use one auth key.
    """
    values = {"node": node, "run": run, "version": version, "gone": gone_seconds}

    def enter(cursor: Cursor) -> list[Row]:
        return cursor.execute(_REGISTER, values).fetchall()

    first: list[Row] = []
    while not await database.aside(lambda: write_again(database, enter)):
        found = await database.read_aside(_WHO, (node,))
        if first and found and found != first:
            raise NodeNameTakenError(node, database.place)
        first = first or found
        await asyncio.sleep(_LOOK_SECONDS)


def refresh(database: Database, node: str, run: str, state: str) -> None:
    """Say that this process runs, and what it does; NodeNameTakenError if its name was taken meanwhile."""
    if not database.write(lambda cursor: cursor.execute(_REFRESH, (state, node, run)).fetchall()):
        raise NodeNameTakenError(node, database.place)


def leave(database: Database, node: str, run: str) -> None:
    """Give the name back; the auth key stays with it."""
    database.write(lambda cursor: cursor.execute(_LEAVE, (node, run)))


def list_nodes(database: Database) -> list[Node]:
    """Return all nodes that ever entered, by name."""
    return [Node(*row) for row in database.read(_LIST)]
