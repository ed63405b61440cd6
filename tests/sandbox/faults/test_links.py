"""Faults of connections and auth keys: transport errors, dead keys, second sessions."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telethon.errors import AuthKeyDuplicatedError, AuthKeyNotFound, InvalidBufferError, RPCError
from telethon.extensions import BinaryReader
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tests.sandbox.conftest import PlainBot
from tests.sandbox.listener import Listener
from tests.sandbox.rawclient import SELF, layered, raw
from tgbot.sandbox.faults import DeadKey, Shape
from tgbot.sandbox.server import Sandbox

Clients = Callable[..., Awaitable[Any]]
NEAREST = functions.help.GetNearestDcRequest()


def req_pq() -> bytes:
    body = bytes(functions.ReqPqMultiRequest(5))
    return struct.pack("<qqi", 0, 4, len(body)) + body


class Socket:
    """A bare connection with the intermediate transport."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, sandbox: Sandbox) -> "Socket":
        opened = cls(*await asyncio.open_connection(sandbox.host, sandbox.port))
        opened.writer.write(b"\xee" * 4)
        return opened

    def send(self, payload: bytes) -> None:
        self.writer.write(struct.pack("<i", len(payload)) + payload)

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(count)

    async def ended(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read() == b""

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


def of_code(code: int, shape: Shape) -> bytes:
    error = struct.pack("<i", code)
    return {Shape.FRAMED: struct.pack("<i", 4) + error, Shape.BARE: error, Shape.TRIPLE: error * 3}[shape]


@pytest.mark.parametrize("shape", [Shape.FRAMED, Shape.BARE, Shape.TRIPLE])
@pytest.mark.parametrize("code", [-404, -429, -444])
async def test_the_next_packets_get_a_transport_error_of_each_shape(
    sandbox: Sandbox, code: int, shape: Shape
) -> None:
    sandbox.faults.transport_error(code, shape=shape)
    closing = await Socket.open(sandbox)
    closing.send(req_pq())
    expected = of_code(code, shape)
    assert await closing.read(len(expected)) == expected
    assert await closing.ended()
    await closing.close()
    sandbox.faults.transport_error(code, shape=shape, close=False)
    staying = await Socket.open(sandbox)
    staying.send(req_pq())
    assert await staying.read(len(expected)) == expected
    staying.send(req_pq())
    length = struct.unpack("<i", await staying.read(4))[0]
    answer = await staying.read(length)
    assert BinaryReader(answer[20:]).tgread_object().nonce == 5
    await staying.close()


async def test_a_transport_error_can_be_for_one_account(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.transport_error(-429, account=listener.bot_id)
    stranger = await Socket.open(sandbox)
    stranger.send(req_pq())
    assert struct.unpack("<i", await stranger.read(4))[0] > 4
    await stranger.close()
    async with raw(sandbox, listener.bot) as session:
        session.send(layered(NEAREST))
        assert await session.payload() == struct.pack("<i", -429)
    assert sandbox.calls["help.getNearestDc"] == 0
    assert (await listener.bot(NEAREST)).this_dc == sandbox.dc_id


@pytest.mark.parametrize("shape", [Shape.FRAMED, Shape.TRIPLE])
async def test_telethon_reads_the_code_of_a_transport_error(
    sandbox: Sandbox, listener: Listener, shape: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: asyncio.Queue[int] = asyncio.Queue()
    true_init = InvalidBufferError.__init__

    def note(self: Any, payload: bytes) -> None:
        true_init(self, payload)
        codes.put_nowait(self.code)

    monkeypatch.setattr(InvalidBufferError, "__init__", note)
    assert sandbox.faults.send_transport_error(-429, account=listener.ann) == 0
    assert sandbox.faults.send_transport_error(-429, account=listener.bot_id, shape=shape) == 1
    async with asyncio.timeout(PATIENCE):
        assert await codes.get() == 429


async def test_a_transport_error_can_last_for_a_time(sandbox: Sandbox) -> None:
    sandbox.faults.transport_error(-429, seconds=60)
    for _ in range(2):
        socket = await Socket.open(sandbox)
        socket.send(req_pq())
        assert await socket.read(8) == of_code(-429, Shape.FRAMED)
        await socket.close()
    sandbox.faults.set_clock(61)
    socket = await Socket.open(sandbox)
    socket.send(req_pq())
    assert struct.unpack("<i", await socket.read(4))[0] > 4
    await socket.close()


# Auth keys.


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (DeadKey.UNREGISTERED, 401),
        (DeadKey.DUPLICATED, 406),
        (DeadKey.REVOKED, 401),
        (DeadKey.EXPIRED, 401),
    ],
)
async def test_a_dead_key_gets_an_error_for_each_request_and_a_new_key_works(
    sandbox: Sandbox, listener: Listener, plain_bot: PlainBot, answer: DeadKey, code: int
) -> None:
    assert sandbox.faults.kill_keys(listener.bot_id, answer) == 1
    async with raw(sandbox, listener.bot) as session:
        for request in (layered(NEAREST), functions.users.GetUsersRequest([SELF]), NEAREST):
            error = await session.result(session.send(request))
            assert (error.error_code, error.error_message) == (code, answer.value)
    with pytest.raises(RPCError):
        await listener.bot(NEAREST)
    token = sandbox.world.accounts[listener.bot_id].token
    assert token is not None
    again = await plain_bot(token)
    assert (await again.get_me()).id == listener.bot_id
    listener.write("only to the living")
    await again(functions.users.GetUsersRequest([SELF]))
    assert listener.told == []
    sandbox.faults.revive_keys()
    await listener.until("only to the living")


async def test_a_dead_key_can_be_unknown_to_the_server(sandbox: Sandbox, listener: Listener) -> None:
    key = listener.bot.session.auth_key.key_id.to_bytes(8, "little")
    assert sandbox.faults.kill_keys(key=key) == 1
    async with raw(sandbox, listener.bot) as session:
        session.send(layered(NEAREST))
        assert await session.payload() == struct.pack("<i", -404)
        with pytest.raises(asyncio.IncompleteReadError):
            await session.payload()
    with pytest.raises((AuthKeyNotFound, ConnectionError, asyncio.CancelledError)):
        await listener.bot(NEAREST)


async def test_a_second_session_on_a_key_ends_both_if_asked(
    sandbox: Sandbox, listener: Listener, plain_bot: PlainBot
) -> None:
    users = functions.users.GetUsersRequest([SELF])
    async with raw(sandbox, listener.bot) as session:
        assert await session.result(session.send(layered(users)))
        assert await listener.bot(users)
    sandbox.faults.end_second_sessions(True)
    # A connection that is closed counts no more.
    sandbox.faults.drop(listener.bot_id)
    assert await listener.bot(users)
    # A session without updates is not a main session.
    async with raw(sandbox, listener.bot) as session:
        call = functions.InvokeWithoutUpdatesRequest(users)
        assert not isinstance(await session.result(session.send(layered(call))), types.RpcError)
    async with raw(sandbox, listener.bot) as session:
        refused = await session.result(session.send(layered(users)))
        assert (refused.error_code, refused.error_message) == (406, "AUTH_KEY_DUPLICATED")
    with pytest.raises(AuthKeyDuplicatedError):
        await listener.bot(users)
    # The key is dead for good, also for a session that is alone.
    sandbox.faults.end_second_sessions(False)
    async with raw(sandbox, listener.bot) as session:
        assert isinstance(await session.result(session.send(layered(users))), types.RpcError)
    token = sandbox.world.accounts[listener.bot_id].token
    assert token is not None
    assert (await (await plain_bot(token)).get_me()).id == listener.bot_id
