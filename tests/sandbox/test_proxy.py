"""The sandbox as its own MTProto proxy: Telethon with a proxy setting, and a raw client for the exchange."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.network import connection as connections
from telethon.network.connection.tcpmtproxy import TcpMTProxy
from telethon.sessions import MemorySession
from telethon.tl import functions

from tests.patience import PATIENCE
from tgbot.sandbox.exchange import ServerKey
from tgbot.sandbox.proxy import ProxySecret, SecretError
from tgbot.sandbox.server import Sandbox

from .conftest import Person, server_key
from .test_exchange import ByHand
from .test_transport import Obfuscated

SECRET = bytes(range(16))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telethon waits for two seconds whether a proxy closes the connection, and keeps one configuration."""
    monkeypatch.setattr(TcpMTProxy, "_connect", connections.connection.ObfuscatedConnection._connect)
    monkeypatch.setattr(TelegramClient, "_config", None)


def proxied(sandbox: Sandbox, transport: Any, *, dc_id: int = 2, secret: str = "", retries: int = 5) -> Any:
    """Return an unconnected client that wants a data centre by way of the sandbox's first port.

    Telethon drops the first byte of one auth key in 256, and makes another one then.
    """
    for centre in sandbox.dcs.values():
        rsa.add_key(centre.public_key, old=False)
    session = MemorySession()
    # The address is Telegram's: everything has to go by way of the proxy.
    session.set_dc(dc_id, "149.154.167.40", 443)
    way = sandbox.host, sandbox.port, secret or sandbox.secret.hex
    return TelegramClient(
        session,
        1,
        "hash",
        connection=transport,
        proxy=way,
        request_retries=1,
        connection_retries=retries,
        retry_delay=0,
    )


@pytest.mark.parametrize("transport", [
    connections.ConnectionTcpMTProxyAbridged,
    connections.ConnectionTcpMTProxyIntermediate,
    connections.ConnectionTcpMTProxyRandomizedIntermediate,
])  # fmt: skip
async def test_clients_with_and_without_the_proxy_meet_on_one_port(
    sandbox: Sandbox, person: Person, transport: Any
) -> None:
    ann = await person("Ann")
    bot = sandbox.new_bot("echo_bot")
    client = proxied(sandbox, transport)
    await client.start(bot_token=bot.token)
    try:
        await ann.send_message("echo_bot", "hello")
        async with asyncio.timeout(PATIENCE):
            history = await client.get_messages((await ann.get_me()).id, ids=[1])
        assert [message.text for message in history] == ["hello"]
        assert sandbox.connections == 2
    finally:
        await client.disconnect()


async def test_the_proxy_leads_to_the_data_centre_that_a_client_names() -> None:
    async with Sandbox(key=server_key(), dcs={4: ServerKey.generate()}, secret=SECRET) as sandbox:
        bot = sandbox.new_bot()
        sandbox.faults.move(bot.id, 4)
        client = proxied(sandbox, connections.ConnectionTcpMTProxyIntermediate, dc_id=4)
        await client.start(bot_token=bot.token)
        try:
            assert (await client(functions.help.GetConfigRequest())).this_dc == 4
            assert client.session.dc_id == 4
            assert (await client.get_me()).id == bot.id
        finally:
            await client.disconnect()


async def test_a_data_centre_that_is_not_there_sends_a_login_on(sandbox: Sandbox) -> None:
    client = proxied(sandbox, connections.ConnectionTcpMTProxyIntermediate, dc_id=1)
    await client.start(bot_token=sandbox.new_bot().token)
    try:
        assert client.session.dc_id == 2
        assert sandbox.calls["auth.importBotAuthorization"] == 2
    finally:
        await client.disconnect()


async def test_a_new_phone_number_is_sent_on_from_a_data_centre_that_is_not_there(sandbox: Sandbox) -> None:
    client = proxied(sandbox, connections.ConnectionTcpMTProxyIntermediate, dc_id=5)
    await client.connect()
    try:
        await client.send_code_request(sandbox.new_phone())
        assert client.session.dc_id == 2
    finally:
        await client.disconnect()


