"""Messages of ours: those that are to be sent, and those that wait for their answers."""

from __future__ import annotations

import asyncio
import io
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from telethon.tl import TLObject, TLRequest, types

from tgbot.telegram.wire.messages import Messages
from tgbot.telegram.wire.reading import CONTAINER

#: The most messages and bytes of a container, and the most acknowledgements in one message.
_MAX_MESSAGES, _MAX_BYTES, _MAX_ACKS = 100, 1_044_448, 8_192
#: When so many messages wait, they are sent at once: the other side works on them while more are made.
_ENOUGH = 50
#: Bytes of a message in a container beside its body.
_HEAD = 16


@dataclass(slots=True, eq=False)
class Sent:
    """A message of ours that waits for its answer."""

    request: TLObject
    data: bytes
    future: asyncio.Future[Any]
    msg_id: int = 0
    container_id: int = 0
    #: How often Telegram refused it with bad_msg_notification.
    refused: int = 0


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
        queue, wake = self._queue, self._wake
        queue.append(Sent(thing, bytes(thing), future))
        wake()
        if len(queue) >= _ENOUGH:
            self._flush()
        return future

    def put(self, sent: Sent) -> None:
        """Put a message at the end, once more if it was sent before."""
        self._queue.append(sent)
        self._wake()

    def pack(self) -> bytes:
        """Return the next messages in a container, one alone without; b"" if there is none any more."""
        buffer, batch = io.BytesIO(), 0
        inside: list[Sent] = []
        if self.acks:
            acks = [self.acks.pop() for _ in range(min(len(self.acks), _MAX_ACKS))]
            self._messages.write(buffer, bytes(types.MsgsAck(acks)), content=False)
            batch = 1
        queue, write = self._queue, self._messages.write
        while queue and batch < _MAX_MESSAGES:
            sent = queue[0]
            if buffer.tell() + len(sent.data) + _HEAD > _MAX_BYTES:
                if batch:
                    break
                queue.popleft()
                sent.future.set_exception(ValueError("Request payload is too big"))
                continue
            queue.popleft()
            if sent.future.done():
                continue
            answered = isinstance(sent.request, TLRequest)
            sent.msg_id = msg_id = write(buffer, sent.data, content=answered)
            sent.container_id = 0
            batch += 1
            inside.append(sent)
            if answered:
                self.unanswered[msg_id] = sent
        if batch < 2:
            return buffer.getvalue()
        data = struct.pack("<Ii", CONTAINER, batch) + buffer.getvalue()
        buffer = io.BytesIO()
        container_id = self._messages.write(buffer, data, content=False)
        for sent in inside:
            sent.container_id = container_id
        return buffer.getvalue()

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
