"""Messages of ours: those that are to be sent, and those that wait for their answers."""

from __future__ import annotations

import asyncio
import gzip
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from telethon.tl import TLObject, TLRequest, types

from tgbot.telegram.wire.messages import Messages, Sent, tl_bytes

#: The most messages of a container, the most bytes of all that is in them, and the most acknowledgements in
#: one message.
_MAX_MESSAGES, _MAX_BYTES, _MAX_ACKS = 100, 1_040_000, 8_192
#: When so many messages wait, they are sent at once: the other side works on them while more are made.
_ENOUGH = 50
#: Requests of more than this many bytes are packed.
_PACKED_ABOVE = 512
_GZIP_PACKED: Final = struct.pack("<I", 0x3072CFA1)
_VECTOR = 0x1CB5C415


class Outgoing:
    """What waits to be sent, in its order, and what was sent and is unanswered.

    A message whose future is done, because its asker gave up waiting, is not sent again. `wake` is called
    when there is something to be sent, `flush` as well when there is much: it leaves at once.
    """

    def __init__(self, messages: Messages, wake: Callable[[], None], flush: Callable[[], None]) -> None:
        self._messages = messages
        self._wake = wake
        self._flush = flush
        self._queue: deque[Sent] = deque()
        #: By msg_id.
        self.unanswered: dict[int, Sent] = {}
        #: The ids of Telegram's messages that are to be acknowledged: they go along with what is sent.
        self.acks: set[int] = set()

    def ask(self, thing: TLObject) -> asyncio.Future[Any]:
        """Put a message at the end and return the future of its answer."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        queue, data, answered = self._queue, bytes(thing), isinstance(thing, TLRequest)
        if len(data) > _PACKED_ABOVE and answered and getattr(thing, "compressible", True):
            data = _packed(data)
        if not queue:  # what waits already will be sent
            wake = self._wake
            wake()
        queue.append(Sent(thing, data, future, answered))
        if len(queue) >= _ENOUGH:
            self._flush()
        return future

    def put(self, sent: Sent) -> None:
        """Put a message at the end, once more if it was sent before."""
        self._queue.append(sent)
        self._wake()

    def pack(self) -> bytes:
        """Return the next messages as one; b"" if there is none any more."""
        acks = self._take_acks() if self.acks else b""
        queue, most, size = self._queue, _MAX_MESSAGES - (acks != b""), 0
        take = queue.popleft
        batch: list[Sent] = []
        while queue and len(batch) < most:
            sent = take()
            if sent.future.done():
                continue
            size += len(sent.data)
            if size <= _MAX_BYTES:
                batch.append(sent)
            elif batch:
                queue.appendleft(sent)
                break
            else:
                sent.future.set_exception(ValueError("Request payload is too big"))
                size = 0
        return self._messages.pack(acks, batch, self.unanswered) if batch or acks else b""

    def _take_acks(self) -> bytes:
        """Return the message that acknowledges what is to be acknowledged, as much as one can hold."""
        acks = [*self.acks][:_MAX_ACKS]
        self.acks.difference_update(acks)
        return struct.pack(f"<IIi{len(acks)}q", types.MsgsAck.CONSTRUCTOR_ID, _VECTOR, len(acks), *acks)

    def answered(self, msg_id: int) -> Sent | None:
        """Return the message that is answered now; None if nobody waits for its answer."""
        sent = self.unanswered.pop(msg_id, None)
        return None if sent is None or sent.future.done() else sent

    def refused(self, bad_msg_id: int) -> list[Sent]:
        """Return the messages that Telegram refused under this msg_id, a container's or their own."""
        alone = self.unanswered.get(bad_msg_id)
        several = [sent for sent in self.unanswered.values() if sent.container_id == bad_msg_id]
        refused = several if alone is None else [alone]
        for sent in refused:
            del self.unanswered[sent.msg_id]
            sent.refused += 1
        return [sent for sent in refused if not sent.future.done()]

    def begin_anew(self) -> None:
        """Put what is unanswered before all else, in its order: a new session begins."""
        self.acks.clear()
        again = [sent for sent in self.unanswered.values() if not sent.future.done()]
        self.unanswered.clear()
        self._queue.extendleft(reversed(again))

    def give_up(self, error: Exception | None) -> None:
        """Give the error to whoever waits for an answer; without one cancel them."""
        self.begin_anew()
        for sent in self._queue:
            if sent.future.done():
                continue
            if error is None:
                sent.future.cancel()
            else:
                sent.future.set_exception(error)
        self._queue.clear()


def _packed(data: bytes) -> bytes:
    """Return a request packed, where that is shorter; one that no packet holds stays as it is."""
    if len(data) > _MAX_BYTES:
        return data
    return min(_GZIP_PACKED + tl_bytes(gzip.compress(data, mtime=0)), data, key=len)
