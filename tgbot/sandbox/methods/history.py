"""messages.*: reading dialogs, histories and single messages."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import channels, messages

from ..dialogs import Box, Copy, Dialog, peer_of
from .calls import Call, Method, Open, seconds
from .paging import PAGE, beside, page, window

_DIALOGS_PAGE: Final = 500


def get_history(call: Call, request: messages.GetHistoryRequest) -> TLObject:
    peer = call.peer(request.peer)
    box = call.box(peer)
    ids = box.history(peer.marked)
    shown, newer = window(box, ids, request)
    return page(call, shown, len(ids), peer, newer)


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
    return types.messages.Messages(result, [], *beside(call, copies))


def get_channel_messages(call: Call, request: channels.GetMessagesRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    result, copies = _wanted(call, call.box(chat), request.id)
    around = beside(call, copies, chat.marked)
    return types.messages.ChannelMessages(chat.log.pts, len(result), result, [], *around)


def read_channel(call: Call, request: channels.ReadHistoryRequest) -> bool:
    call.chat(request.channel, "CHANNEL_INVALID")
    return True


def read_history(call: Call, request: messages.ReadHistoryRequest) -> TLObject:
    me = call.me
    count = call.world.posts.read(me, call.peer(request.peer).marked, request.max_id)
    return types.messages.AffectedMessages(me.log.pts, count)


# -- dialogs


def _tops(call: Call) -> dict[int, Copy]:
    """Return the last message of each dialog of the caller, by marked id, the newest first."""
    me = call.me
    tops = [copy for peer in me.box.dialogs if (copy := _top(me.box, peer)) is not None]
    mine = (chat for chat in call.world.chats.values() if chat.channel and me.id in chat.members)
    tops += [copy for chat in mine if (copy := _top(chat.box, chat.marked)) is not None]
    tops.sort(key=lambda copy: (copy.post.date, copy.peer, copy.id), reverse=True)
    return {copy.peer: copy for copy in tops}


def _top(box: Box, peer: int) -> Copy | None:
    ids = box.history(peer)
    return box.get(ids[-1]) if ids else None


def _dialog(call: Call, top: Copy) -> TLObject:
    dialog = call.me.box.dialogs.get(top.peer, Dialog())
    chat = call.world.chats.get(top.peer)
    channel = chat is not None and chat.channel
    return types.Dialog(
        peer=peer_of(top.peer),
        top_message=top.id,
        read_inbox_max_id=top.id if channel else dialog.read_in,
        read_outbox_max_id=top.id if channel else dialog.read_out,
        unread_count=dialog.unread,
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        notify_settings=types.PeerNotifySettings(),
        pts=chat.log.pts if chat is not None and channel else None,
        draft=call.world.drafts.of(call.me.id, top.peer),
    )


def get_dialogs(call: Call, request: messages.GetDialogsRequest) -> TLObject:
    tops = list(_tops(call).values()) if not request.folder_id else []
    total = len(tops)
    rest = _after(call, tops, request)
    shown = rest[: min(max(request.limit, 0) or PAGE, _DIALOGS_PAGE)]
    parts = _dialogs(call, shown)
    if len(shown) < total:
        return types.messages.DialogsSlice(total, *parts)
    return types.messages.Dialogs(*parts)


def _after(call: Call, tops: list[Copy], request: messages.GetDialogsRequest) -> list[Copy]:
    """Return the dialogs that come after the one that the offsets name, or after its date."""
    date, last = seconds(request.offset_date), request.offset_peer
    if not isinstance(last, types.InputPeerEmpty):
        peer = call.peer(last).marked
        for place, copy in enumerate(tops):
            if copy.peer == peer and request.offset_id in (0, copy.id):
                return tops[place + 1 :]
    if date > 0:
        return [copy for copy in tops if copy.post.date < date]
    return [copy for copy in tops if copy.id < request.offset_id] if request.offset_id > 0 else tops


def _dialogs(call: Call, tops: list[Copy], *more: int) -> tuple[list[TLObject], ...]:
    """Return dialogs, their last messages, chats and users, in the order of TL answers."""
    chats, users = beside(call, tops, *(copy.peer for copy in tops), *more)
    found = [copy.message(call.me.id) for copy in tops]
    return [_dialog(call, copy) for copy in tops], found, chats, users


def get_pinned_dialogs(call: Call, request: messages.GetPinnedDialogsRequest) -> TLObject:
    return types.messages.PeerDialogs([], [], [], [], _state(call))


def get_peer_dialogs(call: Call, request: messages.GetPeerDialogsRequest) -> TLObject:
    named = [call.peer(each.peer) for each in request.peers if isinstance(each, types.InputDialogPeer)]
    tops = [copy for peer in named if (copy := _top(call.box(peer), peer.marked)) is not None]
    parts = _dialogs(call, tops, *(peer.marked for peer in named))
    return types.messages.PeerDialogs(*parts, _state(call))


def _state(call: Call) -> TLObject:
    return types.updates.State(*call.world.state(call.me.id), 0)


def get_peer_settings(call: Call, request: messages.GetPeerSettingsRequest) -> TLObject:
    peer = call.peer(request.peer)
    return types.messages.PeerSettings(types.PeerSettings(), *beside(call, [], peer.marked))


METHODS: Final = {
    messages.GetHistoryRequest: Method(get_history, Open.USERS),
    messages.GetMessagesRequest: Method(get_messages),
    channels.ReadHistoryRequest: Method(read_channel, Open.USERS),
    channels.GetMessagesRequest: Method(get_channel_messages),
    messages.ReadHistoryRequest: Method(read_history, Open.USERS),
    messages.GetDialogsRequest: Method(get_dialogs, Open.USERS),
    messages.GetPinnedDialogsRequest: Method(get_pinned_dialogs, Open.USERS),
    messages.GetPeerDialogsRequest: Method(get_peer_dialogs, Open.USERS),
    messages.GetPeerSettingsRequest: Method(get_peer_settings, Open.USERS),
}
