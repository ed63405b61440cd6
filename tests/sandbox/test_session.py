"""Encrypted sessions, with a client written in this file on top of Telethon's encryption."""

import gzip
import os
import struct
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.crypto import AES
from telethon.crypto import AuthKey as ClientKey
from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions, types
from telethon.tl.core import GzipPacked

from tgbot.sandbox.authkey import AuthKey, SessionError
from tgbot.sandbox.outgoing import MAX_CONTAINER, MAX_UNACKED, Request
from tgbot.sandbox.session import (
    GZIP_ABOVE,
    MAX_SEEN,
    DestroyKey,
    DestroySession,
    Session,
    session_id_of,
)

KEY = bytes(range(256))
NOW = 1_700_000_000.0
SALT = 77
GET_CONFIG = bytes(functions.help.GetConfigRequest())
CONTAINER = 0x73F1F8DC


class Message(NamedTuple):
    msg_id: int
    seq_no: int
    body: bytes

    @property
    def kind(self) -> int:
        return int.from_bytes(self.body[:4], "little")

    @property
    def content(self) -> Any:
        """The TL object; of an rpc_result, the object inside."""
        return BinaryReader(self.body[12:] if self.kind == 0xF35C6D01 else self.body).tgread_object()


class Talk:
    """A client and its session on the server, with one clock."""

    def __init__(self) -> None:
        self.key = AuthKey(KEY, SALT, NOW)
        self.session = Session(self.key, 5, os.urandom)
        self.now = NOW
        self.salt = SALT
        self.last_id = 0
        self.content = 0
        self.packets = 0

    def next_id(self) -> int:
        self.last_id = max((int(self.now) << 32), self.last_id + 4)
        return self.last_id

    def message(self, body: Any, *, content: bool = True, msg_id: int | None = None) -> Message:
        seq_no = self.content * 2 + content
        self.content += content
        return Message(msg_id or self.next_id(), seq_no, bytes(body))

    def send_packet(self, message: Message) -> list[Any]:
        data = struct.pack("<qii", message.msg_id, message.seq_no, len(message.body)) + message.body
        state = MTProtoState(ClientKey(KEY), loggers=LOGGERS)
        state.salt, state.id = self.salt, 5
        plain = self.key.decrypt(state.encrypt_message_data(data))
        assert session_id_of(plain) == 5
        return self.session.receive(plain, self.now)

    def send(self, body: Any, *, content: bool = True, msg_id: int | None = None) -> list[Any]:
        return self.send_packet(self.message(body, content=content, msg_id=msg_id))

    def pack(self, messages: list[Message], msg_id: int | None = None, seq_no: int | None = None) -> Message:
        body = struct.pack("<Ii", CONTAINER, len(messages)) + b"".join(
            struct.pack("<qii", m.msg_id, m.seq_no, len(m.body)) + m.body for m in messages
        )
        return Message(msg_id or self.next_id(), self.content * 2 if seq_no is None else seq_no, body)

    def received(self) -> list[Message]:
        """Return the messages that the server sends now, those in containers included."""
        messages: list[Message] = []
        for payload in self.session.flush(self.now):
            self.packets += 1
            assert payload[:8] == self.key.name
            assert len(payload) % 16 == 8
            aes = MTProtoState._calc_key(KEY, payload[8:24], False)
            plain = AES.decrypt_ige(payload[24:], *aes)
            salt, session_id, msg_id, seq_no, length = struct.unpack_from("<qqqii", plain)
            assert session_id == 5
            assert self.key.takes(salt, self.now)
            assert 12 <= len(plain) - 32 - length <= 1024
            outer = Message(msg_id, seq_no, plain[32 : 32 + length])
            if outer.kind != CONTAINER:
                messages.append(outer)
                continue
            at = 8
            for _ in range(struct.unpack_from("<i", outer.body, 4)[0]):
                inner_id, inner_seq, size = struct.unpack_from("<qii", outer.body, at)
                assert inner_id < msg_id
                messages.append(Message(inner_id, inner_seq, outer.body[at + 16 : at + 16 + size]))
                at += 16 + size
            assert at == len(outer.body)
        return messages

    def begun(self) -> "Talk":
        """Exchange the first message, so that the server has nothing left to send."""
        self.send(types.MsgsAck([]), content=False)
        self.received()
        return self

    def bad(self) -> tuple[int, int]:
        """Return (msg_id, error code) of the one bad_msg_notification that the server sends."""
        [message] = [m for m in self.received() if m.kind != 0x62D6B459]
        assert isinstance(message.content, types.BadMsgNotification)
        return message.content.bad_msg_id, message.content.error_code


