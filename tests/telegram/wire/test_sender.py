"""What a sender puts into a packet, and what it does with messages of the protocol itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon.crypto import AuthKey
from telethon.extensions import BinaryReader
from telethon.tl import functions, types

from tgbot.core.clock import ServerClock
from tgbot.telegram.calls.packed import Form
from tgbot.telegram.wire.link import LinkState
from tgbot.telegram.wire.reading import messages_in
from tgbot.telegram.wire.sender import BotSender


async def no_key(key: AuthKey) -> None:
    raise AssertionError("nothing connects here")


class Bench:
    """A sender that is not connected: its packets are read, and messages are put into it."""

    def __init__(self) -> None:
        self.missed = 0
        self.taken: list[Any] = []
        self.state = LinkState()
        self.sender = BotSender(
            AuthKey(bytes(range(256))),
            state=self.state,
            server_time=ServerClock(wall=time.time, monotonic=time.monotonic),
            updates=self.taken.append,
            missed=self._miss,
            reconnected=lambda: None,
            key_made=no_key,
        )
        self.sender._connected = True
        self.sender.attempts.made()

    def _miss(self) -> None:
        self.missed += 1

    def packed(self) -> list[Any]:
        """Return what the next packet holds."""
        data = self.sender.outgoing.pack()
        bodies = [body for _, body in messages_in(0, data[16:])[0]] if data else []
        return [BinaryReader(body).tgread_object() for body in bodies]

    def take(self, thing: Any, msg_id: int = 1) -> None:
        self.sender._take(msg_id, bytes(thing))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for sent in (*made.sender.outgoing._queue, *made.sender.outgoing.unanswered.values()):
        sent.future.cancel()


async def test_requests_leave_together_in_order_and_no_more_than_a_hundred(bench: Bench) -> None:
    for number in range(250):
        bench.sender.send(functions.PingRequest(number))
    sent = [bench.packed() for _ in range(4)]
    assert [len(packet) for packet in sent] == [100, 100, 50, 0]
    assert [ping.ping_id for packet in sent for ping in packet] == list(range(250))
    ids = list(bench.sender.outgoing.unanswered)
    assert ids == sorted(set(ids))


async def test_acknowledgements_go_along_with_a_request(bench: Bench) -> None:
    bench.sender.outgoing.acks = {3, 5}
    bench.sender.send(functions.PingRequest(1))
    acks, ping = bench.packed()
    assert sorted(acks.msg_ids) == [3, 5]
    assert ping.ping_id == 1
    assert not bench.sender.outgoing.acks


async def test_a_request_that_no_packet_holds_fails_alone(bench: Bench) -> None:
    large = functions.upload.SaveFilePartRequest(1, 1, bytes(2_000_000))
    failing, fine = bench.sender.send(large), bench.sender.send(functions.PingRequest(1))
    assert [ping.ping_id for ping in bench.packed()] == [1]
    with pytest.raises(ValueError, match="too big"):
        await failing
    fine.cancel()


async def test_a_long_request_is_compressed_unless_many_are_sent_it(bench: Bench) -> None:
    request = functions.messages.SendMessageRequest(types.InputPeerUser(7, 1), "word " * 400, random_id=5)
    bench.sender.send(request)
    bench.sender.send(send := Form(request).to(7, 1, [5]))
    compressed, plain = (sent.data for sent in bench.sender.outgoing._queue)
    assert len(compressed) < 200
    assert plain == bytes(send)


async def test_a_request_whose_asker_gave_up_is_not_sent(bench: Bench) -> None:
    bench.sender.send(functions.PingRequest(1)).cancel()
    bench.sender.send(functions.PingRequest(2))
    assert [ping.ping_id for ping in bench.packed()] == [2]


@pytest.mark.parametrize("info", [types.MsgDetailedInfo(1, 77, 10, 0), types.MsgNewDetailedInfo(77, 10, 0)])
async def test_an_answer_that_is_only_announced_is_asked_for(bench: Bench, info: Any) -> None:
    bench.take(info)
    assert [request.msg_ids for request in bench.packed()] == [[77]]


async def test_a_server_that_asks_for_states_is_answered(bench: Bench) -> None:
    bench.take(types.MsgsStateReq([1, 2, 3]), 9)
    [told] = bench.packed()
    assert (told.req_msg_id, told.info) == (9, "\1\1\1")


async def test_a_session_that_the_server_lost_is_followed_by_a_difference(bench: Bench) -> None:
    new = types.NewSessionCreated(1, 2, 3)
    bench.take(new)
    assert bench.missed == 0  # the session of a fresh link
    bench.take(new)
    assert bench.missed == 1


async def test_a_container_that_is_refused_is_sent_again_as_a_whole(bench: Bench) -> None:
    futures = [bench.sender.send(functions.PingRequest(number)) for number in range(3)]
    bench.packed()
    [container] = {sent.container_id for sent in bench.sender.outgoing.unanswered.values()}
    bench.take(types.BadMsgNotification(container, 0, 64))
    assert [ping.ping_id for ping in bench.packed()] == [0, 1, 2]
    assert not any(future.done() for future in futures)
    assert bench.missed == 0


@pytest.mark.parametrize(
    "thing",
    [
        types.MsgsAck([1]),
        types.FutureSalts(1, 1, []),
        types.DestroySessionNone(1),
        types.MsgsAllInfo([1], b""),
    ],
    ids=lambda thing: type(thing).__name__,
)
async def test_what_asks_for_nothing_changes_nothing(bench: Bench, thing: Any) -> None:
    bench.take(thing)
    assert (bench.missed, bench.state.unreadable, list(bench.sender.outgoing._queue)) == (0, 0, [])


@pytest.mark.parametrize("thing", [types.InputPeerEmpty(), types.User(1)])
async def test_what_has_no_place_on_the_wire_is_counted_and_followed_by_a_difference(
    bench: Bench, thing: Any
) -> None:
    bench.take(thing)
    assert (bench.missed, bench.state.unreadable) == (1, 1)


async def test_without_a_connection_nothing_can_be_sent(bench: Bench) -> None:
    bench.sender._connected = False
    with pytest.raises(ConnectionError):
        bench.sender.send(functions.PingRequest(1))


async def test_an_answer_to_nobody_is_ignored(bench: Bench) -> None:
    future = bench.sender.send(functions.PingRequest(1))
    bench.packed()
    bench.take(types.Pong(12345, 1))
    assert not future.done()
    [msg_id] = bench.sender.outgoing.unanswered
    bench.take(types.Pong(msg_id, 1))
    async with asyncio.timeout(1):
        assert (await future).ping_id == 1


async def test_a_pong_answers_pings_only(bench: Bench) -> None:
    future = bench.sender.send(functions.users.GetUsersRequest([]))
    bench.packed()
    [msg_id] = bench.sender.outgoing.unanswered
    bench.take(types.Pong(msg_id, 1))
    assert not future.done()
    assert list(bench.sender.outgoing.unanswered) == [msg_id]
    assert bench.state.unreadable == 1


async def test_a_server_that_asks_for_more_states_than_it_may_is_not_answered(bench: Bench) -> None:
    bench.take(types.MsgsStateReq([1] * 8193))
    assert bench.packed() == []
    assert bench.state.unreadable == 1


@pytest.mark.parametrize("msg_id", [0, 2**63 - 1, -1])
async def test_the_time_is_that_of_the_packet_and_not_of_a_message_in_it(bench: Bench, msg_id: int) -> None:
    bench.sender._messages._highest = (1_800_000_000 * 2**32) | 1
    bench.sender.send(functions.PingRequest(1))
    bench.packed()
    [asked] = bench.sender.outgoing.unanswered
    bench.take(types.BadMsgNotification(asked, 0, 16), msg_id)
    bench.packed()
    [again] = bench.sender.outgoing.unanswered
    assert again >> 32 == 1_800_000_000
