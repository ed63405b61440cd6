"""The connections to the page: how many there are, how long they may last, and what is no request in them.

They share the process's file descriptors with the link to Telegram and the files, and anybody may make them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web

from tgbot.core.errors import system_reason
from tgbot.core.places import places

log = logging.getLogger(__name__)

#: The most bytes that a connection may send before its next request is complete.
MOST_BYTES: Final = 64 * 1024
#: How long nothing is accepted after an error, in seconds.
_PAUSE: Final = 1.0


class Visit(web.RequestHandler):
    """One connection; it knows since when it has been waiting for a request."""

    def __init__(
        self,
        server: web.Server,
        visits: dict[Visit, None],
        dress: Callable[[web.StreamResponse], None],
        *,
        seconds: float,
    ) -> None:
        """Be among `visits` while connected; `dress` gives an answer to what is no request our headers."""
        self._loop_time = asyncio.get_running_loop().time
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            # The address of the callback holds the login.
            access_log=None,  # type: ignore[arg-type] # what aiohttp's own runner gives, too
            keepalive_timeout=seconds,
            lingering_time=1.0,
            auto_decompress=False,  # no answer depends on a body
        )
        self._visits = visits
        self._dress = dress
        self._link: asyncio.Transport | None = None
        self._bytes = 0
        #: When this began to wait for a request, by the loop's time; None while one is being answered.
        self.waiting_since: float | None = self._loop_time()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Count as one that is being answered for as long as the block lasts."""
        self.waiting_since, self._bytes = None, 0
        try:
            yield
        finally:
            self.waiting_since = self._loop_time()

    def drop(self) -> None:
        """End the connection at once; what is not sent yet is not sent."""
        self._visits.pop(self, None)
        if self._link is not None:
            self._link.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._link = cast(asyncio.Transport, transport)  # uvloop's is none, but has the same methods
        self._visits[self] = None
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._visits.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self.drop()
        else:
            super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what is no request: its status, and none of what was sent."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        if status >= 500 and exc is not None:
            self.log_exception(exc_info=exc)
        answer = web.Response(text=f"{status} {HTTPStatus(status).phrase}\n", status=status)
        self._dress(answer)
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **kw: object) -> None:
        """Log the place of an error, not its text, which may quote the request."""
        log.error("a connection failed: %s", places(cast(BaseException, kw["exc_info"])))


class Door:
    """Accepts connections from listening sockets, at most `limit` at once.

    Where there are more, the one that has waited longest for its request is dropped; so is each that has
    waited for `seconds`. If all are being answered, the new one is closed.
    """

    def __init__(
        self,
        visit: Callable[[dict[Visit, None]], Visit],
        *,
        limit: int,
        seconds: float,
    ) -> None:
        self._visit = visit
        self._limit = limit
        self._seconds = seconds
        #: The connections, in the order in which they were made.
        self.visits: dict[Visit, None] = {}

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections from a socket until cancelled."""
        loop = asyncio.get_running_loop()
        said = ""
        while True:
            try:
                # One after the other: no more descriptors are taken than are counted.
                await self._let_in((await loop.sock_accept(listener))[0])
                said = ""
            except ConnectionError:
                continue  # it was closed before it was accepted
            except Exception as error:
                reason = system_reason(error) if isinstance(error, OSError) else places(error)
                if reason != said:
                    log.warning("the login page accepts no connections: %s", reason)
                said = reason
                await asyncio.sleep(_PAUSE)

    async def _let_in(self, connection: socket.socket) -> None:
        if not self._has_room():
            connection.close()
            return
        try:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: self._visit(self.visits), connection)
        except BaseException:
            connection.close()
            raise

    def sweep(self) -> None:
        """Drop the connections that have waited too long; to be called once a second or so."""
        latest = asyncio.get_running_loop().time() - self._seconds
        for visit in list(self.visits):
            if visit.waiting_since is not None and visit.waiting_since < latest:
                visit.drop()

    def _has_room(self) -> bool:
        if len(self.visits) < self._limit:
            return True
        waiting = [visit for visit in self.visits if visit.waiting_since is not None]
        if not waiting:
            return False
        min(waiting, key=lambda visit: visit.waiting_since or 0.0).drop()
        return True