class _Loggers(dict[str, Any]):
    def __missing__(self, key: str) -> None:
        return None


LOGGERS = _Loggers()


def only(events: list[Any]) -> Request:
    [event] = events
    assert isinstance(event, Request)
    return event


# Keys and salts.


def test_a_packet_changed_in_one_bit_or_cut_is_refused() -> None:
    state = MTProtoState(ClientKey(KEY), loggers=LOGGERS)
    payload = state.encrypt_message_data(bytes(40))
    key = AuthKey(KEY, SALT, NOW)
    assert key.decrypt(payload)
    for spoiled in (
        payload[:30] + bytes([payload[30] ^ 1]) + payload[31:],
        payload[:9] + bytes([payload[9] ^ 1]) + payload[10:],
        payload[:-16],
        payload[:-1],
        payload[:24],
    ):
        with pytest.raises(SessionError):
            key.decrypt(spoiled)


def test_the_keys_bytes_are_never_shown() -> None:
    assert repr(AuthKey(KEY, SALT, NOW)) == f"<AuthKey {ClientKey(KEY).key_id.to_bytes(8, 'little').hex()}>"


def test_a_wrong_salt_is_told_for_the_outer_message_and_nothing_is_processed() -> None:
    talk = Talk()
    talk.salt = 0
    inner = talk.message(GET_CONFIG)
    outer = talk.pack([inner])
    assert talk.send_packet(outer) == []
    [answer] = talk.received()
    told = answer.content
    assert isinstance(told, types.BadServerSalt)
    assert (told.bad_msg_id, told.bad_msg_seqno, told.error_code) == (outer.msg_id, outer.seq_no, 48)
    talk.salt = told.new_server_salt
    assert only(talk.send_packet(talk.pack([inner]))).body == GET_CONFIG


def test_salts_change_by_and_by_and_future_ones_are_told() -> None:
    talk = Talk().begun()
    talk.send(functions.GetFutureSaltsRequest(64), content=False)
    [answer] = talk.received()
    assert answer.kind == 0xAE500895
    req_msg_id, now, count = struct.unpack_from("<qii", answer.body, 4)
    assert (req_msg_id, now, count) == (talk.last_id, int(NOW), 64)
    salts = [struct.unpack_from("<iiq", answer.body, 20 + 16 * i) for i in range(count)]
    for since, until, salt in salts:
        for moment in (since, until - 1):
            assert talk.key.takes(salt, moment)
        assert not talk.key.takes(salt, since - 1)
        assert not talk.key.takes(salt, until)
    assert salts[0][0] <= NOW < salts[0][1]
    assert [b[0] for b in salts[1:]] == [a[0] + 1800 for a in salts[:-1]]


def test_the_salt_of_the_exchange_is_good_for_an_hour() -> None:
    key = AuthKey(KEY, SALT, NOW)
    assert key.takes(SALT, NOW + 3599)
    assert not key.takes(SALT, NOW + 3600)


# msg_id and seq_no.


@pytest.mark.parametrize(("msg_id", "code"), [
    (int(NOW) + 100 << 32, 17), (int(NOW) - 400 << 32, 16), ((int(NOW) << 32) + 1, 18)
])  # fmt: skip
def test_a_msg_id_out_of_time_or_of_the_servers_kind_is_told(msg_id: int, code: int) -> None:
    talk = Talk()
    assert talk.send(GET_CONFIG, msg_id=msg_id) == []
    assert talk.bad() == (msg_id, code)


def test_a_call_with_an_even_seq_no_and_a_container_with_an_odd_one_are_told() -> None:
    talk = Talk().begun()
    assert talk.send(GET_CONFIG, content=False) == []
    assert talk.bad() == (talk.last_id, 35)
    talk.send_packet(talk.pack([], seq_no=talk.content * 2 + 1))
    assert talk.bad() == (talk.last_id, 34)


@pytest.mark.parametrize("content", [True, False])
def test_pings_and_acks_are_taken_with_either_kind_of_seq_no(content: bool) -> None:
    talk = Talk().begun()
    talk.session.push(GET_CONFIG)
    [sent] = talk.received()
    talk.send(types.MsgsAck([sent.msg_id]), content=content)
    talk.send(functions.PingRequest(9), content=content)
    [answer] = talk.received()
    assert (answer.content.msg_id, answer.content.ping_id) == (talk.last_id, 9)
    talk.session.resume()
    assert sent not in talk.received()


