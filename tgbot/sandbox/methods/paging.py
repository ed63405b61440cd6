"""Lists of messages as answers: which part of a list an offset asks for, with users and chats beside it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from telethon.tl import TLObject, TLRequest, types

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Box, Copy
from ..mentions import mentioned
from .calls import Call, seconds

PAGE: Final = 100


def beside(call: Call, copies: list[Copy], *more: int) -> tuple[list[TLObject], list[TLObject]]:
    """Return (chats, users) for messages and further marked ids, in the order of TL answers."""
    marked = dict.fromkeys([number for copy in copies for number in mentioned(copy)])
    marked.update(dict.fromkeys(more))
    users, chats = call.world.view.beside(call.me, marked, complete=True)
    return chats, users


def page(call: Call, copies: list[Copy], total: int, peer: Account | Chat, newer: int = 0) -> TLObject:
    """Wrap a part of the `total` messages of a dialog; `newer` of them are before it in the list."""
    chats, users = beside(call, copies, peer.marked)
    found = [copy.message(call.me.id) for copy in copies]
    before = newer or None
    if isinstance(peer, Chat) and peer.channel:
        return types.messages.ChannelMessages(
            peer.log.pts, total, found, [], chats, users, offset_id_offset=before
        )
    if len(copies) < total:
        return types.messages.MessagesSlice(total, found, [], chats, users, offset_id_offset=before)
    return types.messages.Messages(found, [], chats, users)


def window(box: Box, ids: list[int], request: TLRequest) -> tuple[list[Copy], int]:
    """Return the copies that the offsets select, newest first, and how many newer ones there are."""
    if request.offset_id:
        end = bisect_left(ids, request.offset_id)
    elif date := seconds(getattr(request, "offset_date", None)):
        end = bisect_left(ids, date, key=lambda number: _date(box, number))
    else:
        end = len(ids)
    end = max(min(end - request.add_offset, len(ids)), 0)
    start = max(end - min(max(request.limit, 0), PAGE), 0)
    if request.max_id:
        end = min(end, bisect_left(ids, request.max_id))
    if request.min_id:
        start = max(start, bisect_right(ids, request.min_id))
    found = [copy for number in reversed(ids[start:end]) if (copy := box.get(number)) is not None]
    return found, len(ids) - end


def _date(box: Box, number: int) -> int:
    copy = box.get(number)
    return copy.post.date if copy is not None else 0
