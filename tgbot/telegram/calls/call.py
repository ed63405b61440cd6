"""Requests on their way to Telegram, and what every link of the chain does with one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from telethon import errors
from telethon.tl import TLObject, TLRequest, functions, types

from tgbot.core.ids import marked_id
from tgbot.telegram.calls.packed import PACKED
from tgbot.telegram.calls.plain import PlainText, Typing
from tgbot.telegram.calls.unanswered import Open
from tgbot.telegram.refusals import NoAnswerError
from tgbot.telegram.wire.link import Sender
from tgbot.telegram.wire.reading import UnreadableError

#: Requests that make a message and take a random_id.
SENDS = frozenset(
    {
        functions.messages.SendMessageRequest,
        PlainText,
        functions.messages.SendMediaRequest,
        functions.messages.SendInlineBotResultRequest,
        functions.messages.ForwardMessagesRequest,
        functions.messages.SendMultiMediaRequest,
        *PACKED.values(),
    }
)


#: The module of Telethon's methods.
_FUNCTIONS: Final = functions.__name__
#: Requests whose one peer is their `peer`, and which name nothing else that has to be looked up.
_ABOUT_ONE_PEER: Final = frozenset({functions.messages.SetTypingRequest, PlainText, Typing})


@dataclass(slots=True)
class Begun:
    """A request that was sent, and did not get an answer: for the chain, the outcome of its first attempt."""

    #: Taken by the link, once: a further attempt is a new one.
    made: Open | None
    #: Telegram's time when it was sent.
    at: int

    def take(self) -> Open | None:
        """Return the attempt to who settles it; None once it was taken."""
        made, self.made = self.made, None
        return made


class Call(NamedTuple):
    """A request, and what the links of the chain have to know about it."""

    # A NamedTuple, not a frozen dataclass: one is built for every request, in a quarter of the time.

    sender: Sender
    request: TLRequest
    #: Marked id of the chat that the request is about; 0 for none.
    chat_id: int
    #: The longest flood wait that is waited for, in seconds; a longer one is raised. Below 0 each is raised,
    #: and none is held against a chat: who makes the call has a rule of their own.
    flood_threshold: float
    #: The first attempt, if it was begun before the chain was asked.
    begun: Begun | None = None


class Caller(Protocol):
    """A link of the chain."""

    def call(self, call: Call) -> Coroutine[object, object, TLObject]:
        """Return Telegram's answer to a request; raise Telegram's error where it refuses."""


def is_resolved(request: TLRequest) -> bool:
    """Return whether a request is known to name its peers as Telegram takes them: none is to be looked up."""
    return type(request) in _ABOUT_ONE_PEER and type(request.peer) is types.InputPeerUser


def method_of(request: type[TLRequest]) -> str:
    """Return the schema's name of a request's method: messages.sendMessage."""
    kind = next(each for each in request.__mro__ if each.__module__.startswith(_FUNCTIONS))
    space = kind.__module__.removeprefix(_FUNCTIONS).lstrip(".")
    name = kind.__name__.removesuffix("Request")
    return f"{space}{'.' if space else ''}{name[:1].lower()}{name[1:]}"


def call_of(sender: Sender, request: TLRequest, flood_threshold: float) -> Call:
    """Return the call for a request whose peers are resolved."""
    if is_resolved(request):
        return Call(sender, request, request.peer.user_id, flood_threshold)
    forwards = type(request) is functions.messages.ForwardMessagesRequest
    peer = (
        request.to_peer if forwards else getattr(request, "peer", None) or getattr(request, "channel", None)
    )
    return Call(sender, request, marked_id(peer), flood_threshold)


async def call_all(caller: Caller, calls: Sequence[Call], *, ordered: bool) -> list[TLObject]:
    """Make several requests, one after another if `ordered`, and return their answers in order.

    Raise MultiError, with the answers that came, if Telegram refuses any of them, or gives no answer to one
    that can be read.
    """

    async def settled(call: Call) -> TLObject | Exception:
        try:
            return await caller.call(call)
        except (errors.RPCError, NoAnswerError, UnreadableError) as failed:
            return failed

    if ordered:
        results = [await settled(call) for call in calls]
    else:
        results = await asyncio.gather(*map(settled, calls))
    failures = [result if isinstance(result, Exception) else None for result in results]
    if any(failures):
        answers = [None if failure else result for failure, result in zip(failures, results, strict=True)]
        raise errors.MultiError(failures, answers, [call.request for call in calls])
    return results
