"""messages.* and channels.* about joining: by an invite link, a username, or a request that admins decide."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import channels, messages

from ..chats import Chat, JoinRequest
from ..rpc import RpcError
from .calls import Call, Method, Open
from .chats import changed
from .permits import chat_of, demand

#: How many members the preview of a chat names.
_SHOWN: Final = 5


def _joined(call: Call, chat: Chat, since: int) -> TLObject:
    return types.messages.ChatInviteJoinResultOk(changed(call, chat, since))


def check_invite(call: Call, request: messages.CheckChatInviteRequest) -> TLObject:
    chat, invite = call.world.groups.invited(request.hash)
    me, view = call.me, call.world.view
    if me.id in chat.members:
        return types.ChatInviteAlready(view.chat(me, chat))
    if chat.is_banned(me.id, call.world.date()):
        raise RpcError(400, "INVITE_HASH_EXPIRED")
    known = [number for number in chat.members if number in me.contacts][:_SHOWN]
    return types.ChatInvite(
        title=chat.title,
        photo=chat.photo or types.PhotoEmpty(0),
        participants_count=len(chat.members),
        color=0,
        channel=chat.channel or None,
        broadcast=chat.broadcast or None,
        public=bool(chat.usernames) or None,
        megagroup=chat.megagroup or None,
        request_needed=invite.request_needed or None,
        about=chat.about or None,
        participants=view.beside(me, known, complete=True)[0] or None,
    )


def import_invite(call: Call, request: messages.ImportChatInviteRequest) -> TLObject:
    chat, invite = call.world.groups.invited(request.hash)
    since = chat.log.pts
    call.world.groups.follow(call.me, chat, invite, call.me.about)
    return _joined(call, chat, since)


def join_channel(call: Call, request: channels.JoinChannelRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    since = chat.log.pts
    call.world.groups.join(call.me, chat, call.me.about)
    return _joined(call, chat, since)


# -- requests


def hide_request(call: Call, request: messages.HideChatJoinRequestRequest) -> TLObject:
    chat = demand(call, chat_of(call, request.peer), "invite_users")
    user, since = call.user(request.user_id), chat.log.pts
    call.world.groups.decide(chat, user, approved=bool(request.approved), by=call.me.id)
    return changed(call, chat, since)


def hide_all_requests(call: Call, request: messages.HideAllChatJoinRequestsRequest) -> TLObject:
    chat = demand(call, chat_of(call, request.peer), "invite_users")
    since = chat.log.pts
    for asked in [each for each in chat.requests.values() if _is_of(each, request.link)]:
        user = call.world.accounts[asked.user]
        call.world.groups.decide(chat, user, approved=bool(request.approved), by=call.me.id)
    return changed(call, chat, since)


def _is_of(request: JoinRequest, link: str | None) -> bool:
    return not link or request.invite.hash == hash_of(link)


def hash_of(link: str) -> str:
    """Return the hash of an invite link in any of its forms."""
    return link.rstrip("/").rpartition("/")[2].removeprefix("+")


METHODS: Final = {
    messages.CheckChatInviteRequest: Method(check_invite, Open.USERS),
    messages.ImportChatInviteRequest: Method(import_invite, Open.USERS),
    channels.JoinChannelRequest: Method(join_channel, Open.USERS),
    messages.HideChatJoinRequestRequest: Method(hide_request),
    messages.HideAllChatJoinRequestsRequest: Method(hide_all_requests, Open.USERS),
}
