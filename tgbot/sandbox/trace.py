"""What goes over the wire: the last messages, connections and key exchanges, for who looks at them."""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, Protocol

from .faults import Plan
from .mtproto import MSG_CONTAINER, MSGS_ACK
from .rpc import Caller, RpcError

#: The most records that are kept, and the most bytes of messages in them.
MAX_RECORDS, MAX_BYTES = 10_000, 32 << 20

RPC_RESULT: Final = 0xF35C6D01
RPC_ERROR: Final = 0x2144CA19
#: The messages of MTProto itself, by constructor id: https://core.telegram.org/mtproto/service_messages
SERVICE: Final = {
    MSGS_ACK: "msgs_ack",
    0x7ABE77EC: "ping",
    0xF3427B8C: "ping_delay_disconnect",
    0x347773C5: "pong",
    0xB921BD04: "get_future_salts",
    0xAE500895: "future_salts",
    0xDA69FB52: "msgs_state_req",
    0x04DEB57D: "msgs_state_info",
    0x8CC0D131: "msgs_all_info",
    0x276D3EC6: "msg_detailed_info",
    0x809DB6DF: "msg_new_detailed_info",
    0x7D861A08: "msg_resend_req",
    0x8610BAEB: "msg_resend_ans_req",
    0x58E4A740: "rpc_drop_answer",
    0x5E2AD36E: "rpc_answer_unknown",
    0xCD78E586: "rpc_answer_dropped_running",
    0xA43AD8B7: "rpc_answer_dropped",
    0xE7512126: "destroy_session",
    0xE22045FC: "destroy_session_ok",
    0x62D350C9: "destroy_session_none",
    0xD1435160: "destroy_auth_key",
    0xF660E1D4: "destroy_auth_key_ok",
    0x0A9F2259: "destroy_auth_key_none",
    0xEA109B13: "destroy_auth_key_fail",
    0x9299359F: "http_wait",
    0xA7EFF811: "bad_msg_notification",
    0xEDAB447B: "bad_server_salt",
    0x9EC20908: "new_session_created",
}

_HEAD = struct.Struct("<qqqii")
_MESSAGE = struct.Struct("<qii")
#: The most updates that faults have changed and that wait to be sent.
_MAX_MARKED = 1000


class Kind(StrEnum):
    """What a record is about."""

    #: A call of a client.
    CALL = "call"
    #: The answer to a call: a value or an RPC error.
    ANSWER = "answer"
    #: Updates that are not the answer to a call.
    UPDATE = "update"
    #: A message of MTProto itself: acks, pings, salts, what was refused.
    SERVICE = "service"
    #: A connection was opened or closed.
    CONNECTION = "connection"
    #: A client and the server have made an auth key.
    EXCHANGE = "exchange"
    #: A call of a person on the page: it takes no wire.
    PAGE = "page"


class Link(Protocol):
    """The part of a session on the server that is recorded."""

    #: Auth key id and session id.
    key: tuple[bytes, int]

    @property
    def caller(self) -> Caller: ...

    #: Updates that a fault holds back.
    stash: list[bytes]


class Record:
    """One thing that was seen. It has no repr of its own: `body` holds texts, access hashes and tokens."""

    __slots__ = (
        "account",
        "answer",
        "at",
        "body",
        "call",
        "dc_id",
        "error",
        "fault",
        "key",
        "kind",
        "layer",
        "msg_id",
        "number",
        "out",
        "seq_no",
        "size",
        "time",
        "took",
        "words",
    )

    def __init__(self, number: int, at: float, when: float, kind: Kind, body: bytes, *, out: bool) -> None:
        #: Counts from 1.
        self.number = number
        #: Seconds of a clock that is never set.
        self.at = at
        #: The server's time.
        self.time = when
        self.kind = kind
        #: Whether the server sent it.
        self.out = out
        #: The message as it was on the wire, packed or not, in the client's layer.
        self.body = body
        self.size = len(body)
        self.msg_id = 0
        self.seq_no = 0
        #: Auth key id and session id.
        self.key: tuple[bytes, int] | None = None
        #: The account of the auth key at that time.
        self.account: int | None = None
        self.layer = 0
        #: The data centre; 0: the first one.
        self.dc_id = 0
        #: Of an answer: the call that it answers. Of a call: its answer. None: not recorded, or not yet.
        self.call: Record | None = None
        self.answer: Record | None = None
        #: Seconds from the call to the answer, at both.
        self.took: float | None = None
        #: Telegram's name of the error that a call on the page has got.
        self.error = ""
        #: What a fault did to it, in words.
        self.fault = ""
        #: What happened, in words, where it is no message.
        self.words = ""


