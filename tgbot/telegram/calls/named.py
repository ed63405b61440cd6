"""Name each send after its update: Telegram takes it once, however often it is repeated."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b

from telethon import errors, utils
from telethon.tl import TLObject, TLRequest, functions, types

from tgbot.telegram.calls.call import SENDS, Call, Caller
from tgbot.telegram.peers import Peers
from tgbot.telegram.updates.job import Job
from tgbot.telegram.wire.reading import UnreadableError

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Work:
    """Work whose sends are named after it, and not after an update."""

    key: str
    #: How many sends went to each chat; for 0, which is no chat, how many other things it made.
    sends: Counter[int] = field(default_factory=Counter)

    def become(self, key: str) -> None:
        """Go on as another work, whose sends are counted anew."""
        self.key, self.sends = key, Counter()


#: The work that names the sends of the running task, None where its update does.
current_work: ContextVar[Work | None] = ContextVar("current_work", default=None)


@contextmanager
def named_sends(work: str) -> Iterator[None]:
    """Name the sends in the block after this work, which belongs to no update.

    If the work is begun again in another block of the same name, also after a restart, Telegram sends only
    what it had not sent before.
    """
    before = current_work.set(Work(work))
    try:
        yield
    finally:
        current_work.reset(before)


def next_in_work() -> str | None:
    """Return a key for the next thing that named work makes, None outside of such work."""
    work = current_work.get()
    if work is None:
        return None
    work.sends[0] += 1
    return f"{work.key} {work.sends[0] - 1}"


def derive_random_id(bot_id: int, update_key: str, handler: str, chat_id: int, index: int) -> int:
    """Return the random_id of a send: a signed 64-bit integer, evenly spread, never 0.

    The same for the same bot, update, handler (its name), chat (marked id) and zero-based index of the send
    among those of its handler to that chat. The handler counts, because another one may have answered the
    update when this one failed: what this one says after the mend is not what the other one said.
    """
    text = f"{bot_id}:{update_key}:{chat_id}:{index}:{handler}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True) or 1


def name_send(request: TLRequest, chat_id: int, bot_id: int, job: Job | None, handler: str) -> int:
    """Give a send, of this handler while this job runs, the random_id derived from the update's key.

    Return how many messages it sends. Within `named_sends` the random_id is derived from the name of the
    work. When the update is handled again, the send has the same random_id, and Telegram sends nothing and
    returns the earlier messages. Where sends have no names, a send keeps the random_id that it was made with.
    """
    ids = [next_id(bot_id, chat_id, job, handler) for _ in _random_ids(request)]
    if not all(ids):
        return len(ids)
    if type(request) is functions.messages.ForwardMessagesRequest:
        request.random_id = ids
        return len(ids)
    for one, random_id in zip(getattr(request, "multi_media", [request]), ids, strict=True):
        one.random_id = random_id
    return len(ids)


def any_id() -> int:
    """Return a random_id for a send without a name."""
    return int.from_bytes(os.urandom(8), "big", signed=True) or 1


def next_id(bot_id: int, chat_id: int, job: Job | None, handler: str) -> int:
    """Return the random_id of the next send to a chat, 0 where sends have no names."""
    work = current_work.get()
    if work is not None:
        work.sends[chat_id] += 1
        return derive_random_id(bot_id, work.key, "", chat_id, work.sends[chat_id] - 1)
    if job is None or job.key is None or not job.unfinished:
        return 0
    return derive_random_id(bot_id, job.key, handler, chat_id, job.next_send(handler, chat_id))


class NamedSends:
    """Have each send return its messages, also where Telegram does not.

    A send that Telegram calls a duplicate without ever returning the messages, and one whose answer can never
    be read, count as sent: the message returned then has id 0. One that was deleted since has only its text.
    """

    def __init__(self, then: Caller, peers: Peers) -> None:
        self._then = then
        self._peers = peers

    def call(self, call: Call) -> Coroutine[object, object, TLObject]:
        return self._send(call) if type(call.request) in SENDS else self._then.call(call)

    async def _send(self, call: Call) -> TLObject:
        try:
            result = await self._then.call(call)
        except (errors.RandomIdDuplicateError, UnreadableError):
            logger.warning(
                "Telegram has this message but does not return it; it counts as sent (%s)",
                type(call.request).__name__,
            )
            ids = [types.UpdateMessageID(0, random_id) for random_id in _random_ids(call.request)]
            result = types.Updates(ids, [], [], None, 0)
        return self.complete(result, call.request) if type(result) is types.Updates else result

    def complete(self, result: types.Updates, request: TLRequest) -> types.Updates:
        """Return the answer to a send with a message for each id in it, for Telethon's methods to return.

        Telegram names a message that was deleted since it was sent, but cannot return it.
        """
        returned = {getattr(getattr(update, "message", None), "id", None) for update in result.updates}
        named = {update.id for update in result.updates if type(update) is types.UpdateMessageID}
        missing = sorted(named - returned)
        if not missing:
            return result
        peer = getattr(request, "to_peer", None) or request.peer
        own = type(peer) is types.InputPeerSelf
        peer = types.PeerUser(self._peers.self_id) if own else utils.get_peer(peer)
        text = getattr(request, "message", "") or ""
        messages = (types.Message(number, peer, message=text, date=None, out=True) for number in missing)
        added = [types.UpdateNewMessage(message, 0, 0) for message in messages]
        return types.Updates([*result.updates, *added], result.users, result.chats, result.date, result.seq)


def _random_ids(request: TLRequest) -> list[int]:
    if type(request) is functions.messages.ForwardMessagesRequest:
        return list(request.random_id)
    return [one.random_id for one in getattr(request, "multi_media", [request])]
