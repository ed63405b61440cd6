"""What goes over the wire: the last messages, connections and key exchanges, for who looks at them."""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from .faults import Plan
from .mtproto import MSG_CONTAINER
from .records import RPC_RESULT, SERVICE, Kind, Moment, Record
from .rpc import Caller, RpcError

#: The most records that are kept, and the most bytes of messages in them.
MAX_RECORDS, MAX_BYTES = 10_000, 32 << 20

_HEAD = struct.Struct("<qqqii")
_MESSAGE = struct.Struct("<qii")
#: The most updates that faults have changed and that wait to be sent.
_MAX_MARKED = 1000


# Members of enums have a name in the module, because each message is compared with them.
_CALL, _ANSWER, _UPDATE, _SERVICE = Kind.CALL, Kind.ANSWER, Kind.UPDATE, Kind.SERVICE
_CONTAINER, _RESULT = (struct.pack("<I", number) for number in (MSG_CONTAINER, RPC_RESULT))
_SERVICE_IDS = frozenset(struct.pack("<I", number) for number in SERVICE)


class Link(Protocol):
    """The part of a session on the server that is recorded."""

    #: Auth key id and session id.
    key: tuple[bytes, int]

    @property
    def caller(self) -> Caller: ...

    #: Updates that a fault holds back.
    stash: list[bytes]


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
        self._calls: dict[tuple[tuple[bytes, int] | None, int], Record] = {}
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
        moment = self._moment(link)
        _, _, msg_id, seq_no, length = _HEAD.unpack_from(plain)
        if length < 0:
            return
        if plain[32:36] != _CONTAINER:
            self._came(moment, msg_id, seq_no, plain[32 : 32 + length])
            return
        at, end = 40, min(len(plain), 32 + length)
        while at + 16 <= end:
            msg_id, seq_no, length = _MESSAGE.unpack_from(plain, at)
            if length < 0:
                return
            self._came(moment, msg_id, seq_no, plain[at + 16 : at + 16 + length])
            at += 16 + length

    def _came(self, moment: Moment, msg_id: int, seq_no: int, body: bytes) -> None:
        if body[:4] in _SERVICE_IDS:
            self._add(Record(self.last + 1, moment, _SERVICE, False, body, msg_id, seq_no))
            return
        record = Record(self.last + 1, moment, _CALL, False, body, msg_id, seq_no)
        # A call that comes again was not answered in time: its first record is the one to be answered.
        if self._calls.setdefault((moment.key, msg_id), record) is not record:
            record.words = "sent again"
        self._add(record)

    def sends(self, link: Link) -> Callable[[int, int, bytes], None]:
        """Return the function that records what the server sends now: the msg_id, seq_no and body of each."""
        moment = self._moment(link)

        def sent(msg_id: int, seq_no: int, body: bytes) -> None:
            constructor = body[:4]
            if constructor == _RESULT:
                self._answered(moment, msg_id, seq_no, body)
                return
            kind = _SERVICE if constructor in _SERVICE_IDS else _UPDATE
            record = Record(self.last + 1, moment, kind, True, body, msg_id, seq_no)
            if self._marked:
                fault = self._marked.get(id(body))
                if fault is not None:
                    record.fault = fault[1]
            self._add(record)

        return sent

    def _answered(self, moment: Moment, msg_id: int, seq_no: int, body: bytes) -> None:
        record = Record(self.last + 1, moment, _ANSWER, True, body, msg_id, seq_no)
        call = self._calls.get((moment.key, int.from_bytes(body[4:12], "little", signed=True)))
        if call is not None:
            record.call = call
            if call.answer is None:
                call.answer = record
                call.took = record.took = moment.at - call.moment.at
            else:
                record.words = "sent again"
            if call.fault:
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
            record = Record(self.last + 1, self._moment(link), Kind.UPDATE, True, body)
            record.fault = "held back by a fault" if held else "not sent: lost or changed by a fault"
            self._add(record)

    def _mark(self, body: bytes, words: str) -> None:
        # The bytes are kept: no others have the same id meanwhile.
        self._marked[id(body)] = body, words

    def happened(self, kind: Kind, words: str, *, key: bytes = b"", dc_id: int = 0) -> None:
        """Record something that is no message: a connection, or a key exchange."""
        now = Moment(self._monotonic(), self._now(), (key, 0) if key else None, None, 0, dc_id)
        record = Record(self.last + 1, now, kind, False, b"")
        record.words = words
        self._add(record)

    @contextmanager
    def page(self, account: int, body: bytes) -> Iterator[None]:
        """Record a call of a person on the page, with how long the block takes, and the error it raises."""
        now = Moment(self._monotonic(), self._now(), account=account)
        record = Record(self.last + 1, now, Kind.PAGE, False, body)
        self._add(record)
        try:
            yield
        except RpcError as error:
            record.error = error.name
            raise
        finally:
            record.took = self._monotonic() - record.at

    # Records.

    def _moment(self, link: Link) -> Moment:
        login = link.caller.login
        return Moment(self._monotonic(), self._now(), link.key, login.account, login.layer, login.dc_id)

    def _add(self, record: Record) -> None:
        records = self._records
        records.append(record)
        self.last = record.number
        self._bytes += len(record.body)
        while len(records) > self._most or self._bytes > self._most_bytes:
            self._drop(records.popleft())
        heard = self.heard
        if heard is not None:
            heard()

    def _drop(self, record: Record) -> None:
        self._bytes -= record.size
        if record.kind is _CALL:
            name = record.moment.key, record.msg_id
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
