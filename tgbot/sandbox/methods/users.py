"""users.*: users and their profiles."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import users

from ..accounts import Account
from ..botprofiles import bot_info
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
    profile = user.profile
    in_both = [chat for chat in call.world.chats.values() if {me.id, user.id} <= chat.members.keys()]
    full = types.UserFull(
        user.id,
        types.PeerSettings(),
        types.PeerNotifySettings(),
        len(in_both) if user is not me else 0,
        blocked=user.id in me.blocked or None,
        can_pin_message=True,
        contact_require_premium=user.only_premium or None,
        send_paid_messages_stars=user.paid_stars or None,
        about=_about(user, me) or None,
        profile_photo=user.photos[0] if user.photos else None,
        bot_info=bot_info(user, me),
        pinned_msg_id=me.box.pinned(user.id),
        bot_group_admin_rights=profile.group_rights if profile is not None else None,
        bot_broadcast_admin_rights=profile.channel_rights if profile is not None else None,
    )
    return types.users.UserFull(full, [], [call.world.view.user(me, user)])


def _about(user: Account, viewer: Account) -> str:
    abouts = user.profile.abouts if user.profile is not None else {}
    return abouts.get(viewer.language or "") or user.about


METHODS: Final = {
    users.GetUsersRequest: Method(get_users),
    users.GetFullUserRequest: Method(get_full_user),
}
