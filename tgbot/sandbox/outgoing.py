"""Outgoing messages of a session: msg_ids, seq_nos, containers, and repetition until acknowledged."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from .authkey import AuthKey
from .mtproto import MSG_CONTAINER

#: Limits of one packet, in messages and bytes.
MAX_CONTAINER, MAX_PACKET = 1000, 512 * 1024
#: The most messages that are kept until the client acknowledges them.
MAX_UNACKED = 4096

_MESSAGE = struct.Struct("<qii")
_IDS = struct.Struct("<qq")
_CONTAINER = struct.Struct("<Ii")
#: One second in a msg_id.
_ONE_SECOND = 1 << 32

#: The two low bits of a server's msg_id: an answer to a message of the client, or not.
_ANSWER, _NOTICE = 1, 3


@dataclass(slots=True, eq=False)
class Request:
    """A call of the client, to be answered once by `Session.answer`, at any time."""

    msg_id: int
    body: bytes = field(repr=False)
    #: The msg_id of the answer; 0 until it is sent.
    answer_id: int = 0
    answered: bool = False
    failed: bool = False
    dropped: bool = False
    seq_no: int = 0


class Outgoing:
    """The sending half of a session: queued messages leave in order, in as few packets as possible.

    msg_ids are odd and strictly increasing as long as the clock is not set back; a container's is above its
    inner ones. Content (results and updates) is kept until `take_back`, at most `MAX_UNACKED` messages.
    """

    def __init__(self, key: AuthKey, session_id: int, random: Callable[[int], bytes]) -> None:
        self._key = key
        self._session_id = session_id
        self._random = random
        self._last_id = 0
        self._content = 0
        #: New: (low bits, is content, body, request). Repeated: (msg_id, seq_no, body, request).
        self._queue: list[tuple[int, int, bytes, Request | None]] = []
        self._unacked: dict[int, tuple[int, bytes, Request | None]] = {}

    def plain(self, body: bytes) -> None:
        """Queue a message that needs no acknowledgement."""
        self._queue.append((_ANSWER, 0, body, None))

    def content(self, body: bytes, request: Request | None = None) -> None:
        """Queue a message that the client acknowledges; store its msg_id in the request that it answers."""
        self._queue.append((_ANSWER, 1, body, request))

    def push(self, body: bytes) -> None:
        """Queue a message that the client acknowledges and that answers no request."""
        self._queue.append((_NOTICE, 1, body, None))

    def take_back(self, msg_id: int) -> tuple[int, bytes] | None:
        """Drop a sent message; return its (seq_no, body), None if it was not kept."""
        kept = self._unacked.pop(msg_id, None)
        if kept is None:
            return None
        if kept[2] is not None:
            kept[2].answer_id = 0
        return kept[0], kept[1]

    def again(self, msg_id: int) -> bool:
        """Queue a sent message again, with its msg_id; return False if it is not kept."""
        kept = self._unacked.get(msg_id)
        if kept is None:
            return False
        self._queue.append((msg_id, *kept))
        return True

    def resume(self) -> None:
        """Queue all kept messages again, before the new ones in the queue."""
        queue = [item for item in self._queue if item[0] <= _NOTICE]
        self._queue = [(msg_id, *kept) for msg_id, kept in self._unacked.items()]
        self._queue += queue

    def flush(self, now: float, seen: Callable[[int, int, bytes], None] | None = None) -> list[bytes]:
        """Return the payloads of all queued messages and empty the queue.

        `seen` is called with the msg_id, seq_no and body of each.
        """
        queue = self._queue
        if not queue:
            return []
        self._queue = []
        packets: list[bytes] = []
        parts: list[bytes] = []
        size = 0
        unacked = self._unacked
        for msg_id, seq_no, body, request in queue:
            if parts and (size + len(body) > MAX_PACKET or len(parts) >= 2 * MAX_CONTAINER):
                packets.append(self._packet(parts, now))
                parts, size = [], 0
            if msg_id <= _NOTICE:
                msg_id = self._next_id(now, msg_id)
                content, seq_no = seq_no, self._content * 2 + seq_no
                if content:
                    self._content += 1
                    unacked[msg_id] = (seq_no, body, request)
                    if request is not None:
                        request.answer_id = msg_id
            if seen is not None:
                seen(msg_id, seq_no, body)
            parts += (_MESSAGE.pack(msg_id, seq_no, len(body)), body)
            size += len(body)
        packets.append(self._packet(parts, now))
        while len(unacked) > MAX_UNACKED:
            del unacked[next(iter(unacked))]
        return packets

    def _packet(self, parts: list[bytes], now: float) -> bytes:
        ids = _IDS.pack(self._key.salt(now), self._session_id)
        if len(parts) > 2:
            body = _CONTAINER.pack(MSG_CONTAINER, len(parts) // 2) + b"".join(parts)
            head = _MESSAGE.pack(self._next_id(now, _ANSWER), self._content * 2, len(body))
            plain = ids + head + body
        else:
            plain = ids + parts[0] + parts[1]
        return self._key.encrypt(plain, self._random(-(len(plain) + 12) % 16 + 12))

    def _next_id(self, now: float, low: int) -> int:
        msg_id = int(now * 4294967296.0) & ~3
        # msg_ids follow a clock that is set back. Otherwise each is above the one before.
        if self._last_id - _ONE_SECOND < msg_id <= self._last_id:
            msg_id = (self._last_id & ~3) + 4
        self._last_id = msg_id | low
        return self._last_id
