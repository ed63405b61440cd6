"""Faults of calls: refused, never answered, unreadable or huge answers."""

import asyncio
import contextlib
import math
import struct
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telethon.errors import BadRequestError, FloodWaitError, PeerIdInvalidError, TypeNotFoundError
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tests.sandbox.conftest import PlainBot, plain_client
from tests.sandbox.listener import Listener
from tests.sandbox.rawclient import SELF, layered, raw
from tgbot.sandbox.faults import Damage, Timestamp
from tgbot.sandbox.faults.damage import UNKNOWN_ID
from tgbot.sandbox.server import Sandbox

Clients = Callable[..., Awaitable[Any]]
NEAREST = functions.help.GetNearestDcRequest()
CONTAINER = 0x73F1F8DC


async def test_a_call_that_is_never_answered_leaves_the_link_alive(
    sandbox: Sandbox, listener: Listener
) -> None:
    sandbox.faults.silence("help.getNearestDc", times=2, account=listener.bot_id)
    async with raw(sandbox, listener.bot) as session:
        unanswered = session.send(layered(NEAREST))
        pinged = session.send(functions.PingRequest(5), content=False)
        other = session.send(functions.users.GetUsersRequest([SELF]))
        pongs, results = [], []
        while other not in results:
            for _, body in await session.receive():
                if body[:4] == struct.pack("<I", types.Pong.CONSTRUCTOR_ID):
                    pongs.append(struct.unpack_from("<q", body, 4)[0])
                elif body[:4] == struct.pack("<I", 0xF35C6D01):
                    results.append(struct.unpack_from("<q", body, 4)[0])
        assert pongs == [pinged]
        assert results == [other]
        session.send(NEAREST)
        answered = session.send(NEAREST)
        assert (await session.result(answered)).this_dc == sandbox.dc_id
        assert unanswered < answered


async def test_silence_lasts_until_it_is_lifted_and_is_for_one_account(
    sandbox: Sandbox, listener: Listener, plain_bot: PlainBot
) -> None:
    other = await plain_bot(sandbox.new_bot("other_bot").token)
    sandbox.faults.silence("help.getNearestDc", seconds=math.inf, account=listener.bot_id)
    calls = [asyncio.ensure_future(listener.bot(NEAREST)) for _ in range(3)]
    assert (await other(NEAREST)).this_dc == sandbox.dc_id
    assert await listener.bot(functions.users.GetUsersRequest([SELF]))
    assert not any(call.done() for call in calls)
    sandbox.faults.lift("help.getNearestDc", account=listener.bot_id)
    assert (await listener.bot(NEAREST)).this_dc == sandbox.dc_id
    assert not any(call.done() for call in calls)
    for call in calls:
        call.cancel()


async def test_a_difference_that_could_not_be_read_may_also_never_be_answered(
    sandbox: Sandbox, listener: Listener
) -> None:
    sandbox.faults.garble_log(listener.bot_id)
    sandbox.faults.silence("updates.getDifference", account=listener.bot_id)
    async with raw(sandbox, listener.bot) as session:
        session.send(layered(functions.updates.GetDifferenceRequest(pts=1, date=None, qts=0)))
        assert (await session.result(session.send(NEAREST))).this_dc == sandbox.dc_id


async def test_a_silent_call_can_be_carried_out(sandbox: Sandbox, listener: Listener) -> None:
    listener.write("/start")
    sandbox.faults.silence("messages.sendMessage", after=True)
    sandbox.faults.silence("messages.sendMessage")
    peer = types.InputPeerUser(listener.ann, 0)
    calls = [
        asyncio.ensure_future(
            listener.bot(functions.messages.SendMessageRequest(peer, text, random_id=number))
        )
        for number, text in enumerate(("done", "not done"), 1)
    ]
    while sandbox.calls["messages.sendMessage"] < 2:  # noqa: ASYNC110  # the server has no event for it
        await asyncio.sleep(0.001)
    assert [copy.post.text for copy in sandbox.world.accounts[listener.ann].box] == ["/start", "done"]
    for call in calls:
        call.cancel()


@pytest.mark.parametrize("code", [16, 17, 20, 32, 33, 64])
async def test_the_next_calls_are_refused_with_a_bad_msg_notification(
    sandbox: Sandbox, listener: Listener, code: int
) -> None:
    sandbox.faults.bad_msg(code, times=2, account=listener.bot_id)
    async with raw(sandbox, listener.bot) as session:
        for _ in range(2):
            refused = session.send(layered(NEAREST))
            told = await session.until(types.BadMsgNotification)
            assert (told.bad_msg_id, told.error_code) == (refused, code)
        again = session.send(layered(NEAREST))
        assert (await session.result(again)).this_dc == sandbox.dc_id


