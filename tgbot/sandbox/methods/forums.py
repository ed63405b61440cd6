"""messages.* and channels.* about topics: of forums, and of private chats with bots that have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import channels, messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Copy, Post, peer_of
from ..mentions import mentioned, named
from ..rights import with_right
from ..rpc import RpcError
from ..sends import SendKey
from ..topics import COLOURS, GENERAL, Topic
from .calls import Call, Method, Open
from .chats import changed
from .permits import moment

_TITLE_LENGTH: Final = 128
_PINNED: Final = 5
_PAGE: Final = 100


def toggle_forum(call: Call, request: channels.ToggleForumRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    if call.me.id != chat.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    if not chat.megagroup:
        raise RpcError(400, "CHAT_ID_INVALID")
    if chat.linked:
        raise RpcError(400, "CHAT_DISCUSSION_UNALLOWED")
    if (chat.forum, chat.forum_tabs) == (request.enabled, request.tabs):
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    if request.enabled and not chat.forum:  # members make topics if an admin lets them
        chat.default_rights = with_right(chat.default_rights, "manage_topics")
    call.world.groups.set(chat, forum=request.enabled, forum_tabs=request.tabs)
    return changed(call, chat, chat.log.pts)


def has_topics(call: Call, to: Account | Chat) -> bool:
    """Return whether a dialog of the caller has topics: a forum, or a chat with a bot that has them."""
    if isinstance(to, Chat):
        return to.forum
    return any(one.profile is not None and one.profile.topics for one in (to, call.me))


def _manages(call: Call, to: Account | Chat) -> bool:
    """Return whether the caller may change all topics of a dialog."""
    return not isinstance(to, Chat) or to.has_right(call.me.id, "manage_topics")


# -- changes


def create_forum_topic(call: Call, request: messages.CreateForumTopicRequest) -> TLObject:
    to, title, world = call.peer(request.peer), request.title.strip(), call.world
    if not has_topics(call, to):
        raise RpcError(400, "CHANNEL_FORUM_MISSING")
    earlier = world.sends.earlier(SendKey(call.me.id, to.marked, request.random_id))
    if earlier is not None:
        return _again(call, earlier)
    if not 0 < len(title) <= _TITLE_LENGTH:
        raise RpcError(400, "TOPIC_TITLE_EMPTY")
    if isinstance(to, Chat) and not to.allows(call.me.id, "manage_topics", world.date()):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    if not isinstance(to, Chat):
        world.may_write(call.me, to)
    since = to.log.pts if isinstance(to, Chat) else 0
    colour = request.icon_color if request.icon_color in COLOURS else COLOURS[0]
    action = types.MessageActionTopicCreate(
        title, colour, title_missing=request.title_missing or None, icon_emoji_id=request.icon_emoji_id
    )
    post = Post(call.me.id, world.date(), "", action=action)
    made = world.posts.add(call.me, to.marked, post, random_id=request.random_id, opens=False)
    world.topics.of(made)
    answer = changed(call, to, since) if isinstance(to, Chat) else call.happened()
    answer.updates.insert(0, types.UpdateMessageID(made.id, request.random_id))
    return answer


def _again(call: Call, made: Copy) -> TLObject:
    """Answer a call that was made before with the message that it made then."""
    kind = types.UpdateNewChannelMessage if made.owner < 0 else types.UpdateNewMessage
    updates = [types.UpdateMessageID(made.id, made.random_id), kind(made.message(call.me.id), made.pts, 0)]
    return call.happened(updates, list(mentioned(made)))


def _topic(call: Call, to: Account | Chat, number: int) -> tuple[Topic, Copy | None]:
    """Return a topic and its root, which the general topic does not have; raise TOPIC_ID_INVALID."""
    if not has_topics(call, to):
        raise RpcError(400, "CHANNEL_FORUM_MISSING")
    if isinstance(to, Chat) and number == GENERAL:
        return call.world.topics.general(to), None
    root = call.box(to).get(number)
    if root is None or root.peer != to.marked or not root.makes_topic:
        raise RpcError(400, "TOPIC_ID_INVALID")
    return call.world.topics.of(root), root


def edit_forum_topic(call: Call, request: messages.EditForumTopicRequest) -> TLObject:
    to = call.peer(request.peer)
    topic, root = _topic(call, to, request.topic_id)
    if not _manages(call, to) and topic.creator != call.me.id:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    title, icon, closed, hidden = request.title, request.icon_emoji_id, request.closed, request.hidden
    if title is not None and not 0 < len(title := title.strip()) <= _TITLE_LENGTH:
        raise RpcError(400, "TOPIC_TITLE_EMPTY")
    if root is None and icon is not None:
        raise RpcError(400, "GENERAL_MODIFY_ICON_FORBIDDEN")
    if root is not None and hidden is not None:
        raise RpcError(400, "TOPIC_ID_INVALID")
    if closed is not None and (title, icon, hidden) != (None, None, None):
        raise RpcError(400, "TOPIC_CLOSE_SEPARATELY")
    if hidden is not None and (title, icon, closed) != (None, None, None):
        raise RpcError(400, "TOPIC_HIDE_SEPARATELY")
    wanted = {"title": title, "icon": icon, "closed": closed, "hidden": hidden}
    new = {name: value for name, value in wanted.items() if value not in (None, getattr(topic, name))}
    if not new:
        raise RpcError(400, "TOPIC_NOT_MODIFIED")
    for name, value in new.items():
        setattr(topic, name, value)
    if new.get("hidden"):
        topic.closed, topic.pinned = True, False
    if "title" in new:
        topic.title_missing = False
    action = types.MessageActionTopicEdit(
        title=new.get("title"),
        icon_emoji_id=new.get("icon"),
        closed=new.get("closed"),
        hidden=new.get("hidden"),
    )
    since = to.log.pts if isinstance(to, Chat) else 0
    post = Post(call.me.id, call.world.date(), "", action=action)
    call.world.posts.add(call.me, to.marked, post, topic=root.id if root is not None else None, opens=False)
    return changed(call, to, since) if isinstance(to, Chat) else call.happened()


def pin_topic(call: Call, request: messages.UpdatePinnedForumTopicRequest) -> TLObject:
    to = call.peer(request.peer)
    topic, _ = _topic(call, to, request.topic_id)
    if not _manages(call, to):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    if topic.pinned == request.pinned:
        raise RpcError(400, "PINNED_TOPIC_NOT_MODIFIED")
    if request.pinned and sum(each.pinned for _, each in _all(call, to)) >= _PINNED:
        raise RpcError(400, "PINNED_TOO_MUCH")
    topic.pinned = request.pinned
    update = types.UpdatePinnedForumTopic(peer_of(to.marked), request.topic_id, pinned=request.pinned or None)
    for member in to.members if isinstance(to, Chat) else ():
        if member != call.me.id:
            call.world.feeds.hand(member, update)
    return call.updates([update], [to.marked])


def delete_topic(call: Call, request: messages.DeleteTopicHistoryRequest) -> TLObject:
    to, me = call.peer(request.peer), call.me
    _, root = _topic(call, to, request.top_msg_id)
    if root is None:
        raise RpcError(400, "TOPIC_ID_INVALID")
    if isinstance(to, Chat) and not to.may_delete(me.id):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    gone = [copy for copy in _messages(call, to) if root.id in (copy.id, copy.topic)]
    if isinstance(to, Chat):
        count = call.world.posts.delete_in_channel(to, gone, me)
        return types.messages.AffectedHistory(to.log.pts, count, 0)
    count = call.world.posts.delete(gone, revoke=True).get(me.id, 0)
    return types.messages.AffectedHistory(me.log.pts, count, 0)


# -- lists


def _messages(call: Call, to: Account | Chat) -> Iterator[Copy]:
    box = call.box(to)
    return (copy for number in box.history(to.marked) if (copy := box.get(number)) is not None)


def _all(call: Call, to: Account | Chat) -> list[tuple[int, Topic]]:
    """Return all topics of a dialog with their ids."""
    topics = call.world.topics
    found = [(copy.id, topics.of(copy)) for copy in _messages(call, to) if copy.makes_topic]
    return [(GENERAL, topics.general(to)), *found] if isinstance(to, Chat) else found


def _last(call: Call, to: Account | Chat) -> dict[int, Copy]:
    """Return the last message of each topic."""
    return {copy.id if copy.makes_topic else copy.topic or GENERAL: copy for copy in _messages(call, to)}


def get_forum_topics(call: Call, request: messages.GetForumTopicsRequest) -> TLObject:
    to = call.peer(request.peer)
    if not has_topics(call, to):
        raise RpcError(400, "CHANNEL_FORUM_MISSING")
    sought, last = (request.q or "").casefold(), _last(call, to)
    found = [(number, topic) for number, topic in _all(call, to) if sought in topic.title.casefold()]

    def place(number: int, topic: Topic) -> tuple[bool, int, int]:
        top = last.get(number)
        return not topic.pinned, -(top.post.date if top is not None else topic.date), -number

    found.sort(key=lambda one: place(*one))
    count = len(found)
    if request.offset_topic:
        numbers = [number for number, _ in found]
        known = request.offset_topic in numbers
        found = found[numbers.index(request.offset_topic) + 1 :] if known else []
    elif date := moment(request.offset_date):
        found = [one for one in found if -place(*one)[1] < date]
    return _shown(call, to, found[: min(max(request.limit, 0), _PAGE)], last, count)


def get_topics_by_id(call: Call, request: messages.GetForumTopicsByIDRequest) -> TLObject:
    to = call.peer(request.peer)
    if not has_topics(call, to):
        raise RpcError(400, "CHANNEL_FORUM_MISSING")
    known = dict(_all(call, to))
    wanted = list(dict.fromkeys(request.topics))[:_PAGE]
    if not wanted:
        raise RpcError(400, "TOPICS_EMPTY")
    found = [(number, known.get(number)) for number in wanted]
    return _shown(call, to, found, _last(call, to), len(found))


def _shown(
    call: Call,
    to: Account | Chat,
    found: list[tuple[int, Topic]] | list[tuple[int, Topic | None]],
    last: dict[int, Copy],
    count: int,
) -> TLObject:
    shown = [
        _forum_topic(call, to, number, topic, last) if topic is not None else types.ForumTopicDeleted(number)
        for number, topic in found
    ]
    tops = [last[number] for number, _ in found if number in last]
    marked = [to.marked, *named(shown), *(number for copy in tops for number in mentioned(copy))]
    users, chats = call.world.view.beside(call.me, dict.fromkeys(marked), complete=True)
    pts = to.log.pts if isinstance(to, Chat) else call.me.log.pts
    made = [copy.message(call.me.id) for copy in tops]
    return types.messages.ForumTopics(count, shown, made, chats, users, pts)


def _forum_topic(
    call: Call, to: Account | Chat, number: int, topic: Topic, last: dict[int, Copy]
) -> types.ForumTopic:
    top, me = last.get(number), call.me
    dialog = me.box.dialogs.get(to.marked)
    read = dialog.read_in if dialog is not None else 0
    inside = [] if dialog is None else [copy for copy in _messages(call, to) if copy.topic == number]
    return types.ForumTopic(
        number,
        topic.date,
        peer_of(to.marked),
        topic.title,
        topic.colour,
        top_message=top.id if top is not None else number,
        read_inbox_max_id=read,
        read_outbox_max_id=dialog.read_out if dialog is not None else 0,
        unread_count=sum(copy.id > read and copy.post.sender != me.id for copy in inside),
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        from_id=types.PeerUser(topic.creator),
        notify_settings=types.PeerNotifySettings(),
        my=topic.creator == me.id or None,
        closed=topic.closed or None,
        pinned=topic.pinned or None,
        hidden=topic.hidden or None,
        title_missing=topic.title_missing or None,
        icon_emoji_id=topic.icon or None,
    )


# -- for sends


def thread(call: Call, to: Account | Chat, given: TLObject) -> tuple[int | None, int | None]:
    """Return the ids of the message that a send replies to, and of the topic that it goes into.

    A reply to a deleted message is sent without the reply. The id of a topic is that of the service message
    that made it. Raise TOPIC_DELETED if the send names a topic that is not there, TOPIC_CLOSED if only admins
    write there.
    """
    reply_to, topic = _thread(call, to, given)
    if topic and call.box(to).get(topic) is None:
        raise RpcError(400, "TOPIC_DELETED")
    if topic or (isinstance(to, Chat) and to.forum):
        found, _ = _topic(call, to, topic or GENERAL)
        if found.closed and not _manages(call, to) and found.creator != call.me.id:
            raise RpcError(400, "TOPIC_CLOSED")
    return reply_to, topic


def _thread(call: Call, to: Account | Chat, given: TLObject) -> tuple[int | None, int | None]:
    if not isinstance(given, types.InputReplyToMessage):
        return None, None
    box = call.box(to)
    answered, root = box.get(given.reply_to_msg_id), box.get(given.top_msg_id or 0)
    if answered is not None and answered.peer != to.marked:
        answered = None
    reply_to = answered.id if answered is not None else None
    if not has_topics(call, to):
        return reply_to, None
    if isinstance(to, Chat) and given.top_msg_id == GENERAL:
        return reply_to, None
    if given.top_msg_id and (root is None or root.peer != to.marked or not root.makes_topic):
        raise RpcError(400, "TOPIC_DELETED")
    if root is None and answered is not None:
        return reply_to, answered.id if answered.makes_topic else answered.topic
    return reply_to, root.id if root is not None else None


METHODS: Final = {
    channels.ToggleForumRequest: Method(toggle_forum, Open.USERS),
    messages.CreateForumTopicRequest: Method(create_forum_topic),
    messages.EditForumTopicRequest: Method(edit_forum_topic),
    messages.UpdatePinnedForumTopicRequest: Method(pin_topic, Open.USERS),
    messages.DeleteTopicHistoryRequest: Method(delete_topic),
    messages.GetForumTopicsRequest: Method(get_forum_topics, Open.USERS),
    messages.GetForumTopicsByIDRequest: Method(get_topics_by_id),
}
