"""messages.*: editing and deleting messages."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import channels, messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Copy, Post
from ..mentions import mentioned
from ..payments import Bill
from ..polls import Poll
from ..rpc import RpcError
from . import polls, scheduled
from .calls import Call, Method, Open, seconds
from .keyboards import shown_markup
from .media import as_message_media, moved
from .sending import CAPTION_LENGTH, TEXT_LENGTH, existing, text_of


def edit_message(call: Call, request: messages.EditMessageRequest) -> TLObject:
    me = call.me
    to = call.peer(request.peer)
    if request.schedule_date is not None:
        return _edit_scheduled(call, to, request)
    copy = existing(call, request.id, to)
    post = copy.post
    if not _may_edit(call, to, post):
        raise RpcError(403, "MESSAGE_AUTHOR_REQUIRED")
    if post.action is not None or post.forwarded is not None:
        raise RpcError(400, "MESSAGE_ID_INVALID")
    ended = changed_post(call, to, copy, request)
    if ended is not None:
        call.world.polls.close(ended)
    call.world.posts.edited(copy)
    # Clients look for the poll in the first update.
    updates: list[TLObject] = [call.world.polls.update(ended, copy, me.id)] if ended is not None else []
    if isinstance(to, Chat) and to.channel:
        updates.append(types.UpdateEditChannelMessage(copy.message(me.id), to.log.pts, 1))
    return call.happened(updates, list(mentioned(copy)) if updates else [])


def _may_edit(call: Call, to: Account | Chat, post: Post) -> bool:
    """Return whether the caller may edit a message: its author, in a broadcast channel some admins, too."""
    if post.sender == call.me.id:
        return True
    if not isinstance(to, Chat) or not to.channel or to.megagroup:
        return False
    return call.me.id == to.creator or bool(getattr(to.admins.get(call.me.id), "edit_messages", False))


def changed_post(call: Call, to: Account | Chat, copy: Copy, request: TLRequest) -> Poll | None:
    """Change what an edit asks for, and return the poll that it closes; raise an RPC error for no change.

    The request is an editMessage or an editInlineBotMessage.
    """
    post = copy.post
    text, entities, media = post.text, post.entities, post.media
    if request.message is not None:
        limit, error = (
            (CAPTION_LENGTH, "MEDIA_CAPTION_TOO_LONG") if media else (TEXT_LENGTH, "MESSAGE_TOO_LONG")
        )
        text, entities = text_of(call, to, request.message, request.entities, limit, error)
    ended: Poll | None = None
    if isinstance(media, Poll) or isinstance(request.media, types.InputMediaPoll):
        ended = polls.closed_by(call, copy, request.media) if request.media is not None else None
    elif isinstance(media, Bill) and request.media is not None:
        raise RpcError(400, "MEDIA_PREV_INVALID")
    elif isinstance(request.media, types.InputMediaGeoLive):
        media = moved(call, post, request.media)
    elif request.media is not None:
        media = as_message_media(call, request.media)
    if not text and media is None:
        raise RpcError(400, "MESSAGE_EMPTY")
    # An edit without a keyboard removes the keyboard.
    markup = shown_markup(call, request.reply_markup)
    above = bool(request.invert_media)
    extras = {name: value for name, value in (post.extras or {}).items() if name != "invert_media"}
    extras |= {"invert_media": True} if above else {}
    before = (post.text, post.entities, post.media, post.markup, post.extras or {})
    if ended is None and (text, entities, media, markup, extras) == before:
        raise RpcError(400, "MESSAGE_NOT_MODIFIED")
    post.text, post.entities, post.media, post.markup, post.extras = text, entities, media, markup, extras
    return ended


def _edit_scheduled(call: Call, to: Account | Chat, request: messages.EditMessageRequest) -> TLObject:
    """Change a message that waits for its moment: its moment, too, or send it at once."""
    waiting = call.world.schedule.get(call.me.id, to.marked, request.id)
    moment, post = call.world.schedule.moment(seconds(request.schedule_date)), waiting.copy.post
    limit = CAPTION_LENGTH if post.media else TEXT_LENGTH
    if request.message is not None:
        text, entities = text_of(call, to, request.message, request.entities, limit)
        if not text and post.media is None:
            raise RpcError(400, "MESSAGE_EMPTY")
        post.text, post.entities = text, entities
    if request.media is not None:
        post.media = as_message_media(call, request.media)
    post.date = moment or call.world.date()
    call.world.schedule.plan(waiting)
    return scheduled.told(call, [waiting])


def delete_messages(call: Call, request: messages.DeleteMessagesRequest) -> TLObject:
    me = call.me
    limits = call.world.limits
    copies = [copy for number in request.id[: limits.deletions] if (copy := me.box.get(number)) is not None]
    revoke = bool(request.revoke) or me.is_bot
    limits.deletes(me, [copy.post.date for copy in copies])
    for copy in copies:
        # In a group only admins can delete messages of others for all.
        if revoke and copy.peer < 0 and copy.post.sender != me.id:
            chat = call.world.chats[copy.peer]
            if not chat.may_delete(me.id):
                raise RpcError(403, "MESSAGE_DELETE_FORBIDDEN")
    lost = call.world.posts.delete(copies, revoke=revoke)
    return types.messages.AffectedMessages(me.log.pts, lost.get(me.id, 0))


def delete_channel_messages(call: Call, request: channels.DeleteMessagesRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    limits = call.world.limits
    copies = [copy for number in request.id[: limits.deletions] if (copy := chat.box.get(number)) is not None]
    limits.deletes(call.me, [copy.post.date for copy in copies])
    if any(copy.post.sender != call.me.id for copy in copies) and not chat.may_delete(call.me.id):
        raise RpcError(403, "MESSAGE_DELETE_FORBIDDEN")
    count = call.world.posts.delete_in_channel(chat, copies, call.me)
    return types.messages.AffectedMessages(chat.log.pts, count)


def delete_history(call: Call, request: messages.DeleteHistoryRequest) -> TLObject:
    me = call.me
    numbers = list(me.box.history(call.peer(request.peer).marked))
    copies = [me.box.get(number) for number in numbers if not request.max_id or number <= request.max_id]
    lost = call.world.posts.delete([copy for copy in copies if copy is not None], revoke=bool(request.revoke))
    return types.messages.AffectedHistory(me.log.pts, lost.get(me.id, 0), 0)


METHODS: Final = {
    messages.EditMessageRequest: Method(edit_message),
    messages.DeleteMessagesRequest: Method(delete_messages),
    channels.DeleteMessagesRequest: Method(delete_channel_messages),
    messages.DeleteHistoryRequest: Method(delete_history, Open.USERS),
}
