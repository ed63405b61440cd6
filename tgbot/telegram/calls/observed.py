"""What requests say about people: whether Telegram took a request about a user, and who is in an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from telethon import errors
from telethon.tl import TLObject, functions, types

from tgbot.telegram.calls.call import Call, Caller, method_of
from tgbot.telegram.hooks import Listener
from tgbot.telegram.peers import Peers
from tgbot.telegram.refusals import Answer, answer_of, error_name

logger = logging.getLogger(__name__)

#: Requests whose answers are differences.
_DIFFERENCES: Final = frozenset(
    {functions.updates.GetDifferenceRequest, functions.updates.GetChannelDifferenceRequest}
)
#: Answers that never name users or chats: nearly all.
_NAMELESS: Final = frozenset({bool, types.UpdateShortSentMessage})


class Observed:
    """Report the outcome of each request about a private user, and the users and chats of each answer.

    Errors that say nothing about the user are no outcome: the same request may yet succeed, or its answer
    cannot be read. Nor is a repeated send that Telegram answers with the earlier message: it may have been
    blocked since. The users of a difference are not reported here: the reader of differences reports them.
    """

    def __init__(
        self, then: Caller, listener: Listener, peers: Peers, server_time: Callable[[], int]
    ) -> None:
        self._then = then
        self._listener = listener
        self._peers = peers
        self._server_time = server_time
        #: Return whether calls are logged, at a level: each is at DEBUG.
        self.is_logged = logger.isEnabledFor

    async def call(self, call: Call) -> TLObject:
        request, user_id = call.request, call.chat_id
        pending = call.begun is not None and call.begun.made is not None
        sent_at = call.begun.at if call.begun is not None and pending else self._server_time()
        try:
            result = await (self._timed(call) if self.is_logged(logging.DEBUG) else self._then.call(call))
        except errors.RPCError as error:
            if user_id > 0 and answer_of(error) is Answer.NO:
                self._listener.outcome(request, user_id, error_name(error), sent_at)
            raise
        self.answered(call, result, sent_at)
        return result

    def answered(self, call: Call, result: TLObject, sent_at: int) -> None:
        """Report that a call which was sent at `sent_at`, in Telegram's time, has this answer."""
        user_id = call.chat_id
        if type(result) in _NAMELESS:  # nearly always
            if user_id > 0:
                self._listener.outcome(call.request, user_id, None, sent_at)
            return
        if user_id > 0 and not _is_repetition(result):
            self._listener.outcome(call.request, user_id, None, sent_at)
        kind = type(call.request)
        if kind in _DIFFERENCES:
            return
        users, chats = getattr(result, "users", None), getattr(result, "chats", None)
        if users or chats:
            self._peers.remember(users or (), chats or (), kind.__name__)
        elif kind is functions.users.GetUsersRequest:
            self._peers.remember(result, (), kind.__name__)

    async def _timed(self, call: Call) -> TLObject:
        """Make a call, and log its method with outcome and time, but nothing of its contents."""
        clock, outcome = asyncio.get_running_loop().time, "answered"
        began = clock()
        try:
            return await self._then.call(call)
        except BaseException as error:
            outcome = error_name(error) if isinstance(error, errors.RPCError) else type(error).__name__
            raise
        finally:
            took = (clock() - began) * 1000
            method = method_of(type(call.request))
            logger.debug("%s (chat %d): %s in %.0f ms", method, call.chat_id, outcome, took)


def _is_repetition(result: TLObject) -> bool:
    """Return whether an answer only returns messages of an earlier send with the same random_id."""
    if type(result) is not types.Updates:
        return False
    named = any(type(update) is types.UpdateMessageID for update in result.updates)
    return named and not any(getattr(update, "pts_count", 0) for update in result.updates)
