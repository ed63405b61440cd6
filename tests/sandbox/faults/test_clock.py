"""A server's clock that steps: every date, salt and msg_id follows it."""

import struct
import time
from typing import Any

import pytest
from telethon.extensions import BinaryReader
from telethon.tl import functions, types

from tests.sandbox.conftest import plain_client, server_key
from tests.sandbox.rawclient import SELF, RawClient, layered, raw
from tgbot.sandbox.faults import Timestamp
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.world import World

DAY = 24 * 60 * 60


class Timed:
    """A raw session whose clock is the server's, and the msg_ids that it got."""

    def __init__(self, session: RawClient, now: int) -> None:
        self.session, self.now = session, now
        self.msg_ids: list[int] = []
        self._last = now << 32

    def send(self, request: Any, *, content: bool = True) -> int:
        self._last += 4
        return self.session.send(request, content=content, msg_id=self._last)

    async def next(self, kind: int, at: int = 0) -> bytes:
        """Return the body of the next message that has this constructor at a place."""
        while True:
            messages = await self.session._open()
            self.msg_ids += [msg_id for msg_id, _ in messages]
            for _, body in messages:
                if body[at : at + 4] == struct.pack("<I", kind):
                    return body

    async def ask(self, request: Any) -> Any:
        call = self.send(request)
        body = await self.next(0xF35C6D01)
        assert struct.unpack_from("<q", body, 4)[0] == call
        return BinaryReader(body[12:]).tgread_object()


@pytest.mark.parametrize("step", [40 * DAY, 20, -20, -40 * DAY])
async def test_all_dates_and_msg_ids_follow_a_step_on_an_open_connection(step: int) -> None:
    began = time.time()
    world = World(seed=1, now=lambda: began)
    async with Sandbox(seed=1, key=server_key(), world=world) as sandbox:
        bot, ann = sandbox.new_bot("the_bot"), world.new_user("Ann")
        client = plain_client(sandbox)
        await client.connect()
        await client.sign_in(bot_token=bot.token)
        async with raw(sandbox, client) as before, raw(sandbox, client) as session:
            # The first call of a session, before the step.
            before.send(layered(functions.users.GetUsersRequest([SELF])))
            await before.receive()
            await client.disconnect()
            sandbox.faults.set_clock(step)
            now = int(began + step)
            open_before, timed = Timed(before, now), Timed(session, now)
            if abs(step) > 3600:
                timed.send(functions.updates.GetStateRequest())
                body = await timed.next(types.BadServerSalt.CONSTRUCTOR_ID)
                session.state.salt = BinaryReader(body).tgread_object().new_server_salt

            def dated(value: Any) -> bool:
                return int(value.timestamp()) == now

            assert dated((await timed.ask(layered(functions.help.GetConfigRequest()))).date)
            state = await timed.ask(functions.updates.GetStateRequest())
            assert dated(state.date)
            world.send_as(ann.id, bot.id, "hello")
            for listening in (open_before, timed):
                body = await listening.next(types.Updates.CONSTRUCTOR_ID)
                update = BinaryReader(body).tgread_object()
                assert dated(update.date)
                assert dated(update.updates[0].message.date)
            peer = types.InputPeerUser(ann.id, 0)
            sent = await timed.ask(functions.messages.SendMessageRequest(peer, "hi", random_id=1))
            date = getattr(sent, "date", None)
            assert date is not None
            assert dated(date)
            number = next(copy.id for copy in world.accounts[bot.id].box if copy.post.text == "hi")
            edited = await timed.ask(functions.messages.EditMessageRequest(peer, number, message="ho"))
            assert dated(edited.updates[0].message.edit_date)
            world.block(ann.id, bot.id)
            difference = await timed.ask(functions.updates.GetDifferenceRequest(1, 1, 1))
            assert dated(difference.state.date)
            assert all(dated(message.date) for message in difference.new_messages)
            [stopped] = [u for u in difference.other_updates if isinstance(u, types.UpdateBotStopped)]
            assert dated(stopped.date)
            timed.send(functions.GetFutureSaltsRequest(1), content=False)
            salts = await timed.next(types.FutureSalts.CONSTRUCTOR_ID)
            told, _, since, until = struct.unpack_from("<iiii", salts, 12)
            assert told == now
            assert since <= now < until
            assert {msg_id >> 32 for msg_id in timed.msg_ids + open_before.msg_ids} == {now}


@pytest.mark.parametrize("step", [40 * DAY, -40 * DAY])
async def test_a_key_exchange_tells_the_stepped_time(sandbox: Sandbox, step: int) -> None:
    sandbox.faults.set_clock(step)
    bot = sandbox.new_bot("the_bot")
    client = plain_client(sandbox)
    await client.connect()
    try:
        assert abs(client._sender._state.time_offset - step) < 60
        await client.sign_in(bot_token=bot.token)
        assert await client(functions.users.GetUsersRequest([SELF]))
    finally:
        await client.disconnect()


def test_a_fault_that_lasts_for_a_time_follows_the_clock() -> None:
    began = time.time()
    sandbox = Sandbox(world=World(seed=1, now=lambda: began), key=server_key())
    request = functions.updates.GetDifferenceRequest(1, 1, 1)
    sandbox.faults.timestamp(Timestamp.INVALID, 5, seconds=10)
    sandbox.faults.set_clock(9)
    assert sandbox.faults.plan("updates.getDifference", 5, request) is not None
    sandbox.faults.set_clock(10)
    assert sandbox.faults.plan("updates.getDifference", 5, request) is None
