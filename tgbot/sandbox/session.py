"""Encrypted MTProto 2.0 sessions, server side, without I/O: randomness and time are arguments.

Source: https://core.telegram.org/mtproto/description, /mtproto/service_messages
"""

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .authkey import AuthKey, SessionError
from .mtproto import GZIP_PACKED, MSG_CONTAINER, MSGS_ACK, VECTOR, tl_bytes
from .outgoing import Outgoing, Request

#: The most seconds that a client's msg_id may lie in the past and in the future.
OLDEST, NEWEST = 300, 30
#: Results of more bytes than this are packed, as Telegram does.
GZIP_ABOVE = 4096
#: The most messages of a client that are remembered, so that none is processed twice.
MAX_SEEN = 4096
#: The error code of bad_server_salt.
_BAD_SALT = 48
_MAX_UNPACKED = 8 * 1024 * 1024

_HEAD = struct.Struct("<qqqii")
_MESSAGE = struct.Struct("<qii")
_RESULT = struct.Struct("<Iq")

_RPC_RESULT = 0xF35C6D01
_RPC_ERROR = 0x2144CA19


@dataclass(slots=True, frozen=True)
class DestroySession:
    """The client destroys another session of its key; to be answered by `Session.destroyed`."""

    session_id: int


@dataclass(slots=True, frozen=True)
class DestroyKey:
    """The client destroys its auth key; to be answered by `Session.key_destroyed`."""


Event = Request | DestroySession | DestroyKey


def session_id_of(plain: bytes) -> int:
    """Return the session id of a decrypted message."""
    return int.from_bytes(plain[8:16], "little", signed=True)


