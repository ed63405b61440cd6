"""Each fault of the sandbox as a plain Telethon client sees it, and the typed commands."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telethon import events
from telethon.errors import FloodWaitError, UserIsBlockedError
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tgbot.sandbox.server import Sandbox, SandboxError
from tgbot.sandbox.world import World

from .conftest import PlainBot, plain_client, server_key
from .listener import Listener

Clients = Callable[..., Awaitable[Any]]


# Calls.


async def test_the_next_calls_of_a_method_fail_as_told_and_are_not_carried_out(
    sandbox: Sandbox, listener: Listener
) -> None:
    listener.write("/start")
    listener.bot.flood_sleep_threshold = 0
    sandbox.faults.fail("messages.sendMessage", 420, "FLOOD_WAIT_7")
    sandbox.faults.fail("messages.sendMessage", 403, "USER_IS_BLOCKED")
    peer = types.InputPeerUser(listener.ann, 0)
    with pytest.raises(FloodWaitError) as flood:
        await listener.bot(functions.messages.SendMessageRequest(peer, "one", random_id=1))
    assert flood.value.seconds == 7
    listener.bot._flood_waited_requests.clear()
    with pytest.raises(UserIsBlockedError):
        await listener.bot(functions.messages.SendMessageRequest(peer, "two", random_id=2))
    await listener.bot(functions.messages.SendMessageRequest(peer, "three", random_id=3))
    assert [copy.post.text for copy in sandbox.world.accounts[listener.ann].box] == ["/start", "three"]


async def test_a_call_can_be_carried_out_and_still_answer_an_error(
    sandbox: Sandbox, listener: Listener
) -> None:
    listener.write("/start")
    sandbox.faults.fail("messages.sendMessage", 403, "USER_IS_BLOCKED", after=True)
    peer = types.InputPeerUser(listener.ann, 0)
    with pytest.raises(UserIsBlockedError):
        await listener.bot(functions.messages.SendMessageRequest(peer, "sent", random_id=1))
    assert [copy.post.text for copy in sandbox.world.accounts[listener.ann].box] == ["/start", "sent"]


async def test_a_failure_for_one_account_spares_the_others(
    sandbox: Sandbox, listener: Listener, plain_bot: PlainBot
) -> None:
    other = sandbox.new_bot("other_bot")
    client = await plain_bot(other.token)
    sandbox.faults.fail("users.getUsers", 403, "USER_IS_BLOCKED", account=listener.bot_id, times=2)
    assert await client(functions.users.GetUsersRequest([types.InputUserSelf()]))
    for _ in range(2):
        with pytest.raises(UserIsBlockedError):
            await listener.bot(functions.users.GetUsersRequest([types.InputUserSelf()]))
    assert await listener.bot(functions.users.GetUsersRequest([types.InputUserSelf()]))


async def test_a_lost_answer_means_done_but_cut_off(sandbox: Sandbox, listener: Listener) -> None:
    listener.write("/start")
    sandbox.faults.lose_answer("messages.sendMessage")
    peer = types.InputPeerUser(listener.ann, 0)
    async with asyncio.timeout(PATIENCE):
        # Telethon connects again and repeats the call by itself.
        answer = await listener.bot(functions.messages.SendMessageRequest(peer, "once", random_id=1))
    assert sandbox.calls["messages.sendMessage"] == 2
    assert answer.updates[1].message.message == "once"
    assert [copy.post.text for copy in sandbox.world.accounts[listener.ann].box] == ["/start", "once"]


async def called(sandbox: Sandbox, method: str, times: int) -> None:
    """Wait until a method has been called this many times."""
    async with asyncio.timeout(PATIENCE):
        while sandbox.calls[method] < times:  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0.001)


async def test_a_delayed_answer_waits_and_later_updates_wait_behind_it(
    sandbox: Sandbox, listener: Listener
) -> None:
    listener.write("/start")
    await listener.until("/start")
    sandbox.faults.delay(600, "help.getNearestDc", account=listener.bot_id)
    call = asyncio.ensure_future(listener.bot(functions.help.GetNearestDcRequest()))
    await called(sandbox, "help.getNearestDc", 1)
    listener.write("later")
    await listener.bot(functions.users.GetUsersRequest([types.InputUserSelf()]))
    assert not call.done()
    assert listener.told == ["/start"]
    call.cancel()


async def test_a_delayed_answer_comes_and_the_updates_after_it(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.delay(0.01, "help.getNearestDc", account=listener.bot_id)
    call = asyncio.ensure_future(listener.bot(functions.help.GetNearestDcRequest()))
    await called(sandbox, "help.getNearestDc", 1)
    listener.write("later")
    assert (await call).this_dc == sandbox.dc_id
    await listener.until("later")


async def test_a_delay_is_for_one_method_and_one_account_until_it_is_0(sandbox: Sandbox) -> None:
    faults = sandbox.faults
    faults.delay(600, "help.getNearestDc", account=5)
    assert faults.plan("help.getConfig", 5) is None
    assert faults.plan("help.getNearestDc", 6) is None
    plan = faults.plan("help.getNearestDc", 5)
    assert plan is not None
    assert (plan.delay, plan.carried_out, plan.error) == (600, True, None)
    faults.delay(0, "help.getNearestDc", account=5)
    assert faults.plan("help.getNearestDc", 5) is None


# Updates.


async def test_withheld_updates_come_when_they_are_released(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.withhold(listener.bot_id)
    listener.write("one", "two")
    await listener.nothing_new()
    assert listener.told == []
    sandbox.faults.release(listener.bot_id)
    await listener.until("one", "two")
    sandbox.faults.withhold()
    listener.write("three")
    await listener.nothing_new()
    sandbox.faults.release()
    await listener.until("one", "two", "three")


async def test_own_messages_are_not_pushed_after_a_release(sandbox: Sandbox, listener: Listener) -> None:
    listener.write("one")
    await listener.until("one")
    sandbox.faults.withhold()
    listener.write("two")
    peer = types.InputPeerUser(listener.ann, 0)
    await listener.bot(functions.messages.SendMessageRequest(peer, "mine", random_id=1))
    listener.write("three")
    sandbox.faults.release()
    await listener.until("one", "two", "three")
    await listener.nothing_new()


async def test_reordered_updates_come_last_first(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.reorder(3)
    listener.write("one", "two")
    await listener.nothing_new()
    listener.write("three", "four")
    await listener.until("three", "two", "one", "four")


async def test_repeated_updates_come_twice(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.faults.repeat(2, listener.bot_id)
    listener.write("one", "two", "three")
    await listener.until("one", "one", "two", "two", "three")


async def test_lost_updates_are_only_in_the_difference(sandbox: Sandbox, listener: Listener) -> None:
    state = await listener.bot(functions.updates.GetStateRequest())
    sandbox.faults.lose(2)
    listener.write("one", "two", "three")
    await listener.until("three")
    difference = await listener.bot(functions.updates.GetDifferenceRequest(state.pts, state.date, state.qts))
    assert [message.message for message in difference.new_messages] == ["one", "two", "three"]


# Connections.


async def test_dropped_clients_come_back_and_miss_nothing(sandbox: Sandbox, listener: Listener) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def note(event: Any) -> None:
        await heard.put(event.raw_text)

    listener.bot.add_event_handler(note, events.NewMessage(incoming=True))
    listener.write("one")
    async with asyncio.timeout(PATIENCE):
        assert await heard.get() == "one"
    assert sandbox.faults.drop(listener.ann) == 0
    assert sandbox.faults.drop(listener.bot_id) == 1
    listener.write("two")
    async with asyncio.timeout(PATIENCE):
        assert (await listener.bot.get_me()).id == listener.bot_id
        await listener.bot.catch_up()
        assert await heard.get() == "two"


async def test_new_connections_are_refused_for_a_while_and_old_ones_stand(
    sandbox: Sandbox, listener: Listener
) -> None:
    sandbox.faults.refuse(60)
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    writer.close()
    await listener.bot(functions.help.GetNearestDcRequest())
    sandbox.faults.accept()
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
    writer.write(b"\xef\x14" + b"k" * 80)
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() != b""
    writer.close()


async def test_after_a_restart_clients_go_on_with_their_login(sandbox: Sandbox, listener: Listener) -> None:
    port = sandbox.port
    await sandbox.faults.restart()
    assert sandbox.port == port
    async with asyncio.timeout(PATIENCE):
        assert (await listener.bot.get_me()).id == listener.bot_id


# The world.


async def test_differences_can_be_cut_left_bare_and_too_long(sandbox: Sandbox, listener: Listener) -> None:
    state = await listener.bot(functions.updates.GetStateRequest())
    request = functions.updates.GetDifferenceRequest(state.pts, state.date, state.qts)
    listener.write("one", "two", "three")
    peer = types.InputPeerUser(listener.ann, 0)
    await listener.bot(functions.messages.SendMessageRequest(peer, "mine", random_id=77))

    def told_ids(difference: Any) -> list[int]:
        return [u.random_id for u in difference.other_updates if isinstance(u, types.UpdateMessageID)]

    assert told_ids(await listener.bot(request)) == [77]
    sandbox.faults.tell_message_ids(False)
    assert told_ids(await listener.bot(request)) == []
    sandbox.faults.slice_differences(2)
    part = await listener.bot(request)
    assert isinstance(part, types.updates.DifferenceSlice)
    assert [message.message for message in part.new_messages] == ["one", "two"]
    sandbox.faults.differences_too_long(True)
    assert isinstance(await listener.bot(request), types.updates.DifferenceTooLong)
    sandbox.faults.clear()
    whole = await listener.bot(request)
    assert isinstance(whole, types.updates.Difference)
    assert told_ids(whole) == [77]


async def test_clearing_takes_everything_back(sandbox: Sandbox, listener: Listener) -> None:
    faults = sandbox.faults
    faults.withhold()
    faults.refuse(60)
    faults.delay(60)
    faults.fail("help.getNearestDc", 400, "NO")
    faults.lose_answer("help.getNearestDc")
    faults.lose(1)
    faults.set_clock(5)
    listener.write("one")
    faults.clear()
    assert sandbox.world.clock_error == 0
    assert not faults.refusing
    await listener.bot(functions.help.GetNearestDcRequest())
    await listener.until("one")


@pytest.mark.parametrize("ahead", [20, -20])
async def test_dates_and_msg_ids_follow_a_clock_that_is_set(ahead: int) -> None:
    began = time.time()
    world = World(seed=1, now=lambda: began)
    async with Sandbox(seed=1, key=server_key(), world=world) as sandbox:
        bot = sandbox.new_bot("quiet_bot")
        client = plain_client(sandbox)
        await client.connect()
        try:
            await client.sign_in(bot_token=bot.token)
            listener = Listener(sandbox, client, bot.id)
            texts = []
            for error in (ahead, 0):
                await sandbox.command(f"clock {error}")
                texts.append(f"{error} s")
                listener.write(texts[-1])
                await listener.until(*texts)
                state = await client(functions.updates.GetStateRequest())
                assert int(state.date.timestamp()) == int(began + error)
        finally:
            await client.disconnect()
    assert [msg_id >> 32 for msg_id in listener.msg_ids] == [int(began + ahead), int(began)]


async def test_a_restart_says_so_when_its_port_is_gone(sandbox: Sandbox) -> None:
    await sandbox.stop()
    async with Sandbox(port=sandbox.port, key=sandbox.key):
        with pytest.raises(SandboxError, match="cannot listen"):
            await sandbox.start()
