"""Several data centres: a client finds them, is sent from one to another, and takes its login along."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.errors import (
    AuthBytesInvalidError,
    DcIdInvalidError,
    PhoneMigrateError,
    UserMigrateError,
)
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tests.sandbox.conftest import plain_client, server_key
from tests.sandbox.rawclient import SELF, layered, raw
from tgbot.sandbox.exchange import ServerKey
from tgbot.sandbox.server import Sandbox

CONFIG = functions.help.GetConfigRequest()


@pytest.fixture(autouse=True)
def fresh_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Telethon ask for the configuration: it keeps one for all clients of a process."""
    monkeypatch.setattr(TelegramClient, "_config", None)


@pytest.fixture
async def two() -> AsyncIterator[Sandbox]:
    """Yield a sandbox with data centres 2 and 4, which have the same server key."""
    async with Sandbox(seed=1, key=server_key(), dcs={4: None}) as started:
        yield started


def at(sandbox: Sandbox, dc_id: int) -> Any:
    """Return an unconnected client of a data centre."""
    rsa.add_key(sandbox.dcs[dc_id].public_key, old=False)
    session = MemorySession()
    session.set_dc(dc_id, sandbox.host, sandbox.dcs[dc_id].port)
    return TelegramClient(session, 1, "hash", request_retries=1, retry_delay=0)


@asynccontextmanager
async def connected(sandbox: Sandbox, dc_id: int) -> AsyncIterator[Any]:
    client = at(sandbox, dc_id)
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


async def test_the_configuration_lists_all_data_centres(two: Sandbox) -> None:
    for dc_id in (2, 4):
        async with connected(two, dc_id) as client:
            config = await client(CONFIG)
            assert config.this_dc == dc_id
            assert {option.id: option.port for option in config.dc_options} == {
                2: two.port,
                4: two.dcs[4].port,
            }
            nearest = await client(functions.help.GetNearestDcRequest())
            assert (nearest.this_dc, nearest.nearest_dc) == (dc_id, 2)


async def test_telethon_follows_a_bot_to_its_home(two: Sandbox) -> None:
    bot = two.new_bot("moved_bot")
    two.faults.move(bot.id, 4)
    client = plain_client(two)
    await client.connect()
    try:
        await client.sign_in(bot_token=bot.token)
        assert (client.session.dc_id, client.session.port) == (4, two.dcs[4].port)
        assert (await client.get_me()).id == bot.id
        two.faults.move(bot.id, 2)
        with pytest.raises(UserMigrateError) as error:
            await client._sender.send(functions.users.GetUsersRequest([SELF]))
        assert error.value.new_dc == 2
    finally:
        await client.disconnect()


async def test_a_phone_number_is_sent_to_the_home_of_its_account(two: Sandbox) -> None:
    ann = two.world.new_user("Ann")
    two.faults.move(ann.id, 4)
    client = plain_client(two)
    await client.connect()
    send = functions.auth.SendCodeRequest(ann.phone, 1, "hash", types.CodeSettings())
    try:
        with pytest.raises(PhoneMigrateError) as error:
            await client._sender.send(send)
        assert error.value.new_dc == 4
        sent = await client(send)
        sign_in = functions.auth.SignInRequest(ann.phone, sent.phone_code_hash, "22222")
        assert (await client(sign_in)).user.id == ann.id
        assert client.session.dc_id == 4
    finally:
        await client.disconnect()


async def test_an_exported_authorization_is_for_one_data_centre_and_one_use(two: Sandbox) -> None:
    bot = two.new_bot("the_bot")
    home, away = plain_client(two), at(two, 4)
    await home.connect()
    await away.connect()
    try:
        await home.sign_in(bot_token=bot.token)
        for wrong in (2, 6):
            with pytest.raises(DcIdInvalidError):
                await home(functions.auth.ExportAuthorizationRequest(wrong))
        exported = await home(functions.auth.ExportAuthorizationRequest(4))
        take = functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes)
        assert (await away(take)).user.id == bot.id
        with pytest.raises(AuthBytesInvalidError):
            await away(take)
        exported = await home(functions.auth.ExportAuthorizationRequest(4))
        with pytest.raises(AuthBytesInvalidError):
            await home(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
        # Away from home there are files and authorizations, and no updates.
        assert await away(functions.auth.ExportAuthorizationRequest(2))
        with pytest.raises(UserMigrateError):
            await away._sender.send(functions.users.GetUsersRequest([SELF]))
        await home.get_me()
        assert len(two.sessions_of(bot.id)) == 1
    finally:
        await home.disconnect()
        await away.disconnect()


async def test_telethon_borrows_a_sender_of_another_data_centre(two: Sandbox) -> None:
    bot = two.new_bot("the_bot")
    client = plain_client(two)
    await client.connect()
    try:
        await client.sign_in(bot_token=bot.token)
        sender = await client._borrow_exported_sender(4)
        assert (await sender.send(CONFIG)).this_dc == 4
        await client._return_exported_sender(sender)
    finally:
        await client.disconnect()


async def test_an_auth_key_is_of_one_data_centre(two: Sandbox) -> None:
    client = plain_client(two)
    await client.connect()
    try:
        async with raw(two, client) as session:
            assert (await session.result(session.send(layered(CONFIG)))).this_dc == 2
        async with raw(two, client, dc_id=4) as session:
            session.send(layered(CONFIG))
            assert await session.payload() == struct.pack("<i", -404)
    finally:
        await client.disconnect()


async def test_a_further_data_centre_can_be_opened_later_with_a_key_of_its_own(sandbox: Sandbox) -> None:
    bot = sandbox.new_bot("the_bot")
    with pytest.raises(ValueError, match="there is no data centre 4"):
        sandbox.faults.move(bot.id, 4)
    port = await sandbox.faults.open_dc(4, own_key=True)
    assert await sandbox.faults.open_dc(4) == port == sandbox.dcs[4].port
    assert sandbox.dcs[4].key.fingerprint != sandbox.key.fingerprint
    async with connected(sandbox, 4) as client:
        assert (await client(CONFIG)).this_dc == 4
    await sandbox.restart()
    assert sandbox.dcs[4].port == port
    async with connected(sandbox, 4) as client:
        assert (await client(CONFIG)).this_dc == 4


def test_each_further_data_centre_may_have_its_key() -> None:
    own = ServerKey.generate()
    sandbox = Sandbox(key=server_key(), dcs={1: own, 4: None})
    assert sandbox.dcs[1].key is own
    assert sandbox.dcs[4].key is sandbox.dcs[2].key is sandbox.key


async def test_a_world_that_moves_leaves_its_data_centres_behind(two: Sandbox) -> None:
    world = two.world
    assert set(world.dcs) == {4}
    await two.stop()
    async with Sandbox(world=world, key=server_key()) as other, connected(other, 2) as client:
        assert [option.id for option in (await client(CONFIG)).dc_options] == [2]
