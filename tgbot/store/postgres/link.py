"""A connection that the event loop reads by itself: a question needs no thread, and waits for no other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from tgbot.core.errors import StorageUnreachableError
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.connections import READ_SECONDS
from tgbot.store.postgres.errors import postgres_errors

#: The rows of an answer, each value as the server's text.
Texts = list[tuple[bytes | None, ...]]

_CLOSED: Final = "the store was closed"


class Link:
    """One connection, made at the first question, and anew after any that was lost.

    Questions are asked one after another, each answered within `seconds`. Nothing is prepared: a pooler may
    give the next question another connection to the server.
    """

    def __init__(self, address: Address, seconds: float = READ_SECONDS) -> None:
        self._address, self._seconds = address, seconds
        self._turn = asyncio.Lock()
        self._talk: _Talk | None = None
        self._closed = False

    async def ask(self, query: bytes, values: Sequence[bytes]) -> Texts:
        """Return the rows of a query that only reads, with `$1` for the first value.

        It is asked again once if the connection turns out to be lost. Raise a StorageError.
        """
        async with self._turn:
            if self._talk is not None and not self._talk.over:
                with suppress(StorageUnreachableError):
                    return await self._asked(self._talk, query, values)
            self._talk = await self._connected()
            return await self._asked(self._talk, query, values)

    @property
    def fresh(self) -> bool:
        """Whether the next question makes a new connection."""
        return self._talk is None or self._talk.over

    async def connect(self) -> None:
        """Connect before there is a question, if there is no connection; raise a StorageError."""
        async with self._turn:
            if self.fresh:
                self._talk = await self._connected()

    def close(self) -> None:
        """Close the connection; what waits for an answer fails."""
        self._closed = True
        if self._talk is not None:
            self._talk.end(psycopg.OperationalError(_CLOSED))

    async def _asked(self, talk: _Talk, query: bytes, values: Sequence[bytes]) -> Texts:
        with postgres_errors(self._address.place):
            return await talk.ask(query, values, self._seconds)

    async def _connected(self) -> _Talk:
        conninfo = self._address.conninfo
        with postgres_errors(self._address.place):
            if not self._closed:
                talk = _Talk(await psycopg.AsyncConnection.connect(conninfo, client_encoding="utf8"))
                if not self._closed:
                    return talk
                talk.end(None)
            raise psycopg.OperationalError(_CLOSED)


class _Talk:
    """A connection until its first fault."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection  # it ends the link when nothing refers to it any more
        self._pg: Final[PGconn] = connection.pgconn  # psycopg has set it to block nobody
        self._socket = self._pg.socket
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[list[PGresult]] | None = None
        self._results: list[PGresult] = []
        #: Whether a part of the question waits until the system takes more.
        self._sending = False
        #: Whether nothing more can be asked here.
        self.over = False
        # For as long as the connection lasts: a server that goes away is noticed while nobody asks.
        self._loop.add_reader(self._socket, self._read)

    async def ask(self, query: bytes, values: Sequence[bytes], seconds: float) -> Texts:
        """Return the rows of a query; raise OperationalError for a link that was lost, or takes too long."""
        if self.over:
            raise psycopg.OperationalError(_CLOSED)
        answer = self._answer = self._loop.create_future()
        late = self._loop.call_later(seconds, self._give_up)
        try:
            self._pg.send_query_params(query, values)
            self._send()
            return _rows(await answer)
        except BaseException:  # cancelled as well: the answer would be taken for the next one's
            self.end(None)
            raise
        finally:
            self._answer = None
            late.cancel()

    def end(self, error: psycopg.Error | None) -> None:
        """Close the connection; whoever waits gets the error."""
        if self.over:
            return
        self.over = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._pg.finish()
        if error is not None and self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _give_up(self) -> None:
        self.end(psycopg.OperationalError("no answer in time"))

    def _send(self) -> None:
        """Send what waits to be sent, as far as the system takes it; the rest once it takes more."""
        try:
            more = self._pg.flush()
        except psycopg.Error as error:
            self.end(error)
        else:
            if more:
                self._loop.add_writer(self._socket, self._send)
            elif self._sending:
                self._loop.remove_writer(self._socket)
            self._sending = bool(more)

    def _read(self) -> None:
        """Take what has arrived."""
        try:
            self._pg.consume_input()
            while self._answer is not None and not self._pg.is_busy():
                result = self._pg.get_result()
                if result is None:
                    self._results, results = [], self._results
                    if not self._answer.done():
                        self._answer.set_result(results)
                    return
                self._results.append(result)
        except psycopg.Error as error:
            self.end(error)


def _rows(results: Sequence[PGresult]) -> Texts:
    """Return the rows of an answer; raise the error that it is."""
    for result in results:
        if result.status != ExecStatus.TUPLES_OK:
            raise errors.error_from_result(result)
    return [
        tuple(result.get_value(row, column) for column in range(result.nfields))
        for result in results
        for row in range(result.ntuples)
    ]
