"""messages.getFullChat and channels.getFullChannel: all that is known of a chat."""

from __future__ import annotations

from typing import Any, Final

from telethon.tl import TLObject, types
from telethon.tl.functions import channels, messages

from ..botprofiles import bot_info
from ..chats import Chat
from ..participants import all_of_group, exported
from .calls import Call, Method

#: How many of those who ask to join a full chat names.
_REQUESTERS: Final = 5


def get_full_chat(call: Call, request: messages.GetFullChatRequest) -> TLObject:
    chat = call.chat(types.InputPeerChat(request.chat_id))
    full = types.ChatFull(
        chat.id,
        chat.about,
        all_of_group(chat),
        types.PeerNotifySettings(),
        can_set_username=call.me.id == chat.creator or None,
        chat_photo=chat.photo or types.PhotoEmpty(0),
        bot_info=_bots(call, chat),
        pinned_msg_id=call.me.box.pinned(chat.marked),
        **_links(call, chat),
        **_open_requests(call, chat),
    )
    peers = [chat.marked, *chat.members, *(full.recent_requesters or ())]
    users, chats = call.world.view.beside(call.me, dict.fromkeys(peers), complete=True)
    return types.messages.ChatFull(full, chats, users)


def get_full_channel(call: Call, request: channels.GetFullChannelRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    me, world = call.me, call.world
    linked, bots = world.chats.get(chat.linked), _bots(call, chat)
    dialog = me.box.dialogs.get(chat.marked)
    full = types.ChannelFull(
        id=chat.id,
        about=chat.about,
        read_inbox_max_id=dialog.read_in if dialog is not None else 0,
        read_outbox_max_id=dialog.read_out if dialog is not None else 0,
        unread_count=dialog.unread if dialog is not None else 0,
        chat_photo=chat.photo or types.PhotoEmpty(0),
        notify_settings=types.PeerNotifySettings(),
        bot_info=bots,
        pts=chat.log.pts,
        pinned_msg_id=chat.box.pinned(chat.marked),
        participants_count=len(chat.members),
        linked_chat_id=linked.id if linked is not None else None,
        can_view_participants=(chat.megagroup and not chat.hides_members) or chat.is_admin(me.id) or None,
        can_set_username=me.id == chat.creator or None,
        can_delete_channel=me.id == chat.creator or None,
        hidden_prehistory=chat.hides_history or None,
        participants_hidden=chat.hides_members or None,
        available_min_id=chat.first_seen.get(me.id) or None,
        migrated_from_chat_id=chat.migrated_from or None,
        migrated_from_max_id=0 if chat.migrated_from else None,
        guard_bot_id=chat.guard or None,
        **_numbers(call, chat),
        **_slow(call, chat),
        **_links(call, chat),
        **_open_requests(call, chat),
    )
    peers = [
        chat.marked,
        *(one.user_id for one in bots),
        *([chat.linked] if chat.linked else []),
        *(full.recent_requesters or ()),
        *([chat.guard] if chat.guard else []),
        *([-chat.migrated_from] if chat.migrated_from else []),
    ]
    users, chats = world.view.beside(me, dict.fromkeys(peers), complete=True)
    return types.messages.ChatFull(full, chats, users)


def _numbers(call: Call, chat: Chat) -> dict[str, Any]:
    """Return the numbers that only admins see."""
    if not chat.is_admin(call.me.id):
        return {}
    now = call.world.date()
    held = [one for number in chat.restrictions if (one := chat.restriction(number, now)) is not None]
    return {
        "admins_count": len({chat.creator, *chat.admins} & set(chat.members)),
        "kicked_count": sum(one.banned for one in held),
        "banned_count": sum(not one.banned for one in held),
    }


def _slow(call: Call, chat: Chat) -> dict[str, Any]:
    """Return the slow mode, and when the caller may write again."""
    if not chat.slow_seconds:
        return {}
    again = chat.last_sent.get(call.me.id, 0) + chat.slow_seconds
    waits = again > call.world.date() and not chat.is_admin(call.me.id)
    return {
        "slowmode_seconds": chat.slow_seconds,
        "slowmode_next_send_date": again if waits else None,
    }


def _links(call: Call, chat: Chat) -> dict[str, Any]:
    """Return the main link of an admin who may invite."""
    if not chat.may_invite(call.me.id):
        return {}
    links = [invite for invite in chat.invites.values() if invite.permanent and not invite.revoked]
    mine = next((invite for invite in links if invite.admin == call.me.id), None)
    return {"exported_invite": exported(mine) if mine is not None else None}


def _open_requests(call: Call, chat: Chat) -> dict[str, Any]:
    """Return the members of a full chat about open requests to join, which share a flag; admins see them."""
    if not chat.requests or not chat.may_invite(call.me.id):
        return {}
    return {"requests_pending": len(chat.requests), "recent_requesters": list(chat.requests)[-_REQUESTERS:]}


def _bots(call: Call, chat: Chat) -> list[TLObject]:
    """Return the BotInfo of each bot in a chat, with the commands that the caller sees there."""
    found = (
        bot_info(account, call.me, chat)
        for number in chat.members
        if (account := call.world.accounts.get(number))
    )
    return [info for info in found if info is not None]


METHODS: Final = {
    messages.GetFullChatRequest: Method(get_full_chat),
    channels.GetFullChannelRequest: Method(get_full_channel),
}
