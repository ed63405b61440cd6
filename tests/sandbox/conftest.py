"""A running sandbox, and plain Telethon clients of users and bots."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.network import authenticator
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tgbot.sandbox.exchange import ServerKey
from tgbot.sandbox.server import Sandbox

from .listener import Listener

Person = Callable[..., Awaitable[Any]]
PlainBot = Callable[[str], Awaitable[Any]]

# Thousands of auth keys are made in a test run. One takes an eighth of the time with a secret of 256 bits, as
# the sandbox's own is, instead of 2048. Bots in processes of their own make them as Telethon does.
authenticator.os = SimpleNamespace(urandom=lambda count: os.urandom(min(count, 32)))


@cache
def server_key() -> ServerKey:
    """Return the one key of all sandboxes in a test run: making a key takes longer than most tests."""
    return ServerKey.generate()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Yield a running sandbox whose ids and hashes are the same in every run."""
    async with Sandbox(seed=1, key=server_key()) as started:
        yield started


def plain_client(sandbox: Sandbox, **options: Any) -> Any:
    """Return an unconnected plain Telethon client that knows the sandbox's address and key."""
    rsa.add_key(sandbox.public_key, old=False)
    session = MemorySession()
    session.set_dc(sandbox.dc_id, sandbox.host, sandbox.port)
    return TelegramClient(session, 1, "hash", **{"request_retries": 1, "retry_delay": 0} | options)


@pytest.fixture
async def clients(sandbox: Sandbox) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Yield a function that connects plain clients; disconnect all of them at the end."""
    opened: list[Any] = []

    async def connect(**options: Any) -> Any:
        client = plain_client(sandbox, **options)
        opened.append(client)
        await client.connect()
        return client

    yield connect
    for client in opened:
        await client.disconnect()


@pytest.fixture
async def person(sandbox: Sandbox, clients: Callable[..., Awaitable[Any]]) -> Person:
    """Return a function: `await person("Ann")` signs up a new user, a known `phone` logs in."""

    async def sign_up(
        first_name: str = "Ann", last_name: str = "", *, phone: str = "", **options: Any
    ) -> Any:
        client = await clients(**options)
        number = phone or sandbox.new_phone()
        settings = types.CodeSettings()
        sent = await client(functions.auth.SendCodeRequest(number, 1, "hash", settings))
        code = str(sandbox.dc_id) * sent.type.length
        answer = await client(functions.auth.SignInRequest(number, sent.phone_code_hash, code))
        if isinstance(answer, types.auth.AuthorizationSignUpRequired):
            request = functions.auth.SignUpRequest(number, sent.phone_code_hash, first_name, last_name)
            answer = await client(request)
        await client._on_login(answer.user)  # as Telethon's sign_in does after these calls
        return client

    return sign_up


@pytest.fixture
async def plain_bot(clients: Callable[..., Awaitable[Any]]) -> PlainBot:
    """Return a function: `await plain_bot(token)` logs in a bot on plain Telethon."""

    async def log_in(token: str, **options: Any) -> Any:
        client = await clients(**options)
        await client.sign_in(bot_token=token)
        return client

    return log_in


@pytest.fixture
async def listener(sandbox: Sandbox, plain_bot: PlainBot) -> Listener:
    bot = sandbox.new_bot("quiet_bot")
    client = await plain_bot(bot.token)
    await client.get_me()
    return Listener(sandbox, client, bot.id)
