"""messages.*: drafts of people, and the drafts that a bot streams while it makes an answer."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..accounts import Account
from ..chats import Chat
from ..rpc import RpcError
from .calls import Call, Method, Open
from .sending import TEXT_LENGTH, text_of


def save_draft(call: Call, request: messages.SaveDraftRequest) -> bool:
    to, reply = call.peer(request.peer), request.reply_to
    topic = getattr(reply, "top_msg_id", None) or None
    text, entities = text_of(call, to, request.message, request.entities, TEXT_LENGTH)
    if not text and not getattr(reply, "reply_to_msg_id", 0):
        call.world.drafts.clear(call.me, to.marked, topic)
        return True
    draft = types.DraftMessage(
        request.message,
        call.world.date(),
        no_webpage=request.no_webpage,
        invert_media=request.invert_media,
        reply_to=reply,
        entities=entities if text == request.message else request.entities,
    )
    call.world.drafts.save(call.me, to.marked, topic, draft)
    return True


def get_all_drafts(call: Call, request: messages.GetAllDraftsRequest) -> TLObject:
    found = list(call.world.drafts.updates(call.me.id))
    return call.updates([update for _, update in found], [peer for peer, _ in found])


def clear_all_drafts(call: Call, request: messages.ClearAllDraftsRequest) -> bool:
    call.world.drafts.clear_all(call.me)
    return True


def streamed(call: Call, to: Account | Chat, action: TLObject) -> TLObject:
    """Return the chat action as the other side gets it; raise an RPC error for a draft that is none."""
    if isinstance(action, types.SendMessageStopDraftAction):
        if isinstance(to, Chat) or not to.is_bot:
            raise RpcError(400, "PEER_ID_INVALID")
        return action
    if isinstance(action, types.SendMessageTextDraftAction):
        if isinstance(to, Chat):
            raise RpcError(400, "PEER_ID_INVALID")
        if not action.random_id:
            raise RpcError(400, "RANDOM_ID_EMPTY")
        text, entities = text_of(call, to, action.text.text, action.text.entities, TEXT_LENGTH)
        action.text = types.TextWithEntities(text, entities or [])
    return action


METHODS: Final = {
    messages.SaveDraftRequest: Method(save_draft, Open.USERS),
    messages.GetAllDraftsRequest: Method(get_all_drafts, Open.USERS),
    messages.ClearAllDraftsRequest: Method(clear_all_drafts, Open.USERS),
}
