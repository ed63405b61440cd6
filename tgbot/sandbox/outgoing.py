"""What a session sends: msg_ids, seq_nos, containers, and what the client has not acknowledged yet."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from .authkey import AuthKey
from .mtproto import MSG_CONTAINER

#: A packet takes no more messages and bytes than these.
MAX_CONTAINER, MAX_PACKET = 1000, 512 * 1024
#: Messages kept until the client has acknowledged them.
MAX_UNACKED = 4096

_MESSAGE = struct.Struct("<qii")
_IDS = struct.Struct("<qq")
_CONTAINER = struct.Struct("<Ii")
#: One second in a msg_id.
_ONE_SECOND = 1 << 32

#: The two low bits of a server's msg_id: it answers a message of the client's, or nothing.
_ANSWER, _NOTICE = 1, 3


@dataclass(slots=True, eq=False)
class Request:
    """A call that the client made: to be answered by `Session.answer` once, sooner or later."""

    msg_id: int
    body: bytes = field(repr=False)
    #: The msg_id that the answer went out with; 0 while there is none.
    answer_id: int = 0
    answered: bool = False
    failed: bool = False
    dropped: bool = False


class Outgoing:
    """The sending half of a session: what is queued leaves in order, in as few packets as it fits.

    msg_ids are odd and strictly increasing as long as the clock is not set back; a container's is above its
    inner ones. Content (results, updates) is
    kept until it is taken back, at most `MAX_UNACKED` messages.
    """

    def __init__(self, key: AuthKey, session_id: int, random: Callable[[int], bytes]) -> None:
        self._key = key
        self._session_id = session_id
        self._random = random
        self._last_id = 0
        self._content = 0
        #: (low bits or the msg_id it had, whether it is content or the seq_no it had, body, request answered)
        self._queue: list[tuple[int, int, bytes, Request | None]] = []
        self._unacked: dict[int, tuple[int, bytes, Request | None]] = {}

    def plain(self, body: bytes) -> None:
        """Queues a message that needs no acknowledgement."""
        self._queue.append((_ANSWER, 0, body, None))

    def content(self, body: bytes, request: Request | None = None) -> None:
        """Queues a message that the client acknowledges, and notes its msg_id in the request it answers."""
        self._queue.append((_ANSWER, 1, body, request))

    def push(self, body: bytes) -> None:
        """Queues a message that answers nothing, for the client to acknowledge."""
        self._queue.append((_NOTICE, 1, body, None))

    def take_back(self, msg_id: int) -> tuple[int, bytes] | None:
        """Keeps a sent message no longer; returns its (seq_no, body) if it was kept."""
        kept = self._unacked.pop(msg_id, None)
        if kept is None:
            return None
        if kept[2] is not None:
            kept[2].answer_id = 0
        return kept[0], kept[1]

    def again(self, msg_id: int) -> bool:
        """Queues a sent message once more, with its msg_id; False if it is kept no longer."""
        kept = self._unacked.get(msg_id)
        if kept is None:
            return False
        self._queue.append((msg_id, *kept))
        return True

    def resume(self) -> None:
        """Queues everything kept once more, before what is queued already."""
        queue = [item for item in self._queue if item[0] <= _NOTICE]
        self._queue = [(msg_id, *kept) for msg_id, kept in self._unacked.items()]
        self._queue += queue

    def flush(self, now: float) -> list[bytes]:
        """The payloads that hold everything queued; empty if nothing is."""
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
        # A clock that is set back shows in the msg_ids, as at Telegram's; any other id is above the last one.
        if self._last_id - _ONE_SECOND < msg_id <= self._last_id:
            msg_id = (self._last_id & ~3) + 4
        self._last_id = msg_id | low
        return self._last_id
