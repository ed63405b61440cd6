"""A client that shares no code with Telethon talks to the sandbox."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pyrogram import Client, filters, raw
from pyrogram.connection import Connection
from pyrogram.connection.transport import TCPAbridged, TCPFull, TCPIntermediate
from pyrogram.crypto import rsa
from pyrogram.errors import UserIsBlocked
from pyrogram.handlers import MessageHandler

from tests.patience import PATIENCE
from tgbot.sandbox.server import Sandbox


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        key = load_pem_public_key(sandbox.public_key.encode())
        assert isinstance(key, RSAPublicKey)
        numbers = rsa.PublicKey(key.public_numbers().n, key.public_numbers().e)
        monkeypatch.setitem(rsa.server_public_keys, sandbox.key.fingerprint, numbers)
        yield sandbox


def new_client(sandbox: Sandbox, token: str, transport: Any = TCPAbridged) -> Any:
    class ToSandbox(Connection):  # type: ignore[misc]  # kurigram's classes are untyped here
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings | {"server_address": sandbox.host, "port": sandbox.port})

    return Client(
        "kurigram",
        api_id=1,
        api_hash="none",
        bot_token=token,
        in_memory=True,
        connection_factory=ToSandbox,
        protocol_factory=transport,
    )


@pytest.mark.parametrize("transport", [TCPAbridged, TCPIntermediate, TCPFull])
async def test_kurigram_logs_in_as_a_bot_and_answers_a_start(sandbox: Sandbox, transport: Any) -> None:
    bot = sandbox.new_bot("echo_bot")
    client = new_client(sandbox, bot.token, transport)
    answered = asyncio.Event()

    async def answer(client: Any, message: Any) -> None:
        await message.reply(f"Hello, {message.from_user.first_name}: {message.command[1]}")
        answered.set()

    client.add_handler(MessageHandler(answer, filters.command("start")))
    ann = sandbox.world.new_user("Ann")
    async with client:
        assert (client.me.id, client.me.username) == (bot.id, "echo_bot")
        sandbox.world.send_as(ann.id, bot.id, "/start apples")
        async with asyncio.timeout(PATIENCE):
            await answered.wait()
    got = [copy.post.text for copy in ann.box]
    assert got == ["/start apples", "Hello, Ann: apples"]


async def test_kurigram_understands_an_rpc_error(sandbox: Sandbox) -> None:
    bot = sandbox.new_bot()
    ann = sandbox.world.new_user("Ann")
    client = new_client(sandbox, bot.token)
    met = asyncio.Event()

    async def meet(client: Any, message: Any) -> None:
        met.set()

    client.add_handler(MessageHandler(meet))
    async with client:
        sandbox.world.send_as(ann.id, bot.id, "hello")
        async with asyncio.timeout(PATIENCE):
            await met.wait()
        sandbox.world.block(ann.id, bot.id)
        with pytest.raises(UserIsBlocked):
            await client.send_message(ann.id, "still there?")


async def test_kurigram_repeats_a_send_and_gets_the_earlier_message(sandbox: Sandbox) -> None:
    bot = sandbox.new_bot()
    ann = sandbox.world.new_user("Ann")
    sandbox.world.send_as(ann.id, bot.id, "hello")
    client = new_client(sandbox, bot.token)
    async with client:
        peer = raw.types.InputPeerUser(user_id=ann.id, access_hash=0)
        request = raw.functions.messages.SendMessage(peer=peer, message="once", random_id=7)
        sent = await client.invoke(request)
        answer = await client.invoke(request)
    named, new = answer.updates
    assert (named.id, named.random_id) == (sent.id, 7)
    assert (new.message.message, new.pts, new.pts_count) == ("once", sent.pts, 0)
    assert [copy.post.text for copy in ann.box] == ["hello", "once"]


async def test_a_session_for_files_gets_no_updates(sandbox: Sandbox, tmp_path: Path) -> None:
    # kurigram sends files in a session of its own, which it leaves open.
    bot = sandbox.new_bot()
    ann = sandbox.world.new_user("Ann")
    sandbox.world.send_as(ann.id, bot.id, "hello")
    client = new_client(sandbox, bot.token)
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(client: Any, message: Any) -> None:
        await heard.put(message.text)

    client.add_handler(MessageHandler(hear, filters.incoming))
    (file := tmp_path / "file.bin").write_bytes(bytes(700_000))
    async with client:
        await client.send_document(ann.id, str(file))
        assert sandbox.connections == 2, "this kurigram does not show what this test is about"
        for text in ("one", "two"):
            sandbox.world.send_as(ann.id, bot.id, text)
        async with asyncio.timeout(PATIENCE):
            assert [await heard.get(), await heard.get()] == ["one", "two"]
        # The answer comes after whatever else was pushed for the two.
        await client.get_me()
        assert heard.empty()
