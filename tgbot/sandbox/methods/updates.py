"""updates.*: the update state, and the difference from an older state."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import updates

from ..channels import channel_update
from ..chats import Chat
from ..dialogs import Copy
from ..logs import FIRST_QTS, Entry
from ..rpc import RpcError
from .calls import Call, Method, seconds

#: The most updates in one difference, unless the caller or a fault sets a lower limit.
DIFFERENCE_LIMIT: Final = 500
CHANNEL_LIMIT: Final = 100
BOT_CHANNEL_LIMIT: Final = 100_000
#: The most pts that one difference can cover; also the default of pts_total_limit.
TOTAL_LIMIT: Final = 4_000_000


def get_state(call: Call, request: updates.GetStateRequest) -> TLObject:
    pts, qts, date, seq = call.world.state(call.me.id)
    unread = 0 if call.me.is_bot else sum(dialog.unread for dialog in call.me.box.dialogs.values())
    return types.updates.State(pts, qts, date, seq, unread)


def get_difference(call: Call, request: updates.GetDifferenceRequest) -> TLObject:
    world, me = call.world, call.me
    pts, qts, date, seq = world.state(me.id)
    if request.pts <= 0:
        raise RpcError(400, "PERSISTENT_TIMESTAMP_EMPTY")
    if request.pts > pts:
        raise RpcError(400, "PERSISTENT_TIMESTAMP_INVALID")
    pts, qts = _seen(call, me.id, request.pts, request.qts) or (pts, qts)
    if seconds(request.date) <= 0:
        raise RpcError(400, "DATE_EMPTY")
    channels = _changed_channels(call, seconds(request.date))
    if request.pts == pts and request.qts >= qts and not channels:
        return types.updates.DifferenceEmpty(date, seq)
    too_far = pts - request.pts > min(request.pts_total_limit or TOTAL_LIMIT, TOTAL_LIMIT)
    if too_far or (world.difference_too_long and request.pts < pts):
        return types.updates.DifferenceTooLong(pts)
    oldest = pts - world.limits.box if world.limits.box is not None else 0
    if request.pts < oldest:
        return types.updates.DifferenceTooLong(oldest)
    limit = world.difference_limit or DIFFERENCE_LIMIT
    entries = _up_to(pts, qts, world.entries(me.id, request.pts, request.qts, limit + 1))
    length = _length(request, entries[:limit])
    rest, entries = entries[length:], entries[:length]
    messages, others, marked = _contents(call, entries)
    users, chats = world.view.beside(me, marked)
    if not rest:
        others += [types.UpdateChannelTooLong(chat.id, chat.log.pts) for chat in channels]
        chats += [world.view.chat(me, chat) for chat in channels if chat.marked not in marked]
        state = types.updates.State(pts, qts, date, seq, 0)
        return types.updates.Difference(messages, [], others, chats, users, state)
    reached_pts = max((entry.pts for entry in entries if entry.pts is not None), default=request.pts)
    reached_qts = max((entry.qts for entry in entries if entry.qts is not None), default=request.qts)
    state = types.updates.State(reached_pts, reached_qts, date, seq, 0)
    return types.updates.DifferenceSlice(messages, [], others, chats, users, state)


def _seen(call: Call, peer: int, pts: int, qts: int) -> tuple[int, int] | None:
    """Return the (pts, qts) up to which a difference reaches, not below the caller's; None: all."""
    horizon = call.world.horizon and call.world.horizon(peer)
    return (max(horizon[0], pts), max(horizon[1], qts)) if horizon else None


def _up_to(pts: int, qts: int, entries: list[Entry]) -> list[Entry]:
    """Return the entries that are not above a state."""
    return [entry for entry in entries if (entry.pts or 0) <= pts and (entry.qts or 0) <= qts]


def _length(request: updates.GetDifferenceRequest, entries: list[Entry]) -> int:
    """Return how many entries fit into one difference by `pts_limit` and `qts_limit`: at least one."""
    top_pts = request.pts + (request.pts_limit or TOTAL_LIMIT)
    top_qts = request.qts + (request.qts_limit or TOTAL_LIMIT)
    for index, entry in enumerate(entries):
        if index and ((entry.pts or 0) > top_pts or (entry.qts or 0) > top_qts):
            return index
    return len(entries)


def _contents(call: Call, entries: list[Entry]) -> tuple[list[TLObject], list[TLObject], dict[int, None]]:
    """Return new messages, other updates and the marked ids in them, without deleted messages."""
    messages: list[TLObject] = []
    others: list[TLObject] = []
    marked: dict[int, None] = {}
    for entry in entries:
        content = entry.content
        if isinstance(content, Copy) and content.deleted:
            continue
        marked.update(dict.fromkeys(entry.named()))
        if entry.edited or not isinstance(content, Copy):
            others.append(entry.update)
            continue
        messages.append(content.message())
        others += _message_ids(call, content)
    return messages, others, marked


def _message_ids(call: Call, copy: Copy) -> list[types.UpdateMessageID]:
    """Return the updateMessageID of a message that the caller sent; none for other messages."""
    mine = copy.post.sender == call.me.id and copy.random_id is not None
    if not mine or not call.world.message_ids_in_difference:
        return []
    return [types.UpdateMessageID(copy.id, copy.random_id)]


def _changed_channels(call: Call, since: int) -> list[Chat]:
    """Return the caller's channels whose log has grown since a time, in whole seconds and inclusive."""
    return [
        chat
        for chat in call.world.chats.values()
        if chat.channel and chat.changed_at >= since and call.me.id in chat.members
    ]


def get_channel_difference(call: Call, request: updates.GetChannelDifferenceRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    if call.me.id not in chat.members:
        raise RpcError(400, "CHANNEL_PRIVATE")
    pts = chat.log.pts
    if request.pts <= 0:
        raise RpcError(400, "PERSISTENT_TIMESTAMP_EMPTY")
    if request.pts > pts:
        raise RpcError(400, "PERSISTENT_TIMESTAMP_INVALID")
    pts = (_seen(call, chat.marked, request.pts, FIRST_QTS) or (pts,))[0]
    if request.pts == pts:
        return types.updates.ChannelDifferenceEmpty(pts, final=True)
    most = call.world.difference_limit or (BOT_CHANNEL_LIMIT if call.me.is_bot else CHANNEL_LIMIT)
    limit = max(min(request.limit, most), 1)
    entries = _up_to(pts, FIRST_QTS, chat.log.above(request.pts, FIRST_QTS, limit + 1))
    final, entries = len(entries) <= limit, entries[:limit]
    reached = pts if final else entries[-1].pts
    messages: list[TLObject] = []
    others: list[TLObject] = []
    marked = {chat.marked: None}
    for entry in call.world.posts.seen(chat, call.me, entries):
        copy = entry.content
        if isinstance(copy, Copy) and copy.deleted:
            continue
        marked.update(dict.fromkeys(entry.named()))
        if entry.message is not None:
            messages.append(entry.message.message(call.me.id))
            others += _message_ids(call, entry.message)
        else:
            others.append(channel_update(entry, call.me.id))
    users, chats = call.world.view.beside(call.me, marked)
    return types.updates.ChannelDifference(reached, messages, others, chats, users, final=final)


METHODS: Final = {
    updates.GetStateRequest: Method(get_state),
    updates.GetDifferenceRequest: Method(get_difference),
    updates.GetChannelDifferenceRequest: Method(get_channel_difference),
}