def test_seq_nos_that_do_not_follow_the_msg_ids_are_told() -> None:
    talk = Talk().begun()
    late = talk.next_id()
    talk.content = 5
    only(talk.send(GET_CONFIG))
    talk.content = 3
    assert talk.send(GET_CONFIG) == []
    assert talk.bad() == (talk.last_id, 32)
    talk.content = 9
    assert talk.send(GET_CONFIG, msg_id=late) == []
    assert talk.bad() == (late, 33)


def test_an_older_message_that_comes_later_is_taken() -> None:
    talk = Talk().begun()
    first = talk.message(GET_CONFIG)
    only(talk.send(GET_CONFIG))
    assert only(talk.send_packet(first)).msg_id == first.msg_id


# Containers and gzip.


def test_a_containers_messages_come_in_order_and_gzip_is_opened() -> None:
    talk = Talk().begun()
    request = functions.messages.SendMessageRequest(types.InputPeerSelf(), "x" * 2000)
    messages = [
        talk.message(GET_CONFIG),
        talk.message(types.MsgsAck([1, 2]), content=False),
        talk.message(GzipPacked(bytes(request))),
    ]
    first, second = talk.send_packet(talk.pack(messages))
    assert (first.msg_id, first.body) == (messages[0].msg_id, GET_CONFIG)
    assert (second.msg_id, second.body) == (messages[2].msg_id, bytes(request))


def test_a_bad_container_is_told_as_a_whole() -> None:
    talk = Talk().begun()
    whole = talk.pack([talk.message(GET_CONFIG)])
    nested = talk.pack([Message(talk.next_id(), 0, whole.body)])
    assert talk.send_packet(nested) == []
    assert talk.bad() == (nested.msg_id, 64)
    cut = Message(talk.next_id(), talk.content * 2, whole.body[:-4])
    assert talk.send_packet(cut) == []
    assert talk.bad() == (cut.msg_id, 64)
    inner = talk.message(GET_CONFIG)
    below = talk.pack([inner], msg_id=inner.msg_id - 4)
    assert talk.send_packet(below) == []
    assert talk.bad() == (below.msg_id, 64)
    only(talk.send_packet(whole))
    assert talk.send_packet(whole) == []
    assert talk.bad() == (whole.msg_id, 19)


def test_a_gzip_that_is_none_or_a_bomb_ends_the_connection() -> None:
    bomb = gzip.compress(bytes(1 << 24))
    for data in (b"no gzip at all", gzip.compress(GET_CONFIG * 9)[:-9], bomb):
        body = struct.pack("<I", 0x3072CFA1) + tl_bytes(data)
        with pytest.raises(SessionError, match="gzip"):
            Talk().begun().send(body)


def tl_bytes(data: bytes) -> bytes:
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)