class Session:
    """One MTProto session: check incoming messages, and keep outgoing ones until they are acknowledged.

    `receive` returns the events of one packet; `answer` and `push` queue messages; `flush` returns the
    payloads to send, as few as possible.
    """

    def __init__(self, key: AuthKey, session_id: int, random: Callable[[int], bytes]) -> None:
        self.key = key
        self.session_id = session_id
        #: Seconds of silence after which the connection must be closed (ping_delay_disconnect).
        self.disconnect_delay: int | None = None
        self._random = random
        self._begun = False
        self._requests: dict[int, Request | None] = {}
        self._floor = 0
        self._top = (0, 0)
        self._to_ack: dict[int, None] = {}
        self._out = Outgoing(key, session_id, random)

    def __repr__(self) -> str:
        return f"<Session {self.session_id & 0xFFFFFFFFFFFFFFFF:016x}>"

    # Incoming.

    def receive(self, plain: bytes, now: float) -> list[Event]:
        """Return the events of a decrypted packet; queue the answers that MTProto itself gives."""
        salt, _, msg_id, seq_no, length = _HEAD.unpack_from(plain)
        if not 4 <= length <= len(plain) - 32 - 12 or length % 4 or len(plain) - 32 - length > 1024:
            raise SessionError(f"a message body of {length} bytes in a packet of {len(plain)}")
        body = plain[32 : 32 + length]
        code = self._bad_id(msg_id, now)
        if code:
            self._bad(msg_id, seq_no, code)
            return []
        if not self.key.takes(salt, now):
            self._bad_salt(msg_id, seq_no, now)
            return []
        events: list[Event] = []
        if _constructor(body) != MSG_CONTAINER:
            self._begin(msg_id, now)
            self._message(msg_id, seq_no, body, now, events)
            return events
        messages = self._open_container(msg_id, seq_no, body)
        if messages is not None:
            self._begin(min([m[0] for m in messages], default=msg_id), now)
            self._remember(msg_id, None)
            for message in messages:
                self._message(*message, now, events)
        return events

    def _bad_id(self, msg_id: int, now: float) -> int:
        if msg_id & 3:
            return 18
        seconds = msg_id >> 32
        if seconds < now - OLDEST:
            return 16
        if seconds > now + NEWEST:
            return 17
        return 20 if msg_id <= self._floor and msg_id not in self._requests else 0

    def _begin(self, first_msg_id: int, now: float) -> None:
        if not self._begun:
            self._begun = True
            unique = int.from_bytes(self._random(8), "little", signed=True)
            self._out.content(
                struct.pack("<Iqqq", 0x9EC20908, first_msg_id, unique, self.key.salt(now)), None
            )

    def _open_container(self, msg_id: int, seq_no: int, body: bytes) -> list[tuple[int, int, bytes]] | None:
        if msg_id in self._requests:
            self._bad(msg_id, seq_no, 19)
            return None
        if seq_no & 1:
            self._bad(msg_id, seq_no, 34)
            return None
        messages: list[tuple[int, int, bytes]] = []
        at, end = 8, len(body)
        for _ in range(int.from_bytes(body[4:8], "little")):
            if at + 16 > end:
                break
            inner_id, inner_seq, length = _MESSAGE.unpack_from(body, at)
            inner = body[at + 16 : at + 16 + length]
            at += 16 + length
            if length < 4 or length % 4 or at > end or inner_id >= msg_id:
                break
            if _constructor(inner) == MSG_CONTAINER:
                break
            messages.append((inner_id, inner_seq, inner))
        else:
            return messages
        self._bad(msg_id, seq_no, 64)
        return None

    def _message(self, msg_id: int, seq_no: int, body: bytes, now: float, events: list[Event]) -> None:
        if msg_id & 3:
            self._bad(msg_id, seq_no, 18)
            return
        if msg_id in self._requests:
            self._repeated(msg_id)
            return
        if _constructor(body) == GZIP_PACKED:
            body = _unpack(body)
        constructor = _constructor(body)
        service = _SERVICE.get(constructor)
        if service is not None:
            # Any seq_no is accepted: some clients count acks and pings as content, and Telegram allows it.
            self._remember(msg_id, None)
            try:
                service(self, msg_id, body, now, events)
            except struct.error:
                raise SessionError(f"the service message {constructor:08x} is incomplete") from None
            return
        code = self._bad_order(msg_id, seq_no) if seq_no & 1 else 35
        if code:
            self._bad(msg_id, seq_no, code)
            return
        request = Request(msg_id, body, seq_no=seq_no)
        self._remember(msg_id, request)
        self._to_ack[msg_id] = None
        events.append(request)

    def _bad_order(self, msg_id: int, seq_no: int) -> int:
        top_id, top_seq = self._top
        if msg_id > top_id:
            if seq_no < top_seq:
                return 32
            self._top = msg_id, seq_no
        elif seq_no > top_seq:
            return 33
        return 0

    def _remember(self, msg_id: int, request: Request | None) -> None:
        seen = self._requests
        seen[msg_id] = request
        if len(seen) > MAX_SEEN:
            oldest = next(iter(seen))
            del seen[oldest]
            self._floor = max(self._floor, oldest)

    def _repeated(self, msg_id: int) -> None:
        """Send the answer to this message again, or acknowledge the message."""
        request = self._requests[msg_id]
        if request is None or not self._out.again(request.answer_id):
            self._to_ack[msg_id] = None

    def _bad(self, msg_id: int, seq_no: int, code: int) -> None:
        self._out.plain(struct.pack("<Iqii", 0xA7EFF811, msg_id, seq_no, code))

    def _bad_salt(self, msg_id: int, seq_no: int, now: float) -> None:
        self._out.plain(struct.pack("<Iqiiq", 0xEDAB447B, msg_id, seq_no, _BAD_SALT, self.key.salt(now)))

    # Service messages.

    def _on_acks(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        for acked in _longs(body, 4):
            self._out.take_back(acked)

    def _on_ping(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        ping_id = struct.unpack_from("<q", body, 4)[0]
        if len(body) >= 16:
            self.disconnect_delay = struct.unpack_from("<i", body, 12)[0]
        self._out.plain(struct.pack("<Iqq", 0x347773C5, msg_id, ping_id))

    def _on_get_salts(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        salts = self.key.future_salts(now, struct.unpack_from("<i", body, 4)[0])
        head = struct.pack("<Iqii", 0xAE500895, msg_id, int(now), len(salts))
        self._out.plain(head + b"".join([struct.pack("<iiq", *salt) for salt in salts]))

    def _on_state_request(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        self._tell_states(msg_id, _longs(body, 4), now)

    def _on_resend(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        wanted = _longs(body, 4)
        gone = [number for number in wanted if not self._out.again(number)]
        if gone:
            self._tell_states(msg_id, wanted, now)

    def _on_drop(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        request = self._requests.get(struct.unpack_from("<q", body, 4)[0])
        answer = struct.pack("<I", 0x5E2AD36E)
        if request is not None and not request.answered:
            request.dropped = True
            answer = struct.pack("<I", 0xCD78E586)
        elif request is not None:
            answer_id, kept = request.answer_id, self._out.take_back(request.answer_id)
            if kept is not None:
                answer = struct.pack("<Iqii", 0xA43AD8B7, answer_id, kept[0], len(kept[1]))
        self._out.content(_RESULT.pack(_RPC_RESULT, msg_id) + answer, None)

    def _on_destroy_session(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        events.append(DestroySession(struct.unpack_from("<q", body, 4)[0]))

    def _on_destroy_key(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        events.append(DestroyKey())

    def _on_nothing(self, msg_id: int, body: bytes, now: float, events: list[Event]) -> None:
        """Ignore http_wait, and the states of messages that a client reports."""

    def _tell_states(self, msg_id: int, asked: Iterable[int], now: float) -> None:
        states = bytearray()
        for number in asked:
            request = self._requests.get(number)
            if request is not None:
                states.append(4 | (64 if request.answered else 32))
            elif number in self._requests:
                states.append(4 | 16)
            elif number <= self._floor:
                states.append(1)
            else:
                states.append(3 if number >> 32 > now + NEWEST else 2)
        info = bytes([len(states)]) if len(states) < 254 else b"\xfe" + len(states).to_bytes(3, "little")
        info += states
        self._out.plain(struct.pack("<Iq", 0x04DEB57D, msg_id) + info + bytes(-len(info) % 4))

    # Outgoing.

    def answer(self, request: Request, result: bytes, *, failed: bool = False) -> None:
        """Queue the result of a call; ignore a second answer and the answer to a dropped call."""
        if request.answered:
            return
        request.answered, request.failed = True, failed
        request.body = b""
        self._to_ack.pop(request.msg_id, None)
        if request.dropped:
            return
        if len(result) > GZIP_ABOVE:
            packed = struct.pack("<I", GZIP_PACKED) + tl_bytes(zlib.compress(result, 1, 31))
            if len(packed) < len(result):
                result = packed
        self._out.content(_RESULT.pack(_RPC_RESULT, request.msg_id) + result, request)

    def fail(self, request: Request, code: int, name: str) -> None:
        """Queue an RPC error as the result of a call."""
        self.answer(request, struct.pack("<Ii", _RPC_ERROR, code) + tl_bytes(name.encode()), failed=True)

    def refuse(self, request: Request, code: int, now: float) -> None:
        """Queue a bad_msg_notification for a call instead of its result; code 48 is bad_server_salt."""
        self._requests.pop(request.msg_id, None)
        self._to_ack.pop(request.msg_id, None)
        if code == _BAD_SALT:
            self._bad_salt(request.msg_id, request.seq_no, now)
        else:
            self._bad(request.msg_id, request.seq_no, code)

    def push(self, update: bytes) -> None:
        """Queue an Updates object that is not the result of a call."""
        self._out.push(update)

    def destroyed(self, session_id: int, *, known: bool) -> None:
        """Answer `DestroySession`."""
        self._out.plain(struct.pack("<Iq", 0xE22045FC if known else 0x62D350C9, session_id))

    def key_destroyed(self) -> None:
        """Answer `DestroyKey`."""
        self._out.plain(struct.pack("<I", 0xF660E1D4))

    def request(self, msg_id: int) -> Request | None:
        """Return the call with this msg_id, None if it is not remembered."""
        return self._requests.get(msg_id)

    def resume(self) -> None:
        """Queue all unacknowledged messages again, for a client that has reconnected."""
        self._out.resume()

    def flush(self, now: float, seen: Callable[[int, int, bytes], None] | None = None) -> list[bytes]:
        """Return the payloads of all queued messages and empty the queue; `seen`: see `Outgoing.flush`."""
        if self._to_ack:
            ids = list(self._to_ack)
            self._to_ack.clear()
            self._out.plain(struct.pack(f"<IIi{len(ids)}q", MSGS_ACK, VECTOR, len(ids), *ids))
        return self._out.flush(now, seen)


_SERVICE: dict[int, Callable[[Session, int, bytes, float, list[Event]], None]] = {
    MSGS_ACK: Session._on_acks,
    0x7ABE77EC: Session._on_ping,
    0xF3427B8C: Session._on_ping,
    0xB921BD04: Session._on_get_salts,
    0xDA69FB52: Session._on_state_request,
    0x7D861A08: Session._on_resend,
    0x8610BAEB: Session._on_resend,
    0x58E4A740: Session._on_drop,
    0xE7512126: Session._on_destroy_session,
    0xD1435160: Session._on_destroy_key,
    0x9299359F: Session._on_nothing,
    0x04DEB57D: Session._on_nothing,
    0x8CC0D131: Session._on_nothing,
}


def _constructor(body: bytes) -> int:
    return int.from_bytes(body[:4], "little")


def _longs(body: bytes, at: int) -> tuple[int, ...]:
    constructor, count = struct.unpack_from("<Ii", body, at)
    if constructor != VECTOR or not 0 <= count <= 8192:
        raise SessionError("a service message without its list of msg_ids")
    return struct.unpack_from(f"<{count}q", body, at + 8)


def _unpack(body: bytes) -> bytes:
    """Return the content of a gzip_packed; raise `SessionError` if it is invalid or too large."""
    length, start = body[4:5], 5
    size = length[0] if length else 0
    if size >= 254:
        size, start = int.from_bytes(body[5:8], "little"), 8
    unpacker = zlib.decompressobj(47)
    try:
        data = unpacker.decompress(body[start : start + size], _MAX_UNPACKED)
    except zlib.error:
        raise SessionError("gzip_packed does not hold gzip") from None
    if not unpacker.eof or len(data) < 4:
        raise SessionError("gzip_packed is incomplete or too large")
    return data
