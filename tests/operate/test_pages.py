"""The server of the pages: whom it answers, what it refuses, and where it can listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress

import pytest

from tests.patience import PATIENCE
from tgbot.core.errors import ConfigError
from tgbot.operate import pages
from tgbot.operate.pages import open_pages


async def well() -> None:
    return None


def opened(host: str = "127.0.0.1", port: int = 0) -> AbstractAsyncContextManager[str]:
    return open_pages(
        host, port, trouble=well, read=lambda lag: b"numbers", render=lambda body: (body, "text/x")
    )


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with opened() as url:
        yield int(url.rpartition(":")[2])


async def asked(port: int, request: bytes) -> bytes:
    """Return the answer to the bytes of a request."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return answer


async def test_a_page_is_answered_with_its_type_and_to_head_without_its_text(port: int) -> None:
    answer = await asked(port, b"GET /metrics?name[]=x HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    assert b"Content-Type: text/x\r\n" in head
    assert body == b"numbers"
    assert (await asked(port, b"HEAD /metrics HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\n")


async def test_another_path_names_the_pages_and_another_method_is_refused(port: int) -> None:
    answer = await asked(port, b"GET /metric HTTP/1.0\r\n\r\n")
    assert b" 404 " in answer
    assert answer.endswith(b"there are /livez, /readyz, /metrics\n")
    assert b" 501 " in await asked(port, b"POST /metrics HTTP/1.0\r\n\r\n")
    assert b" 400 " in await asked(port, b"\x16\x03\x01 nonsense\r\n\r\n")


async def test_silent_clients_keep_nobody_out(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_CONNECTIONS", 4)
    monkeypatch.setattr(pages._Handler, "timeout", None)
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
    assert b" 200 " in await asked(port, b"GET /livez HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        for reader, _ in silent[:6]:
            assert await reader.read() == b""  # the oldest were cut
    for _, writer in silent:
        writer.close()


async def test_an_error_of_a_page_costs_that_answer_alone(caplog: pytest.LogCaptureFixture) -> None:
    def render(body: bytes) -> tuple[bytes, str]:
        raise ValueError("what somebody wrote")

    async with open_pages("127.0.0.1", 0, trouble=well, read=lambda lag: b"", render=render) as url:
        port = int(url.rpartition(":")[2])
        assert await asked(port, b"GET /metrics HTTP/1.0\r\n\r\n") == b""
        assert b" 200 " in await asked(port, b"GET /livez HTTP/1.0\r\n\r\n")
    assert "a page cannot be shown: ValueError" in caplog.text
    assert "somebody wrote" not in caplog.text


async def test_an_address_that_is_taken_is_told_with_its_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"\[operate\] listen = '127.0.0.1:{port}': .* free \(Address"):
            async with opened(port=port):
                raise AssertionError


async def test_pages_that_other_machines_reach_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    async with opened("0.0.0.0"):
        pass
    assert "can read the bot's health and metrics" in caplog.text
    caplog.clear()
    async with opened("localhost"):
        pass
    assert "can read" not in caplog.text
