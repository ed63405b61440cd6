from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from telethon.crypto import AuthKey, rsa
from telethon.tl import functions

from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.core.clock import ServerClock
from tgbot.telegram import BotClient
from tgbot.telegram.wire import attempts as attempting
from tgbot.telegram.wire import connection, pulse
from tgbot.telegram.wire import link as wire
from tgbot.telegram.wire.attempts import LONGEST_PAUSE, Attempts
from tgbot.telegram.wire.connection import BotConnection
from tgbot.telegram.wire.link import LinkState, UpClock
from tgbot.telegram.wire.sender import BotSender

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """A server without MTProto: it accepts connections and calls `serve` with each."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        #: How many connections came.
        self.came = 0
        self.port = 0
        self.left = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()
            self.left.set()


@pytest.fixture
async def listen() -> AsyncIterator[Callable[[Serve], Awaitable[Listener]]]:
    """`await listen(serve)` is a listener on loopback; all are closed in the end."""
    servers: list[asyncio.Server] = []

    async def listen(serve: Serve) -> Listener:
        listener = Listener(serve)
        server = await asyncio.start_server(listener, "127.0.0.1", 0)
        servers.append(server)
        listener.port = server.sockets[0].getsockname()[1]
        return listener

    yield listen
    for server in servers:
        server.close()
        await server.wait_closed()


class Noted(UpClock):
    """Write down when it is started and stopped."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self._seen = seen

    def start(self) -> None:
        super().start()
        self._seen.append("up")

    def stop(self) -> None:
        super().stop()
        self._seen.append("down")


