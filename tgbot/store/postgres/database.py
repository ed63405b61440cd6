"""The connections of one process to the database of its bot."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg.abc import Params

from tgbot.core.errors import StorageUnreachableError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.connections import READ_SECONDS, Connection, Connections, Row
from tgbot.store.postgres.errors import postgres_errors
from tgbot.store.postgres.link import Link

T = TypeVar("T")

__all__ = ["Connection", "Cursor", "Database", "Question", "Row"]

Cursor: TypeAlias = psycopg.Cursor[Row]
#: A query and its values.
Question: TypeAlias = tuple[LiteralString, Params]

#: The most connections of a process: the reader of the event loop, a writer, the lease, reads aside.
CONNECTIONS: Final = 5
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
        self.address, self.place = address, address.place
        #: What the event loop asks by itself, on a connection more.
        self.link = Link(address)
        #: Answers that are there before `read` asks.
        self._ahead: list[tuple[Question, list[Row]]] = []
        self._connections = Connections(address.conninfo, connections)
        self._threads = ThreadPoolExecutor(connections, "postgres")

    def read(self, query: LiteralString, values: Params = ()) -> list[Row]:
        """Return the rows of a query; blocks the thread, on the event loop for what needs to be rare."""
        for answer in self._ahead:
            if answer[0] == (query, values):
                self._ahead.remove(answer)
                return answer[1]
        return self._reading(lambda connection: connection.execute(query, values).fetchall(), READ_SECONDS)

    async def read_aside(self, query: LiteralString, values: Params = ()) -> list[Row]:
        """Return the rows of a query without blocking the event loop."""
        return await self.aside(lambda: self.read(query, values))

    @contextmanager
    def ahead(self, questions: Iterable[Question]) -> Iterator[None]:
        """Ask all of these in one round trip: `read` returns the answer of each, once, within the block.

        One thread is in such a block at a time, and nothing is written in it.
        """
        asked = [*questions]

        def read(connection: Connection) -> list[list[Row]]:
            with connection.pipeline():
                cursors = [connection.execute(query, values) for query, values in asked]
                return [cursor.fetchall() for cursor in cursors]

        self._ahead = list(zip(asked, self._reading(read, READ_SECONDS), strict=True))
        try:
            yield
        finally:
            self._ahead = []

    def write(self, work: Callable[[Cursor], T]) -> T:
        """Return what `work` does in one transaction, all or nothing; committed on return.

        What `work` executes is sent at once and answered at the end: it looks at no answer without need.
        """
        with (
            postgres_errors(self.place),
            self._connections.one() as connection,
            connection.pipeline(),
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            cursor.execute(_IDLE)
            return work(cursor)

    async def aside(self, function: Callable[[], T]) -> T:
        """Return what a function returns that waits for the database, run in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def use(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does with a connection of its own; for long reads, COPY and LISTEN."""
        return self._use(work, math.inf)

    def reading(self, read: Callable[[Connection], T]) -> T:
        """Return what `read` returns of a connection of its own, made again once where that was lost."""
        return self._reading(read, math.inf)

    def close(self) -> None:
        """Close all connections; what waits for them fails."""
        self.link.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connections.close()

    def _reading(self, read: Callable[[Connection], T], seconds: float) -> T:
        with suppress(StorageUnreachableError):
            return self._use(read, seconds)
        return self._use(read, seconds)

    def _use(self, work: Callable[[Connection], T], seconds: float) -> T:
        with postgres_errors(self.place), self._connections.one(seconds) as connection:
            return work(connection)
