"""messages.*: reading dialogs, histories and single messages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import channels, messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Box, Copy, peer_of
from ..mentions import mentioned
from ..rpc import RpcError
from .calls import Call, Method, Open, seconds

_PAGE: Final = 100
_DIALOGS_PAGE: Final = 500


def _beside(call: Call, copies: list[Copy], *more: int) -> tuple[list[TLObject], list[TLObject]]:
    """Return (chats, users) for messages and further marked ids, in the order of TL answers."""
    marked = dict.fromkeys([number for copy in copies for number in mentioned(copy)])
    marked.update(dict.fromkeys(more))
    users, chats = call.world.view.beside(call.me, marked, complete=True)
    return chats, users


def _page(call: Call, copies: list[Copy], total: int, peer: Account | Chat) -> TLObject:
    chats, users = _beside(call, copies, peer.marked)
    found = [copy.message(call.me.id) for copy in copies]
    if isinstance(peer, Chat) and peer.channel:
        return types.messages.ChannelMessages(peer.log.pts, total, found, [], chats, users)
    if len(copies) < total:
        return types.messages.MessagesSlice(total, found, [], chats, users)
    return types.messages.Messages(found, [], chats, users)


def get_history(call: Call, request: messages.GetHistoryRequest) -> TLObject:
    peer = call.peer(request.peer)
    box = call.box(peer)
    ids = box.history(peer.marked)
    return _page(call, _window(box, ids, request), len(ids), peer)


def _window(box: Box, ids: list[int], request: TLRequest) -> list[Copy]:
    """Return the copies selected by the offsets, newest first."""
    if request.offset_id:
        end = bisect_left(ids, request.offset_id)
    elif date := seconds(getattr(request, "offset_date", None)):
        end = bisect_left(ids, date, key=lambda number: _date(box, number))
    else:
        end = len(ids)
    end = max(min(end - request.add_offset, len(ids)), 0)
    start = max(end - min(max(request.limit, 0), _PAGE), 0)
    if request.max_id:
        end = min(end, bisect_left(ids, request.max_id))
    if request.min_id:
        start = max(start, bisect_right(ids, request.min_id))
    return [copy for number in reversed(ids[start:end]) if (copy := box.get(number)) is not None]


def _date(box: Box, number: int) -> int:
    copy = box.get(number)
    return copy.post.date if copy is not None else 0


def search(call: Call, request: messages.SearchRequest) -> TLObject:
    if isinstance(request.peer, types.InputPeerEmpty):
        raise RpcError(400, "PEER_ID_INVALID")
    peer = call.peer(request.peer)
    wanted = request.q.casefold()
    box = call.box(peer)
    ids = [
        number
        for number in box.history(peer.marked)
        if (copy := box.get(number)) is not None and wanted in copy.post.text.casefold()
    ]
    return _page(call, _window(box, ids, request), len(ids), peer)


def _wanted(call: Call, box: Box, wanted: list[TLObject]) -> tuple[list[TLObject], list[Copy]]:
    """Return the requested messages, messageEmpty for missing ones, and the copies that exist."""
    copies: list[Copy] = []
    result: list[TLObject] = []
    for each in wanted[: call.world.limits.messages]:
        number = getattr(each, "id", 0)
        copy = box.get(number)
        if isinstance(each, types.InputMessageReplyTo) and copy is not None:
            copy = box.get(copy.reply_to or 0)
        if copy is None:
            result.append(types.MessageEmpty(number, peer_id=None))
        else:
            copies.append(copy)
            result.append(copy.message(call.me.id))
    return result, copies


def get_messages(call: Call, request: messages.GetMessagesRequest) -> TLObject:
    result, copies = _wanted(call, call.me.box, request.id)
    return types.messages.Messages(result, [], *_beside(call, copies))


def get_channel_messages(call: Call, request: channels.GetMessagesRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    result, copies = _wanted(call, chat.box, request.id)
    beside = _beside(call, copies, chat.marked)
    return types.messages.ChannelMessages(chat.log.pts, len(result), result, [], *beside)


def read_channel(call: Call, request: channels.ReadHistoryRequest) -> bool:
    call.chat(request.channel, "CHANNEL_INVALID")
    return True


def read_history(call: Call, request: messages.ReadHistoryRequest) -> TLObject:
    me = call.me
    count = call.world.posts.read(me, call.peer(request.peer).marked, request.max_id)
    return types.messages.AffectedMessages(me.log.pts, count)


# -- dialogs


def _dialog(me: Account, peer: int) -> TLObject:
    dialog = me.box.dialogs[peer]
    return types.Dialog(
        peer=peer_of(peer),
        top_message=dialog.ids[-1],
        read_inbox_max_id=dialog.read_in,
        read_outbox_max_id=dialog.read_out,
        unread_count=dialog.unread,
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        notify_settings=types.PeerNotifySettings(),
    )


def get_dialogs(call: Call, request: messages.GetDialogsRequest) -> TLObject:
    me = call.me
    tops = sorted(
        ((dialog.ids[-1], peer) for peer, dialog in me.box.dialogs.items() if dialog.ids), reverse=True
    )
    total = len(tops)
    if request.folder_id:
        tops = []
    if request.offset_id:
        tops = [(top, peer) for top, peer in tops if top < request.offset_id]
    limit = min(request.limit or _PAGE, _DIALOGS_PAGE)
    shown = tops[:limit]
    copies = [copy for top, _ in shown if (copy := me.box.get(top)) is not None]
    chats, users = _beside(call, copies, *(peer for _, peer in shown))
    parts = ([_dialog(me, peer) for _, peer in shown], [copy.message() for copy in copies], chats, users)
    if len(shown) < len(tops) or request.offset_id:
        return types.messages.DialogsSlice(total, *parts)
    return types.messages.Dialogs(*parts)


def get_pinned_dialogs(call: Call, request: messages.GetPinnedDialogsRequest) -> TLObject:
    return types.messages.PeerDialogs([], [], [], [], _state(call))


def get_peer_dialogs(call: Call, request: messages.GetPeerDialogsRequest) -> TLObject:
    me = call.me
    peers = [call.peer(each.peer).marked for each in request.peers if isinstance(each, types.InputDialogPeer)]
    known = [peer for peer in peers if me.box.history(peer)]
    copies = [copy for peer in known if (copy := me.box.get(me.box.history(peer)[-1])) is not None]
    chats, users = _beside(call, copies, *peers)
    found = [copy.message() for copy in copies]
    return types.messages.PeerDialogs(
        [_dialog(me, peer) for peer in known], found, chats, users, _state(call)
    )


def _state(call: Call) -> TLObject:
    return types.updates.State(*call.world.state(call.me.id), 0)


def get_peer_settings(call: Call, request: messages.GetPeerSettingsRequest) -> TLObject:
    peer = call.peer(request.peer)
    return types.messages.PeerSettings(types.PeerSettings(), *_beside(call, [], peer.marked))


METHODS: Final = {
    messages.GetHistoryRequest: Method(get_history, Open.USERS),
    messages.SearchRequest: Method(search, Open.USERS),
    messages.GetMessagesRequest: Method(get_messages),
    channels.ReadHistoryRequest: Method(read_channel, Open.USERS),
    channels.GetMessagesRequest: Method(get_channel_messages),
    messages.ReadHistoryRequest: Method(read_history, Open.USERS),
    messages.GetDialogsRequest: Method(get_dialogs, Open.USERS),
    messages.GetPinnedDialogsRequest: Method(get_pinned_dialogs, Open.USERS),
    messages.GetPeerDialogsRequest: Method(get_peer_dialogs, Open.USERS),
    messages.GetPeerSettingsRequest: Method(get_peer_settings, Open.USERS),
}
