"""One request on its way to Telegram, and what every link of the chain does with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from telethon.network.mtprotosender import MTProtoSender
from telethon.tl import TLObject, TLRequest, functions

from tgbot.core.ids import marked_id


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and what the links of the chain have to know about it."""

    sender: MTProtoSender
    request: TLRequest
    #: Marked id of the chat that the request is about; 0 for none.
    chat_id: int
    #: The longest flood wait that is waited for, in seconds; a longer one is raised.
    flood_threshold: float


class Caller(Protocol):
    """A link of the chain."""

    async def call(self, call: Call) -> TLObject:
        """Return Telegram's answer to a request; raise Telegram's error where it refuses."""


def call_of(sender: MTProtoSender, request: TLRequest, flood_threshold: float) -> Call:
    """Return the call for a request whose peers are resolved."""
    forwards = type(request) is functions.messages.ForwardMessagesRequest
    peer = request.to_peer if forwards else getattr(request, "peer", None)
    return Call(sender, request, marked_id(peer), flood_threshold)
