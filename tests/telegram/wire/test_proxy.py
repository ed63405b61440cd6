"""The way through a proxy: real ones on loopback, SOCKS5 and HTTP CONNECT, with passwords and faults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tests.telegram.wire.door import PASSWORD, USER, Door
from tgbot.telegram import Proxy
from tgbot.telegram.wire import attempts as attempting
from tgbot.telegram.wire.proxy import ProxyRefusedError


@pytest.fixture(params=["socks5", "http"])
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    made = Door(request.param)
    await made.open()
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts that a test can wait for."""
    monkeypatch.setattr(attempting, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(attempting, "LONGEST_PAUSE", 0.05)


async def test_every_connection_goes_by_way_of_the_proxy(stage: Stage, door: Door) -> None:
    await stage.sandbox.open_dc(4)
    client = await stage.open(echo, proxy=Proxy(door.url()))
    ann = stage.meet()
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["you said hello"])
    async with asyncio.timeout(PATIENCE):
        await client._borrow_exported_sender(4)
    sandbox = stage.sandbox
    assert door.opened == [("127.0.0.1", sandbox.port), ("127.0.0.1", sandbox.dcs[4].port)]
    assert len(sandbox.connections_of()) == 2


async def test_after_an_outage_of_the_proxy_the_bot_is_there_again(
    stage: Stage, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo, proxy=Proxy(door.url()))
    await door.close()
    await until(lambda: client._sender.attempts.failures > 2)
    ann = stage.meet()
    stage.write(ann, "hello")
    await door.open()
    await until(lambda: stage.heard(ann) == ["you said hello"])
    where = f"127.0.0.1:{stage.sandbox.port} by way of {door.scheme}://127.0.0.1:{door.port}"
    assert f"no connection to {where}; retrying" in caplog.text
    assert f"connected to {where} again" in caplog.text


@pytest.mark.parametrize("login", [f"{USER}:wrong-pa55@", "", f"bea:{PASSWORD.replace('@', '%40')}@"])
async def test_a_proxy_that_refuses_the_password_is_told_as_such_and_shows_none(
    stage: Stage, door: Door, caplog: pytest.LogCaptureFixture, login: str
) -> None:
    caplog.set_level(logging.DEBUG)
    opening = asyncio.create_task(stage.open(echo, proxy=Proxy(door.url(login))))
    await until(lambda: door.refused > 3)
    said = [message for message in caplog.messages if "check [telegram] proxy" in message]
    assert len(said) == 1
    assert f"by way of {door.scheme}://127.0.0.1:{door.port}" in said[0]
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    for secret in ("wrong-pa55", "sesame", "bea:"):
        assert secret not in caplog.text


async def test_a_proxy_that_cannot_reach_the_server_is_asked_again(
    stage: Stage, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.shut = True
    opening = asyncio.create_task(stage.open(echo, proxy=Proxy(door.url())))
    await until(lambda: door.refused > 3)
    door.shut = False
    async with asyncio.timeout(PATIENCE):
        client = await opening
    assert client.connected
    assert "the proxy does not connect us" in caplog.text


async def test_an_error_of_the_proxy_holds_no_password(door: Door) -> None:
    proxy = Proxy(door.url(f"{USER}:wrong-pa55@"))
    with pytest.raises(ProxyRefusedError) as raised:
        await proxy.open("127.0.0.1", 9)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    for text in (str(raised.value), repr(raised.value), repr(proxy), str(proxy), f"{proxy}"):
        assert "wrong-pa55" not in text
        assert USER not in text


async def test_a_stop_while_the_proxy_is_silent_does_not_wait_for_it(stage: Stage) -> None:
    came: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda reader, writer: came.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    opening = asyncio.create_task(stage.open(echo, proxy=Proxy(f"socks5://127.0.0.1:{port}")))
    await until(lambda: came)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(PATIENCE):
            await opening
    came[0].close()
    silent.close()
