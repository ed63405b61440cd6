"""The whole sandbox over sockets, with plain Telethon clients, and a raw client for unusual messages."""

import asyncio
import logging
import os
import socket
import struct
from hashlib import sha256
from random import Random
from typing import Any

import pytest
from telethon import events
from telethon.crypto import AES
from telethon.errors import RPCError
from telethon.extensions import BinaryReader
from telethon.network import connection as connections
from telethon.network.connection.tcpintermediate import RandomizedIntermediatePacketCodec
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import TLRequest, functions, types

from tests.patience import PATIENCE
from tgbot.sandbox import connection, delivery, dispatch
from tgbot.sandbox.server import Sandbox, SandboxError
from tgbot.sandbox.signatures import method_name
from tgbot.sandbox.world import World

from .conftest import Person, PlainBot, plain_client
from .rawclient import SELF, SHORT_MESSAGE, layered, raw


class Heard:
    """The messages that a Telethon client gets, one by one."""

    def __init__(self, client: Any) -> None:
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        client.add_event_handler(self._take, events.NewMessage(incoming=True))

    async def _take(self, event: Any) -> None:
        await self.texts.put(event.raw_text)

    async def next(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await self.texts.get()


class PaddedObfuscated(connections.ConnectionTcpObfuscated):  # type: ignore[misc]  # Telethon is untyped
    packet_codec = RandomizedIntermediatePacketCodec


@pytest.mark.parametrize("transport", [
    connections.ConnectionTcpFull,
    connections.ConnectionTcpAbridged,
    connections.ConnectionTcpIntermediate,
    connections.ConnectionTcpObfuscated,
    PaddedObfuscated,
])  # fmt: skip
async def test_a_person_and_a_bot_talk_over_each_transport(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot, transport: Any
) -> None:
    bot = await plain_bot(sandbox.new_bot("echo_bot").token)
    ann = await person("Ann", connection=transport)
    heard = Heard(ann)

    @bot.on(events.NewMessage)  # type: ignore[untyped-decorator]  # Telethon is untyped
    async def answer(event: Any) -> None:
        await event.respond(f"You said {event.raw_text}")

    for text in ("/start", "more", "ещё 🙂"):
        await ann.send_message("echo_bot", text)
        assert await heard.next() == f"You said {text}"


async def test_no_client_sees_a_gap_while_both_sides_write(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    bot = await plain_bot(sandbox.new_bot("echo_bot").token)
    ann = await person("Ann")
    heard = Heard(ann)

    @bot.on(events.NewMessage)  # type: ignore[untyped-decorator]  # Telethon is untyped
    async def answer(event: Any) -> None:
        await asyncio.gather(*[event.respond(f"{event.raw_text} {i}") for i in range(3)])

    sandbox.calls.clear()
    await asyncio.gather(*[ann.send_message("echo_bot", str(i)) for i in range(50)])
    got = sorted([await heard.next() for _ in range(150)])
    assert got == sorted(f"{i} {j}" for i in range(50) for j in range(3))
    assert sandbox.calls["messages.sendMessage"] == 200
    assert sandbox.calls["updates.getDifference"] == 0


async def test_every_session_of_an_account_is_told_and_the_calling_one_only_by_its_result(
    sandbox: Sandbox, person: Person
) -> None:
    bot = sandbox.new_bot("quiet_bot")
    phone = sandbox.new_phone()
    first = await person("Ann", phone=phone)
    second = await person(phone=phone)
    told: list[tuple[str, int]] = []
    for name, client in (("first", first), ("second", second)):

        async def note(update: Any, name: str = name) -> None:
            if isinstance(update, types.UpdateNewMessage):
                told.append((name, update.message.id))

        client.add_event_handler(note, events.Raw)
    peer = types.InputPeerUser(*await hash_of(first, "quiet_bot"))
    result = await first(functions.messages.SendMessageRequest(peer, "hello", random_id=1))
    # After the answer to a later call, all earlier updates have arrived.
    await first.get_me()
    await second.get_me()
    assert told == [("second", result.id)]
    assert sandbox.world.accounts[bot.id].log.pts > 1


async def hash_of(client: Any, name: str) -> tuple[int, int]:
    found = await client(functions.contacts.ResolveUsernameRequest(name))
    return found.users[0].id, found.users[0].access_hash


async def test_a_session_gets_updates_only_after_an_authorised_call_that_wants_them(
    sandbox: Sandbox, person: Person
) -> None:
    ann = await person("Ann")
    me = (await ann.get_me()).id
    bob = sandbox.world.new_user("Bob")
    async with raw(sandbox, ann) as client:
        quiet = functions.InvokeWithoutUpdatesRequest(functions.updates.GetStateRequest())
        await client.result(client.send(layered(quiet)))
        sandbox.world.send_as(bob.id, me, "not for this session")
        await client.result(client.send(quiet))
        client.send(functions.updates.GetStateRequest())
        client.send(functions.PingRequest(1))
        await client.until(types.Pong)
        sandbox.world.send_as(bob.id, me, "for this session")
        update = await client.until(types.Updates)
        assert client.texts == ["for this session"]
        assert [user.first_name for user in update.users if user.id == bob.id] == ["Bob"]


async def test_a_result_comes_before_the_updates_of_a_later_pts(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    me = (await ann.get_me()).id
    bob = sandbox.world.new_user("Bob")
    async with raw(sandbox, ann) as client:
        await client.result(client.send(layered(functions.updates.GetStateRequest())))
        sandbox.world.send_as(bob.id, me, "before")
        msg_id = client.send(
            functions.messages.SendMessageRequest(types.InputPeerSelf(), "mine", random_id=5)
        )
        seen: list[Any] = []
        while len(seen) < 3:
            for _, body in await client.receive():
                if body[:12] == struct.pack("<Iq", 0xF35C6D01, msg_id):
                    seen.append("result")
                    sandbox.world.send_as(bob.id, me, "after")
                elif body[:4] == struct.pack("<I", types.Updates.CONSTRUCTOR_ID):
                    seen.append(BinaryReader(body).tgread_object().updates[0].message.message)
                elif body[:4] == SHORT_MESSAGE:
                    seen.append(BinaryReader(body).tgread_object().message)
        assert seen == ["before", "result", "after"]


async def test_pts_only_rises_when_two_people_write_to_each_other_at_once(
    sandbox: Sandbox, person: Person
) -> None:
    ann, bob = await person("Ann"), await person("Bob")
    ids = [(await client.get_me()).id for client in (ann, bob)]
    async with raw(sandbox, ann) as first, raw(sandbox, bob) as second:
        for client in (first, second):
            await client.result(client.send(layered(functions.updates.GetStateRequest())))
        for number in range(5):
            for client, me, other in ((first, *ids), (second, *reversed(ids))):
                peer = types.InputPeerUser(other, sandbox.world.accounts.access_hash(me, other))
                client.send(functions.messages.SendMessageRequest(peer, str(number), random_id=number + 1))
            # Nothing is awaited between the two calls, so the server reads both in one turn of the loop.
            for client in (first, second):
                pts = await client.pts(2)
                assert pts == sorted(set(pts))


async def test_a_restart_keeps_logins_world_and_port(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    me = await ann.get_me()
    state, port = sandbox.world.state(me.id)[0], sandbox.port
    await sandbox.restart()
    assert sandbox.port == port
    assert sandbox.world.state(me.id)[0] == state
    async with raw(sandbox, ann) as client:
        [user] = await client.result(client.send(layered(functions.users.GetUsersRequest([SELF]))))
        assert user.id == me.id


def test_a_sandbox_can_be_used_by_one_loop_after_another() -> None:
    sandbox = Sandbox()
    bob, bot = sandbox.world.new_user("Bob"), sandbox.new_bot("quiet_bot")

    async def hear() -> str:
        async with sandbox:
            client = plain_client(sandbox)
            await client.start(bot_token=bot.token)
            heard = Heard(client)
            sandbox.world.send_as(bob.id, bot.id, "hello")
            try:
                return await heard.next()
            finally:
                # This change comes after the last turn of this loop.
                await client.disconnect()
                sandbox.world.send_as(bob.id, bot.id, "nobody there")

    assert [asyncio.run(hear()) for _ in range(2)] == ["hello", "hello"]


async def test_a_world_and_a_key_can_move_into_a_new_sandbox(sandbox: Sandbox, person: Person) -> None:
    me = await (await person("Ann")).get_me()
    async with Sandbox(world=sandbox.world, key=sandbox.key) as second:
        assert second.public_key == sandbox.public_key
        assert second.port != sandbox.port
        assert second.world.accounts[me.id].first_name == "Ann"


async def test_an_unknown_auth_key_is_told_with_404(sandbox: Sandbox) -> None:
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
    writer.write(b"\xef" + bytes([20]) + os.urandom(80))
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b"\x01" + struct.pack("<i", -404)
    writer.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xef\x06" + bytes(8) + b"\x04" * 8 + struct.pack("<I", 4) + b"none", "req_pq was expected"),
        (b"\xee" * 4 + b"\xff" * 4, "a payload cannot have"),
    ],
)
async def test_bad_bytes_close_their_connection_with_a_reason_and_disturb_nobody(
    sandbox: Sandbox, person: Person, caplog: pytest.LogCaptureFixture, data: bytes, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    ann = await person("Ann")
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
    writer.write(data)
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    writer.close()
    assert reason in caplog.text
    assert "Traceback" not in caplog.text
    assert (await ann.get_me()).first_name == "Ann"
    assert sandbox.connections == 1


async def test_a_spoiled_packet_under_a_known_key_closes_its_connection_only(
    sandbox: Sandbox, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ann = await person("Ann")
    async with raw(sandbox, ann) as client:
        payload = client.state.auth_key.key_id.to_bytes(8, "little") + os.urandom(80)
        client.writer.write(struct.pack("<i", len(payload)) + payload)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.payload()
    assert "msg_key" in caplog.text
    assert (await ann.get_me()).first_name == "Ann"


async def test_a_packet_that_wants_a_quick_ack_gets_it_before_its_answer(
    sandbox: Sandbox, person: Person
) -> None:
    ann = await person("Ann")
    async with raw(sandbox, ann) as client:
        body = bytes(functions.PingRequest(1))
        head = struct.pack("<qii", client.state._get_new_msg_id(), 1, len(body))
        payload = client.state.encrypt_message_data(head + body)
        client.writer.write(struct.pack("<I", len(payload) | 1 << 31) + payload)
        key = client.state.auth_key.key
        plain = AES.decrypt_ige(payload[24:], *MTProtoState._calc_key(key, payload[8:24], True))
        token = int.from_bytes(sha256(key[88:120] + plain).digest()[:4], "little")
        async with asyncio.timeout(PATIENCE):
            got = await client.reader.readexactly(4)
        assert struct.unpack("<I", got)[0] == token | 1 << 31
        assert (await client.until(types.Pong)).ping_id == 1


async def test_a_client_that_does_not_read_is_not_read_either_until_it_does(
    sandbox: Sandbox, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_HIGH_WATER", 1 << 14)
    ann = await person("Ann")
    async with raw(sandbox, ann) as client:
        await client.result(client.send(layered(functions.help.GetNearestDcRequest())))
        [at] = [
            each for each in sandbox.connections_of() if client.state.id in {k.key[1] for k in each.links}
        ]
        sandbox.calls.clear()
        ways: Any = client.reader._transport, at._transport  # type: ignore[attr-defined]  # asyncio's own
        for way, size in zip(ways, (socket.SO_RCVBUF, socket.SO_SNDBUF), strict=True):
            way.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, size, 4096)
        ways[0].pause_reading()
        asked = 0
        async with asyncio.timeout(PATIENCE):
            while at.writable:
                for _ in range(100):
                    client.send(functions.help.GetNearestDcRequest())
                asked += 100
                await asyncio.sleep(0)
        assert not ways[1].is_reading()
        ways[0].resume_reading()
        async with asyncio.timeout(PATIENCE):
            while sandbox.calls["help.getNearestDc"] < asked:
                await client.receive()
        assert at.writable
        assert (await ann.get_me()).first_name == "Ann"


async def test_floods_of_random_bytes_disturb_nobody(
    sandbox: Sandbox, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await person("Ann")
    random = Random(4)
    key_id = ann.session.auth_key.key_id.to_bytes(8, "little")
    for _ in range(150):
        reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
        opening = random.choice([b"", b"\xef", b"\xee" * 4, b"\xdd" * 4])
        payload = random.choice([key_id, bytes(8), b""]) + random.randbytes(random.randrange(120))
        length = random.choice([struct.pack("<I", len(payload)), bytes([len(payload) // 4]), b""])
        writer.write(opening + length + payload)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            await reader.read()
        writer.close()
    assert (await ann.get_me()).first_name == "Ann"
    await quiet(sandbox, 1)
    ours = [record for record in caplog.records if record.name.startswith("tgbot")]
    assert [record for record in ours if record.levelno > logging.INFO] == []


async def test_ordered_calls_are_carried_out_in_order(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    sandbox.new_bot("quiet_bot")
    peer = types.InputPeerUser(*await hash_of(ann, "quiet_bot"))
    calls = [functions.messages.SendMessageRequest(peer, str(i), random_id=i + 1) for i in range(20)]
    await ann(calls, ordered=True)
    me = (await ann.get_me()).id
    assert [copy.post.text for copy in sandbox.world.accounts[me].box] == [str(i) for i in range(20)]


async def test_a_call_after_a_failed_one_is_not_carried_out(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    async with raw(sandbox, ann) as client:
        await client.result(client.send(layered(functions.updates.GetStateRequest())))
        failed = client.send(functions.contacts.ResolveUsernameRequest("nobody_here"))
        after = client.send(functions.InvokeAfterMsgRequest(failed, functions.updates.GetStateRequest()))
        assert (await client.result(after)).error_message == "MSG_WAIT_FAILED"
        both = [after, failed]
        last = client.send(functions.InvokeAfterMsgsRequest(both, functions.updates.GetStateRequest()))
        assert (await client.result(last)).error_message == "MSG_WAIT_FAILED"


async def test_a_call_waits_for_the_one_that_it_comes_after(
    sandbox: Sandbox, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await person("Ann")
    async with raw(sandbox, ann) as client:
        await client.result(client.send(layered(functions.updates.GetStateRequest())))
        earlier = client.state._get_new_msg_id()
        after = client.send(functions.InvokeAfterMsgRequest(earlier, functions.updates.GetStateRequest()))
        client.send(functions.PingRequest(1))
        await client.until(types.Pong)
        client.state._sequence = 0
        client.send(functions.help.GetNearestDcRequest(), msg_id=earlier)
        assert isinstance(await client.result(after), types.updates.State)
        monkeypatch.setattr(dispatch, "_AFTER_SECONDS", 0.0)
        client.state._sequence = 9
        never = client.send(functions.InvokeAfterMsgRequest(4, functions.updates.GetStateRequest()))
        assert (await client.result(never)).error_message == "MSG_WAIT_TIMEOUT"


async def test_a_session_that_comes_back_gets_what_it_missed(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    me = (await ann.get_me()).id
    bob = sandbox.world.new_user("Bob")
    async with raw(sandbox, ann) as client:
        await client.result(client.send(layered(functions.updates.GetStateRequest())))
        sandbox.world.send_as(bob.id, me, "seen, not acknowledged")
        await client.until(types.Updates)
        state = client.state
    await quiet(sandbox, 1)
    sandbox.world.send_as(bob.id, me, "missed")
    async with raw(sandbox, ann) as client:
        client.state = state
        client.send(functions.PingRequest(1))
        while len(client.texts) < 2:
            await client.receive()
        assert client.texts == ["seen, not acknowledged", "missed"]


async def test_an_answer_that_was_lost_is_sent_again_to_a_session_that_comes_back(
    sandbox: Sandbox, person: Person
) -> None:
    ann = await person("Ann")
    async with raw(sandbox, ann) as client:
        await client.result(client.send(layered(functions.updates.GetStateRequest())))
        sandbox.faults.lose_answer("help.getNearestDc")
        asked = client.send(functions.help.GetNearestDcRequest())
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.payload()
        state = client.state
    async with raw(sandbox, ann) as client:
        client.state = state
        client.send(functions.PingRequest(1))
        assert isinstance(await client.result(asked), types.NearestDc)


async def quiet(sandbox: Sandbox, connections: int) -> None:
    """Wait until the server has at most this many connections."""
    async with asyncio.timeout(PATIENCE):
        while sandbox.connections > connections:  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0.001)


async def test_a_client_that_reads_too_slowly_is_told_to_ask_for_a_difference(
    sandbox: Sandbox, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "TOO_FAR", 50)
    monkeypatch.setattr(connection, "_HIGH_WATER", 1024)
    ann = await person("Ann")
    me = (await ann.get_me()).id
    bob = sandbox.world.new_user("Bob")
    async with raw(sandbox, ann) as client:
        await client.result(client.send(layered(functions.updates.GetStateRequest())))
        await ann.disconnect()
        await quiet(sandbox, 1)
        for _ in range(300):
            for _ in range(40):
                sandbox.world.send_as(bob.id, me, "x" * 4000)
            await asyncio.sleep(0)
        await client.until(types.UpdatesTooLong)


async def test_a_wish_to_be_cut_off_after_silence_is_granted(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    async with raw(sandbox, ann) as client:
        client.send(functions.PingDelayDisconnectRequest(1, 0))
        await client.until(types.Pong)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.payload()
    assert (await ann.get_me()).first_name == "Ann"


async def test_a_destroyed_session_and_a_destroyed_key_are_gone(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    async with raw(sandbox, ann) as client, raw(sandbox, ann) as other:
        other.send(functions.PingRequest(1))
        await other.until(types.Pong)
        client.send(functions.DestroySessionRequest(other.state.id))
        assert (await client.until(types.DestroySessionOk)).session_id == other.state.id
        client.send(functions.DestroySessionRequest(4))
        await client.until(types.DestroySessionNone)
        client.send(functions.DestroyAuthKeyRequest())
        await client.until(types.DestroyAuthKeyOk)
        client.send(functions.PingRequest(2))
        assert await client.payload() == struct.pack("<i", -404)


async def test_a_defect_in_a_method_is_that_calls_500_and_nothing_else(
    person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(World):
        def state(self, account_id: int) -> tuple[int, int, int, int]:
            if broken:
                raise ZeroDivisionError
            return super().state(account_id)

    broken = False
    async with Sandbox(world=Broken()) as sandbox:
        client = plain_client(sandbox)
        await client.start(bot_token=sandbox.new_bot().token)
        try:
            async with raw(sandbox, client) as other:
                broken = True
                answer = await other.result(other.send(layered(functions.updates.GetStateRequest())))
                assert (answer.error_code, answer.error_message) == (500, "INTERNAL")
                broken = False
                await other.result(other.send(functions.updates.GetStateRequest()))
            assert (await client.get_me()).bot
        finally:
            await client.disconnect()
    assert "ZeroDivisionError" in caplog.text


async def refused_in_layer_198(sandbox: Sandbox, ann: Person, call: TLRequest) -> None:
    """Make a call as a client of an older layer, which cannot read any answer to it."""
    init = functions.InitConnectionRequest(1, "test", "1", "1", "en", "", "en", call)
    async with raw(sandbox, ann) as client:
        answer = await client.result(client.send(functions.InvokeWithLayerRequest(198, init)))
        expected = 400, f"INPUT_METHOD_INVALID_{call.CONSTRUCTOR_ID}_0"
        assert (answer.error_code, answer.error_message) == expected


async def test_an_answer_that_an_older_layer_does_not_have_is_an_unknown_method(
    sandbox: Sandbox, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.answer("help.getNearestDc", types.stories.AlbumsNotModified())
    await refused_in_layer_198(sandbox, await person("Ann"), functions.help.GetNearestDcRequest())
    assert "an answer cannot be encoded" in caplog.text  # the layer has the method: this is a fault


async def test_a_method_that_is_newer_than_the_layer_is_no_fault_of_the_answer(
    sandbox: Sandbox, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    await refused_in_layer_198(sandbox, await person("Ann"), functions.account.GetSavedMusicIdsRequest(0))
    assert "cannot be encoded" not in caplog.text


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com", "::"])
def test_a_host_that_is_not_loopback_is_refused(host: str) -> None:
    with pytest.raises(SandboxError, match="loopback only"):
        Sandbox(host=host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.7", "::1"])
async def test_any_loopback_address_will_do(host: str, sandbox: Sandbox) -> None:
    async with Sandbox(host=host, key=sandbox.key) as other:
        # Without it Telethon replaces an IPv6 address by Telegram's own.
        client = plain_client(other, use_ipv6=":" in host)
        await client.connect()
        try:
            config = await client(functions.help.GetConfigRequest())
            addresses = {(option.ip_address, option.port) for option in config.dc_options}
            assert (other.host, other.port) in addresses
            assert "localhost" not in other.host
        finally:
            await client.disconnect()


async def test_a_port_in_use_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=f"port {sandbox.port}"):
        await Sandbox(port=sandbox.port, key=sandbox.key).start()


async def test_calls_are_counted_by_the_name_of_what_is_called(sandbox: Sandbox, person: Person) -> None:
    ann = await person("Ann")
    sandbox.calls.clear()
    await ann.get_me()
    with pytest.raises(RPCError):
        # Its `query` is a string, not a call.
        await ann(functions.messages.GetInlineBotResultsRequest(SELF, types.InputPeerSelf(), "cats", ""))
    await ann(functions.InvokeWithoutUpdatesRequest(functions.updates.GetStateRequest()))
    assert sandbox.calls == {
        "users.getUsers": 1,
        "messages.getInlineBotResults": 1,
        "updates.getState": 1,
    }


def test_methods_are_named_as_the_schema_names_them() -> None:
    assert method_name(functions.messages.SendMessageRequest) == "messages.sendMessage"
    assert method_name(functions.InvokeWithLayerRequest) == "invokeWithLayer"
