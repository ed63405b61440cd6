"""The connections to a database: a few, made when they are needed, and lent to one thread at a time."""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus

from tgbot.store.postgres.arrays import ListDumper

#: A value of any column, and a row, as psycopg gives them.
Value: TypeAlias = Any
Row: TypeAlias = tuple[Value, ...]
Connection: TypeAlias = psycopg.Connection[Row]

#: How long a caller waits until another gives a connection back, in seconds.
CONNECTION_SECONDS: Final = 3.0
#: How long an attempt of a read may take that the event loop may wait for.
READ_SECONDS: Final = 5.0
#: How often those that take too long are looked for, in seconds.
_LOOK_SECONDS: Final = 0.5
#: From how many seconds on the failure of an attempt took long.
_LONG: Final = 0.5

# What psycopg logs about errors that follow others may quote rows. Each first one is raised.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


class Connections:
    """At most `most` connections at a time; one that was lost is made again at its next use.

    There is no pool with threads of its own behind them: who needs a connection makes it, and hears at once
    why that fails. A failure that took long, as with a host that does not answer, is told to all who ask
    within as long a time after it, without another attempt: they wait for half of the time at most.
    """

    def __init__(self, conninfo: str, most: int) -> None:
        self._conninfo = conninfo
        self._free = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        #: Those in use, and until when.
        self._lent: dict[Connection, float] = {}
        self._ended = threading.Event()
        self._watch: threading.Thread | None = None
        self._closed = False
        self._failure: psycopg.OperationalError | None = None
        self._fails_until = 0.0

    @contextmanager
    def one(self, seconds: float = math.inf) -> Iterator[Connection]:
        """Lend a connection without a transaction; raise OperationalError if there is none to be had.

        After so many seconds its link is cut, and what waits for an answer there gets an OperationalError: a
        server that stands still tells nobody.
        """
        if not self._free.acquire(timeout=CONNECTION_SECONDS):
            raise psycopg.OperationalError("no connection in time")
        try:
            connection = self._take(time.monotonic() + seconds)
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close all connections; who waits for one, or for an answer, gets an OperationalError."""
        with self._lock:
            self._closed = True
            self._ended.set()
            idle, self._idle = self._idle, []
            for connection in self._lent:
                _cut(connection)  # the thread that has it closes it
        for connection in idle:
            connection.close()

    def _take(self, until: float) -> Connection:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        with self._lock:
            if not self._closed:
                self._lent[connection] = until
                if until < math.inf and self._watch is None:
                    self._watch = threading.Thread(target=self._cut_late_ones, name="postgres", daemon=True)
                    self._watch.start()
                return connection
        connection.close()
        raise psycopg.OperationalError("the store was closed")

    def _connect(self) -> Connection:
        began = time.monotonic()
        if self._failure is not None and began < self._fails_until:
            raise self._failure.with_traceback(None)
        try:
            # Nothing is prepared: a pooler may give the next transaction another connection.
            connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        except psycopg.OperationalError as error:
            ended = time.monotonic()
            if ended - began >= _LONG:
                self._failure, self._fails_until = error, ended + (ended - began)
            raise
        connection.adapters.register_dumper(list, ListDumper)
        self._failure = None
        return connection

    def _cut_late_ones(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            now = time.monotonic()
            with self._lock:
                for connection, until in self._lent.items():
                    if until < now:
                        _cut(connection)

    def _give_back(self, connection: Connection) -> None:
        stale: list[Connection] = []
        with self._lock:
            self._lent.pop(connection, None)
            if self._closed or connection.info.transaction_status != TransactionStatus.IDLE:
                stale.append(connection)
                if connection.broken:
                    # What broke this one, a restart or the network, broke all that nobody uses.
                    stale += self._idle
                    self._idle = []
            else:
                self._idle.append(connection)
        for one in stale:
            one.close()


def _cut(connection: Connection) -> None:
    """End the link of a connection that another thread waits on, which gets an error."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as link:
        link.shutdown(socket.SHUT_RDWR)
