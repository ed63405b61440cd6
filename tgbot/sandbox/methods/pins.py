"""messages.*: pinned messages."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Copy, Post, peer_of
from ..rpc import RpcError
from .calls import Call, Method


def pin(call: Call, request: messages.UpdatePinnedMessageRequest) -> TLObject:
    peer = _pinnable(call, request.peer)
    copy = call.box(peer).get(request.id)
    if copy is None or copy.peer != peer.marked:
        raise RpcError(400, "MESSAGE_ID_INVALID")
    pinned = not request.unpin
    if bool(copy.post.extras and copy.post.extras.get("pinned")) == pinned:
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    _mark(call, peer, [copy], pinned=pinned, both=not request.pm_oneside)
    if pinned and not request.pm_oneside and peer.marked != call.me.id:
        post = Post(call.me.id, call.world.date(), "", action=types.MessageActionPinMessage())
        call.world.posts.add(call.me, peer.marked, post, reply_to=copy.id)
    return call.happened()


def unpin_all(call: Call, request: messages.UnpinAllMessagesRequest) -> TLObject:
    me, peer = call.me, _pinnable(call, request.peer)
    box = call.box(peer)
    copies = [copy for number in box.history(peer.marked) if (copy := box.get(number)) is not None]
    pinned = [copy for copy in copies if copy.post.extras and copy.post.extras.get("pinned")]
    before = me.log.pts
    if pinned:
        _mark(call, peer, pinned, pinned=False, both=True)
    return types.messages.AffectedHistory(me.log.pts, me.log.pts - before, 0)


def _pinnable(call: Call, given: TLObject) -> Account | Chat:
    peer = call.peer(given)
    if isinstance(peer, Chat):
        if peer.channel:
            raise RpcError(501, "MESSAGES_UPDATEPINNEDMESSAGE_CHANNEL_NOT_IMPLEMENTED")
        rights = peer.admins.get(call.me.id)
        if peer.creator != call.me.id and not (rights and rights.pin_messages):
            raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return peer


def _mark(call: Call, peer: Account | Chat, copies: list[Copy], *, pinned: bool, both: bool) -> None:
    """Mark the posts, and log it for the caller, or for all who have a copy."""
    owners: dict[int, list[Copy]] = {}
    for copy in copies:
        copy.post.extras = {key: value for key, value in (copy.post.extras or {}).items() if key != "pinned"}
        if pinned:
            copy.post.extras["pinned"] = True
        for each in copy.post.copies if both else [copy]:
            owners.setdefault(each.owner, []).append(each)
    for owner, marked in owners.items():
        ids = [each.id for each in marked]
        update = types.UpdatePinnedMessages(peer_of(marked[0].peer), ids, 0, 0, pinned=pinned or None)
        call.world.feeds.log(call.world.accounts[owner], update, len(ids))


METHODS: Final = {
    messages.UpdatePinnedMessageRequest: Method(pin),
    messages.UnpinAllMessagesRequest: Method(unpin_all),
}
