"""The parts that have no socket: whatever they are given, only the errors that they promise come out."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from telethon.crypto import AuthKey
from telethon.errors import InvalidBufferError, InvalidChecksumError, SecurityError
from telethon.extensions import BinaryReader
from telethon.tl import functions, types

from tests.fuzz import packets
from tgbot.core.clock import ServerClock
from tgbot.sandbox.authkey import AuthKey as ServerKey
from tgbot.store.base import UpdateState
from tgbot.telegram.updates.log import Log
from tgbot.telegram.wire.connection import MAX_PACKET, BotConnection
from tgbot.telegram.wire.link import LinkState
from tgbot.telegram.wire.messages import ClockMovedError, Messages
from tgbot.telegram.wire.reading import answers, messages_in, read_answer
from tgbot.telegram.wire.sender import BotSender

KEY = bytes(range(256))
SERVER = ServerKey(KEY, 1, 0.0)
#: A time of this century.
NOW = 1_800_000_000


def framed(payload: bytes, number: int = 0) -> bytes:
    """Return a frame of the full transport."""
    from zlib import crc32

    head = struct.pack("<ii", len(payload) + 12, number) + payload
    return head + crc32(head).to_bytes(4, "little")


def sealed(session: int, msg_id: int, body: bytes, *, length: int | None = None) -> bytes:
    """Return the packet of a message as the server seals it; `length` is what it says of itself."""
    plain = struct.pack("<qqqii", 1, session, msg_id, 1, len(body) if length is None else length) + body
    return SERVER.encrypt(plain, os.urandom(-(len(plain) + 12) % 16 + 12))


# ---- frames ------------------------------------------------------------------------------------------

frames = st.lists(
    st.one_of(
        st.builds(framed, st.binary(max_size=80)),
        packets.damaged(st.builds(framed, st.binary(max_size=80))),
        st.binary(max_size=40),
        st.builds(
            lambda size, rest: struct.pack("<i", size) + rest,
            st.sampled_from([-(2**31), -404, -1, 0, 4, 12, 13, MAX_PACKET, MAX_PACKET + 1, 2**31 - 1]),
            st.binary(max_size=40),
        ),
    ),
    max_size=6,
)


def check_frames(pieces: list[bytes], cuts: list[int]) -> None:
    """Feed a connection with bytes cut anywhere: the same packets come out, and one error at most."""
    data = b"".join(pieces)

    def fed(chunks: list[bytes]) -> tuple[list[bytes], list[str]]:
        connection = BotConnection("nowhere", 1)
        taken: list[bytes] = []
        ended: list[Exception] = []
        connection.listen(taken.append, ended.append, lambda: None)
        for chunk in chunks:
            connection.data_received(chunk)
        for error in ended:
            assert type(error) in (InvalidBufferError, InvalidChecksumError), repr(error)
        return taken, [type(error).__name__ for error in ended]

    at = sorted({cut % (len(data) + 1) for cut in cuts})
    chunks = [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]
    whole = fed([data])
    assert fed(chunks) == whole
    assert fed([bytes([byte]) for byte in data]) == whole
    assert len(whole[1]) <= 1


# ---- packets of a session ----------------------------------------------------------------------------


def check_session(drawn: list[tuple[int, bytes, int]]) -> None:
    """Open packets with the right key: each is a message, or one of the errors that `open` promises."""
    messages = Messages(AuthKey(KEY), wall=lambda: NOW, monotonic=lambda: 1000.0)
    for msg_id, body, kind in drawn:
        session = messages.id if kind else kind
        length = {2: -1, 3: 2**31 - 1, 4: len(body) + 4, 5: max(0, len(body) - 1100)}.get(kind)
        packet = sealed(session, msg_id, body, length=length)
        if kind == 6:
            packet = packet[: len(packet) // 2]
        try:
            opened = messages.open(packet)
        except (SecurityError, InvalidBufferError, ClockMovedError):
            continue
        if opened is not None:
            assert opened[0] == msg_id
            assert opened[1][: len(body)] == body[: len(opened[1])]  # what is longer begins the padding
    # Whatever the server's clock said, what we send has an id that fits.
    messages.pack(b"data", [], {})


sessions = st.lists(
    st.tuples(
        st.one_of(packets.ids, st.integers(-400, 40).map(lambda ahead: (NOW + ahead) << 32 | 1)),
        st.binary(max_size=1200),
        st.integers(0, 9),
    ),
    max_size=8,
)


# ---- what is read ------------------------------------------------------------------------------------


def check_reading(body: bytes) -> None:
    """Cut a message into messages: nothing is raised."""
    messages, _ = messages_in(1, body)
    for _, inner in messages:
        assert len(inner) <= len(body) or packets.GZIP in body


def check_answer(number: int, body: bytes) -> None:
    """Read a body as the answer to a request: an answer of the right type comes out, or any error."""
    request = packets.REQUESTS[number % len(packets.REQUESTS)]
    try:
        result = read_answer(request, body)
    except Exception:  # whatever Telethon's readers raise
        return
    assert answers(request, result)


def check_log(bodies: list[bytes]) -> None:
    """Give a log anything that can be read: it raises an error, and keeps its state, or goes on in order."""
    log = Log(ServerClock(wall=lambda: NOW, monotonic=lambda: 0.0))
    log.load(UpdateState(10, 5, NOW, 1), 0.0)
    now = 0.0
    for body in bodies:
        try:
            thing = BinaryReader(body).tgread_object()
        except Exception:  # it cannot be read: see check_reading
            continue
        now += 0.1
        before = log.mark()
        try:
            log.take(thing, now)
        except Exception:
            log.roll_back(before)
            assert log.mark() == before
        log.expire(now)
        mark = log.mark()
        assert 0 <= mark.pts < 2**31
        assert 0 <= mark.qts < 2**31
        assert mark.pts >= before.pts


# ---- the sender --------------------------------------------------------------------------------------


class Bench:
    """A sender without a socket: packets are put into it, and what it would send is read."""

    def __init__(self) -> None:
        self.ended = 0
        state = LinkState()

        async def no_key(key: AuthKey) -> None:
            raise AssertionError("nothing connects here")

        self.sender = BotSender(
            AuthKey(KEY),
            state=state,
            server_time=ServerClock(wall=time.time, monotonic=time.monotonic),
            updates=lambda updates: None,
            missed=lambda: None,
            reconnected=lambda: None,
            key_made=no_key,
        )
        self.sender._connected = True
        self.sender._connection = BotConnection("nowhere", 1)
        self.sender.attempts.made()
        self.sender._end_link = self._note_end  # type: ignore[method-assign]
        self._messages = self.sender._messages
        self._last = 0

    def _note_end(self) -> None:
        self.ended += 1

    def feed(self, body: bytes) -> None:
        """Have a message arrive now, in order."""
        self._last = max(self._last + 4, int((time.monotonic() + self._messages._ahead) * 2**32) & ~3 | 1)
        self.sender._on_packet(sealed(self._messages.id, self._last, body))

    def sent(self) -> list[int]:
        """Pack what waits, as a link would; return the msg_ids of the requests that are open now."""
        while data := self.sender.outgoing.pack():
            self._messages.seal(data)
        return list(self.sender.outgoing.unanswered)

    def close(self) -> None:
        self.sender.outgoing.give_up(None)
        self.sender._connection = None


async def check_sender(drawn: list[tuple[bool, int, bytes]]) -> None:
    """Feed a sender: the link stays, and a request that is made afterwards is answered."""
    bench = Bench()
    open_ = [bench.sender.send(request) for request in packets.REQUESTS]
    for future in open_:
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        for as_answer, number, body in drawn:
            waiting = bench.sent()
            if as_answer and waiting:
                asked = struct.pack("<q", waiting[number % len(waiting)])
                body = packets.RPC_RESULT + asked + body
            bench.feed(body)
        assert bench.ended == 0, "the link was ended"
        answer = bench.sender.send(functions.users.GetUsersRequest([]))
        msg_id = bench.sent()[-1]
        right = bytes(types.User(7))
        bench.feed(packets.RPC_RESULT + struct.pack("<q", msg_id) + packets.VECTOR + b"\1\0\0\0" + right)
        assert answer.done(), "a request was not answered"
        [user] = answer.result()
        assert user.id == 7
        assert bench.ended == 0
    finally:
        bench.close()
        await asyncio.sleep(0)


senders = st.lists(st.tuples(st.booleans(), st.integers(0, 9), packets.bodies), max_size=6)


def run_sender(drawn: list[tuple[bool, int, bytes]]) -> None:
    asyncio.run(check_sender(drawn))


#: Each target: its name, what is drawn for it, and the check.
TARGETS: dict[str, tuple[tuple[st.SearchStrategy[Any], ...], Callable[..., None]]] = {
    "frames": ((frames, st.lists(st.integers(0, 2**16), max_size=6)), check_frames),
    "sessions": ((sessions,), check_session),
    "reading": ((packets.bodies,), check_reading),
    "answers": ((st.integers(0, 5), packets.answers), check_answer),
    "log": ((st.lists(packets.one, max_size=8),), check_log),
    "sender": ((senders,), run_sender),
}
