"""No byte leaves while the gate is closed; everything goes on, once, after it opens."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from telethon import events
from telethon.tl import functions

from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.telegram import BotClient
from tgbot.telegram.wire import gate
from tgbot.telegram.wire.gate import GatedConnection


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed gate is looked at often."""
    monkeypatch.setattr(gate, "LOOK_SECONDS", 0.005)


class Leave:
    """Whether anything may be sent, and how often that was asked."""

    def __init__(self) -> None:
        self.given = True
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.given

    async def asked_again(self, times: int = 5) -> None:
        """Return once the gate was looked at so often again."""
        asked = self.asked
        await until(lambda: self.asked >= asked + times)


class Counter:
    """A relay that counts the bytes on their way to a server, and the connections to it."""

    def __init__(self) -> None:
        self.up = self.connections = self.port = self.resets = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    @asynccontextmanager
    async def before(self, server_port: int) -> AsyncIterator[Counter]:
        """Count in front of a port of this machine."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            self.connections += 1
            from_server, to_server = await asyncio.open_connection("127.0.0.1", server_port)
            ends = {writer, to_server}
            self._writers |= ends
            try:
                down = asyncio.ensure_future(self._pass(from_server, writer, 0))
                await asyncio.wait(
                    (down, asyncio.ensure_future(self._pass(reader, to_server, 1))),
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                self._writers -= ends
                for end in ends:
                    end.close()
                    with suppress(OSError):
                        await end.wait_closed()
                self._tasks.discard(task)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: int) -> None:
        try:
            while data := await reader.read(65536):
                self.up += len(data) * up
                writer.write(data)
                await writer.drain()
        except OSError:
            self.resets += up


@asynccontextmanager
async def counted_bot(
    stage: Stage, register: Callable[[BotClient], None], leave: Leave
) -> AsyncIterator[tuple[BotClient, Counter]]:
    """Open a bot behind a gate, whose bytes are counted."""
    async with Counter().before(stage.sandbox.port) as counter:
        at = stage.sandbox.port
        stage.sandbox.port = counter.port
        try:
            client = await stage.open(register, may_send=leave)
        finally:
            stage.sandbox.port = at
        yield client, counter
        if client in stage._open:
            await stage.close(client)


async def test_nothing_leaves_while_the_gate_is_closed_and_everything_once_it_opens(stage: Stage) -> None:
    leave, taken = Leave(), []

    def serve(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            taken.append(event.raw_text)
            await event.respond(f"you said {event.raw_text}")

    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    async with counted_bot(stage, serve, leave) as (client, counter):
        stage.write(ann, "one")
        await until(lambda: stage.heard(ann) == ["you said one"])
        await client._sender.send(functions.PingRequest(0))  # what was written before it has left
        leave.given = False
        up = counter.up
        ping = client._sender.send(functions.PingRequest(1))
        for number in range(20):
            stage.write(ann, f"a{number}")
            stage.write(bob, f"b{number}")
        await until(lambda: "a0" in taken and "b0" in taken)  # their answers, and acknowledgements, wait
        await leave.asked_again()
        assert counter.up == up
        assert stage.heard(bob) == []
        assert not ping.done()
        leave.given = True
        await until(lambda: len(stage.heard(ann)) == 21 and len(stage.heard(bob)) == 20)
        assert stage.heard(ann)[1:] == [f"you said a{number}" for number in range(20)]
        assert stage.heard(bob) == [f"you said b{number}" for number in range(20)]
        assert sorted(taken) == sorted(["one", *(f"{who}{number}" for who in "ab" for number in range(20))])
        await asyncio.wait_for(ping, PATIENCE)
        assert counter.connections == 1


async def test_a_link_that_ends_while_the_gate_is_closed_is_made_anew_once_it_opens(stage: Stage) -> None:
    leave, ann = Leave(), stage.meet()
    async with counted_bot(stage, echo, leave) as (client, counter):
        stage.write(ann, "one")
        await until(lambda: len(stage.heard(ann)) == 1)
        await client._sender.send(functions.PingRequest(0))
        leave.given = False
        stage.write(ann, "two")
        await leave.asked_again()
        up = counter.up
        counter.cut()
        await until(lambda: not client.connected)
        await leave.asked_again()
        assert (counter.up, counter.connections) == (up, 1)
        leave.given = True
        await until(lambda: len(stage.heard(ann)) == 2)
        assert stage.heard(ann) == ["you said one", "you said two"]
        assert counter.connections == 2


async def test_a_stop_with_the_gate_closed_sends_nothing(stage: Stage) -> None:
    leave, ann = Leave(), stage.meet()
    async with counted_bot(stage, echo, leave) as (client, counter):
        stage.write(ann, "one")
        await until(lambda: len(stage.heard(ann)) == 1)
        await client._sender.send(functions.PingRequest(0))
        leave.given = False
        stage.write(ann, "two")
        await leave.asked_again()
        up = counter.up
        await stage.kill(client)
        await until(lambda: not counter._writers)
        assert counter.up == up
    assert stage.heard(ann) == ["you said one"]


async def test_a_login_waits_for_the_gate(stage: Stage) -> None:
    leave = Leave()
    leave.given = False
    async with Counter().before(stage.sandbox.port) as counter:
        at, stage.sandbox.port = stage.sandbox.port, counter.port
        opening = asyncio.create_task(stage.open(may_send=leave))
        await leave.asked_again()
        stage.sandbox.port = at
        assert counter.connections == 0
        leave.given = True
        client = await opening
        assert client.logged_in
        await stage.close(client)


class Reader:
    """The far end of a connection, which reads only what it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._link: socket.socket | None = None

    async def accept(self) -> None:
        self._link, _ = await asyncio.get_running_loop().sock_accept(self._listener)

    async def read(self, count: int) -> bytes:
        assert self._link is not None
        found, loop = bytearray(), asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                data = await loop.sock_recv(self._link, min(1 << 20, count - len(found)))
                if not data:
                    break
                found += data
        return bytes(found)

    def has_more(self) -> bool:
        assert self._link is not None
        try:
            return bool(self._link.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    def close(self) -> None:
        for one in (self._link, self._listener):
            if one is not None:
                one.close()


@pytest.fixture
async def gated() -> AsyncIterator[tuple[GatedConnection, Leave, Reader]]:
    leave, reader = Leave(), Reader()
    connection = GatedConnection("127.0.0.1", reader.port, may_send=leave)
    await connection.connect(PATIENCE)
    await reader.accept()
    yield connection, leave, reader
    connection.abort()
    await connection.disconnect()
    reader.close()


async def test_a_stop_cuts_the_link_only_where_another_process_goes_on(stage: Stage) -> None:
    for given_up in (False, True):
        async with counted_bot(stage, lambda client: None, Leave()) as (client, counter):
            client.figures.link.given_up = given_up
            await stage.close(client)
            await until(lambda: not counter._tasks)
            assert counter.resets == given_up


async def test_nothing_arrives_any_more_once_a_connection_is_cut(
    gated: tuple[GatedConnection, Leave, Reader],
) -> None:
    connection, _, reader = gated
    connection.listen(lambda packet: None, lambda error: None, lambda: None)
    connection.write(*(bytes(3 << 20) for _ in range(8)))
    assert not connection.writable  # TCP has as much as it takes
    connection.cut()
    await connection.disconnect()
    with pytest.raises(ConnectionResetError):  # and not the end after all that TCP had
        await reader.read(8 * (3 << 20))


async def test_the_rest_of_what_was_being_written_waits_for_the_gate(
    gated: tuple[GatedConnection, Leave, Reader],
) -> None:
    """A process that is stopped in the middle of a write goes on with it after it looked at its clock."""
    connection, leave, reader = gated
    packets = [bytes([number]) * (3 << 20) for number in range(8)]
    room = asyncio.Event()
    connection.listen(lambda packet: None, lambda error: None, room.set)
    connection.write(*packets)
    assert not connection.writable
    assert connection._gate is not None
    left = len(connection._gate._left)
    whole = sum(len(packet) + 12 for packet in packets)
    assert 0 < left < whole
    leave.given = False
    begun = await reader.read(whole - left)
    await leave.asked_again()
    assert not reader.has_more()
    leave.given = True
    rest = await reader.read(left)
    await asyncio.wait_for(room.wait(), PATIENCE)
    assert connection.writable
    at = 0
    for packet in packets:
        assert (begun + rest)[at + 8 : at + 8 + len(packet)] == packet
        at += len(packet) + 12


async def test_what_waits_when_a_connection_is_closed_is_written_unless_the_gate_is_closed(
    gated: tuple[GatedConnection, Leave, Reader],
) -> None:
    connection, leave, reader = gated
    leave.given = False
    connection.write(b"first")
    closing = asyncio.create_task(connection.disconnect())
    await asyncio.sleep(0)
    assert connection._gate is not None
    assert connection._gate._transport.is_closing()
    await asyncio.wait_for(closing, PATIENCE)
    leave.given = True
    assert await asyncio.get_running_loop().sock_recv(reader._link, 1) == b""  # type: ignore[arg-type] # it is there
    connection = GatedConnection("127.0.0.1", reader.port, may_send=leave)
    await connection.connect(PATIENCE)
    reader._link.close()  # type: ignore[union-attr] # it is there
    await reader.accept()
    connection.write(big := bytes(24 << 20))
    assert connection._gate is not None
    assert connection._gate._left
    closing = asyncio.create_task(connection.disconnect())
    assert len(await reader.read(len(big) + 12)) == len(big) + 12
    await asyncio.wait_for(closing, PATIENCE)
