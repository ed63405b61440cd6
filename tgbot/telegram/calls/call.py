"""One request on its way to Telegram, and what every link of the chain does with it."""

from __future__ import annotations

from asyncio import Future
from dataclasses import dataclass
from typing import Any, Protocol

from telethon.tl import TLObject, TLRequest, functions

from tgbot.telegram.updates.keys import marked_input


class RequestSender(Protocol):
    """A connection to a data center that requests are sent over."""

    def send(self, request: TLRequest) -> Future[Any]:  # Any: a TL object, or a list of them
        """Send a request; the future holds Telegram's answer, or its error."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and what the links of the chain have to know about it."""

    sender: RequestSender
    request: TLRequest
    #: Marked id of the chat that the request is about; 0 for none.
    chat_id: int
    #: The longest flood wait that is waited for, in seconds; a longer one is raised.
    flood_threshold: float


class Caller(Protocol):
    """A link of the chain."""

    async def call(self, call: Call) -> TLObject:
        """Return Telegram's answer to a request; raise Telegram's error where it refuses."""


def call_of(sender: RequestSender, request: TLRequest, flood_threshold: float) -> Call:
    """Return the call for a request whose peers are resolved."""
    forwards = type(request) is functions.messages.ForwardMessagesRequest
    peer = request.to_peer if forwards else getattr(request, "peer", None)
    return Call(sender, request, marked_input(peer), flood_threshold)
