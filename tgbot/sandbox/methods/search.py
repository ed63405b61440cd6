"""messages.*: searches in one dialog and in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import CHANNEL_BASE, Copy
from ..rpc import RpcError
from ..searching import FILTERS, has_words
from .calls import Call, Method, Open, seconds
from .paging import PAGE, beside, page, window


def search(call: Call, request: messages.SearchRequest) -> TLObject:
    if isinstance(request.peer, types.InputPeerEmpty):
        copies = [copy for copy in call.me.box if _dated(copy, request) and _found(call, copy, request)]
        shown, newer = window(call.me.box, [copy.id for copy in copies], request)
        return page(call, shown, len(copies), call.me, newer)
    peer = call.peer(request.peer)
    sender = call.peer(request.from_id) if request.from_id is not None else None
    copies = [
        copy
        for copy in _of(call, peer)
        if _dated(copy, request)
        and _in_topic(copy, request.top_msg_id)
        and _is_by(copy, sender)
        and _found(call, copy, request)
    ]
    shown, newer = window(call.box(peer), [copy.id for copy in copies], request)
    return page(call, shown, len(copies), peer, newer)


def _of(call: Call, peer: Account | Chat) -> Iterator[Copy]:
    box = call.box(peer)
    return (copy for number in box.history(peer.marked) if (copy := box.get(number)) is not None)


def _found(call: Call, copy: Copy, request: TLRequest) -> bool:
    return _passes(call, request.filter)(copy) and has_words(copy, request.q)


def _passes(call: Call, given: TLObject) -> Callable[[Copy], bool]:
    """Return what tells whether a message passes a filter; raise INPUT_FILTER_INVALID."""
    if isinstance(given, types.InputMessagesFilterMyMentions):
        return lambda copy: _mentions(call, copy)
    passes = FILTERS.get(type(given))
    if passes is None:
        raise RpcError(400, "INPUT_FILTER_INVALID")
    return passes


def _mentions(call: Call, copy: Copy) -> bool:
    """Return whether a message of somebody else names the caller, or answers a message of the caller."""
    me = call.me
    if copy.post.sender == me.id:
        return False
    entities = copy.post.entities or ()
    if any(getattr(entity, "user_id", None) == me.id for entity in entities):
        return True
    words = copy.post.text.lower().replace("@", " @").split()
    if any(f"@{name.lower()}" in words for name in me.usernames):
        return True
    box = call.world.chats[copy.owner].box if copy.owner < 0 else me.box
    answered = box.get(copy.reply_to or 0)
    return answered is not None and answered.post.sender == me.id


def _dated(copy: Copy, request: TLRequest) -> bool:
    after, before = seconds(request.min_date), seconds(request.max_date)
    return (after <= 0 or copy.post.date > after) and (before <= 0 or copy.post.date < before)


def _in_topic(copy: Copy, topic: int | None) -> bool:
    return not topic or topic in (copy.topic, copy.id) or (copy.topic is None and copy.reply_to == topic)


def _is_by(copy: Copy, sender: Account | Chat | None) -> bool:
    if sender is None:
        return True
    shown = (copy.post.extras or {}).get("from_id")
    if isinstance(sender, Chat):
        return getattr(shown, "channel_id", None) == sender.id
    return shown is None and copy.post.sender == sender.id


def get_counters(call: Call, request: messages.GetSearchCountersRequest) -> list[TLObject]:
    copies = [copy for copy in _of(call, call.peer(request.peer)) if _in_topic(copy, request.top_msg_id)]
    return [
        types.messages.SearchCounter(given, sum(map(_passes(call, given), copies)))
        for given in request.filters[:PAGE]
    ]


# -- in all dialogs


def search_global(call: Call, request: messages.SearchGlobalRequest) -> TLObject:
    if not request.q.strip() and isinstance(request.filter, types.InputMessagesFilterEmpty):
        raise RpcError(400, "SEARCH_QUERY_EMPTY")
    copies = [
        copy
        for copy in _everywhere(call)
        if _kind_wanted(call, copy, request) and _dated(copy, request) and _found(call, copy, request)
    ]
    copies.sort(key=_place, reverse=True)
    total = len(copies)
    if request.offset_rate > 0:
        last = (
            None if isinstance(request.offset_peer, types.InputPeerEmpty) else call.peer(request.offset_peer)
        )
        reached = (request.offset_rate, last.marked if last else CHANNEL_BASE, request.offset_id)
        copies = [copy for copy in copies if _place(copy) < reached]
    shown = copies[: min(max(request.limit, 0), PAGE)]
    chats, users = beside(call, shown)
    found = [copy.message(call.me.id) for copy in shown]
    if len(shown) == total:
        return types.messages.Messages(found, [], chats, users)
    rate = shown[-1].post.date if shown and len(shown) < len(copies) else None
    return types.messages.MessagesSlice(total, found, [], chats, users, next_rate=rate)


def _everywhere(call: Call) -> Iterable[Copy]:
    yield from call.me.box
    for chat in call.world.chats.values():
        if chat.channel and call.me.id in chat.members:
            yield from chat.box


def _place(copy: Copy) -> tuple[int, int, int]:
    """Return the place of a message among those of all dialogs."""
    return copy.post.date, copy.peer, copy.id


def _kind_wanted(call: Call, copy: Copy, request: messages.SearchGlobalRequest) -> bool:
    chat = call.world.chats.get(copy.peer)
    if request.users_only:
        return chat is None
    if request.groups_only:
        return chat is not None and (chat.megagroup or not chat.channel)
    if request.broadcasts_only:
        return chat is not None and chat.channel and not chat.megagroup
    return True


METHODS: Final = {
    messages.SearchRequest: Method(search, Open.USERS),
    messages.SearchGlobalRequest: Method(search_global, Open.USERS),
    messages.GetSearchCountersRequest: Method(get_counters, Open.USERS),
}
