"""WebSocket on the port of MTProto: with aiohttp's client, with Telethon behind a relay, and byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.network import connection as connections
from telethon.sessions import MemorySession

from tests.patience import PATIENCE
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.websocket import MAX_FRAME, WebSocket, WebSocketError, is_http

from .test_exchange import asked
from .test_transport import Obfuscated

#: The key in the example of RFC 6455, and the answer to it.
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
FIELDS = {
    "Host": "127.0.0.1:4430",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "binary",
}


def head(first: str = "GET /apiws HTTP/1.1", **changes: str | None) -> bytes:
    """Return the head of an upgrade; underscores in the names stand for hyphens, None leaves a field out."""
    fields = FIELDS | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [first, *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(data: bytes, opcode: int = 2, *, final: bool = True, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """Return a frame as a client masks it."""
    length = len(data)
    if length < 126:
        size = bytes([0x80 | length])
    else:
        size = (
            b"\xfe" + length.to_bytes(2, "big") if length < 1 << 16 else b"\xff" + length.to_bytes(8, "big")
        )
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return bytes([final << 7 | opcode]) + size + mask + masked


@asynccontextmanager
async def relayed(sandbox: Sandbox) -> AsyncIterator[int]:
    """Yield a port whose TCP connections are taken to the sandbox by aiohttp's WebSocket."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(
                f"ws://{sandbox.host}:{sandbox.port}/apiws", protocols=["binary"], max_msg_size=0
            ) as web,
        ):

            async def back() -> None:
                async for message in web:
                    writer.write(message.data)
                writer.close()

            task = asyncio.create_task(back())
            while data := await reader.read(65536):
                await web.send_bytes(data)
            await web.close()
            await task

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_telethon_talks_over_a_websocket(sandbox: Sandbox) -> None:
    rsa.add_key(sandbox.public_key, old=False)
    ann, bot = sandbox.world.new_user("Ann"), sandbox.new_bot()
    async with relayed(sandbox) as port:
        session = MemorySession()
        session.set_dc(2, "127.0.0.1", port)
        client = TelegramClient(session, 1, "hash", connection=connections.ConnectionTcpObfuscated)
        await client.start(bot_token=bot.token)
        try:
            sandbox.world.send_as(ann.id, bot.id, "x" * 4000)
            async with asyncio.timeout(PATIENCE):
                [message] = await client.get_messages(ann.id, ids=[1])
            assert message.text == "x" * 4000
        finally:
            await client.disconnect()


async def test_each_data_centre_has_the_name_of_telegrams_web_clients() -> None:
    async with Sandbox(dcs={4: None}) as sandbox, aiohttp.ClientSession() as http:
        for host, dc_id in (("vesta", 4), ("venus", 2)):
            url = f"ws://127.0.0.1:{sandbox.port}/apiws_test"
            fields = {"Host": f"{host}.localhost:{sandbox.port}"}
            async with http.ws_connect(url, protocols=["binary"], headers=fields) as web:
                client, payload = Obfuscated(b"\xee" * 4, 0), asked(1)
                await web.send_bytes(client.opening)
                await web.send_bytes(client.encrypt.update(struct.pack("<I", len(payload)) + payload))
                await web.receive_bytes(timeout=PATIENCE)
                assert [each.dc_id for each in sandbox.connections_of()] == [dc_id]


