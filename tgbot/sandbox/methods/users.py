"""users.*: users and their profiles."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import users

from ..accounts import Account
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
        about=user.about or None,
        bot_info=bot_info(user, me.language or ""),
    )
    return types.users.UserFull(full, [], [call.world.view.user(me, user)])


def bot_info(user: Account, language: str) -> TLObject:
    """Build the BotInfo that a user sees in a private dialog; return None for a person."""
    profile = user.profile
    if profile is None:
        return None
    scopes = [("users", language), ("users", ""), ("default", language), ("default", "")]
    commands = next((profile.commands[scope] for scope in scopes if scope in profile.commands), [])
    description = profile.descriptions.get(language) or profile.descriptions.get("")
    return types.BotInfo(
        user_id=user.id,
        description=description,
        commands=commands,
        menu_button=types.BotMenuButtonDefault(),
    )


METHODS: Final = {
    users.GetUsersRequest: Method(get_users),
    users.GetFullUserRequest: Method(get_full_user),
}
