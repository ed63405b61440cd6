"""What goes over the wire is recorded, if somebody wants to see it: by plain Telethon clients over TCP."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tgbot.sandbox import layers
from tgbot.sandbox.delivery import Link
from tgbot.sandbox.faults import Damage
from tgbot.sandbox.mtproto import MSG_CONTAINER
from tgbot.sandbox.records import SERVICE, Kind, Record
from tgbot.sandbox.rpc import Caller, Login
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.trace import Trace

from .conftest import PlainBot
from .listener import Listener


@pytest.fixture
def trace(sandbox: Sandbox) -> Trace:
    """Return a trace that records what goes over the sandbox's wire."""
    sandbox.trace = Trace(sandbox.world.now)
    return sandbox.trace


def calls(trace: Trace, kind: type) -> list[Record]:
    """Return the records of the calls of one method, without wrappers around it."""
    number = struct.pack("<I", kind.CONSTRUCTOR_ID)  # type: ignore[attr-defined]  # Telethon's classes
    return [each for each in trace.records() if each.kind is Kind.CALL and each.body[:4] == number]


def updates(trace: Trace) -> list[Record]:
    return [each for each in trace.records() if each.kind is Kind.UPDATE]


def texts(records: list[Record]) -> list[str]:
    return [update.message.message for each in records for update in layers.read(each.body).updates]


def service(trace: Trace) -> list[str]:
    return [
        SERVICE[int.from_bytes(each.body[:4], "little")]
        for each in trace.records()
        if each.kind is Kind.SERVICE
    ]


async def test_a_call_is_recorded_with_its_answer(trace: Trace, listener: Listener) -> None:
    request = functions.help.GetNearestDcRequest()
    await listener.bot(request)
    (call,) = calls(trace, functions.help.GetNearestDcRequest)
    answer = call.answer
    assert answer is not None
    assert (call.body, call.size, call.out, answer.out) == (bytes(request), 4, False, True)
    assert (call.account, answer.account, call.key) == (listener.bot_id, listener.bot_id, answer.key)
    assert isinstance(layers.read(answer.body[12:]), types.NearestDc)
    assert (answer.kind, answer.call, answer.took) == (Kind.ANSWER, call, call.took)
    assert call.took is not None
    assert call.took == answer.at - call.at > 0
    # Messages of clients have msg_ids that four divides, answers are 1 above; content has an odd seq_no.
    assert (call.msg_id % 4, answer.msg_id % 4, call.seq_no % 2, answer.seq_no % 2) == (0, 1, 1, 1)
    assert call.msg_id == int.from_bytes(answer.body[4:12], "little")


async def test_updates_and_service_messages_are_recorded(trace: Trace, listener: Listener) -> None:
    listener.write("one", "two")
    await listener.until("one", "two")
    assert texts(updates(trace)) == ["one", "two"]
    assert [each.msg_id for each in updates(trace)] == listener.msg_ids
    assert {each.account for each in updates(trace)} == {listener.bot_id}
    await listener.bot(functions.PingRequest(1))
    assert {"bad_server_salt", "new_session_created", "msgs_ack", "ping", "pong"} <= set(service(trace))


async def test_messages_in_containers_are_recorded_one_by_one(trace: Trace, listener: Listener) -> None:
    nearest, config = functions.help.GetNearestDcRequest(), functions.help.GetConfigRequest()
    await listener.bot([nearest, config, nearest])
    assert len(calls(trace, functions.help.GetNearestDcRequest)) == 2
    assert all(each.answer for each in calls(trace, functions.help.GetConfigRequest))


async def test_connections_and_key_exchanges_are_recorded(
    sandbox: Sandbox, trace: Trace, plain_bot: PlainBot
) -> None:
    client = await plain_bot(sandbox.new_bot("other_bot").token)
    key = (client.session.auth_key.key_id & (1 << 64) - 1).to_bytes(8, "little")
    made = [each for each in trace.records() if each.kind is Kind.EXCHANGE]
    assert [each.key for each in made] == [(key, 0)]
    closing = asyncio.Event()
    trace.heard = closing.set
    sandbox.drop()
    async with asyncio.timeout(PATIENCE):
        await closing.wait()
    opened, closed = [each.words for each in trace.records() if each.kind is Kind.CONNECTION][:2]
    await client.disconnect()
    assert opened.endswith("opened")
    assert closed.endswith("closed: fault or stop")


