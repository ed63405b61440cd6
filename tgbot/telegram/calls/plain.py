"""Plain requests, in fewer steps than Telethon takes: texts without markup, buttons or files; probes."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any, Final

from telethon import utils
from telethon.tl import functions, types

from tgbot.telegram.wire.messages import tl_bytes

#: The characters that Telethon's markdown begins with.
_MARKUP: Final = re.compile(r"[*_~`\[]")
#: The options that a plain text may have.
_OPTIONS: Final = frozenset({"reply_to", "parse_mode"})
#: The longest text, in bytes, whose length has one byte.
_SHORT: Final = 253
#: The flag of a send that is a reply.
_REPLY: Final = 1
#: The constructors of the request and of its user, and what a text that is no reply begins with.
_SEND: Final = functions.messages.SendMessageRequest.CONSTRUCTOR_ID
_USER: Final = types.InputPeerUser.CONSTRUCTOR_ID
_TO_USER: Final = struct.pack("<III", _SEND, 0, _USER)
#: The same of a chat action, and the action itself.
_TYPING_TO_USER: Final = struct.pack("<III", functions.messages.SetTypingRequest.CONSTRUCTOR_ID, 0, _USER)
_TYPING: Final = types.SendMessageTypingAction.CONSTRUCTOR_ID
_pack_typing: Final = struct.Struct("<12sqqI").pack


class PlainText(functions.messages.SendMessageRequest):
    """The request that Telethon makes for a plain text, with its peer resolved; the entrance names it."""

    def __init__(self, peer: types.TypeInputPeer, message: str, reply_to: int | None) -> None:
        self.__dict__ = _template.copy()
        self.peer = peer
        self.message = message
        if reply_to is not None:
            self.reply_to = types.InputReplyToMessage(reply_to)

    async def resolve(self, client: Any, utils: Any) -> None:
        """Return at once: the peer is resolved."""

    def __bytes__(self) -> bytes:
        peer, reply_to, text = self.peer, self.reply_to, self.message.encode()
        size = len(text)
        if reply_to is None and size <= _SHORT:
            # With its length in front of it, `size | 3` bytes fill a multiple of four; struct adds the zeros.
            form = f"<12sqqB{size | 3}sq"
            return struct.pack(form, _TO_USER, peer.user_id, peer.access_hash, size, text, self.random_id)
        head = struct.pack("<IIIqq", _SEND, _REPLY if reply_to else 0, _USER, peer.user_id, peer.access_hash)
        reply = bytes(reply_to) if reply_to else b""
        return b"".join((head, reply, tl_bytes(text), struct.pack("<q", self.random_id)))

    _bytes = __bytes__  # as a wrapped request is packed


class Typing(functions.messages.SetTypingRequest):
    """The request that shows the bot typing to a user: a probe, because nothing is left of it."""

    top_msg_id = None
    action = types.SendMessageTypingAction()

    def __init__(self, user_id: int, access_hash: int) -> None:
        self.user_id = user_id
        self.access_hash = access_hash

    @property
    def peer(self) -> types.InputPeerUser:
        return types.InputPeerUser(self.user_id, self.access_hash)

    async def resolve(self, client: Any, utils: Any) -> None:
        """Return at once: the peer is resolved."""

    def __bytes__(self) -> bytes:
        return _pack_typing(_TYPING_TO_USER, self.user_id, self.access_hash, _TYPING)

    _bytes = __bytes__  # as a wrapped request is packed


def typing(peer: types.TypeInputPeer) -> functions.messages.SetTypingRequest:
    """Return the request that shows the bot typing in a chat."""
    if type(peer) is types.InputPeerUser:
        return Typing(peer.user_id, peer.access_hash)
    return functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction())


#: The fields of a send without any.
_template: Final = vars(
    functions.messages.SendMessageRequest(None, "", no_webpage=False, clear_draft=False, random_id=0)
)


def plain_text(
    entity: object, message: object, options: Mapping[str, object], *, markdown: bool = True
) -> PlainText | None:
    """Return the request for a text to a user that needs nothing of Telethon's `send_message`, else None.

    `markdown` says whether the client's parse mode is Telethon's markdown. A text with None as its parse mode
    goes as it is.
    """
    if type(entity) is not types.InputPeerUser or type(message) is not str:
        return None
    reply_to: int | None = None
    if options:
        given = options.get("reply_to")
        if not options.keys() <= _OPTIONS or (given is not None and type(given) is not int):
            return None
        reply_to = given
    if "parse_mode" in options:
        if options["parse_mode"] is not None:
            return None
    elif not markdown or _MARKUP.search(message):
        return None
    else:
        message = message.strip()
    return PlainText(entity, message, reply_to) if message else None


#: The fields of a message of ours without any.
_sent: Final = vars(types.Message(0, None, message="", out=True))


def message_sent(client: Any, request: PlainText, answer: types.UpdateShortSentMessage) -> types.Message:
    """Return the message that a plain text has become, as Telethon's `send_message` returns it."""
    message = object.__new__(types.Message)
    fields = message.__dict__ = _sent.copy()  # faster than a union with what follows
    fields["peer_id"] = fields["_chat_peer"] = types.PeerUser(request.peer.user_id)
    fields["id"] = answer.id
    fields["message"] = request.message
    fields["date"] = answer.date
    fields["reply_to"] = request.reply_to
    fields["entities"] = answer.entities
    fields["ttl_period"] = answer.ttl_period
    if type(answer.media) is not types.MessageMediaEmpty:
        fields["media"] = answer.media
    fields["_client"] = client
    fields["_input_chat"] = request.peer
    return message


def message_by_id(client: Any, peer: types.TypeInputPeer, number: int, text: str) -> types.Message:
    """Return a message that the bot has sent, by its chat, id and text: to be edited, deleted or answered."""
    message = types.Message(number, utils.get_peer(peer), message=text, date=None, out=True)
    message._client, message._chat_peer, message._input_chat = client, message.peer_id, peer
    return message
