"""Every request of the bot goes through here: sent once, retried within bounds, its outcome told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from telethon import errors, utils
from telethon.errors.rpcerrorlist import rpc_errors_dict
from telethon.tl import TLRequest, functions, types

from tgbot.telegram.updates.dispatch import current_job
from tgbot.telegram.updates.keys import content_of, marked
from tgbot.telegram.updates.replies import OwnMessage, Replies, derive_random_id

logger = logging.getLogger(__name__)

_NAMES = {cls: name for name, cls in rpc_errors_dict.items()}

#: Requests that put a message of ours into a chat, and the field that names the chat.
_SENDS = {
    functions.messages.SendMessageRequest: "peer",
    functions.messages.SendMediaRequest: "peer",
    functions.messages.SendInlineBotResultRequest: "peer",
    functions.messages.ForwardMessagesRequest: "to_peer",
    functions.messages.SendMultiMediaRequest: "peer",
}
_DIFFERENCES = frozenset(
    {functions.updates.GetDifferenceRequest, functions.updates.GetChannelDifferenceRequest}
)
_TRANSIENT = (
    errors.ServerError,
    errors.RpcCallFailError,
    errors.RpcMcgetFailError,
    errors.InterdcCallErrorError,
    errors.TimedOutError,
    errors.InterdcCallRichErrorError,
)
_FLOOD = (
    errors.FloodWaitError,
    errors.FloodPremiumWaitError,
    errors.SlowModeWaitError,
    errors.FloodTestPhoneWaitError,
)
#: Above this many flood waits those that are over are forgotten.
_FLOODS_KEPT = 1000
#: Pauses before a request that failed with a 500 is sent again, in seconds.
SERVER_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)


def error_name(error: errors.RPCError) -> str:
    """Return Telegram's name of an error, USER_IS_BLOCKED say, also where Telethon has no class for it."""
    known = _NAMES.get(type(error))
    if known is not None:
        return str(known)
    for cls, prefix in (
        (errors.FloodWaitError, "FLOOD_WAIT"),
        (errors.SlowModeWaitError, "SLOWMODE_WAIT"),
        (errors.FloodPremiumWaitError, "FLOOD_PREMIUM_WAIT"),
    ):
        if isinstance(error, cls):
            return f"{prefix}_{error.seconds}"
    return str(error.message or type(error).__name__)


_OWN_RANDOM_ID = "_tgbot_own_random_id"


def keep_random_id(request: TLRequest) -> TLRequest:
    """Mark a send that brings a random_id of its own, so that it goes out with that one."""
    setattr(request, _OWN_RANDOM_ID, True)
    return request


