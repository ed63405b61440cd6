"""The connections to the login page: limits, and what is answered to what is no request."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import urlencode

import pytest

from tests.messaging.telegram import NOW
from tests.scenarios.crash import until
from tests.scenarios.logins import free_port
from tests.test_web import OTHER_TOKEN, Open, World, opened, signed

__all__ = ["opened"]  # a fixture

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(world: World) -> AsyncIterator[Wire]:
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def everything(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the connection is closed, however it is closed."""
    got = b""
    with suppress(ConnectionError):
        while part := await reader.read(65536):
            got += part
    return got


# What is no request.

PLANTED = b"PlantedWords"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /PlantedWords HTTP/9\r\n\r\n",
        b"PlantedWords\r\n\r\n",
        b"\x16\x03\x01\x02\x00PlantedWords\r\n\r\n",
        b"P(anted)Words / HTTP/1.1\r\n\r\n",
        b"GET /" + PLANTED * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nPlantedWords: " + PLANTED * 1000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nPlanted Words\x00: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: PlantedWords\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: PlantedWords, chunked, x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nExpect: PlantedWords\r\n\r\n",
        b"CONNECT PlantedWords:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://PlantedWords:x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda request_: repr(request_[:24]),
)
async def test_what_is_no_request_is_answered_with_our_headers_and_without_its_words(
    opened: Open, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world = await opened(request_seconds=2.0)
    async with connected(world) as (reader, writer), asyncio.timeout(20):
        writer.write(request_)
        answer = await everything(reader)
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    head = answer.partition(b"\r\n\r\n")[0].decode().lower().splitlines()
    assert "server: tgbot" in head
    assert "x-content-type-options: nosniff" in head
    assert "cache-control: no-store" in head
    assert any(line.startswith("content-security-policy: default-src 'none'") for line in head)
    for word in (b"aiohttp", b"python", b"traceback", PLANTED.lower()):
        assert word not in answer.lower()
    assert PLANTED.decode() not in caplog.text
    assert "Traceback" not in caplog.text
    assert (await world.get())[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        urlencode(signed(OTHER_TOKEN)) + "&x=" + "PlantedWords" * 400,
        "&".join(["id=1"] * 500),
        urlencode(signed()) + "&first_name=PlantedWords",
        "id=%00&first_name=PlantedWords%0d%0aX-Planted:1&auth_date=1&hash=PlantedWords",
        urlencode(signed(OTHER_TOKEN, first_name="<script>PlantedWords</script>")),
        "%ff%fePlantedWords",
        "PlantedWords=1",
        "PlantedWords",
        "id[]=PlantedWords&hash[$ne]=1",
    ],
    ids=lambda query: query[:30],
)
async def test_no_words_of_a_hostile_query_come_back(
    opened: Open, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tgbot")
    world = await opened()
    status, text, headers = await world.get("/callback?" + query)
    assert status == 400
    assert "Planted" not in text + str(headers) + caplog.text
    assert world.users.count().total == 0


# Limits.


async def test_a_request_that_never_ends_is_given_up(opened: Open) -> None:
    world = await opened(request_seconds=0.2)
    async with connected(world) as (reader, writer), asyncio.timeout(20):
        writer.write(b"GET / HTTP/1.1\r\nHost:")
        assert await everything(reader) == b""


async def test_a_request_that_comes_letter_by_letter_is_given_up(opened: Open) -> None:
    world = await opened(request_seconds=0.2)
    async with connected(world) as (reader, writer), asyncio.timeout(20):
        closed = asyncio.create_task(everything(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        while not closed.done():
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.05)
        assert await closed == b""


async def test_a_connection_that_was_answered_may_not_stay_for_ever(opened: Open) -> None:
    world = await opened(request_seconds=0.2)
    async with connected(world) as (reader, writer), asyncio.timeout(20):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await everything(reader)).startswith(b"HTTP/1.1 200")


async def send_without_end(writer: asyncio.StreamWriter, part: bytes) -> None:
    """Send a part again and again, until the connection is cut off."""
    with suppress(ConnectionError):
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.001)


async def test_who_does_not_read_the_answers_is_given_up(opened: Open) -> None:
    world = await opened(request_seconds=0.2)
    async with connected(world) as (_, writer), asyncio.timeout(20):
        writer.transport.pause_reading()  # type: ignore[attr-defined] # a StreamWriter's transport reads, too
        await send_without_end(writer, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20)


async def test_a_flood_of_headers_is_cut_off(opened: Open) -> None:
    world = await opened()
    async with connected(world) as (_, writer), asyncio.timeout(20):
        writer.write(b"GET / HTTP/1.1\r\n")
        await send_without_end(writer, b"X: " + b"y" * 4000 + b"\r\n")


async def test_where_all_places_are_taken_who_waits_longest_goes(opened: Open) -> None:
    world = await opened(connections=3)
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        taken = []
        for _ in range(3):
            reader, writer = await stack.enter_async_context(connected(world))
            writer.write(b"GET /")
            taken.append(reader)
        # As `get` and these connect in this order, the page accepts them in this order.
        assert (await world.get())[0] == 200
        assert await everything(taken[0]) == b""
        assert not taken[2].at_eof()


async def test_nobody_who_is_being_answered_is_sent_away(opened: Open) -> None:
    answering, go = [0], asyncio.Event()

    async def trouble() -> None:
        answering[0] += 1
        await go.wait()

    world = await opened(connections=2, trouble=trouble)
    path = "/callback?" + urlencode(signed())

    async def flush(along: object = None) -> None:
        answering[0] += 1
        await go.wait()

    world.users.flush = flush  # type: ignore[method-assign] # a disk that is slow
    async with asyncio.timeout(20):
        first = asyncio.create_task(world.get("/healthz"))
        second = asyncio.create_task(world.get(path))
        await until(lambda: answering[0] == 2, "both are being answered")
        async with connected(world) as (reader, _):
            assert await everything(reader) == b""
        go.set()
        assert (await first)[0] == 200
        assert (await second)[0] == 200


async def test_no_descriptor_is_left_behind(opened: Open) -> None:
    world = await opened(connections=4)
    await world.get()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        async with connected(world) as (_, writer):
            writer.write(b"GET /")
    assert (await world.get())[0] == 200
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 4, "they are closed")


async def test_all_addresses_of_a_host_are_listened_on(opened: Open) -> None:
    world = await opened(host="localhost", port=free_port())
    port = int(world.url.rpartition(":")[2])
    addresses = {str(info[4][0]) for info in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    answering = 0
    for address in addresses:
        try:
            reader, writer = await asyncio.open_connection(address, port)
        except OSError:  # an address that this machine does not have
            assert address != "127.0.0.1"
            continue
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answering += (await everything(reader)).startswith(b"HTTP/1.0 200")
        writer.close()
    assert answering


# Refused logins.


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if line.startswith("logins were refused")]


async def test_refused_logins_are_counted_not_logged_one_by_one(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tgbot")
    world = await opened(report_seconds=0.0)
    for _ in range(3):
        await world.log_in(signed(OTHER_TOKEN))
    await until(lambda: bool(refusals(caplog)), "it is reported")
    assert refusals(caplog)[0].startswith("logins were refused: ")
    assert "forged" in refusals(caplog)[0]


async def test_what_is_counted_is_logged_at_the_end_too(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tgbot")
    world = await opened()
    for _ in range(20):
        await world.log_in(signed(OTHER_TOKEN))
    for _ in range(10):
        await world.log_in(signed(auth_date=NOW - 10**6))
    assert not refusals(caplog)
    await world.close()
    assert refusals(caplog) == ["logins were refused: 30 (forged 20, old 10)"]
