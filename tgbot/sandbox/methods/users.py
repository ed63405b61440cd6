"""users.*: users and their profiles."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import users

from ..accounts import Account
from ..chats import Chat
from ..rpc import RpcError
from .calls import Call, Method


def get_users(call: Call, request: users.GetUsersRequest) -> list[TLObject]:
    result = []
    for given in request.id:
        try:
            user = call.user(given)
        except RpcError as error:
            # A wrong access hash gives userEmpty, not an error.
            if error.name != "USER_ID_INVALID":
                raise
            result.append(types.UserEmpty(getattr(given, "user_id", 0)))
        else:
            result.append(call.world.view.user(call.me, user))
    return result


def get_full_user(call: Call, request: users.GetFullUserRequest) -> TLObject:
    me = call.me
    user = call.user(request.id)
    full = types.UserFull(
        user.id,
        types.PeerSettings(),
        types.PeerNotifySettings(),
        0,
        blocked=user.id in me.blocked or None,
        about=_about(user, me) or None,
        bot_info=bot_info(user, me),
        pinned_msg_id=me.box.pinned(user.id),
        profile_photo=user.photos[0] if user.photos else None,
    )
    return types.users.UserFull(full, [], [call.world.view.user(me, user)])


def _about(user: Account, viewer: Account) -> str:
    abouts = user.profile.abouts if user.profile is not None else {}
    return abouts.get(viewer.language or "") or user.about


def bot_info(user: Account, viewer: Account, chat: Chat | None = None) -> TLObject:
    """Build the BotInfo that a user sees in a private dialog, or in a chat; return None for a person."""
    profile = user.profile
    if profile is None:
        return None
    language = viewer.language or ""
    description = profile.descriptions.get(language) or profile.descriptions.get("")
    return types.BotInfo(
        user_id=user.id,
        description=description,
        commands=commands_of(user, viewer, chat),
        menu_button=types.BotMenuButtonDefault(),
    )


def commands_of(bot: Account, viewer: Account, chat: Chat | None = None) -> list[TLObject]:
    """Return the commands of a bot that a user sees in the private dialog with it, or in a chat."""
    held = bot.profile.commands if bot.profile is not None else {}
    languages = (viewer.language or "", "")
    places = ((scope, code) for scope in _scopes(viewer, chat) for code in languages)
    return next((held[place] for place in places if place in held), [])


def _scopes(viewer: Account, chat: Chat | None) -> list[str]:
    """Return the scopes of commands that hold for a user in a dialog or chat, the narrowest first."""
    if chat is None:
        return [f"BotCommandScopePeer {viewer.id}", "users", "default"]
    admin = viewer.id == chat.creator or viewer.id in chat.admins
    found = [
        (f"BotCommandScopePeerUser {chat.marked} {viewer.id}", True),
        (f"BotCommandScopePeerAdmins {chat.marked}", admin),
        (f"BotCommandScopePeer {chat.marked}", True),
        ("chat_admins", admin),
        ("chats", True),
        ("default", True),
    ]
    return [scope for scope, holds in found if holds]


METHODS: Final = {
    users.GetUsersRequest: Method(get_users),
    users.GetFullUserRequest: Method(get_full_user),
}
