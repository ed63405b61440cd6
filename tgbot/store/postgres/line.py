"""A connection that nothing else waits for, whose questions have a time limit."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import LiteralString, TypeVar

import psycopg
from psycopg.abc import Params

from tgbot.core.errors import StorageUnreachableError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Connection, Row
from tgbot.store.postgres.errors import postgres_errors

T = TypeVar("T")


class Line:
    """One connection, made at the first question, and anew after any that failed.

    A question that takes too long is given up at once: its connection is cut, and a thread that waits for a
    name server is left behind. Whether a change that failed took place is unknown.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._talk: _Talk | None = None

    async def ask(self, query: LiteralString, values: Params = (), *, seconds: float) -> list[Row]:
        """Return the rows of a query; raise a StorageError, StorageUnreachableError after these seconds."""
        return await self._do(lambda connection: connection.execute(query, values).fetchall(), seconds)

    async def listen(self, channel: LiteralString, *, seconds: float) -> None:
        """Have `heard` return sooner for what is notified on a channel; do nothing where that is refused."""

        def begin(connection: Connection) -> None:
            with suppress(psycopg.Error):
                connection.execute("LISTEN " + channel)

        await self._do(begin, seconds)

    async def heard(self, seconds: float) -> None:
        """Return after these seconds, or sooner, once something is notified."""

        def wait(connection: Connection) -> None:
            for _ in connection.notifies(timeout=seconds, stop_after=1):
                pass

        await self._do(wait, seconds + 1.0)

    def close(self) -> None:
        """Cut the connection; a further question makes a new one."""
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.cut()

    @property
    def fresh(self) -> bool:
        """Whether the next question makes a new connection."""
        return self._talk is None

    async def _do(self, work: Callable[[Connection], T], seconds: float) -> T:
        talk = self._talk = self._talk or _Talk(self._address)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(talk.thread.submit(talk.do, work))
        except TimeoutError:
            self._end(talk)
            raise StorageUnreachableError(self._address.place, "no answer in time") from None
        except BaseException:  # cancelled as well: what is under way would be before the next question
            self._end(talk)
            raise

    def _end(self, talk: _Talk) -> None:
        talk.cut()
        if self._talk is talk:
            self._talk = None


class _Talk:
    """A connection and its thread, until the first fault."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._over = False
        self.thread = ThreadPoolExecutor(1, "postgres-line")

    def do(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does with the connection; in the thread."""
        try:
            with postgres_errors(self._address.place):
                if self._connection is None:
                    self._connection = _connect(self._address)
                if self._over:  # cut while it connected
                    raise psycopg.OperationalError("cut")
                return work(self._connection)
        finally:
            if self._over and self._connection is not None:
                self._connection.close()

    def cut(self) -> None:
        """End the connection at once, and with it whatever waits for it in the thread."""
        self._over = True
        connection = self._connection
        if connection is not None:
            # Its thread may be waiting for an answer: closing the descriptor under it would do harm.
            with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as twin:
                twin.shutdown(socket.SHUT_RDWR)
            with suppress(RuntimeError):
                self.thread.submit(connection.close)
        self.thread.shutdown(wait=False)


def _connect(address: Address) -> Connection:
    connection: Connection = psycopg.connect(address.conninfo, autocommit=True, prepare_threshold=None)
    return connection
