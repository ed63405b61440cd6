"""The connections of one process to the database of its bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg.abc import Params
from psycopg_pool import ConnectionPool

from tgbot.core.errors import StorageUnreachableError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.errors import postgres_errors

T = TypeVar("T")

#: A row as psycopg gives it.
Row: TypeAlias = tuple[Any, ...]  # Any: values of any column
Connection: TypeAlias = psycopg.Connection[Row]
Cursor: TypeAlias = psycopg.Cursor[Row]

#: The most connections of a process: the reader of the event loop, a writer, the lease, reads aside.
CONNECTIONS: Final = 5
#: How long a caller waits for a connection, in seconds.
CONNECTION_SECONDS: Final = 3.0
#: How long a transaction that writes may stand still, and how long a read may take that others wait for: a
#: node that was cut off leaves no row locked for longer.
_IDLE: Final = "SET LOCAL idle_in_transaction_session_timeout = '2s'"


class Database:
    """Reads and writes; connections are made at the first use, and again after they were lost.

    Every method raises a StorageError, StorageUnreachableError where the same may succeed later. A read that
    meets a lost connection is made again once; a write is not: whether it took place may be unknown, so
    each has to be one that may be made twice. Nothing but a transaction needs a connection for itself, so a
    pooler that lends one for each transaction is enough.
    """

    def __init__(self, address: Address, *, connections: int = CONNECTIONS) -> None:
        self.place = address.place
        self._pool = ConnectionPool(
            address.conninfo,
            min_size=0,
            max_size=connections,
            timeout=CONNECTION_SECONDS,
            open=False,
            configure=_configure,
            check=None,
            name="tgbot",
            reconnect_timeout=0,
        )
        self._threads = ThreadPoolExecutor(connections, "postgres")
        self._closed = False

    def read(self, query: LiteralString, values: Params = ()) -> list[Row]:
        """Return the rows of a query; blocks the thread, on the event loop for what needs to be rare."""
        return self.reading(lambda connection: connection.execute(query, values).fetchall())

    async def read_aside(self, query: LiteralString, values: Params = ()) -> list[Row]:
        """Return the rows of a query without blocking the event loop."""
        return await self.aside(lambda: self.read(query, values))

    def write(self, work: Callable[[Cursor], T]) -> T:
        """Return what `work` does in one transaction, all or nothing; committed on return.

        What `work` executes is sent at once and answered at the end: it looks at no answer without need.
        """
        with (
            postgres_errors(self.place),
            self._pool_opened().connection() as connection,
            connection.pipeline(),
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            cursor.execute(_IDLE)
            return work(cursor)

    async def write_aside(self, work: Callable[[Cursor], T]) -> T:
        """Return what `write` does, in a thread."""
        return await self.aside(lambda: self.write(work))

    async def aside(self, function: Callable[[], T]) -> T:
        """Return what a function returns that waits for the database, run in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def use(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does with a connection of its own; for long reads, COPY and LISTEN."""
        with postgres_errors(self.place), self._pool_opened().connection() as connection:
            return work(connection)

    def reading(self, read: Callable[[Connection], T]) -> T:
        """Return what `read` returns of a connection of its own, made again once where that was lost."""
        with suppress(StorageUnreachableError):
            return self.use(read)
        return self.use(read)

    def close(self) -> None:
        """Close all connections; what waits for them fails."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pool.close(timeout=1.0)

    def _pool_opened(self) -> ConnectionPool[Connection]:
        if self._pool.closed and not self._closed:
            self._pool.open()
        return self._pool


def values_of(rows: Sequence[Row]) -> list[Any]:
    """Return the first column of these rows."""
    return [row[0] for row in rows]


def _configure(connection: Connection) -> None:
    connection.autocommit = True
    connection.prepare_threshold = None  # a pooler may give the next transaction another connection
