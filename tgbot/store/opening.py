"""All that is kept for a bot, opened by a command where the settings say: in files, or in a database."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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


class Kept(Protocol):
    """All that is kept for a bot.

    What is opened for reading changes nothing, and does not disturb a running bot; it raises NeverRunError if
    no bot has run there, or another StorageError. What is opened for changes is for a bot that does not run:
    files are locked; in a database the block has the lease, under the name of this machine with the command.
    That raises SessionInUseError while a process uses the files, NodeLeadsError while a node leads, or
    another StorageError.
    """

    @property
    def name(self) -> Path | str:
        """What a person calls it: its session file, or the database without its password."""

    def users(self, *, clock: Callable[[], float] = time.time) -> AbstractContextManager[StoredUsers]:
        """Open the users for reading; the host's clock judges permissions that end, unless one is given."""

    def parked(self) -> AbstractContextManager[ParkedUpdates]:
        """Open the parked updates for reading."""

    def broadcasts(self) -> AbstractContextManager[Broadcasts]:
        """Open the broadcasts for reading."""

    def peers(self) -> AbstractContextManager[KeptPeers | None]:
        """Open the peers for reading; None where there are none yet."""

    def rows(self) -> AbstractContextManager[UserRows | None]:
        """Open the rows of the users for reading; None where there are none yet."""

    async def check_unled(self) -> None:
        """Raise NodeLeadsError while a node of the database leads: a second one would wait for it."""

    def registry(self, command: str) -> AbstractAsyncContextManager[Registry]:
        """Open the users for changes; only what is flushed within the block is kept."""

    def store(
        self, command: str, *, clock: Callable[[], float], cached_users: int
    ) -> AbstractAsyncContextManager[OpenStore]:
        """Open everything for changes, made if there is nothing."""

    def tables(self, command: str, *, make: bool) -> AbstractAsyncContextManager[Tables]:
        """Open everything as plain tables for nobody else; with `make` for changes, made if there is none."""


def kept_at(place: Place) -> Kept:
    """Return what is kept at a place, not opened yet; raise ConfigError for an address that is none.

    The modules of each are imported when they are needed: a bot on files needs no PostgreSQL.
    """
    if place.address:
        from tgbot.store.postgres.indatabase import InDatabase

        return InDatabase(place.address, place.node)
    from tgbot.store.sqlite.infiles import InFiles

    return InFiles(place.session, place.registry, place.logins, place.node)