async def test_an_auth_key_that_is_refused_is_recorded(sandbox: Sandbox, trace: Trace) -> None:
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
    payload = b"unknown!" + bytes(32)
    writer.write(b"\xee" * 4 + struct.pack("<i", len(payload)) + payload)
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == struct.pack("<ii", 4, -404)
    writer.close()
    (refused,) = [each for each in trace.records() if each.kind is Kind.EXCHANGE]
    assert refused.key == (b"unknown!", 0)
    assert refused.words.endswith("-404, the server does not take this auth key")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda faults, method: faults.fail(method, 400, "CHAT_ID_INVALID"), "refused"),
        (
            lambda faults, method: faults.fail(method, 400, "CHAT_ID_INVALID", after=True),
            "an error instead of the answer",
        ),
        (lambda faults, method: faults.delay(0.01, method), "answer delayed by 0.01 s"),
    ],
)
async def test_what_a_fault_does_to_a_call_is_marked(
    sandbox: Sandbox,
    trace: Trace,
    listener: Listener,
    fault: Callable[[Any, str], None],
    told: str,
) -> None:
    fault(sandbox.faults, "help.getNearestDc")
    await asyncio.gather(listener.bot(functions.help.GetNearestDcRequest()), return_exceptions=True)
    (call,) = calls(trace, functions.help.GetNearestDcRequest)
    assert call.fault == told
    assert call.answer is not None
    assert call.answer.fault == told


async def test_a_call_without_an_answer_is_marked(sandbox: Sandbox, trace: Trace, listener: Listener) -> None:
    sandbox.faults.silence("help.getNearestDc")
    waiting = asyncio.ensure_future(listener.bot(functions.help.GetNearestDcRequest()))
    await listener.bot(functions.help.GetConfigRequest())
    (call,) = calls(trace, functions.help.GetNearestDcRequest)
    waiting.cancel()
    assert (call.fault, call.answer, call.took) == ("ignored", None, None)


@pytest.mark.parametrize(
    ("fault", "marks"),
    [
        (lambda faults: faults.repeat(1), {"sent twice by a fault": 2}),
        (lambda faults: faults.lose(1), {"not sent: lost or changed by a fault": 1}),
        (
            lambda faults: faults.garble(1, damage=Damage.UNKNOWN),
            {"not sent: lost or changed by a fault": 1, "changed or sent late by a fault": 1},
        ),
    ],
)
async def test_what_a_fault_does_to_an_update_is_marked(
    sandbox: Sandbox,
    trace: Trace,
    listener: Listener,
    fault: Callable[[Any], None],
    marks: dict[str, int],
) -> None:
    fault(sandbox.faults)
    logging.disable(logging.ERROR)  # Telethon logs what it cannot read
    try:
        listener.write("one", "two")
        await listener.bot(functions.help.GetNearestDcRequest())
    finally:
        logging.disable(logging.NOTSET)
    found: dict[str, int] = {}
    for each in updates(trace):
        if each.fault:
            found[each.fault] = found.get(each.fault, 0) + 1
            assert bool(each.msg_id) == ("not sent" not in each.fault)
    assert found == marks


async def test_updates_that_come_late_and_out_of_order_are_marked(
    sandbox: Sandbox, trace: Trace, listener: Listener
) -> None:
    sandbox.faults.reorder(2)
    listener.write("one")
    await listener.bot(functions.help.GetNearestDcRequest())
    assert [(each.fault, each.msg_id) for each in updates(trace)] == [("held back by a fault", 0)]
    listener.write("two")
    await listener.until("two", "one")
    sent = [each for each in updates(trace) if each.msg_id]
    assert texts(sent) == ["two", "one"]
    assert [each.fault for each in sent] == ["", "changed or sent late by a fault"]


