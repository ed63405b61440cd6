"""messages.*: pinned messages."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..accounts import Account
from ..channels import channel_update
from ..chats import Chat
from ..dialogs import Post
from ..logs import FIRST_QTS
from ..rpc import RpcError
from .calls import Call, Method


def pin(call: Call, request: messages.UpdatePinnedMessageRequest) -> TLObject:
    peer = _pinnable(call, request.peer)
    since = peer.log.pts if isinstance(peer, Chat) else 0
    copy = call.box(peer).get(request.id)
    if copy is None or copy.peer != peer.marked or copy.post.action is not None:
        raise RpcError(400, "MESSAGE_ID_INVALID")
    pinned, alone = not request.unpin, bool(request.pm_oneside) and not isinstance(peer, Chat)
    if copy.pinned == pinned:
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    call.world.posts.pin([copy], pinned=pinned, for_all=not alone, by=call.me)
    if pinned and not alone and peer.marked != call.me.id:
        silent = {"silent": True} if request.silent else None
        post = Post(call.me.id, call.world.date(), "", action=types.MessageActionPinMessage(), extras=silent)
        call.world.posts.add(call.me, peer.marked, post, reply_to=copy.id, topic=copy.topic)
    if not isinstance(peer, Chat) or not peer.channel:
        return call.happened()
    entries = peer.log.above(since, FIRST_QTS)
    named = [peer.marked, *(number for entry in entries for number in entry.named())]
    return call.happened([channel_update(entry, call.me.id) for entry in entries], named)


def unpin_all(call: Call, request: messages.UnpinAllMessagesRequest) -> TLObject:
    peer = _pinnable(call, request.peer)
    topic = request.top_msg_id
    box = call.box(peer)
    copies = [copy for number in box.history(peer.marked) if (copy := box.get(number)) is not None]
    pinned = [copy for copy in copies if copy.pinned and (not topic or topic in (copy.topic, copy.id))]
    log = peer.log if isinstance(peer, Chat) and peer.channel else call.me.log
    before = log.pts
    if pinned:
        call.world.posts.pin(pinned, pinned=False, for_all=True, by=call.me)
    return types.messages.AffectedHistory(log.pts, log.pts - before, 0)


def _pinnable(call: Call, given: TLObject) -> Account | Chat:
    peer = call.peer(given)
    if isinstance(peer, Chat) and peer.creator != call.me.id:
        rights = peer.admins.get(call.me.id)
        right = "edit_messages" if peer.channel and not peer.megagroup else "pin_messages"
        if not getattr(rights, right, False):
            raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return peer


METHODS: Final = {
    messages.UpdatePinnedMessageRequest: Method(pin),
    messages.UnpinAllMessagesRequest: Method(unpin_all),
}