async def test_telethon_repeats_a_call_with_a_bad_clock_or_sequence(
    sandbox: Sandbox, listener: Listener
) -> None:
    for code in (16, 32):
        sandbox.faults.bad_msg(code, "help.getNearestDc")
        async with asyncio.timeout(PATIENCE):
            assert (await listener.bot(NEAREST)).this_dc == sandbox.dc_id
    assert sandbox.calls["help.getNearestDc"] == 4


async def test_a_bad_server_salt_on_demand_tells_the_valid_salt(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.bad_salt()
    async with raw(sandbox, listener.bot) as session:
        refused = session.send(layered(NEAREST))
        told = await session.until(types.BadServerSalt)
        assert (told.bad_msg_id, told.error_code) == (refused, 48)
        assert told.new_server_salt == listener.bot._sender._state.salt
    sandbox.faults.bad_salt("help.getNearestDc", account=listener.bot_id)
    assert (await listener.bot(NEAREST)).this_dc == sandbox.dc_id
    assert sandbox.calls["help.getNearestDc"] == 3


@pytest.mark.parametrize("damage", [Damage.UNKNOWN, Damage.CUT])
async def test_an_answer_can_be_unreadable(sandbox: Sandbox, listener: Listener, damage: Damage) -> None:
    sandbox.faults.garble_answers("help.getConfig", damage, account=listener.bot_id)
    with pytest.raises((TypeNotFoundError, struct.error, BufferError)) as error:
        await listener.bot(functions.help.GetConfigRequest())
    assert isinstance(error.value, TypeNotFoundError) == (damage is Damage.UNKNOWN)
    if damage is Damage.UNKNOWN:
        assert error.value.invalid_constructor_id == UNKNOWN_ID
    assert (await listener.bot(functions.help.GetConfigRequest())).this_dc == sandbox.dc_id


async def test_an_answer_can_be_of_a_wrong_type(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.garble_answers("help.getConfig", Damage.WRONG)
    assert type(await listener.bot(functions.help.GetConfigRequest())) is types.InputPeerEmpty
    assert (await listener.bot(functions.help.GetConfigRequest())).this_dc == sandbox.dc_id


async def test_a_fault_of_calls_can_be_about_one_peer_only(sandbox: Sandbox, listener: Listener) -> None:
    ben = sandbox.world.new_user("Ben").id
    group = sandbox.world.new_group("Group", listener.ann, listener.bot_id)
    for person in (listener.ann, ben):
        sandbox.world.send_as(person, listener.bot_id, "/start")

    async def send(peer: Any) -> Any:
        text, number = "x", sandbox.calls["messages.sendMessage"]
        return await listener.bot(functions.messages.SendMessageRequest(peer, text, random_id=number))

    ann, others = types.InputPeerUser(listener.ann, 0), types.InputPeerUser(ben, 0)
    sandbox.faults.fail("messages.sendMessage", 400, "NONSENSE", times=2, peer=listener.ann)
    sandbox.faults.garble_answers("messages.sendMessage", Damage.WRONG, peer=group.marked)
    assert type(await send(others)) is not types.InputPeerEmpty
    for _ in range(2):
        with pytest.raises(BadRequestError, match="NONSENSE"):
            await send(ann)
    assert type(await send(ann)) is not types.InputPeerEmpty
    assert type(await send(types.InputPeerChat(group.id))) is types.InputPeerEmpty


async def test_an_error_stays_readable(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.garble_answers("messages.sendMessage")
    with pytest.raises(PeerIdInvalidError):
        await listener.bot(functions.messages.SendMessageRequest(types.InputPeerUser(1, 1), "x", random_id=1))


async def test_a_bomb_is_small_on_the_wire_and_large_unpacked(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.bomb("help.getNearestDc", 4)
    async with raw(sandbox, listener.bot) as session:
        call = session.send(layered(NEAREST))
        body = b""
        while body[:12] != struct.pack("<Iq", 0xF35C6D01, call):
            body = next((b for _, b in await session.receive() if len(b) > 4096), b"")
        assert body[12:16] == struct.pack("<I", 0x3072CFA1)
        assert len(body) < 64 * 1024
    sandbox.faults.bomb("help.getNearestDc", 4)
    tracemalloc.start()
    try:
        # Telethon unpacks all of it and reads the true answer before the zeros.
        assert (await listener.bot(NEAREST)).this_dc == sandbox.dc_id
        assert tracemalloc.get_traced_memory()[1] > 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("megabytes", [0, 101])
def test_a_bomb_has_a_limit(sandbox: Sandbox, megabytes: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 100"):
        sandbox.faults.bomb("help.getConfig", megabytes)


def test_a_bad_msg_notification_needs_a_code(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="above 0"):
        sandbox.faults.bad_msg(0)


LOGIN = {
    "auth.importBotAuthorization": None,
    "users.getUsers": functions.users.GetUsersRequest([SELF]),
    "updates.getState": functions.updates.GetStateRequest(),
    "help.getConfig": functions.help.GetConfigRequest(),
}


@pytest.mark.parametrize("method", LOGIN)
@pytest.mark.parametrize(("code", "name"), [(420, "FLOOD_WAIT_1200"), (500, "INTERNAL"), (-503, "Timeout")])
async def test_each_call_of_a_login_can_fail_for_a_number_of_calls(
    sandbox: Sandbox, listener: Listener, method: str, code: int, name: str
) -> None:
    sandbox.faults.fail(method, code, name)
    token = sandbox.new_bot("late_bot").token
    request = LOGIN[method] or functions.auth.ImportBotAuthorizationRequest(0, 1, "hash", token)
    # Telethon would repeat the call by itself.
    async with raw(sandbox, listener.bot) as session:
        answer = await session.result(session.send(layered(request)))
        assert isinstance(answer, types.RpcError)
        assert (answer.error_code, answer.error_message) == (code, name)
        answer = await session.result(session.send(request))
        assert not isinstance(answer, types.RpcError)


async def test_a_first_call_that_fails_still_tells_the_layer(sandbox: Sandbox, clients: Clients) -> None:
    client = plain_client(sandbox, flood_sleep_threshold=0)
    sandbox.faults.fail("help.getConfig", 420, "FLOOD_WAIT_5")
    with pytest.raises(FloodWaitError):
        await client.connect()
    with contextlib.suppress(ConnectionError):
        assert (await client._sender.send(NEAREST)).this_dc == sandbox.dc_id
    await client.disconnect()


async def test_a_failure_can_last_for_a_time(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.fail("help.getNearestDc", -503, "Timeout", seconds=60)
    async with raw(sandbox, listener.bot) as session:
        for ahead in (0, 0, 20):
            sandbox.faults.set_clock(ahead)
            answer = await session.result(session.send(layered(NEAREST)))
            assert (answer.error_code, answer.error_message) == (-503, "Timeout")
        sandbox.faults.set_clock(61)
        assert (await session.result(session.send(layered(NEAREST)))).this_dc == sandbox.dc_id


@pytest.mark.parametrize("kind", [Timestamp.OUTDATED, Timestamp.INVALID, Timestamp.EMPTY])
async def test_a_difference_can_answer_that_its_timestamp_is_wrong(
    sandbox: Sandbox, listener: Listener, kind: Timestamp
) -> None:
    world, bot = sandbox.world, listener.bot_id
    one, two = (world.new_channel(title, creator=bot) for title in ("One", "Two"))
    state = await listener.bot(functions.updates.GetStateRequest())
    account = functions.updates.GetDifferenceRequest(state.pts, state.date, state.qts)

    def of(chat: Any) -> Any:
        channel = types.InputChannel(chat.id, 0)
        whole = types.ChannelMessagesFilterEmpty()
        return functions.updates.GetChannelDifferenceRequest(channel, whole, chat.log.pts, 10)

    async def answer(request: Any) -> Any:
        return await session.result(session.send(layered(request)))

    async with raw(sandbox, listener.bot) as session:
        for peer, request, other in ((bot, account, of(one)), (one.marked, of(one), of(two))):
            sandbox.faults.timestamp(kind, peer)
            assert not isinstance(await answer(other), types.RpcError)
            failed = await answer(request)
            assert failed.error_message == f"PERSISTENT_TIMESTAMP_{kind.name}"
            assert failed.error_code == (500 if kind is Timestamp.OUTDATED else 400)
            assert not isinstance(await answer(request), types.RpcError)
        sandbox.faults.timestamp(kind, times=2)
        for request in (account, account, of(one), of(two)):
            assert isinstance(await answer(request), types.RpcError)
