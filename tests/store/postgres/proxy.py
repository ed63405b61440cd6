"""A link to PostgreSQL that a test can cut: at once, or just before, in or after the next COMMIT."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

#: In place of a version, what asks for encryption; the server answers with one byte.
_ASKS: Final = (80877103, 80877104)
_PATIENCE: Final = 30.0


class Moment(StrEnum):
    """When the link goes."""

    #: The server has everything of the transaction but its COMMIT.
    BEFORE_COMMIT = "before"
    #: The server has committed; the client does not hear of it.
    IN_COMMIT = "in"
    #: The client has heard of it; the link is gone when it is used next.
    AFTER_COMMIT = "after"


class Proxy:
    """Stands between clients and the server at the `url`, in threads of its own, until `close`."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        #: Set while traffic passes.
        self._open = threading.Event()
        self._open.set()
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._refusing = False
        #: The moment at which one link is to be cut next, and whether it was.
        self._moment: Moment | None = None
        self._cut = threading.Event()
        self._threads: list[threading.Thread] = []
        self.start(self._accept)

    @property
    def url(self) -> str:
        """The address of the same database by way of this proxy."""
        user = f"{self._url.username}@" if self._url.username else ""
        return f"postgresql://{user}127.0.0.1:{self.port}{self._url.path}"

    def cut(self) -> None:
        """Cut all links; new ones are let through."""
        with self._lock:
            links = tuple(self._links)
        for link in links:
            link.cut()

    def cut_at(self, moment: Moment) -> None:
        """Cut the next link that commits what it wrote, once."""
        self._cut.clear()
        self._moment = moment

    def was_cut(self) -> None:
        """Return once the link was cut that was to be; TimeoutError if none is."""
        if not self._cut.wait(_PATIENCE):
            raise TimeoutError(f"no link came to the moment {self._moment}")

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Cut all links, and refuse new ones within the block."""
        self._refusing = True
        self.cut()
        try:
            yield
        finally:
            self._refusing = False

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse new links within the block; those that there are stay."""
        self._refusing = True
        try:
            yield
        finally:
            self._refusing = False

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Let nothing through within the block, in either direction; nobody is told."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def close(self) -> None:
        """Cut all links, and take no more."""
        self._refusing = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self._open.set()
        self.cut()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def start(self, function: Callable[[], None]) -> None:
        """Run a function in a thread that `close` waits for."""
        thread = threading.Thread(target=function, daemon=True)
        self._threads.append(thread)
        thread.start()

    def taken(self) -> Moment | None:
        """Return the moment that was asked for to the one link that it is for."""
        with self._lock:
            moment, self._moment = self._moment, None
            return moment

    def passes(self) -> None:
        """Return once traffic passes."""
        self._open.wait()

    def told(self) -> None:
        """Note that a link was cut at its moment."""
        self._cut.set()

    def left(self, link: _Link) -> None:
        """Take a link for closed."""
        with self._lock:
            self._links.discard(link)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refusing:
                    client.close()
                    continue
                server = socket.create_connection((self._url.hostname or "", self._url.port or 5432))
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link = _Link(self, client, server)
                with self._lock:
                    self._links.add(link)
                link.begin()


class _Link:
    """One connection through the proxy: what the client sends is looked at message by message."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client, self._server = client, server
        self._moment: Moment | None = None
        self._committed = False
        self._only_reads = False

    def begin(self) -> None:
        self._proxy.start(self._run)

    def cut(self) -> None:
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        back = threading.Thread(target=lambda: self._relay(self._from_server), daemon=True)
        back.start()
        self._relay(self._from_client)
        back.join()
        self._proxy.left(self)
        self._client.close()
        self._server.close()

    def _relay(self, relay: Callable[[], None]) -> None:
        with suppress(OSError, EOFError):
            relay()
        self.cut()

    def _from_client(self) -> None:
        while True:  # what comes before the first message has no type
            (length,) = struct.unpack("!i", head := _read(self._client, 4))
            body = _read(self._client, length - 4)
            self._pass(self._server, head + body)
            if struct.unpack("!i", body[:4])[0] not in _ASKS:
                break
        while True:
            message = _message(self._client)
            if self._committed and message[:1] in b"PQ":  # a "sync" may still belong to the transaction
                self._proxy.told()
                return
            self._only_reads |= b"READ ONLY" in message[:100]
            if not _is_commit(message):
                pass
            elif self._only_reads:
                self._only_reads = False
            elif (moment := self._proxy.taken()) is not None:
                if moment is Moment.BEFORE_COMMIT:
                    self._proxy.told()
                    return
                self._moment = moment
            self._pass(self._server, message)

    def _from_server(self) -> None:
        # The one byte that answers a question for encryption; the server of the tests has none.
        while (first := _read(self._server, 1)) == b"N":
            self._pass(self._client, first)
        message = first + _rest(self._server)
        while True:
            if self._moment is not None and message == b"C\x00\x00\x00\x0bCOMMIT\x00":
                if self._moment is Moment.IN_COMMIT:
                    self._proxy.told()
                    return
                self._committed = True
            self._pass(self._client, message)
            message = _message(self._server)

    def _pass(self, to: socket.socket, data: bytes) -> None:
        self._proxy.passes()
        to.sendall(data)


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """Give a proxy to the database at `url`."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()


def _is_commit(message: bytes) -> bool:
    """Return whether this is the text of COMMIT, as a query or as a statement to be executed."""
    kind, text = message[:1], message[5:].upper()
    return text.startswith(b"COMMIT") if kind == b"Q" else kind == b"P" and b"\0COMMIT" in text[:64]


def _message(source: socket.socket) -> bytes:
    return _read(source, 1) + _rest(source)


def _rest(source: socket.socket) -> bytes:
    (length,) = struct.unpack("!i", head := _read(source, 4))
    return head + _read(source, length - 4)


def _read(source: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = source.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
