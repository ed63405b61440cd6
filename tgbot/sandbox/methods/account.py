"""account.*: the caller's profile, and requests that clients make at login."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import account

from ..accounts import is_username
from ..rpc import RpcError
from .calls import Call, Method, Open, yes

_NAME_LENGTH: Final = 64
_ABOUT_LENGTH: Final = 70


def _me(call: Call) -> TLObject:
    return call.world.view.user(call.me, call.me)


def update_profile(call: Call, request: account.UpdateProfileRequest) -> TLObject:
    me = call.me
    if request.about is not None:
        if len(request.about) > _ABOUT_LENGTH:
            raise RpcError(400, "ABOUT_TOO_LONG")
        me.about = request.about
    if request.first_name is not None or request.last_name is not None:
        first_name = me.first_name if request.first_name is None else request.first_name.strip()
        last_name = me.last_name if request.last_name is None else request.last_name.strip()
        if not 0 < len(first_name) <= _NAME_LENGTH:
            raise RpcError(400, "FIRSTNAME_INVALID")
        call.world.set_name(me.id, first_name, last_name[:_NAME_LENGTH])
    return _me(call)


def _check_username(call: Call, username: str) -> None:
    if not is_username(username) or username.lower().endswith("bot"):
        raise RpcError(400, "USERNAME_INVALID")
    if call.world.accounts.holder(username) not in (None, call.me.id):
        raise RpcError(400, "USERNAME_OCCUPIED")


def check_username(call: Call, request: account.CheckUsernameRequest) -> bool:
    _check_username(call, request.username)
    return True


def update_username(call: Call, request: account.UpdateUsernameRequest) -> TLObject:
    me = call.me
    if request.username == (me.usernames[0] if me.usernames else ""):
        raise RpcError(400, "USERNAME_NOT_MODIFIED")
    if request.username:
        _check_username(call, request.username)
    # Only the first username is editable; the others (collectible ones) stay.
    others = [name for name in me.usernames[1:] if name.lower() != request.username.lower()]
    call.world.set_usernames(me.id, *([request.username] if request.username else []), *others)
    return _me(call)


def update_status(call: Call, request: account.UpdateStatusRequest) -> bool:
    call.world.profiles.set_online(call.me, online=not request.offline)
    return True


def delete_account(call: Call, request: account.DeleteAccountRequest) -> bool:
    call.world.delete_account(call.me.id)
    call.login.account = None
    call.caller.updates = False
    return True


def get_password(call: Call, request: account.GetPasswordRequest) -> TLObject:
    return types.account.Password(
        types.PasswordKdfAlgoUnknown(), types.SecurePasswordKdfAlgoUnknown(), call.world.random.randbytes(256)
    )


def get_authorizations(call: Call, request: account.GetAuthorizationsRequest) -> TLObject:
    date = call.world.date()
    here = types.Authorization(
        hash=0,
        device_model="Unknown",
        platform="Unknown",
        system_version="1.0",
        api_id=call.login.api_id,
        app_name="Unknown",
        app_version="1.0",
        date_created=date,
        date_active=date,
        ip="127.0.0.1",
        country="Unknown",
        region="",
        current=True,
    )
    return types.account.Authorizations(180, [here])


def get_notify_settings(call: Call, request: account.GetNotifySettingsRequest) -> TLObject:
    return types.PeerNotifySettings()


def get_privacy(call: Call, request: account.GetPrivacyRequest) -> TLObject:
    return types.account.PrivacyRules([types.PrivacyValueAllowAll()], [], [])


METHODS: Final = {
    account.UpdateProfileRequest: Method(update_profile, Open.USERS),
    account.CheckUsernameRequest: Method(check_username, Open.USERS),
    account.UpdateUsernameRequest: Method(update_username, Open.USERS),
    account.UpdateStatusRequest: Method(update_status, Open.USERS),
    account.DeleteAccountRequest: Method(delete_account, Open.USERS),
    account.GetPasswordRequest: Method(get_password, Open.USERS),
    account.GetAuthorizationsRequest: Method(get_authorizations, Open.USERS),
    account.GetNotifySettingsRequest: Method(get_notify_settings, Open.USERS),
    account.GetPrivacyRequest: Method(get_privacy, Open.USERS),
    account.RegisterDeviceRequest: Method(yes, Open.USERS),
    account.UnregisterDeviceRequest: Method(yes, Open.USERS),
    account.UpdateDeviceLockedRequest: Method(yes, Open.USERS),
}