async def test_a_wrong_secret_gets_no_answer(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tgbot")
    client = proxied(sandbox, connections.ConnectionTcpMTProxyIntermediate, secret="11" * 16, retries=0)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await client.connect()
    await client.disconnect()
    assert "no known proxy secret" in caplog.text


def test_a_secret_is_16_bytes_with_or_without_dd() -> None:
    assert ProxySecret.of(SECRET) == ProxySecret(SECRET)
    padded = ProxySecret.of(b"\xdd" + SECRET)
    assert padded == ProxySecret(SECRET, padded=True)
    assert padded.link("127.0.0.1", 443) == (
        "tg://proxy?server=127.0.0.1&port=443&secret=dd000102030405060708090a0b0c0d0e0f"
    )
    assert SECRET.hex() not in repr(padded)
    for wrong, reason in ((b"", "not 0"), (SECRET + b"\0", "16 bytes"), (b"\xee" + SECRET + b"a.b", "TLS")):
        with pytest.raises(SecretError, match=reason):
            ProxySecret.of(wrong)


def test_a_kept_server_key_keeps_its_secret() -> None:
    first, second = Sandbox(key=server_key()), Sandbox(key=ServerKey.from_pem(server_key().to_pem()))
    assert first.secret == second.secret
    assert first.secret != Sandbox(key=ServerKey.generate()).secret


class OverAndOver:
    """An exchange in which each message has a connection of its own."""

    def __init__(self, sandbox: Sandbox, dc_id: int) -> None:
        self._sandbox, self._dc_id = sandbox, dc_id

    async def ask(self, payload: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._sandbox.host, self._sandbox.port)
        client = Obfuscated(b"\xee" * 4, self._dc_id, self._sandbox.secret.key)
        writer.write(client.opening + client.encrypt.update(struct.pack("<I", len(payload)) + payload))
        try:
            async with asyncio.timeout(PATIENCE):
                length = struct.unpack("<I", client.decrypt.update(await reader.readexactly(4)))[0]
                return client.decrypt.update(await reader.readexactly(length))
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


class Steps:
    """The synchronous side that `ByHand` talks to: `step` hands the payload over to the loop."""

    def __init__(self, way: OverAndOver, loop: asyncio.AbstractEventLoop) -> None:
        self._way, self._loop = way, loop

    def step(self, payload: bytes) -> bytes:
        return asyncio.run_coroutine_threadsafe(self._way.ask(payload), self._loop).result(PATIENCE)


def begin(steps: Any, client: ByHand) -> None:
    client.begin(steps)
    client.params(steps, client.rsa_pad(client.inner()))


async def test_an_exchange_goes_on_over_a_new_connection(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.sandbox.test_exchange.KEY", sandbox.key)
    now = sandbox.world.date()
    monkeypatch.setattr("tests.sandbox.test_exchange.NOW", now)
    monkeypatch.setattr(sandbox.world, "_true_time", lambda: now)
    steps: Any = Steps(OverAndOver(sandbox, 2), asyncio.get_running_loop())
    client = ByHand()
    await asyncio.to_thread(begin, steps, client)
    answer = await asyncio.to_thread(client.finish, steps)
    assert answer.new_nonce_hash1 == client.nonce_hash(1)
    assert len(sandbox.keys_of()) == 1


async def test_a_key_for_another_data_centre_than_the_named_one_is_refused_with_444(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.sandbox.test_exchange.KEY", sandbox.key)
    way = OverAndOver(sandbox, 2)
    got: list[bytes] = []

    class Noting(Steps):
        def step(self, payload: bytes) -> bytes:
            got.append(super().step(payload))
            return got[-1]

    client = ByHand()
    client.dc = 4
    with pytest.raises(struct.error):
        await asyncio.to_thread(begin, Noting(way, asyncio.get_running_loop()), client)
    assert got[-1] == struct.pack("<i", -444)
