"""A bot's database, opened by the command line: for reading beside a running bot, or with its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

from tgbot.core.errors import ConfigError, StorageError
from tgbot.core.storeerrors import NodeLeadsError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.lease import Lease
from tgbot.store.postgres.openings import check
from tgbot.store.postgres.schema import found_in

#: How long the lease of a command lasts without a renewal, in seconds. A command may keep this machine and
#: the database so busy that a renewal takes long, and no user waits for it; it is released at the end.
COMMAND_SECONDS: Final = 30.0


@contextmanager
def connected(address: str) -> Iterator[Database]:
    """Give the database of an address, with or without tables; raise ConfigError for a wrong one."""
    try:
        database = Database(Address(address))
    except ValueError as error:
        expected = f'an address such as "postgresql://user@host:5432/database" ({error})'
        raise ConfigError("[storage] url", expected) from None
    try:
        yield database
    finally:
        database.close()


@contextmanager
def existing(address: str) -> Iterator[Database]:
    """Give a database that has the tables of this program; raise NoTablesError and others (see `check`)."""
    with connected(address) as database:
        check(database)
        yield database


def has_tables(database: Database) -> bool:
    """Return whether there are tables; raise RegistryTooOldError or RegistryTooNewError (see `check`)."""
    if not found_in(database):
        return False
    check(database)
    return True


@asynccontextmanager
async def leading(database: Database, node: str, command: str) -> AsyncIterator[Lease]:
    """Give the lease, which a command has under a name of its own for as long as the block lasts.

    Raise NodeLeadsError while somebody else leads. Once another node takes it, the fence refuses all writes.
    """
    lease = Lease(database, f"{node} (tgbot {command})", COMMAND_SECONDS)
    try:
        if not await lease.take():
            holder = await lease.look()
            raise NodeLeadsError(holder.node or holder.heir or "another node", database.place)
        keeping = asyncio.create_task(lease.keep())
        try:
            yield lease
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError, StorageError):
                await keeping
            await lease.release()
    finally:
        lease.close()


async def refuse_while_led(database: Database, node: str) -> None:
    """Raise NodeLeadsError while a node leads."""
    lease = Lease(database, node)
    try:
        holder = await lease.look()
    finally:
        lease.close()
    if holder.leads:
        raise NodeLeadsError(holder.node, database.place)
