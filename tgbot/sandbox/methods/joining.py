"""messages.* and channels.* about invite links and requests to join."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import channels, messages

from ..accounts import Account
from ..chats import Chat, JoinRequest
from ..participants import exported
from ..rpc import RpcError
from .calls import Call, Method, Open
from .chats import administered, changed


def _joined(call: Call, chat: Chat, since: int) -> TLObject:
    return types.messages.ChatInviteJoinResultOk(changed(call, chat, since))


def _administered(call: Call, given: TLObject) -> Chat:
    chat = call.peer(given)
    if isinstance(chat, Account):
        raise RpcError(400, "PEER_ID_INVALID")
    return administered(call, chat)


def export_invite(call: Call, request: messages.ExportChatInviteRequest) -> TLObject:
    chat = _administered(call, request.peer)
    if request.request_needed and request.usage_limit:
        raise RpcError(400, "USAGE_LIMIT_INVALID")
    needed, title = bool(request.request_needed), request.title or ""
    return exported(call.world.groups.invite(chat, call.me.id, request_needed=needed, title=title))


def check_invite(call: Call, request: messages.CheckChatInviteRequest) -> TLObject:
    chat, invite = call.world.groups.invited(request.hash)
    if call.me.id in chat.members:
        return types.ChatInviteAlready(call.world.view.chat(call.me, chat))
    return types.ChatInvite(
        title=chat.title,
        photo=types.PhotoEmpty(0),
        participants_count=len(chat.members),
        color=0,
        channel=chat.channel or None,
        broadcast=(chat.channel and not chat.megagroup) or None,
        megagroup=chat.megagroup or None,
        request_needed=invite.request_needed or None,
        about=chat.about or None,
    )


def import_invite(call: Call, request: messages.ImportChatInviteRequest) -> TLObject:
    chat, invite = call.world.groups.invited(request.hash)
    since = chat.log.pts
    call.world.groups.follow(call.me, chat, invite, call.me.about)
    return _joined(call, chat, since)


def join_channel(call: Call, request: channels.JoinChannelRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    if not chat.usernames and call.me.id not in chat.members:
        raise RpcError(400, "CHANNEL_PRIVATE")
    since = chat.log.pts
    call.world.groups.add(chat, call.me, by=call.me.id)
    return _joined(call, chat, since)


def hide_request(call: Call, request: messages.HideChatJoinRequestRequest) -> TLObject:
    chat = _administered(call, request.peer)
    user = call.user(request.user_id)
    call.world.groups.decide(chat, user, approved=bool(request.approved))
    return changed(call, chat, chat.log.pts)


def hide_all_requests(call: Call, request: messages.HideAllChatJoinRequestsRequest) -> TLObject:
    chat = _administered(call, request.peer)
    for number in list(chat.requests):
        user = call.world.accounts[number]
        call.world.groups.decide(chat, user, approved=bool(request.approved))
    return changed(call, chat, chat.log.pts)


def get_importers(call: Call, request: messages.GetChatInviteImportersRequest) -> TLObject:
    chat = _administered(call, request.peer)
    if not request.requested:
        return types.messages.ChatInviteImporters(0, [], [])
    waiting: list[JoinRequest] = list(chat.requests.values())[: max(request.limit, 0)]
    listed = [
        types.ChatInviteImporter(each.user, each.date, requested=True, about=each.about) for each in waiting
    ]
    users, _ = call.world.view.beside(call.me, [each.user for each in waiting], complete=True)
    return types.messages.ChatInviteImporters(len(chat.requests), listed, users)


METHODS: Final = {
    messages.ExportChatInviteRequest: Method(export_invite),
    messages.CheckChatInviteRequest: Method(check_invite, Open.USERS),
    messages.ImportChatInviteRequest: Method(import_invite, Open.USERS),
    channels.JoinChannelRequest: Method(join_channel, Open.USERS),
    messages.HideChatJoinRequestRequest: Method(hide_request),
    messages.HideAllChatJoinRequestsRequest: Method(hide_all_requests, Open.USERS),
    messages.GetChatInviteImportersRequest: Method(get_importers, Open.USERS),
}
