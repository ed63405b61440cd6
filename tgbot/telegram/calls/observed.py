"""What requests say about people: whether Telegram took a request about a user, and who is in an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from telethon import errors
from telethon.tl import TLObject, TLRequest, functions, types

from tgbot.telegram.calls.answers import LATER
from tgbot.telegram.calls.call import Call, Caller
from tgbot.telegram.calls.names import error_name

_DIFFERENCES = frozenset(
    {functions.updates.GetDifferenceRequest, functions.updates.GetChannelDifferenceRequest}
)


class Outcomes(Protocol):
    """Learn how requests about private users end."""

    def outcome(self, request: TLRequest, user_id: int, error_name: str | None, at: int) -> None:
        """Take in that a request made at `at` (Telegram's unix time) succeeded, or was refused."""


class Peers(Protocol):
    """Learn the users and chats that Telegram names."""

    def remember(self, users: Sequence[types.TypeUser], chats: Sequence[types.TypeChat], source: str) -> None:
        """Take in users and chats; `source` says what brought them."""


class Observed:
    """Report the outcome of each request about a private user, and the users and chats of each answer.

    Errors after which the same request may yet succeed are no outcome. The users of a difference are not
    reported here: the reader of differences reports them.
    """

    def __init__(
        self, then: Caller, outcomes: Outcomes, peers: Peers, server_time: Callable[[], int]
    ) -> None:
        self._then = then
        self._outcomes = outcomes
        self._peers = peers
        self._server_time = server_time

    async def call(self, call: Call) -> TLObject:
        request, user_id = call.request, call.chat_id
        sent_at = self._server_time()
        try:
            result = await self._then.call(call)
        except LATER:
            raise
        except errors.RPCError as error:
            if user_id > 0:
                self._outcomes.outcome(request, user_id, error_name(error), sent_at)
            raise
        if user_id > 0:
            self._outcomes.outcome(request, user_id, None, sent_at)
        kind = type(request)
        if kind not in _DIFFERENCES:
            users, chats = getattr(result, "users", None), getattr(result, "chats", None)
            if users or chats:
                self._peers.remember(users or (), chats or (), kind.__name__)
            elif kind is functions.users.GetUsersRequest:
                self._peers.remember(result, (), kind.__name__)
        return result