class Trace:
    """Keep the last records of what goes over the wire of one sandbox.

    A message costs a few microseconds: it is kept as bytes, and read when it is shown. What is dropped
    because newer records came is counted by the numbers alone: the first one kept is `records()[0]`.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        monotonic: Callable[[], float] = time.perf_counter,
        most: int = MAX_RECORDS,
        most_bytes: int = MAX_BYTES,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._most, self._most_bytes = most, most_bytes
        self._records: deque[Record] = deque()
        self._bytes = 0
        #: The number of the newest record.
        self.last = 0
        #: The calls among the records, by (auth key id, session id) and msg_id.
        self._calls: dict[tuple[tuple[bytes, int], int], Record] = {}
        #: Updates that a fault has changed, until they are sent, by `id`: the bytes, and what was done.
        self._marked: dict[int, tuple[bytes, str]] = {}
        #: Is called after each new record; it must not take long.
        self.heard: Callable[[], None] | None = None

    def records(self, above: int = 0) -> list[Record]:
        """Return the records with numbers above this one, oldest first."""
        kept = len(self._records)
        wanted = min(kept, self.last - above)
        if wanted <= 0:
            return []
        if wanted == kept:
            return list(self._records)
        return [self._records[index] for index in range(-wanted, 0)]

    def get(self, number: int) -> Record | None:
        """Return the record with this number, None if it is not kept."""
        index = number - self.last - 1
        return self._records[index] if -len(self._records) <= index < 0 else None

    def clear(self) -> None:
        """Forget all records."""
        self._records.clear()
        self._calls.clear()
        self._bytes = 0

    # For the server.

    def came(self, link: Link, plain: bytes) -> None:
        """Record the messages in a decrypted packet of a client."""
        if len(plain) < _HEAD.size:
            return
        _, _, msg_id, seq_no, length = _HEAD.unpack_from(plain)
        body = plain[32 : 32 + max(length, 0)]
        if int.from_bytes(body[:4], "little") != MSG_CONTAINER:
            self._came(link, msg_id, seq_no, body)
            return
        at = 8
        while at + 16 <= len(body):
            msg_id, seq_no, length = _MESSAGE.unpack_from(body, at)
            self._came(link, msg_id, seq_no, body[at + 16 : at + 16 + max(length, 0)])
            at += 16 + max(length, 0)

    def _came(self, link: Link, msg_id: int, seq_no: int, body: bytes) -> None:
        service = int.from_bytes(body[:4], "little") in SERVICE
        record = self._message(link, Kind.SERVICE if service else Kind.CALL, msg_id, seq_no, body, out=False)
        if not service:
            # A call that comes again was not answered in time: its first record is the one to be answered.
            earlier = self._calls.setdefault((link.key, msg_id), record)
            if earlier is not record:
                record.words = "sent again"
        self._add(record)

    def sends(self, link: Link) -> Callable[[int, int, bytes], None]:
        """Return the function that records a message of the server: msg_id, seq_no, body."""

        def sent(msg_id: int, seq_no: int, body: bytes) -> None:
            constructor = int.from_bytes(body[:4], "little")
            if constructor == RPC_RESULT:
                self._answered(link, msg_id, seq_no, body)
                return
            kind = Kind.SERVICE if constructor in SERVICE else Kind.UPDATE
            record = self._message(link, kind, msg_id, seq_no, body, out=True)
            if self._marked:
                record.fault = self._marked.get(id(body), (body, ""))[1]
            self._add(record)

        return sent

    def _answered(self, link: Link, msg_id: int, seq_no: int, body: bytes) -> None:
        record = self._message(link, Kind.ANSWER, msg_id, seq_no, body, out=True)
        call = self._calls.get((link.key, int.from_bytes(body[4:12], "little", signed=True)))
        if call is not None:
            record.call = call
            if call.answer is None:
                call.answer = record
                call.took = record.took = record.at - call.at
            else:
                record.words = "sent again"
            record.fault = call.fault
        self._add(record)

    def misbehaves(self, link: Link, msg_id: int, plan: Plan) -> None:
        """Mark a call whose answer a fault changes."""
        call = self._calls.get((link.key, msg_id))
        if call is not None:
            call.fault = fault_of(plan)

    def arranged(self, link: Link, meant: Sequence[bytes], sent: Sequence[bytes]) -> None:
        """Mark the updates that a fault has changed, and record those that are not sent."""
        if len(self._marked) > _MAX_MARKED:
            self._marked.clear()
        places = {id(body): index for index, body in enumerate(meant)}
        for index, body in enumerate(sent):
            place = places.get(id(body))
            if place is None:
                self._mark(body, "changed or sent late by a fault")
            elif any(body is other for other in sent[:index]):
                self._mark(body, "sent twice by a fault")
            elif place != index and len(meant) == len(sent):
                self._mark(body, "out of order by a fault")
        for body in meant:
            if any(body is other for other in sent):
                continue
            held = any(body is other for other in link.stash)
            record = self._message(link, Kind.UPDATE, 0, 0, body, out=True)
            record.fault = "held back by a fault" if held else "not sent: lost or changed by a fault"
            self._add(record)

    def _mark(self, body: bytes, words: str) -> None:
        # The bytes are kept: no others have the same id meanwhile.
        self._marked[id(body)] = body, words

    def happened(self, kind: Kind, words: str, *, key: bytes = b"", dc_id: int = 0) -> None:
        """Record something that is no message: a connection, or a key exchange."""
        record = self._record(kind, b"", out=False)
        record.words, record.dc_id = words, dc_id
        record.key = (key, 0) if key else None
        self._add(record)

    @contextmanager
    def page(self, account: int, body: bytes) -> Iterator[None]:
        """Record a call of a person on the page, with how long the block takes, and the error it raises."""
        record = self._record(Kind.PAGE, body, out=False)
        record.account = account
        self._add(record)
        try:
            yield
        except RpcError as error:
            record.error = error.name
            raise
        finally:
            record.took = self._monotonic() - record.at

    # Records.

    def _record(self, kind: Kind, body: bytes, *, out: bool) -> Record:
        self.last += 1
        return Record(self.last, self._monotonic(), self._now(), kind, body, out=out)

    def _message(self, link: Link, kind: Kind, msg_id: int, seq_no: int, body: bytes, *, out: bool) -> Record:
        record = self._record(kind, body, out=out)
        login = link.caller.login
        record.msg_id, record.seq_no, record.key = msg_id, seq_no, link.key
        record.account, record.layer, record.dc_id = login.account, login.layer, login.dc_id
        return record

    def _add(self, record: Record) -> None:
        records = self._records
        records.append(record)
        self._bytes += record.size
        while len(records) > self._most or self._bytes > self._most_bytes:
            self._drop(records.popleft())
        if self.heard is not None:
            self.heard()

    def _drop(self, record: Record) -> None:
        self._bytes -= record.size
        if record.kind is Kind.CALL and record.key is not None:
            name = record.key, record.msg_id
            if self._calls.get(name) is record:
                del self._calls[name]
            if record.answer is not None:
                # Else a chain of records that are dropped would be kept by the last of them.
                record.answer.call = None


def fault_of(plan: Plan) -> str:
    """Return in words what a fault does to a call and its answer."""
    if plan.refused:
        name = "bad_server_salt" if plan.refused == 48 else f"bad_msg_notification {plan.refused}"
        return f"refused with {name}"
    done = []
    if plan.error is not None:
        done.append("an error instead of the answer" if plan.carried_out else "refused")
    elif not plan.carried_out:
        done.append("ignored")
    if plan.rewrite is not None:
        done.append("answer changed")
    if plan.silent and plan.carried_out:
        done.append("never answered")
    if plan.cut:
        done.append("connection cut before the answer")
    if plan.delay:
        done.append(f"answer delayed by {plan.delay:g} s")
    return ", ".join(done)
