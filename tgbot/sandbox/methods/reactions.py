"""messages.*: reactions to messages."""

from __future__ import annotations

import unicodedata
from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Copy
from ..reactions import EMOJI, Reactions
from ..rpc import RpcError
from .calls import Call, Method, Open
from .media import blank_drawing
from .polls import offset_of

#: How many reactions one account can give to a message, and how many with premium.
_ONE: Final = 1
_PREMIUM: Final = 3
_PAGE: Final = 100
#: The list of reactions never changes.
_AVAILABLE_HASH: Final = 1


def send_reaction(call: Call, request: messages.SendReactionRequest) -> TLObject:
    me = call.me
    peer = call.peer(request.peer)
    copy = _reacted(call, peer, request.msg_id)
    if isinstance(peer, Chat):
        if me.id not in peer.members:
            raise RpcError(400, "CHANNEL_PRIVATE")
        if not peer.broadcast and not peer.allows(me.id, "send_reactions", call.world.date()):
            raise RpcError(403, "CHAT_WRITE_FORBIDDEN")
        if peer.is_anonymous(me.id):
            raise RpcError(403, "ANONYMOUS_REACTIONS_DISABLED")
    else:
        call.world.may_write(me, peer, typing=True)
    given = request.reaction or []
    emoji = [_emoji(call, each) for each in given if not isinstance(each, types.ReactionEmpty)]
    if len(emoji) > (_PREMIUM if me.premium else _ONE):
        raise RpcError(400, "REACTIONS_TOO_MANY")
    call.world.reacting.react(me, copy, emoji, big=bool(request.big))
    return _told(call, [copy])


def _reacted(call: Call, peer: Account | Chat, number: int) -> Copy:
    """Return a message that the caller sees and may react to; raise MESSAGE_ID_INVALID."""
    copy = call.box(peer).get(number)
    if copy is None or copy.peer != peer.marked or copy.post.action is not None:
        raise RpcError(400, "MESSAGE_ID_INVALID")
    return copy


def _emoji(call: Call, given: TLObject) -> str:
    if isinstance(given, types.ReactionCustomEmoji):
        if not (call.me.premium or call.me.is_bot):
            raise RpcError(403, "PREMIUM_ACCOUNT_REQUIRED")
        raise RpcError(400, "DOCUMENT_INVALID")  # there are no custom emoji
    emoji = given.emoticon.replace("\ufe0f", "") if isinstance(given, types.ReactionEmoji) else ""
    if emoji not in EMOJI:
        raise RpcError(400, "REACTION_INVALID")
    return str(emoji)


def get_reactions(call: Call, request: messages.GetMessagesReactionsRequest) -> TLObject:
    peer = call.peer(request.peer)
    found = [call.box(peer).get(number) for number in request.id[:_PAGE]]
    return _told(call, [copy for copy in found if copy is not None and copy.peer == peer.marked])


def _told(call: Call, copies: list[Copy]) -> TLObject:
    updates = [call.world.reacting.update(copy, call.me.id) for copy in copies]
    named = [number for copy in copies for number in (copy.peer, *(copy.post.reactions or Reactions()).given)]
    return call.happened(list(updates), named)


def get_list(call: Call, request: messages.GetMessageReactionsListRequest) -> TLObject:
    copy = _reacted(call, call.peer(request.peer), request.id)
    if not call.world.reacting.named(copy):
        raise RpcError(403, "BROADCAST_FORBIDDEN")
    emoji = _emoji(call, request.reaction) if request.reaction is not None else None
    listed = list((copy.post.reactions or Reactions()).listed(call.me.id, emoji))
    start = offset_of(request.offset)
    page = listed[start : start + min(max(request.limit, 1), _PAGE)]
    end = start + len(page)
    users, chats = call.world.view.beside(
        call.me, {each.peer_id.user_id: None for each in page}, complete=True
    )
    following = str(end) if end < len(listed) else None
    return types.messages.MessageReactionsList(len(listed), page, chats, users, next_offset=following)


def get_available(call: Call, request: messages.GetAvailableReactionsRequest) -> TLObject:
    if request.hash == _AVAILABLE_HASH:
        return types.messages.AvailableReactionsNotModified()
    icon, drawing = blank_drawing(call, moving=False), blank_drawing(call, moving=True)
    listed = [
        types.AvailableReaction(
            emoji, _title(emoji), icon, *[drawing] * 4, around_animation=drawing, center_icon=drawing
        )
        for emoji in sorted(EMOJI)
    ]
    return types.messages.AvailableReactions(_AVAILABLE_HASH, listed)


def _title(emoji: str) -> str:
    """Return the name of an emoji in words, as "Thumbs Up Sign"."""
    return unicodedata.name(emoji[0], emoji).title()


METHODS: Final = {
    messages.GetAvailableReactionsRequest: Method(get_available, Open.USERS),
    messages.SendReactionRequest: Method(send_reaction),
    messages.GetMessagesReactionsRequest: Method(get_reactions, Open.USERS),
    messages.GetMessageReactionsListRequest: Method(get_list, Open.USERS),
}