async def test_nothing_is_recorded_unless_somebody_wants_it(
    sandbox: Sandbox, trace: Trace, listener: Listener
) -> None:
    sandbox.trace = None
    before = trace.last
    listener.write("one")
    await listener.until("one")
    sandbox.faults.lose(1)
    listener.write("two")
    await listener.nothing_new()
    assert (trace.last, sandbox.trace) == (before, None)


def link(account: int | None = 7) -> Any:
    return Link((b"12345678", 1), None, Caller(Login(account, layer=229)))  # type: ignore[arg-type]  # no session is needed


def packet(body: bytes, msg_id: int = 4) -> bytes:
    return struct.pack("<qqqii", 0, 0, msg_id, 1, len(body)) + body


def test_the_oldest_records_make_room() -> None:
    trace = Trace(lambda: 0.0, most=3, most_bytes=100)
    for number in range(5):
        trace.came(link(), packet(b"call", number * 4))
    assert [each.number for each in trace.records()] == [3, 4, 5]
    assert [each.number for each in trace.records(4)] == [5]
    assert trace.get(2) is None
    assert [found.number for number in (3, 5) if (found := trace.get(number))] == [3, 5]
    trace.came(link(), packet(bytes(range(1, 99)), 100))
    assert [each.number for each in trace.records()] == [6]
    assert trace.records(6) == trace.records(9) == []
    trace.clear()
    assert trace.records() == []
    trace.came(link(), packet(b"call", 200))
    assert [each.number for each in trace.records()] == [7]


def test_an_answer_whose_call_is_not_kept_any_more_stands_alone() -> None:
    trace = Trace(lambda: 0.0, most=1)
    here = link()
    trace.came(here, packet(b"call", 8))
    trace.came(here, packet(b"call", 12))
    trace.sends(here)(9, 1, struct.pack("<Iq", 0xF35C6D01, 8) + b"true")
    (answer,) = trace.records()
    assert (answer.kind, answer.call, answer.took) == (Kind.ANSWER, None, None)


def test_an_answer_that_is_sent_again_does_not_change_how_long_it_took() -> None:
    now = iter(range(100))
    trace = Trace(lambda: 0.0, monotonic=lambda: float(next(now)))
    here = link()
    trace.came(here, packet(b"call", 8))
    for _ in range(2):
        trace.sends(here)(9, 1, struct.pack("<Iq", 0xF35C6D01, 8) + b"true")
    call, answer, again = trace.records()
    assert (call.took, answer.took, again.took, call.answer) == (1.0, 1.0, None, answer)
    assert (again.call, again.words) == (call, "sent again")
    trace.came(here, packet(b"call", 8))
    assert trace.records()[-1].words == "sent again"


@pytest.mark.parametrize(
    ("plain", "sizes"),
    [
        (b"", []),
        (b"short", []),
        (struct.pack("<qqqii", 0, 0, 4, 1, -5) + bytes(64), []),
        (packet(struct.pack("<Ii", MSG_CONTAINER, 1000)), []),
        (packet(struct.pack("<Iiqii", MSG_CONTAINER, 1, 4, 1, -16)), []),  # would never end
        (packet(struct.pack("<Iiqii", MSG_CONTAINER, -1, 4, 1, 1 << 30) + b"more"), [4]),
    ],
)
def test_a_packet_that_is_no_mtproto_harms_nothing(plain: bytes, sizes: list[int]) -> None:
    trace = Trace(lambda: 0.0)
    trace.came(link(), plain)
    assert [each.size for each in trace.records()] == sizes


def test_a_record_shows_nothing_of_its_message() -> None:
    trace = Trace(lambda: 0.0)
    trace.came(link(), packet(b"7000000508:a-token-of-a-bot!"))
    assert "token" not in repr(trace.records()) + str(trace.records()[0])


async def test_a_reader_is_told_of_each_record(
    trace: Trace, listener: Listener, plain_bot: Callable[..., Awaitable[Any]]
) -> None:
    heard: list[int] = []
    trace.heard = lambda: heard.append(trace.last)
    before = trace.last
    await listener.bot(functions.help.GetNearestDcRequest())
    assert heard == list(range(before + 1, trace.last + 1))