class Events(LinkState):
    """Write down what happens to a link."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.up = Noted(self.seen)

    def link_lost(self) -> None:
        super().link_lost()
        assert self.seen.pop() == "down"
        self.seen.append("lost")


async def no_key(key: AuthKey) -> None:
    raise AssertionError("no server here makes one")


class Link:
    """A BotSender, and what happened to its link."""

    def __init__(self, *, key: bool = True) -> None:
        self.state = Events()
        self.sender = BotSender(
            AuthKey(bytes(range(256))) if key else None,
            state=self.state,
            server_time=ServerClock(wall=time.time, monotonic=time.monotonic),
            updates=lambda updates: None,
            missed=lambda: None,
            reconnected=lambda: None,
            key_made=no_key,
        )

    async def connect(self, port: int) -> None:
        await self.sender.connect(BotConnection("127.0.0.1", port))


@asynccontextmanager
async def stuck(link: Link) -> AsyncIterator[Link]:
    """Connect a link to somebody who takes nothing, and fill it."""
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        await link.connect(deaf.getsockname()[1])
        assert link.sender._connection is not None
        link.sender._connection.write(bytes(4_000_000))
        yield link


@pytest.fixture
async def make_link() -> AsyncIterator[Callable[..., Link]]:
    """Make links, and disconnect all of them in the end."""
    made: list[Link] = []

    def make(**options: Any) -> Link:
        made.append(Link(**options))
        return made[-1]

    yield make
    for link in made:
        await link.sender.disconnect()


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in message for message in caplog.messages)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts of 20 ms, and never more than 80."""
    monkeypatch.setattr(attempting, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(attempting, "LONGEST_PAUSE", 0.08)


# ---- attempts --------------------------------------------------------------------------------------


def test_pauses_between_attempts_grow_up_to_ten_seconds_and_no_further() -> None:
    made = Attempts()
    pauses = [made.failed("somewhere") for _ in range(2000)]
    assert pauses[:7] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert set(pauses[6:]) == {LONGEST_PAUSE}


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close each connection at once."""


async def swallows(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read until the other side disconnects, and never answer."""
    while await reader.read(65536):
        pass


def answers(packet: bytes) -> Serve:
    """A server that says one thing, whatever it is asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(packet)
        await writer.drain()

    return answer


def packet(content: bytes, *, wrong: int = 0) -> bytes:
    """A packet of the full transport."""
    head = struct.pack("<ii", len(content) + 12, 0) + content
    return head + struct.pack("<I", zlib.crc32(head) ^ wrong)


TOO_MANY = packet(struct.pack("<i", -429))


@pytest.mark.parametrize("key", [True, False])
async def test_too_many_connections_are_said_as_such_and_met_with_longer_pauses(
    listen: Callable[[Serve], Awaitable[Listener]],
    make_link: Callable[..., Link],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    key: bool,
) -> None:
    monkeypatch.setattr(attempting, "_CROWDED_PAUSE", 0.02)
    listener = await listen(answers(TOO_MANY))
    link = make_link(key=key)
    connecting = asyncio.create_task(link.connect(listener.port))
    await until(lambda: connecting.done() or link.sender.attempts.failures)
    if key:
        link.sender.send(functions.PingRequest(1))
    await until(lambda: listener.came > 4)
    assert said(caplog, "too many connections, says 127.0.0.1") == 1
    assert said(caplog, "no connection to") == 0
    connecting.cancel()


async def test_a_server_with_another_key_is_told_from_one_that_is_not_there(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempting, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(attempting, "LONGEST_PAUSE", 0.08)
    known = dict(rsa._server_keys)
    rsa._server_keys.clear()  # another test may have made this server's key known
    try:
        opening = asyncio.create_task(stage.open(echo, key=None))
        words = f"the server at {stage.sandbox.host}:{stage.sandbox.port} does not have the configured key"
        await until(lambda: said(caplog, words))
        assert "[telegram] public_key" in caplog.text
        await until(lambda: stage._open[0]._sender.attempts.failures >= 5)
        assert said(caplog, words) == 1
        assert said(caplog, "no connection to") == 0
        assert not opening.done()
    finally:
        rsa._server_keys.update(known)
    rsa.add_key(stage.sandbox.public_key, old=False)  # as if the server came back with the right one
    client = await opening
    assert client.me.id == stage.account.id
    assert said(caplog, "connected to") == 1


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("serve", "key"),
    [
        pytest.param(closes, True, id="closed"),
        pytest.param(closes, False, id="closed before there is an auth key"),
        pytest.param(answers(packet(bytes(20))[:5]), False, id="closed within a packet"),
        pytest.param(answers(packet(b"nonsense" * 4)), False, id="nonsense"),
        pytest.param(answers(packet(bytes(20) + b"nonsense")), False, id="nonsense within a message"),
        pytest.param(answers(packet(struct.pack("<i", -500))), False, id="a fault"),
        pytest.param(answers(packet(bytes(16), wrong=1)), False, id="wrong checksum"),
    ],
)
async def test_a_link_over_which_nothing_of_use_comes_is_a_failed_attempt_like_any_other(
    listen: Callable[[Serve], Awaitable[Listener]],
    make_link: Callable[..., Link],
    caplog: pytest.LogCaptureFixture,
    serve: Serve,
    key: bool,
) -> None:
    listener = await listen(serve)
    link = make_link(key=key)
    connecting = asyncio.create_task(link.connect(listener.port))
    await until(lambda: listener.came > 6 or (connecting.done() and not key))
    assert listener.came > 6, f"it gave up: {connecting.exception()!r}"
    assert link.sender.attempts.failures >= 6  # a pause before each further attempt
    assert said(caplog, "no connection to 127.0.0.1") == 1
    assert said(caplog, "connected to") == 0
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]
    connecting.cancel()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("key", [True, False])
async def test_a_stranger_who_answers_in_the_place_of_telegram_is_said_as_such(
    listen: Callable[[Serve], Awaitable[Listener]],
    make_link: Callable[..., Link],
    caplog: pytest.LogCaptureFixture,
    key: bool,
) -> None:
    listener = await listen(answers(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
    link = make_link(key=key)
    connecting = asyncio.create_task(link.connect(listener.port))
    await until(lambda: connecting.done() or link.sender.attempts.failures)
    if key:
        link.sender.send(functions.PingRequest(1))
    await until(lambda: listener.came > 4)
    assert said(caplog, "what answers at 127.0.0.1") == 1
    assert "let this machine through, or set [telegram] proxy" in caplog.text
    assert said(caplog, "no connection to") == 0
    connecting.cancel()


@pytest.mark.usefixtures("hasty")
async def test_an_outage_is_said_once_and_its_end_once_and_the_next_one_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    for outages in (1, 2):
        await stage.sandbox.stop()
        await until(lambda: client._sender.attempts.failures >= 5)
        assert said(caplog, "no connection to") == outages
        assert said(caplog, "connected to") == outages - 1
        await stage.sandbox.start()
        stage.write(ann, "hello")
        await until(lambda n=outages: len(stage.heard(ann)) == n)  # type: ignore[misc] # of this round
        assert said(caplog, "connected to") == outages
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in loud] == ["tgbot.telegram.wire.attempts"] * 4


@pytest.mark.usefixtures("hasty")
async def test_after_a_link_that_worked_pauses_begin_anew(stage: Stage) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    await stage.sandbox.stop()
    await until(lambda: client._sender.attempts.failures >= 5)
    await stage.sandbox.start()
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann))
    assert client._sender.attempts.failures == 0


async def test_a_connection_that_was_cut_once_is_made_again_without_a_warning_and_a_pause(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempting, "_FIRST_PAUSE", 3600.0)
    await stage.open(echo)
    ann = stage.meet()
    stage.faults.drop()
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["you said hello"])
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_the_state_of_the_link_follows_it(
    listen: Callable[[Serve], Awaitable[Listener]], make_link: Callable[..., Link]
) -> None:
    listener = await listen(swallows)
    link = make_link()
    await link.connect(listener.port)
    assert link.state.seen == ["up"]
    link.sender._end_link()
    assert link.state.seen == ["up", "down"]
    await link.sender.disconnect()
    assert link.state.seen[2:] == ["lost"]


async def test_telegrams_time_is_known_from_the_first_message_of_a_connection(stage: Stage) -> None:
    noted: list[float] = []

    class Clock:
        def __call__(self) -> int:
            return 0

        def note(self, date: object) -> None: ...

        def note_unix(self, seconds: float) -> None:
            noted.append(seconds)

    await stage.open(server_time=Clock())
    assert [abs(seconds - stage.world.date()) < 60 for seconds in noted] == [True]


# ---- dead links ------------------------------------------------------------------------------------


async def test_the_socket_is_one_that_notices_a_dead_link_within_about_ten_seconds(stage: Stage) -> None:
    client = await stage.open()
    assert client._sender._connection is not None
    made = client._sender._connection
    assert made is not None
    assert made._transport is not None
    sock = made._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    idle, every, count = (
        sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
        for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    )
    assert idle + every * count <= 11
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
async def test_a_server_that_takes_nothing_any_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_DEAD_AFTER_MS", 300)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        link = BotConnection("127.0.0.1", deaf.getsockname()[1])
        await link.connect(timeout=PATIENCE)
        await link.send(bytes(4_000_000))
        with pytest.raises(OSError, match="timed out"):
            async with asyncio.timeout(PATIENCE):
                await link.recv()
        await link.disconnect()


@pytest.mark.usefixtures("hasty")
async def test_a_server_that_answers_no_ping_is_left_for_a_new_connection(
    listen: Callable[[Serve], Awaitable[Listener]], stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("PING_SECONDS", 0.1), ("PONG_SECONDS", 0.3), ("LOOK_SECONDS", 0.02)):
        monkeypatch.setattr(pulse, name, seconds)
    deaf = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(stage.sandbox.host, port)
        before = not deaf.is_set()

        async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while part := await source.read(65536):
                    if not (before and deaf.is_set()):
                        target.write(part)
            target.close()

        async with asyncio.TaskGroup() as both:
            both.create_task(pass_on(reader, ours))
            both.create_task(pass_on(theirs, writer))

    port = stage.sandbox.port
    listener = await listen(relay)
    monkeypatch.setattr(stage.sandbox, "port", listener.port)
    client = await stage.open(echo)
    ann = stage.meet()
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann) == ["you said one"])
    connections = listener.came
    deaf.set()
    stage.write(ann, "two")
    await until(lambda: stage.heard(ann)[1:] == ["you said two"])
    assert listener.came > connections
    assert not client.failed.done()


async def test_a_link_that_is_renewed_is_replaced_at_once_and_open_requests_go_out_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tgbot.telegram.wire")
    client = await stage.open(echo)
    ann = stage.meet()
    state = client._link_state
    stage.faults.silence("messages.sendMessage", times=1, after=True)
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann) == ["you said one"])
    links = state.links
    state.renew("a test wants it")
    assert not client.connected
    state.renew("one is being made")
    await until(lambda: stage.finished)
    assert stage.heard(ann) == ["you said one"]
    stage.write(ann, "two")
    await until(lambda: stage.heard(ann) == ["you said one", "you said two"])
    assert state.links == links + 1
    assert said(caplog, "making a fresh link to Telegram: a test wants it") == 1
    assert said(caplog, "one is being made") == 0
    assert client.handler_errors == 0


@pytest.mark.parametrize("steps", range(6))
async def test_a_stop_while_a_link_is_made_anew_and_nobody_is_there_ends_at_once(
    stage: Stage, steps: int
) -> None:
    client = await stage.open(echo)
    stage.faults.refuse(3600)
    client._link_state.renew("a test wants it")
    for _ in range(steps):  # at each step of closing the old link
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        await client._sender.disconnect()


@pytest.mark.usefixtures("hasty")
async def test_a_link_whose_other_side_takes_nothing_is_renewed_without_waiting_for_it(
    make_link: Callable[..., Link],
) -> None:
    async with stuck(make_link()) as link:
        async with asyncio.timeout(9.0):  # closing it in order takes Telethon ten seconds
            link.state.renew("a test wants it")
            while link.state.links < 2:  # noqa: ASYNC110 - a link has no event to wait for
                await asyncio.sleep(0.005)


async def test_a_stop_does_not_wait_long_for_an_other_side_that_takes_nothing(
    make_link: Callable[..., Link],
) -> None:
    async with stuck(make_link()) as link:
        async with asyncio.timeout(9.0):  # Telethon waits for ten seconds
            await link.sender.disconnect()


# ---- who we are ----------------------------------------------------------------------------------


def sent_by(client: BotClient) -> list[Any]:
    """The requests that the client hands to its link from now on."""
    sent: list[Any] = []
    send = client._sender.send

    def noted(request: Any, ordered: bool = False) -> Any:
        sent.append(request)
        return send(request, ordered=ordered)

    client._sender.send = noted  # type: ignore[method-assign] # watched for a while
    return sent


async def test_after_a_reconnection_only_the_first_request_names_our_layer(
    stage: Stage,
) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    sent = sent_by(client)
    await client.get_me()
    assert not isinstance(sent.pop(), functions.InvokeWithLayerRequest)
    stage.faults.drop()
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    first, *others = [request for request in sent if not isinstance(request, functions.PingRequest)]
    assert isinstance(first, functions.InvokeWithLayerRequest)
    assert isinstance(first.query, functions.InitConnectionRequest)
    assert first.query.api_id == client.api_id
    assert isinstance(first.query.query, functions.updates.GetDifferenceRequest)
    assert not [request for request in others if isinstance(request, functions.InvokeWithLayerRequest)]


async def test_a_request_refused_with_connection_not_inited_is_sent_again_with_our_layer(
    stage: Stage,
) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    sent = sent_by(client)
    stage.faults.fail("messages.sendMessage", 400, "CONNECTION_NOT_INITED")
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    assert stage.heard(ann) == ["you said hello"]
    refused, introduced = sent
    assert isinstance(refused, functions.messages.SendMessageRequest)
    assert isinstance(introduced, functions.InvokeWithLayerRequest)
    assert introduced.query.query is refused
    assert client.handler_errors == 0


# ---- uvloop ----------------------------------------------------------------------------------------


def test_a_transport_that_uvloop_has_closed_is_a_lost_connection() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def send_too_late() -> BaseException | None:
        listener = Listener(swallows)
        server = await asyncio.start_server(listener, "127.0.0.1", 0)
        link = BotConnection("127.0.0.1", server.sockets[0].getsockname()[1])
        await link.connect(timeout=PATIENCE)
        await link.disconnect()
        error: BaseException | None = None
        try:
            link.write(bytes(4))
        except Exception as raised:
            error = raised
        await link.disconnect()
        await listener.left.wait()
        server.close()
        await server.wait_closed()
        return error

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert isinstance(runner.run(send_too_late()), ConnectionResetError)


# ---- the clock that counts while the link is up ----------------------------------------


class Hands:
    """A clock to set by hand, in the place of the module `time`."""

    def __init__(self) -> None:
        self.steady = 50.0

    def monotonic(self) -> float:
        return self.steady

    def pass_(self, seconds: float) -> None:
        self.steady += seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    made = Hands()
    monkeypatch.setattr(wire, "time", made)
    return made


def test_the_up_clock_stands_still_while_the_link_is_down(hands: Hands) -> None:
    up = UpClock()
    hands.pass_(5)
    assert (up(), up.running) == (0.0, False)
    up.start()
    up.start()
    hands.pass_(5)
    assert (up(), up.running) == (5.0, True)
    up.stop()
    up.stop()
    hands.pass_(5)
    up.start()
    hands.pass_(2)
    assert up() == 7.0