class Calls:
    """How a request is made.

    - A send made while an update is handled carries a random_id derived from the update, and is not sent
      again when a difference or Telegram's RANDOM_ID_DUPLICATE says that it had gone out before: the call
      returns that message.
    - FLOOD_WAIT holds back calls of the same method to the same peer only. It is waited for up to
      `flood_threshold` seconds, else raised. Errors of Telegram's own are retried with growing pauses.
    - `outcome` is told of every call about a private user: the request, the user's id, None or the error's
      name, and Telegram's time when the call went out.
    """

    def __init__(
        self,
        *,
        send: Callable[[Any, Any], Awaitable[Any]],
        bot_id: Callable[[], int],
        replies: Replies,
        may_send: Callable[[], Awaitable[None]],
        caught_up: Callable[[], Awaitable[None]],
        remember: Callable[[list[Any], list[Any], str], None],
        outcome: Callable[[Any, int, str | None, int], None],
        server_time: Callable[[], int],
        resolve_wait: Callable[[], int],
        count_resolve: Callable[[], None],
        switch_dc: Callable[[int], Awaitable[Any]],
        flood_threshold: Callable[[], int],
    ) -> None:
        self._send = send
        self._bot_id = bot_id
        self._replies = replies
        self._may_send = may_send
        self._caught_up = caught_up
        self._remember = remember
        self._outcome = outcome
        self._server_time = server_time
        self._resolve_wait = resolve_wait
        self._count_resolve = count_resolve
        self._switch_dc = switch_dc
        self._flood_threshold = flood_threshold
        self._flooded: dict[tuple[int, int], float] = {}
        #: Requests under way; the checkpoint keeps its time fresh while there are any.
        self.pending = 0

    async def call(self, sender: Any, request: Any) -> Any:
        """Make one request and return its result, or raise Telegram's error."""
        sends_to = _SENDS.get(type(request))
        if sends_to is not None:
            chat_id = marked_input(getattr(request, sends_to))
            await self._may_send()
            known = self._name_send(request, chat_id)
            if known is not None:
                return self._as_result(request, known)
        elif type(request) is functions.contacts.ResolveUsernameRequest:
            wait = self._resolve_wait()
            if wait:
                raise errors.FloodWaitError(request=request, capture=wait)
            self._count_resolve()
            chat_id = 0
        else:
            chat_id = marked_input(getattr(request, "peer", None))
        self.pending += 1
        try:
            result = await self._until_answered(sender, request, chat_id)
        finally:
            self.pending -= 1
        if sends_to is not None:
            self._note_own(result, chat_id)
        if type(request) in _DIFFERENCES:
            return result  # whoever asked takes it in
        users = getattr(result, "users", None)
        if users or getattr(result, "chats", None):
            self._remember(users or [], getattr(result, "chats", None) or [], type(request).__name__)
        elif type(request) is functions.users.GetUsersRequest:
            self._remember(result, [], "GetUsersRequest")
        return result

    async def call_all(self, sender: Any, requests: list[Any], *, ordered: bool) -> list[Any]:
        """Make several requests, one after another if `ordered`; MultiError if Telegram refuses any."""
        results: list[Any] = []
        if ordered:
            for request in requests:
                try:
                    results.append(await self.call(sender, request))
                except errors.RPCError as refused:
                    results.append(refused)
        else:
            calls = (self.call(sender, request) for request in requests)
            results.extend(await asyncio.gather(*calls, return_exceptions=True))
        failures = [result if isinstance(result, BaseException) else None for result in results]
        for failure in failures:
            if failure is not None and not isinstance(failure, errors.RPCError):
                raise failure
        if any(failures):
            answers = [None if isinstance(result, BaseException) else result for result in results]
            raise errors.MultiError(failures, answers, requests)
        return results

    async def _until_answered(self, sender: Any, request: Any, chat_id: int) -> Any:
        key = (request.CONSTRUCTOR_ID, chat_id)
        failures = 0
        while True:
            if self._flooded:
                await self._wait_for_flood(request, key)
            went_out = self._server_time()
            try:
                result = await self._send(sender, request)
            except errors.RandomIdDuplicateError:
                return await self._what_had_arrived(request)
            except _TRANSIENT as error:
                if failures >= len(SERVER_PAUSES) or type(request) is functions.updates.GetDifferenceRequest:
                    raise  # the difference is asked for again by whoever wants it
                logger.warning("Telegram has a fault of its own (%s); asking again", error_name(error))
                with waiting():
                    await asyncio.sleep(SERVER_PAUSES[failures])
                failures += 1
            except _FLOOD as error:
                self._note_flood(key, error.seconds)
                if error.seconds > self._flood_threshold():
                    raise
            except (errors.PhoneMigrateError, errors.NetworkMigrateError, errors.UserMigrateError) as error:
                await self._switch_dc(error.new_dc)
            except errors.RPCError as error:
                if chat_id > 0:
                    self._outcome(request, chat_id, error_name(error), went_out)
                raise
            else:
                if chat_id > 0:
                    self._outcome(request, chat_id, None, went_out)
                return result

    def _note_flood(self, key: tuple[int, int], seconds: int) -> None:
        now = time.monotonic()
        if len(self._flooded) > _FLOODS_KEPT:
            self._flooded = {key: due for key, due in self._flooded.items() if due > now}
        self._flooded[key] = now + max(1, seconds)

    async def _wait_for_flood(self, request: Any, key: tuple[int, int]) -> None:
        while (due := self._flooded.get(key)) is not None:
            left = due - time.monotonic()
            if left <= 0:
                del self._flooded[key]
                return
            if left > self._flood_threshold():
                raise errors.FloodWaitError(request=request, capture=round(left) or 1)
            logger.info("waiting %.0f s, as Telegram asks (%s)", left, type(request).__name__)
            with waiting():
                await asyncio.sleep(left)

    # ---- once only -----------------------------------------------------------------------------

    def _name_send(self, request: Any, chat_id: int) -> list[OwnMessage] | None:
        """Give a send the random_ids of its update; return the messages that it had become before, if so."""
        job = current_job.get()
        if job is None or job.name is None or job.done or hasattr(request, _OWN_RANDOM_ID):
            return None
        bot_id, name = self._bot_id(), job.name
        if type(request) is functions.messages.ForwardMessagesRequest:
            count = len(request.id)
        elif type(request) is functions.messages.SendMultiMediaRequest:
            count = len(request.multi_media)
        else:
            count = 0
        ids = [derive_random_id(bot_id, name, chat_id, job.next_send(chat_id)) for _ in range(count or 1)]
        if type(request) is functions.messages.ForwardMessagesRequest:
            request.random_id = ids
        elif type(request) is functions.messages.SendMultiMediaRequest:
            for single, random_id in zip(request.multi_media, ids, strict=True):
                single.random_id = random_id
        else:
            request.random_id = ids[0]
        if not len(self._replies):
            return None
        found = [self._replies.by_random_id(random_id) for random_id in ids]
        if not any(found) and not count and job.replayed:
            reply_to = getattr(getattr(request, "reply_to", None), "reply_to_msg_id", None)
            content = content_of(getattr(request, "message", None), getattr(request, "media", None))
            found = [self._replies.by_content(chat_id, content, reply_to, after=job.message_id)]
        had = [message for message in found if message is not None]
        if len(had) < len(ids):
            return None  # an album of which a part is missing is sent again whole: Telegram drops the copies
        job.last_own = max(job.last_own, *(message.id for message in had))
        return had

    async def _what_had_arrived(self, request: Any) -> Any:
        """Return the message that Telegram says it has already."""
        ids = _random_ids(request)
        found = [self._replies.by_random_id(random_id) for random_id in ids]
        if not all(found):
            with waiting():
                await self._caught_up()
            found = [
                message or self._replies.by_random_id(random_id)
                for message, random_id in zip(found, ids, strict=True)
            ]
        had = [message for message in found if message is not None]
        if len(had) == len(ids):
            return self._as_result(request, had)
        logger.warning("Telegram has this message already, but does not show it (%s)", type(request).__name__)
        return types.UpdateShortSentMessage(id=0, pts=0, pts_count=0, date=None, out=True)

    @staticmethod
    def _as_result(request: Any, messages: list[OwnMessage]) -> Any:
        """Return what Telegram would have answered, in the form that Telethon's own methods read."""
        updates: list[Any] = []
        for own, random_id in zip(messages, _random_ids(request), strict=True):
            updates.append(types.UpdateMessageID(own.id, random_id))
            updates.append(types.UpdateNewMessage(own.message, 0, 0))
        return types.Updates(updates, [], [], messages[0].message.date, 0)

    @staticmethod
    def _note_own(result: Any, chat_id: int) -> None:
        job = current_job.get()
        if job is None or job.done or job.dialog != chat_id:
            return
        if type(result) is types.UpdateShortSentMessage:
            job.last_own = max(job.last_own, result.id)
        else:
            for update in getattr(result, "updates", ()):
                if isinstance(update, types.UpdateMessageID):
                    job.last_own = max(job.last_own, update.id)


@contextmanager
def waiting() -> Iterator[None]:
    """Mark time that is not the handler's own."""
    job = current_job.get()
    if job is None:
        yield
        return
    job.pause()
    try:
        yield
    finally:
        job.resume()


def marked_input(peer: Any) -> int:
    """Return the marked id of an input peer; 0 for none, for oneself, and for what has no id."""
    kind = type(peer)
    if kind is types.InputPeerUser:
        user_id: int = peer.user_id
        return user_id
    if peer is None or kind is types.InputPeerSelf or kind is types.InputPeerEmpty:
        return 0
    try:
        return marked(utils.get_peer(peer))
    except TypeError:
        return 0


def _random_ids(request: Any) -> list[int]:
    if type(request) is functions.messages.SendMultiMediaRequest:
        return [single.random_id for single in request.multi_media]
    random_id = request.random_id
    return list(random_id) if isinstance(random_id, list) else [random_id]
