"""Pages for monitoring: `/livez`, `/readyz` and `/metrics`.

They are served by a thread, so that a page can tell that the event loop stands still.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import TCPServer
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from tgbot.core.errors import ConfigError, no_descriptors_left, system_reason
from tgbot.core.places import places

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How long the event loop may take to answer, in seconds; then it counts as standing still.
LOOP_SECONDS = 3.0
#: How long the check of `/readyz` may take; a checkpoint that hangs is told before.
READY_SECONDS = 8.0
#: How many connections are served at once; the oldest is cut for a further one.
MOST_CONNECTIONS: Final = 16
#: How long a client may keep silent, in seconds.
CLIENT_SECONDS: Final = 5.0
_STANDS_STILL: Final = "the event loop stands still"
_TEXT: Final = "text/plain; charset=utf-8"

#: Return, in the event loop, what a page is made of: given how many seconds the loop took to answer.
Read: TypeAlias = Callable[[float], T]


class Page(NamedTuple):
    """An answer."""

    status: int
    body: bytes
    kind: str = _TEXT


@asynccontextmanager
async def open_pages(
    host: str,
    port: int,
    *,
    trouble: Callable[[], Awaitable[str | None]],
    read: Read[T],
    render: Callable[[T], tuple[bytes, str]],
) -> AsyncIterator[str]:
    """Serve the pages until the block is left, and yield their URL; port 0 takes a free one.

    `trouble` returns what is wrong with the bot, None if it is well. `read` is called in the event loop, and
    `render` makes a body and its type of the result in a thread. Raise ConfigError if the address cannot be
    listened on.
    """
    pages = _Pages(asyncio.get_running_loop(), trouble, read, render)
    shown = f"[{host}]" if ":" in host else host
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, *_, address = found[0]
        server = _Server(family, address, pages.answer)
    except OSError as error:
        expected = f"an address of this machine that is free ({system_reason(error)})"
        raise ConfigError("[operate] listen", expected, value=f"{shown}:{port}") from error
    thread = threading.Thread(target=server.serve, name="pages", daemon=True)
    thread.start()
    try:
        at, number = server.server_address[:2]
        if not ip_address(str(at).partition("%")[0]).is_loopback:
            logger.warning(
                "anybody who can connect to %s:%d can read the bot's health and metrics; they name no user",
                shown,
                number,
            )
        url = f"http://{shown}:{number}"
        logger.info("health and metrics on %s", url)
        yield url
    finally:
        server.stop()
        thread.join()


class _Pages:
    """Answers by path. Called in threads; what belongs to the event loop is asked of it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        trouble: Callable[[], Awaitable[str | None]],
        read: Read[T],
        render: Callable[[T], tuple[bytes, str]],
    ) -> None:
        self._loop = loop
        self._trouble = trouble
        self._answers: dict[str, Callable[[], Page]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": lambda: self._metrics(read, render),
        }

    def answer(self, path: str) -> Page:
        """Return the page at a path."""
        answer = self._answers.get(path.partition("?")[0])
        if answer is None:
            return Page(404, f"there are {', '.join(self._answers)}\n".encode())
        try:
            return answer()
        except TimeoutError:
            return _told(_STANDS_STILL)
        except RuntimeError:  # the loop is closed
            return _told("the bot has stopped")

    def _livez(self) -> Page:
        self._of_loop(lambda lag: None)
        return _told(None)

    def _readyz(self) -> Page:
        self._of_loop(lambda lag: None)
        checking = asyncio.run_coroutine_threadsafe(_awaited(self._trouble()), self._loop)
        try:
            return _told(checking.result(READY_SECONDS))
        except TimeoutError:
            checking.cancel()
            return _told("the check takes too long")

    def _metrics(self, read: Read[T], render: Callable[[T], tuple[bytes, str]]) -> Page:
        body, kind = render(self._of_loop(read))
        return Page(200, body, kind)

    def _of_loop(self, read: Read[T]) -> T:
        """Return what `read` returns in the event loop; raise TimeoutError if that does not turn."""
        answered: Future[T] = Future()
        asked = time.perf_counter()

        def answer() -> None:
            if not answered.set_running_or_notify_cancel():
                return  # nobody waits any more
            try:
                answered.set_result(read(time.perf_counter() - asked))
            except Exception as error:
                answered.set_exception(error)

        self._loop.call_soon_threadsafe(answer)
        try:
            return answered.result(LOOP_SECONDS)
        finally:
            answered.cancel()


async def _awaited(trouble: Awaitable[str | None]) -> str | None:
    return await trouble


def _told(trouble: str | None) -> Page:
    return Page(503 if trouble else 200, f"{trouble or 'ok'}\n".encode())


class _Server(ThreadingHTTPServer):
    """Serves each connection one page, in a thread of its own."""

    daemon_threads = True
    #: After a client that went before it was accepted, whether to stop is looked at again so soon.
    timeout = 0.1

    def __init__(self, family: int, address: Any, answer: Callable[[str], Page]) -> None:
        self.address_family = family
        self.answer = answer
        self._wake, self._woken = socket.socketpair()
        #: The connections, the oldest first.
        self._open: dict[Any, None] = {}
        try:
            super().__init__(address, _Handler)
        except BaseException:
            self._wake.close()
            self._woken.close()
            raise

    def server_bind(self) -> None:
        # HTTPServer asks the network for the name of the address.
        TCPServer.server_bind(self)

    def serve(self) -> None:
        """Accept connections until `stop`."""
        with selectors.DefaultSelector() as selector, self._wake, self._woken:
            for listened in (self.socket, self._woken):
                selector.register(listened, selectors.EVENT_READ)
            while self._woken not in [key.fileobj for key, _ in selector.select()]:
                self.handle_request()
        self.server_close()

    def stop(self) -> None:
        """Accept no more connections; callable from any thread."""
        with suppress(OSError):
            self._wake.send(b"\0")

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError as error:
            if no_descriptors_left(error):
                time.sleep(self.timeout)  # what waits to be accepted wakes the selector again at once
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._open) >= MOST_CONNECTIONS:
            with suppress(OSError, StopIteration):  # it may end just now
                oldest = next(iter(self._open))
                self._open.pop(oldest, None)
                oldest.shutdown(socket.SHUT_RDWR)
        self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing for a client that went; name the place of any other error."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            logger.error("a page cannot be shown: %s", places(error))


class _Handler(BaseHTTPRequestHandler):
    """Reads a request and writes its page."""

    server: _Server
    timeout = CLIENT_SECONDS
    server_version = "tgbot"
    sys_version = ""

    def do_GET(self) -> None:
        status, body, kind = self.server.answer(self.path)
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: pages are asked for all the time."""
