"""The way of a node to the database or to Telegram, which can be closed: nothing passes, and nobody is told.

Where root may make network namespaces, a node has one of its own, and its packets are lost. Elsewhere a relay
stands still: links stay open, and new ones are taken, but nothing comes through.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

#: A hardware address that no card has: packets to it are lost, and nobody answers that they are.
_NOBODY: Final = "02:00:00:00:00:01"
_CHUNK: Final = 1 << 16


class Way(Protocol):
    """Where a node finds a server, and whether it reaches it."""

    host: str
    port: int

    def close(self) -> None:
        """Let nothing through, in either direction."""

    def open(self) -> None:
        """Let all through that comes from now on, and what TCP or the relay still has."""


class RelayWay:
    """A relay to a port of this machine; `async with relayed(port)` makes one."""

    def __init__(self, server: int, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self._server_port = server
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        self._passing.clear()

    def open(self) -> None:
        self._passing.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay a new link until one end closes it."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._passing.wait()
            with suppress(OSError, asyncio.CancelledError):  # cancelled by `stop`
                await self._relay(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        ways = [
            asyncio.ensure_future(self._pass(*ends)) for ends in ((reader, to_server), (from_server, writer))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            to_server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
            await self._passing.wait()  # that the other end is gone is not known either

    async def stop(self) -> None:
        """End all links."""
        self._passing.set()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


@asynccontextmanager
async def relayed(port: int, host: str = "127.0.0.1") -> AsyncIterator[RelayWay]:
    """Open a way to a port of this machine, on a free port of `host`."""
    way = RelayWay(port, host)
    server = await asyncio.start_server(way.accept, host, 0)
    way.port = int(server.sockets[0].getsockname()[1])
    try:
        yield way
    finally:
        server.close()
        await asyncio.sleep(0)  # a link that was just taken begins, so that it can be ended
        await way.stop()


class Namespace:
    """A network of its own for one node, in which each way is a cable to this machine.

    `before` goes in front of a command to run it there.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.before = ("ip", "netns", "exec", name)
        self._cables: list[Cable] = []
        _ip("netns", "add", name)
        _ip("netns", "exec", name, "ip", "link", "set", "lo", "up")

    def cable(self, net: str) -> Cable:
        """Lay a cable; `net` is the beginning of its addresses, such as "10.213.4."."""
        cable = Cable(self.name, f"tgb{os.getpid() % 100_000}x{net.split('.')[2]}", net)
        self._cables.append(cable)
        return cable

    def remove(self) -> None:
        """Take it all down."""
        for cable in self._cables:
            with suppress(RuntimeError):
                _ip("link", "del", cable.here)
        with suppress(RuntimeError):
            _ip("netns", "del", self.name)


class Cable:
    """A pair of network cards; while it is cut, each end sends its packets to a card that is not there."""

    def __init__(self, namespace: str, card: str, net: str) -> None:
        self.here, self._there = card, "e" + card[3:]
        self.address, self._far = f"{net}1", f"{net}2"
        self._inside = ("netns", "exec", namespace, "ip")
        _ip("link", "add", self.here, "type", "veth", "peer", "name", self._there)
        _ip("link", "set", self._there, "netns", namespace)
        _ip("addr", "add", f"{self.address}/30", "dev", self.here)
        _ip("link", "set", self.here, "up")
        _ip(*self._inside, "addr", "add", f"{self._far}/30", "dev", self._there)
        _ip(*self._inside, "link", "set", self._there, "up")

    def cut(self) -> None:
        _ip("neigh", "replace", self._far, "lladdr", _NOBODY, "dev", self.here, "nud", "permanent")
        _ip(*self._inside, "neigh", "replace", self.address, "lladdr", _NOBODY, "dev", self._there, "nud",
            "permanent")  # fmt: skip

    def mend(self) -> None:
        for words in (
            ("neigh", "del", self._far, "dev", self.here),
            (*self._inside, "neigh", "del", self.address, "dev", self._there),
        ):
            with suppress(RuntimeError):  # it was not cut
                _ip(*words)


class CableWay:
    """A cable, at whose end a relay listens: servers of the tests listen on loopback only."""

    def __init__(self, cable: Cable, relay: RelayWay) -> None:
        self.host, self.port = relay.host, relay.port
        self._cable = cable

    def close(self) -> None:
        self._cable.cut()

    def open(self) -> None:
        self._cable.mend()


def namespaces_work() -> bool:
    """Return whether this process may make network namespaces and cables."""
    try:
        namespace = Namespace(f"tgbot-try-{os.getpid()}")
    except (RuntimeError, OSError):
        return False
    try:
        cable = namespace.cable(f"10.213.{250 + os.getpid() % 4}.")
        cable.cut()
        cable.mend()
    except RuntimeError:
        return False
    finally:
        namespace.remove()
    return True


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
