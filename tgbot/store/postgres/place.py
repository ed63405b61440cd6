"""A bot's database, opened by the command line: for reading beside a running bot, or with its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from threading import Thread
from typing import Final

from tgbot.core.errors import ConfigError, StorageError
from tgbot.core.storeerrors import NodeLeadsError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.lease import Lease
from tgbot.store.postgres.openings import check
from tgbot.store.postgres.schema import found_in

#: How long the lease of a command lasts without a renewal, in seconds. It is longer than a node's, because a
#: command may keep this machine and the database busy, and short, because nodes wait for one that was killed.
COMMAND_SECONDS: Final = 6.0


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
        try:
            with _kept(lease):
                yield lease
        finally:
            await lease.release()
    finally:
        lease.close()


@contextmanager
def _kept(lease: Lease) -> Iterator[None]:
    """Renew the lease in a thread of its own: the caller's event loop may stand still for seconds."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    async def keep() -> None:
        keeping = asyncio.create_task(lease.keep())
        begun.set_result((asyncio.get_running_loop(), keeping))
        with suppress(asyncio.CancelledError, StorageError):  # the fence refuses what is written then
            await keeping
        await ended.wait()

    ended = asyncio.Event()
    thread = Thread(target=lambda: asyncio.run(keep()), name="lease")
    thread.start()
    loop, keeping = begun.result()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(keeping.cancel)
        loop.call_soon_threadsafe(ended.set)
        thread.join()


async def refuse_while_led(database: Database, node: str) -> None:
    """Raise NodeLeadsError while a node leads."""
    lease = Lease(database, node)
    try:
        holder = await lease.look()
    finally:
        lease.close()
    if holder.leads:
        raise NodeLeadsError(holder.node, database.place)
