"""channels.* and messages.* that change a chat's title, photo, description, username and settings."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import channels, messages

from ..accounts import is_username
from ..chats import Chat
from ..rpc import RpcError
from .calls import Call, Method, Open
from .chats import ABOUT_LENGTH, changed, valid_title
from .media import chat_photo
from .permits import chat_of, demand, demand_allowed


def _changeable(call: Call, chat: Chat) -> Chat:
    return demand_allowed(call, chat, "change_info")


def _group(call: Call, chat_id: int) -> Chat:
    return _changeable(call, call.chat(types.InputPeerChat(chat_id), "CHAT_ID_INVALID"))


def _channel(call: Call, given: TLObject) -> Chat:
    return _changeable(call, call.chat(given, "CHANNEL_INVALID"))


def edit_title(call: Call, request: TLRequest) -> TLObject:
    title = valid_title(request.title)
    chat = _named(call, request)
    if title == chat.title:
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    since = chat.log.pts
    call.world.groups.rename(chat, title, by=call.me.id)
    return changed(call, chat, since)


def edit_photo(call: Call, request: TLRequest) -> TLObject:
    chat = _named(call, request)
    photo = chat_photo(call, request.photo)
    if photo is chat.photo:
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    since = chat.log.pts
    call.world.groups.picture(chat, photo, by=call.me.id)
    return changed(call, chat, since)


def _named(call: Call, request: TLRequest) -> Chat:
    """Return the chat that a request names, in either of two ways."""
    by_id = getattr(request, "chat_id", None)
    return _channel(call, request.channel) if by_id is None else _group(call, by_id)


def edit_about(call: Call, request: messages.EditChatAboutRequest) -> bool:
    chat, about = _changeable(call, chat_of(call, request.peer)), request.about.strip()
    if len(about) > ABOUT_LENGTH:
        raise RpcError(400, "CHAT_ABOUT_TOO_LONG")
    if about == chat.about:
        raise RpcError(400, "CHAT_ABOUT_NOT_MODIFIED")
    call.world.groups.set(chat, about=about)
    return True


# -- usernames


def _owned(call: Call, given: TLObject) -> Chat:
    chat = call.chat(given, "CHANNEL_INVALID")
    if call.me.id != chat.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return chat


def _check_name(call: Call, chat: Chat | None, name: str) -> None:
    if not is_username(name):
        raise RpcError(400, "USERNAME_INVALID")
    if call.world.accounts.holder(name) not in (None, chat.marked if chat is not None else None):
        raise RpcError(400, "USERNAME_OCCUPIED")


def check_username(call: Call, request: channels.CheckUsernameRequest) -> bool:
    chat = None
    if not isinstance(request.channel, types.InputChannelEmpty):
        chat = _owned(call, request.channel)
    _check_name(call, chat, request.username)
    return True


def update_username(call: Call, request: channels.UpdateUsernameRequest) -> bool:
    chat, name = _owned(call, request.channel), request.username
    if name == (chat.usernames[0] if chat.usernames else ""):
        raise RpcError(400, "USERNAME_NOT_MODIFIED")
    if name:
        _check_name(call, chat, name)
    accounts = call.world.accounts
    for old in chat.usernames:
        accounts.free(old)
    chat.usernames = [name] if name else []
    if name:
        accounts.take(name, chat.marked)
    call.world.groups.set(chat)
    return True


# -- settings


def _toggle(call: Call, chat: Chat, **settings: bool) -> TLObject:
    """Change settings of a chat, and answer it; raise CHAT_NOT_MODIFIED if they are so already."""
    if all(getattr(chat, name) == value for name, value in settings.items()):
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    call.world.groups.set(chat, **settings)
    return changed(call, chat, chat.log.pts)


def _supergroup(call: Call, given: TLObject) -> Chat:
    chat = _channel(call, given)
    if not chat.megagroup:
        raise RpcError(400, "CHAT_ID_INVALID")
    return chat


def toggle_signatures(call: Call, request: channels.ToggleSignaturesRequest) -> TLObject:
    chat = _channel(call, request.channel)
    if not chat.broadcast:
        raise RpcError(400, "CHAT_ID_INVALID")
    profiles = bool(request.profiles_enabled and request.signatures_enabled)
    return _toggle(call, chat, signatures=bool(request.signatures_enabled), signature_profiles=profiles)


def toggle_history(call: Call, request: channels.TogglePreHistoryHiddenRequest) -> TLObject:
    chat = _supergroup(call, request.channel)
    if chat.linked:
        raise RpcError(400, "CHAT_LINK_EXISTS")
    return _toggle(call, chat, hides_history=request.enabled)


def toggle_no_forwards(call: Call, request: messages.ToggleNoForwardsRequest) -> TLObject:
    chat = chat_of(call, request.peer)
    if call.me.id != chat.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return _toggle(call, chat, noforwards=request.enabled)


def toggle_members(call: Call, request: channels.ToggleParticipantsHiddenRequest) -> TLObject:
    chat = demand(call, call.chat(request.channel, "CHANNEL_INVALID"), "ban_users")
    if not chat.megagroup:
        raise RpcError(400, "CHAT_ID_INVALID")
    return _toggle(call, chat, hides_members=request.enabled)


def toggle_join_to_send(call: Call, request: channels.ToggleJoinToSendRequest) -> TLObject:
    return _toggle(call, _supergroup(call, request.channel), join_to_send=request.enabled)


# -- the end


def delete_chat(call: Call, request: messages.DeleteChatRequest) -> bool:
    chat = call.chat(types.InputPeerChat(request.chat_id), "CHAT_ID_INVALID")
    if call.me.id != chat.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    call.world.groups.delete(chat)
    return True


def delete_channel(call: Call, request: channels.DeleteChannelRequest) -> TLObject:
    chat = _owned(call, request.channel)
    call.world.groups.delete(chat)
    return call.updates([types.UpdateChannel(chat.id)], [chat.marked])


METHODS: Final = {
    messages.EditChatTitleRequest: Method(edit_title),
    channels.EditTitleRequest: Method(edit_title),
    messages.EditChatPhotoRequest: Method(edit_photo),
    channels.EditPhotoRequest: Method(edit_photo),
    messages.EditChatAboutRequest: Method(edit_about),
    channels.CheckUsernameRequest: Method(check_username, Open.USERS),
    channels.UpdateUsernameRequest: Method(update_username, Open.USERS),
    channels.ToggleSignaturesRequest: Method(toggle_signatures, Open.USERS),
    channels.TogglePreHistoryHiddenRequest: Method(toggle_history, Open.USERS),
    messages.ToggleNoForwardsRequest: Method(toggle_no_forwards, Open.USERS),
    channels.ToggleParticipantsHiddenRequest: Method(toggle_members, Open.USERS),
    channels.ToggleJoinToSendRequest: Method(toggle_join_to_send, Open.USERS),
    messages.DeleteChatRequest: Method(delete_chat, Open.USERS),
    channels.DeleteChannelRequest: Method(delete_channel, Open.USERS),
}
