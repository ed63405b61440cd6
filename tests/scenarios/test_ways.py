"""The ways of a node that tests close: nothing passes, nobody is told, and what TCP still has comes later."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.patience import PATIENCE
from tests.scenarios.ways import CableWay, Namespace, Way, namespaces_work, relayed

#: Sends each byte of its standard input to a server, and prints each that comes back.
ECHOES = """
import socket, sys, threading
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def show():
    while data := link.recv(1):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
threading.Thread(target=show, daemon=True).start()
while byte := sys.stdin.buffer.read(1):
    link.sendall(byte)
"""


class Server:
    """Sends back what it gets; `got` is all of it."""

    def __init__(self) -> None:
        self.got = b""
        self._links: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.append(task)
        while data := await reader.read(100):
            self.got += data
            writer.write(data)
        writer.close()
        await writer.wait_closed()

    async def ended(self) -> None:
        """Return once all links are closed from the other end."""
        await asyncio.gather(*self._links)


@pytest.fixture(params=["relay", "namespace"])
async def way(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Way, Server, tuple[str, ...]]]:
    """Give a way to a server, the server, and what stands before a command that takes the way."""
    if request.param == "namespace" and not namespaces_work():
        pytest.skip("no network namespaces here: they need root and the ip command")
    server = Server()
    async with AsyncExitStack() as stack:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        stack.push_async_callback(server.ended)
        stack.callback(listening.close)
        port = int(listening.sockets[0].getsockname()[1])
        if request.param == "relay":
            yield await stack.enter_async_context(relayed(port)), server, ()
            return
        namespace = Namespace(f"tgbot-ways-{os.getpid()}")
        stack.callback(namespace.remove)
        cable = namespace.cable(f"10.214.{os.getpid() % 250}.")
        relay = await stack.enter_async_context(relayed(port, cable.address))
        yield CableWay(cable, relay), server, namespace.before


async def test_nothing_passes_a_closed_way_in_either_direction_and_all_of_it_passes_later(
    way: tuple[Way, Server, tuple[str, ...]],
) -> None:
    path, server, before = way
    client = await asyncio.create_subprocess_exec(
        *(*before, sys.executable, "-c", ECHOES, path.host, str(path.port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            client.stdin.write(b"a")
            assert await client.stdout.read(1) == b"a"
            path.close()
            client.stdin.write(b"b")
            with pytest.raises(TimeoutError):  # it takes this long to see that nothing comes
                await asyncio.wait_for(client.stdout.read(1), 0.5)
            assert server.got == b"a"
            assert client.returncode is None
            path.open()
            client.stdin.write(b"c")
            assert await client.stdout.readexactly(2) == b"bc"
            assert server.got == b"abc"
    finally:
        client.kill()
        await client.wait()