async def said(sandbox: Sandbox, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
    writer.write(data)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_plain_request_is_answered_in_words(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tgbot")
    async with aiohttp.ClientSession() as http:
        for path, status in (("/", 404), ("/apiws", 426), ("/api", 404)):
            async with http.get(f"http://{sandbox.host}:{sandbox.port}{path}") as answer:
                assert answer.status == status
                assert "only for WebSocket" in await answer.text()
    assert "an HTTP request was refused" in caplog.text


async def test_a_transport_that_is_not_obfuscated_has_no_place_in_a_websocket(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tgbot")
    payload = asked(1)
    inside = b"\xee" * 4 + struct.pack("<I", len(payload)) + payload
    with contextlib.suppress(ConnectionResetError):
        assert b"\x05\x16$c" not in await said(sandbox, head() + frame(inside))  # resPQ
    assert "has to be obfuscated" in caplog.text


async def test_a_broken_frame_is_answered_with_its_code(sandbox: Sandbox) -> None:
    answer = await said(sandbox, head() + frame(b"text", 1))
    last = answer.rpartition(b"\r\n\r\n")[2]
    assert last[0] == 0x88
    assert int.from_bytes(last[2:4], "big") == 1003


def opened() -> WebSocket:
    web = WebSocket()
    assert web.feed(head()) == b""
    web.take()
    return web


def test_the_upgrade_is_answered_as_the_standard_says() -> None:
    web = WebSocket()
    assert web.feed(head()[:30]) == b""
    assert web.take() == b""
    assert web.feed(head()[30:] + frame(b"first")) == b"first"
    answer = web.take().decode()
    assert answer.startswith("HTTP/1.1 101 ")
    assert f"\r\nSec-WebSocket-Accept: {ACCEPT}\r\n" in answer
    assert "\r\nSec-WebSocket-Protocol: binary\r\n" in answer
    assert web.opened


@pytest.mark.parametrize(
    ("request_head", "status", "reason"),
    [
        (head(Host=None), 403, "loopback"),
        (head(Host="sandbox.example:4430"), 403, "loopback"),
        (head(Host="127.0.0.1.example"), 403, "loopback"),
        (head(Host="10.0.0.1"), 403, "loopback"),
        (head(Origin="https://example.com"), 403, "pages of this machine"),
        (head(Origin="http://127.0.0.1.example.com"), 403, "pages of this machine"),
        (head(Origin="null"), 403, "pages of this machine"),
        (head("GET / HTTP/1.1"), 404, "path"),
        (head("POST /apiws HTTP/1.1"), 426, "no upgrade"),
        (head("GET /apiws HTTP/1.0"), 426, "no upgrade"),
        (head(Upgrade="h2c"), 426, "no upgrade"),
        (head(Connection="close"), 400, "Connection"),
        (head(Sec_WebSocket_Version="8"), 426, "version 13"),
        (head(Sec_WebSocket_Key="short"), 400, "Key"),
        (head(Sec_WebSocket_Key=None), 400, "Key"),
        (head(Sec_WebSocket_Protocol="chat"), 400, "binary"),
        (head().replace(b"Upgrade: w", b"Upgrade w"), 400, "field"),
        (b"GET /" + b"x" * 9000, 431, "too large"),
    ],
)
def test_another_request_is_refused_with_the_reason(request_head: bytes, status: int, reason: str) -> None:
    with pytest.raises(WebSocketError, match=reason) as refused:
        WebSocket().feed(request_head)
    first, _, rest = refused.value.reply.decode().partition("\r\n")
    assert first.startswith(f"HTTP/1.1 {status} ")
    assert reason in rest.partition("\r\n\r\n")[2]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "venus.localhost:4430", "127.9.9.9", "[::1]:1"]
)
def test_any_name_of_this_machine_will_do(host: str) -> None:
    web = WebSocket()
    web.feed(head(Host=host, Origin=f"http://{host}"))
    assert web.opened


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"x" * 9).replace(b"\x82", b"\xc2", 1), 1002),
        (b"\x82\x01x", 1002),
        (frame(b"x" * 126, 9), 1002),
        (frame(b"x", 9, final=False), 1002),
        (frame(b"x", 0), 1002),
        (frame(b"x", final=False) + frame(b"y"), 1002),
        (frame(b"x", 3), 1002),
        (frame(b"x", 11), 1002),
        (frame(b"x", 1), 1003),
        (b"\x82\xff" + (MAX_FRAME + 1).to_bytes(8, "big"), 1009),
        (b"\x82\xff" + b"\xff" * 8, 1009),
    ],
)
def test_a_frame_that_breaks_the_protocol_ends_it_with_the_code(data: bytes, code: int) -> None:
    with pytest.raises(WebSocketError) as broken:
        opened().feed(data)
    assert broken.value.reply[0] == 0x88
    assert int.from_bytes(broken.value.reply[2:4], "big") == code


@given(
    sizes=st.lists(st.sampled_from([0, 1, 125, 126, 127, 65535, 65536]), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 70_000), max_size=6),
    finals=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_frames_cut_anywhere_come_out_as_one_stream(
    sizes: list[int], cuts: list[int], finals: list[bool]
) -> None:
    web, expected, stream, inside = opened(), b"", b"", False
    for size, final in zip(sizes, finals, strict=False):
        data = bytes(range(256)) * (size // 256) + bytes(size % 256)
        expected += data
        stream += frame(data, 0 if inside else 2, final=final) + frame(b"between", 9)
        inside = not final
    got = b""
    for cut in cuts:
        got += web.feed(stream[:cut])
        stream = stream[cut:]
    assert got + web.feed(stream) == expected
    assert web.take() == b"\x8a\x07between" * len(sizes[:4])


def test_a_close_is_answered_with_its_code_and_ends_the_stream() -> None:
    web = opened()
    assert web.feed(frame(b"last") + frame(struct.pack(">H", 1001) + b"bye", 8) + frame(b"more")) == b"last"
    assert web.take() == b"\x88\x02" + struct.pack(">H", 1001)
    assert web.closed
    assert web.feed(frame(b"more")) == b""


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_make_a_websocket_fail_otherwise_than_by_its_own_error(data: bytes, upgraded: bool) -> None:
    web = opened() if upgraded else WebSocket()
    with contextlib.suppress(WebSocketError):
        web.feed(data)


def test_http_is_told_by_its_first_bytes() -> None:
    for first, http in ((b"", None), (b"G", None), (b"POS", None), (b"GET /", True), (b"OPTI", True)):
        assert is_http(first) is http
    for first in (b"\xef", b"\xee\xee", b"GE\0", b"PUT "):
        assert is_http(first) is False
