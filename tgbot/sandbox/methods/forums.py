"""messages.* and channels.* about topics: of forums, and of private chats with bots that have them."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import channels, messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Post
from ..rpc import RpcError
from .calls import Call, Method, Open
from .chats import changed

_TITLE_LENGTH: Final = 128
_BLUE: Final = 0x6FB9F0


def toggle_forum(call: Call, request: channels.ToggleForumRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    if call.me.id != chat.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    if not chat.megagroup:
        raise RpcError(400, "CHAT_ID_INVALID")
    chat.forum = request.enabled
    return changed(call, chat, chat.log.pts)


def create_forum_topic(call: Call, request: messages.CreateForumTopicRequest) -> TLObject:
    to, title = call.peer(request.peer), request.title.strip()
    if not has_topics(call, to):
        raise RpcError(400, "CHANNEL_FORUM_MISSING")
    if not 0 < len(title) <= _TITLE_LENGTH:
        raise RpcError(400, "TOPIC_TITLE_EMPTY")
    if isinstance(to, Chat) and not to.may_manage_topics(call.me.id):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    since = to.log.pts if isinstance(to, Chat) else 0
    action = types.MessageActionTopicCreate(title, request.icon_color or _BLUE)
    post = Post(call.me.id, call.world.date(), "", action=action)
    call.world.posts.add(call.me, to.marked, post, random_id=request.random_id, opens=False)
    return changed(call, to, since) if isinstance(to, Chat) else call.happened()


def has_topics(call: Call, to: Account | Chat) -> bool:
    """Return whether a dialog of the caller has topics: a forum, or a chat with a bot that has them."""
    if isinstance(to, Chat):
        return to.forum
    return any(one.profile is not None and one.profile.topics for one in (to, call.me))


def thread(call: Call, to: Account | Chat, given: TLObject) -> tuple[int | None, int | None]:
    """Return the ids of the message that a send replies to, and of the topic that it goes into.

    A reply to a deleted message is sent without the reply. The id of a topic is that of the service message
    that made it. Raise TOPIC_DELETED if the send names a topic that is not there.
    """
    if not isinstance(given, types.InputReplyToMessage):
        return None, None
    box = call.box(to)
    answered, root = box.get(given.reply_to_msg_id), box.get(given.top_msg_id or 0)
    if answered is not None and answered.peer != to.marked:
        answered = None
    reply_to = answered.id if answered is not None else None
    if not has_topics(call, to):
        return reply_to, None
    if given.top_msg_id and (root is None or root.peer != to.marked or not root.makes_topic):
        raise RpcError(400, "TOPIC_DELETED")
    if root is None and answered is not None:
        return reply_to, answered.id if answered.makes_topic else answered.topic
    return reply_to, root.id if root is not None else None


METHODS: Final = {
    channels.ToggleForumRequest: Method(toggle_forum, Open.USERS),
    messages.CreateForumTopicRequest: Method(create_forum_topic),
}
