"""All that is kept for a bot, opened where its configuration says: in files, or in a PostgreSQL database.

The modules of each are imported when they are needed: a bot on files needs no PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tgbot.core.errors import NeverRunError
from tgbot.store.files import give_to_owner

if TYPE_CHECKING:
    from tgbot.store.base import Broadcasts, ParkedUpdates
    from tgbot.store.opened import OpenStore
    from tgbot.store.peers import KeptPeers
    from tgbot.store.registry import Registry
    from tgbot.store.stored import StoredUsers, UserRows
    from tgbot.store.tables import Tables


class Place(Protocol):
    """Where a bot's things are kept: the `[storage]` of a configuration."""

    @property
    def session(self) -> Path:
        """The session file."""

    @property
    def registry(self) -> Path:
        """The file of the users."""

    @property
    def logins(self) -> Path:
        """The file with the used logins."""

    @property
    def address(self) -> str:
        """The address of the database, with its password; "" where the files above are used."""

    @property
    def node(self) -> str:
        """The name of this machine among those that share the database."""


def name_of(place: Place) -> Path | str:
    """Return what a person calls the place: its session file, or the database without its password."""
    if not place.address:
        return place.session
    from tgbot.store.postgres.address import Address

    return Address(place.address).place


@contextmanager
def open_readonly(place: Place, *, clock: Callable[[], float] = time.time) -> Iterator[StoredUsers]:
    """Open the users for reading; nothing changes, and a running bot is not disturbed.

    The host's clock judges permissions that end, unless another is given. Raise NeverRunError if no bot has
    run there, or another StorageError.
    """
    if place.address:
        from tgbot.store.postgres import openings
        from tgbot.store.postgres.place import connected

        with (
            connected(place.address) as database,
            closing(openings.open_readonly(database, clock=clock)) as users,
        ):
            yield users
    else:
        from tgbot.store.sqlite import userfile

        with closing(userfile.open_readonly(place.registry, clock=clock)) as users:
            yield users


@contextmanager
def open_parked(place: Place) -> Iterator[ParkedUpdates]:
    """Open the parked updates for reading, as `open_readonly` opens the users."""
    if place.address:
        from tgbot.store.postgres import openings
        from tgbot.store.postgres.place import connected

        with connected(place.address) as database, openings.open_parked(database) as parked:
            yield parked
    else:
        from tgbot.store.sqlite import userfile

        with userfile.open_parked(place.registry) as parked:
            yield parked


@contextmanager
def open_broadcasts(place: Place) -> Iterator[Broadcasts]:
    """Open the broadcasts for reading, as `open_readonly` opens the users."""
    if place.address:
        from tgbot.store.postgres import openings
        from tgbot.store.postgres.place import connected

        with connected(place.address) as database, openings.open_broadcasts(database) as broadcasts:
            yield broadcasts
    else:
        from tgbot.store.sqlite import userfile

        with userfile.open_broadcasts(place.registry) as broadcasts:
            yield broadcasts


@contextmanager
def open_peers(place: Place) -> Iterator[KeptPeers | None]:
    """Open the peers for reading, as `open_readonly` opens the users; None where there are none yet."""
    if place.address:
        from tgbot.store.postgres.peers import PostgresPeers
        from tgbot.store.postgres.place import connected, has_tables

        with connected(place.address) as database:
            yield PostgresPeers(database) if has_tables(database) else None
    elif place.session.exists():
        from tgbot.store.sqlite.peers import Peers

        with Peers(place.session) as peers:
            yield peers
    else:
        yield None


@contextmanager
def open_rows(place: Place) -> Iterator[UserRows | None]:
    """Open the rows of the users for reading, as `open_readonly` does; None where there are none yet."""
    if place.address:
        from tgbot.store.postgres.place import connected, has_tables
        from tgbot.store.postgres.userrows import ReadOnlyPostgresRows

        with connected(place.address) as database:
            yield ReadOnlyPostgresRows(database) if has_tables(database) else None
    elif place.registry.exists():
        from tgbot.store.sqlite.userfile import ReadOnlyUserRows

        with closing(ReadOnlyUserRows(place.registry)) as rows:
            yield rows
    else:
        yield None