def test_a_long_result_is_packed_and_a_short_one_is_not() -> None:
    talk = Talk().begun()
    for size, packed in ((GZIP_ABOVE // 2, False), (GZIP_ABOVE * 3, True)):
        result = bytes(types.DataJSON("y" * size))
        talk.session.answer(only(talk.send(GET_CONFIG)), result)
        [answer] = talk.received()
        assert (answer.body[12:16] == b"\xa1\xcf\x72\x30") is packed
        content = answer.content
        assert (content.data if packed else bytes(content)) == result
        assert len(answer.body) < GZIP_ABOVE


# Results, updates, acknowledgements.


def test_a_new_session_is_told_once_with_its_first_message() -> None:
    talk = Talk()
    messages = [talk.message(GET_CONFIG), talk.message(GET_CONFIG)]
    talk.send_packet(talk.pack(messages))
    told = talk.received()[0].content
    assert isinstance(told, types.NewSessionCreated)
    assert told.first_msg_id == messages[0].msg_id
    assert talk.key.takes(told.server_salt, NOW)
    talk.send(GET_CONFIG)
    assert [m.kind for m in talk.received()] == [0x62D6B459]


def test_results_and_updates_leave_in_order_in_one_packet_with_rising_odd_ids() -> None:
    talk = Talk().begun()
    request = only(talk.send(GET_CONFIG))
    talk.session.push(bytes(types.UpdatesTooLong()))
    talk.session.answer(request, bytes(types.DataJSON("")))
    talk.session.push(bytes(types.UpdatesTooLong()))
    before = talk.packets
    messages = talk.received()
    assert talk.packets == before + 1
    assert [m.kind for m in messages] == [0xE317AF7E, 0xF35C6D01, 0xE317AF7E]
    ids = [m.msg_id for m in messages]
    assert ids == sorted(set(ids))
    assert [number & 3 for number in ids] == [3, 1, 3]
    assert [m.seq_no for m in messages] == [3, 5, 7]
    talk.session.push(bytes(types.UpdatesTooLong()))
    [later] = talk.received()
    assert later.msg_id > ids[-1]
    assert later.seq_no == 9
    assert talk.received() == []


def test_a_call_that_waits_is_acknowledged_once_and_answered_later() -> None:
    talk = Talk().begun()
    request = only(talk.send(GET_CONFIG))
    [ack] = talk.received()
    assert ack.content.msg_ids == [request.msg_id]
    assert ack.seq_no % 2 == 0
    assert talk.received() == []
    talk.session.fail(request, 420, "FLOOD_WAIT_3")
    [answer] = talk.received()
    assert (answer.content.error_code, answer.content.error_message) == (420, "FLOOD_WAIT_3")
    assert request.failed


def test_a_repeated_call_is_not_carried_out_twice_but_answered_twice() -> None:
    talk = Talk().begun()
    message = talk.message(GET_CONFIG)
    talk.session.answer(only(talk.send_packet(message)), bytes(types.DataJSON("a")))
    [first] = talk.received()
    assert talk.send_packet(message) == []
    assert talk.received() == [first]
    talk.send(types.MsgsAck([first.msg_id]), content=False)
    assert talk.send_packet(message) == []
    [ack] = talk.received()
    assert ack.content.msg_ids == [message.msg_id]


def test_a_message_older_than_all_that_is_remembered_is_told() -> None:
    talk = Talk().begun()
    first = talk.message(types.MsgsAck([]), content=False)
    talk.send_packet(first)
    for _ in range(MAX_SEEN):
        talk.send(types.MsgsAck([]), content=False)
    assert talk.send_packet(first) == []
    assert talk.bad() == (first.msg_id, 20)


def test_what_is_not_acknowledged_is_sent_again_on_the_next_connection() -> None:
    talk = Talk().begun()
    request = only(talk.send(GET_CONFIG))
    talk.session.answer(request, bytes(types.DataJSON("a")))
    talk.session.push(bytes(types.UpdatesTooLong()))
    sent = talk.received()
    talk.send(types.MsgsAck([sent[0].msg_id]), content=False)
    talk.session.push(bytes(types.UpdatesTooLong()))
    talk.session.resume()
    again = talk.received()
    assert [m.kind for m in again] == [0x9EC20908, 0xE317AF7E, 0xE317AF7E]
    assert again[1] == sent[1]
    assert again[2].msg_id > sent[1].msg_id


def test_what_is_kept_for_a_client_that_never_acknowledges_is_bounded() -> None:
    talk = Talk().begun()
    for _ in range(3):
        for _ in range(MAX_UNACKED):
            talk.session.push(GET_CONFIG)
        assert len(talk.received()) == MAX_UNACKED
    talk.session.resume()
    assert len(talk.received()) == MAX_UNACKED


def test_many_messages_leave_in_few_containers() -> None:
    talk = Talk().begun()
    before = talk.packets
    for _ in range(MAX_CONTAINER * 2 + 1):
        talk.session.push(GET_CONFIG)
    assert len(talk.received()) == MAX_CONTAINER * 2 + 1
    assert talk.packets == before + 3


def test_large_messages_leave_in_packets_of_their_own() -> None:
    talk = Talk().begun()
    before = talk.packets
    for _ in range(3):
        talk.session.push(os.urandom(300 * 1024))
    assert [len(m.body) for m in talk.received()] == [300 * 1024] * 3
    assert talk.packets == before + 3


# Service messages.


def test_a_resend_is_answered_with_the_message_or_with_its_state() -> None:
    talk = Talk().begun()
    talk.session.push(GET_CONFIG)
    [sent] = talk.received()
    talk.send(types.MsgResendReq([sent.msg_id]), content=False)
    assert talk.received() == [sent]
    talk.send(types.MsgResendReq([talk.last_id]), content=False)
    [state] = talk.received()
    assert isinstance(state.content, types.MsgsStateInfo)


def test_the_state_of_messages_is_told() -> None:
    talk = Talk().begun()
    answered, waiting = only(talk.send(GET_CONFIG)), only(talk.send(GET_CONFIG))
    talk.session.answer(answered, bytes(types.DataJSON("")))
    plain = talk.message(types.MsgsAck([]), content=False)
    talk.send_packet(plain)
    asked = [answered.msg_id, waiting.msg_id, plain.msg_id, talk.last_id + 400, int(NOW + 99) << 32]
    talk.received()
    talk.send(types.MsgsStateReq(asked), content=False)
    [answer] = talk.received()
    assert answer.content.req_msg_id == talk.last_id
    assert list(answer.body[13:18]) == [4 + 64, 4 + 32, 4 + 16, 2, 3]


def test_a_dropped_answer_does_not_come() -> None:
    talk = Talk().begun()
    running, done = only(talk.send(GET_CONFIG)), only(talk.send(GET_CONFIG))
    talk.session.answer(done, bytes(types.DataJSON("")))
    [sent] = [m for m in talk.received() if m.kind == 0xF35C6D01]
    answers = []
    for msg_id in (running.msg_id, done.msg_id, 1 << 40):
        talk.send(functions.RpcDropAnswerRequest(msg_id))
        [answer] = talk.received()
        assert struct.unpack_from("<q", answer.body, 4)[0] == talk.last_id
        answers.append(answer.content)
    assert isinstance(answers[0], types.RpcAnswerDroppedRunning)
    assert isinstance(answers[1], types.RpcAnswerDropped)
    assert (answers[1].msg_id, answers[1].seq_no, answers[1].bytes) == (
        sent.msg_id,
        sent.seq_no,
        len(sent.body),
    )
    assert isinstance(answers[2], types.RpcAnswerUnknown)
    talk.session.answer(running, bytes(types.DataJSON("")))
    assert talk.received() == []


def test_destroying_is_told_to_the_server_and_answered() -> None:
    talk = Talk().begun()
    assert talk.send(functions.DestroySessionRequest(11)) == [DestroySession(11)]
    assert talk.send(functions.DestroyAuthKeyRequest()) == [DestroyKey()]
    talk.session.destroyed(11, known=True)
    talk.session.destroyed(12, known=False)
    talk.session.key_destroyed()
    ok, none, key = [m.content for m in talk.received()]
    assert isinstance(ok, types.DestroySessionOk)
    assert isinstance(none, types.DestroySessionNone)
    assert (ok.session_id, none.session_id) == (11, 12)
    assert isinstance(key, types.DestroyAuthKeyOk)


def test_a_wish_to_be_cut_off_after_silence_is_kept() -> None:
    talk = Talk().begun()
    assert talk.session.disconnect_delay is None
    talk.send(functions.PingDelayDisconnectRequest(3, 75))
    assert talk.session.disconnect_delay == 75
    assert talk.received()[0].content.ping_id == 3
    talk.send(struct.pack("<Iiii", 0x9299359F, 0, 0, 0), content=False)
    assert talk.received() == []


@pytest.mark.parametrize("length", [-4, 0, 3, 2000])
def test_a_length_that_cannot_be_ends_the_connection(length: int) -> None:
    plain = struct.pack("<qqqii", SALT, 5, int(NOW) << 32, 1, length) + bytes(64)
    with pytest.raises(SessionError, match="message body"):
        Talk().session.receive(plain, NOW)


@settings(max_examples=300)
@given(st.data())
def test_no_message_makes_a_session_fail_otherwise_than_by_its_own_error(data: st.DataObject) -> None:
    talk = Talk()
    kind = data.draw(st.sampled_from([b"", b"\xdc\xf8\xf1\x73", *(struct.pack("<I", k) for k in SERVICES)]))
    body = kind + data.draw(st.binary(max_size=80))
    body += bytes(-len(body) % 4) or b""
    seq_no, msg_id = data.draw(st.integers(0, 5)), data.draw(st.integers(-8, 8)) * 4 + (int(NOW) << 32)
    plain = struct.pack("<qqqii", SALT, 5, msg_id, seq_no, len(body)) + body + bytes(16)
    try:
        for event in talk.session.receive(plain, NOW):
            if isinstance(event, Request):
                talk.session.answer(event, GET_CONFIG)
    except SessionError:
        return
    talk.received()


SERVICES = [
    0x62D6B459, 0x7ABE77EC, 0xF3427B8C, 0xB921BD04, 0xDA69FB52, 0x7D861A08, 0x58E4A740, 0xE7512126, 0x3072CFA1
]  # fmt: skip


def test_msg_ids_carry_the_clock_also_after_it_is_set_back() -> None:
    talk = Talk().begun()
    ids = []
    for now in (NOW, NOW + 60, NOW + 20, NOW + 19.5):
        talk.now = now
        talk.session.push(GET_CONFIG)
        talk.session.push(GET_CONFIG)
        ids += [message.msg_id for message in talk.received()]
    assert [msg_id >> 32 for msg_id in ids] == [
        int(NOW + seconds) for seconds in (0, 0, 60, 60, 20, 20, 20, 20)
    ]
    # Within one second the ids keep increasing.
    assert ids[4:] == sorted(set(ids[4:]))