async def check_unled(place: Place) -> None:
    """Raise NodeLeadsError while a node of the database leads: a second one would wait for it."""
    if place.address:
        from tgbot.store.postgres.place import connected, has_tables, refuse_while_led

        with connected(place.address) as database:
            if await database.aside(lambda: has_tables(database)):
                await refuse_while_led(database, place.node)


@asynccontextmanager
async def open_for_changes(place: Place, command: str) -> AsyncIterator[Registry]:
    """Open the users of a bot that does not run; only what is flushed within the block is kept.

    In a database the block has the lease, under the name of this machine with the command. Raise
    NeverRunError where no bot has run, SessionInUseError while a process uses the files, NodeLeadsError
    while a node leads, or another StorageError.
    """
    if place.address:
        from tgbot.store.postgres import openings
        from tgbot.store.postgres.place import existing, leading

        with existing(place.address) as database:
            async with leading(database, place.node, command) as lease:
                with openings.open_for_changes(database, lease.fence) as users:
                    yield users
    else:
        from tgbot.store.sqlite import userfile

        with _left_to_owner(place), userfile.open_for_changes(place.session, place.registry) as users:
            yield users


@asynccontextmanager
async def open_store(
    place: Place, command: str, *, clock: Callable[[], float], cached_users: int
) -> AsyncIterator[OpenStore]:
    """Open all that is kept for a bot that does not run, made if there is none (see `open_for_changes`)."""
    if place.address:
        from tgbot.store.postgres.place import connected, leading
        from tgbot.store.postgres.schema import prepare
        from tgbot.store.postgres.store import PostgresStore

        with connected(place.address) as database:
            await database.aside(lambda: prepare(database))
            async with leading(database, place.node, command) as lease:
                store = PostgresStore(
                    database, node=place.node, fence=lease.fence, clock=clock, cached_users=cached_users
                )
                with closing(store):
                    yield store
    else:
        from tgbot.store.lock import instance_lock
        from tgbot.store.sqlite.locks import patiently
        from tgbot.store.sqlite.store import SqliteStore

        def files() -> SqliteStore:
            return SqliteStore(place.session, place.registry, clock=clock, cached_users=cached_users)

        with _left_to_owner(place), instance_lock(place.session), closing(patiently(files)) as kept:
            yield kept


@contextmanager
def _left_to_owner(place: Place) -> Iterator[None]:
    """Let what root makes in the block in somebody else's directory be theirs: the bot runs as its owner."""
    try:
        yield
    finally:
        if (directory := place.session.parent).exists():
            give_to_owner(directory)


@asynccontextmanager
async def open_tables(place: Place, command: str, *, make: bool) -> AsyncIterator[Tables]:
    """Open everything as plain tables for nobody else, and with `make` for writing; made if there is none.

    Raise what `open_for_changes` raises.
    """
    if place.address:
        from tgbot.store.postgres.openings import check
        from tgbot.store.postgres.place import connected, leading
        from tgbot.store.postgres.schema import prepare
        from tgbot.store.postgres.tables import PostgresTables

        with connected(place.address) as database:
            await database.aside(lambda: prepare(database) if make else check(database))
            async with leading(database, place.node, command) as lease:
                yield PostgresTables(database, lease.fence)
    else:
        from tgbot.store.lock import instance_lock
        from tgbot.store.sqlite.tables import SqliteTables

        if not make and not place.registry.exists():
            raise NeverRunError(place.registry)
        with (
            _left_to_owner(place),
            instance_lock(place.session),
            closing(
                SqliteTables(place.session, place.registry, place.logins, place.node, make=make)
            ) as tables,
        ):
            yield tables
