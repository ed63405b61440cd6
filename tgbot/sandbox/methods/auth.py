"""auth.*: login with a phone number or a bot token, and logout."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import auth

from ..accounts import Account
from ..rpc import RpcError
from .calls import Call, Method, Open, yes

_NAME_LENGTH: Final = 64
#: The numbers of the data centres that Telegram has.
TELEGRAM_DCS: Final = range(1, 6)


def log_in(call: Call, account: Account) -> TLObject:
    """Log this auth key in to the account and return the authorization."""
    account.check()
    login = call.login
    if account.home != login.dc_id:
        raise RpcError(303, f"USER_MIGRATE_{call.world.number(account.home)}")
    return _logged_in(call, account)


def _logged_in(call: Call, account: Account) -> TLObject:
    login = call.login
    login.account, login.generation = account.id, account.generation
    login.code_right = False
    if not account.is_bot and account.language is None:
        account.language = login.language or None
    call.account = account
    return types.auth.Authorization(call.world.view.user(account, account))


def _sent_code(call: Call, phone: str) -> TLObject:
    login = call.login
    login.phone = phone
    login.code_hash = f"{call.world.random.getrandbits(72):018x}"
    login.code_right = False
    length = len(call.world.accounts.code)
    return types.auth.SentCode(types.auth.SentCodeTypeApp(length), login.code_hash)


def send_code(call: Call, request: auth.SendCodeRequest) -> TLObject:
    _check_api(request.api_id)
    phone = call.world.accounts.phone(request.phone_number)
    account = call.world.accounts.by_phone(phone)
    here = call.login.dc_id
    # New accounts are made in any data centre that is there, not in one that a proxy's client only names.
    home = account.home if account is not None else here if here in call.world.dcs else 0
    if home != here:
        raise RpcError(303, f"PHONE_MIGRATE_{call.world.number(home)}")
    return _sent_code(call, phone)


def resend_code(call: Call, request: auth.ResendCodeRequest) -> TLObject:
    return _sent_code(call, _expected(call, request))


def cancel_code(call: Call, request: auth.CancelCodeRequest) -> bool:
    _expected(call, request)
    call.login.code_hash = ""
    return True


def sign_in(call: Call, request: auth.SignInRequest) -> TLObject:
    phone = _expected(call, request)
    if not request.phone_code:
        raise RpcError(400, "PHONE_CODE_EMPTY")
    if request.phone_code != call.world.accounts.code:
        raise RpcError(400, "PHONE_CODE_INVALID")
    account = call.world.accounts.by_phone(phone)
    if account is None:
        call.login.code_right = True
        terms = types.help.TermsOfService(types.DataJSON("{}"), "Be kind.", [])
        return types.auth.AuthorizationSignUpRequired(terms)
    return log_in(call, account)


def sign_up(call: Call, request: auth.SignUpRequest) -> TLObject:
    phone = _expected(call, request)
    if call.world.accounts.by_phone(phone) is not None:
        raise RpcError(400, "PHONE_NUMBER_OCCUPIED")
    if not call.login.code_right:
        raise RpcError(400, "PHONE_CODE_INVALID")
    first_name = request.first_name.strip()
    if not 0 < len(first_name) <= _NAME_LENGTH:
        raise RpcError(400, "FIRSTNAME_INVALID")
    if len(request.last_name) > _NAME_LENGTH:
        raise RpcError(400, "LASTNAME_INVALID")
    account = call.world.accounts.new_user(first_name, request.last_name.strip(), phone=phone)
    account.home = call.login.dc_id
    return log_in(call, account)


def _expected(call: Call, request: TLRequest) -> str:
    """Return the phone number; raise an error unless it and the hash belong to the code that was sent."""
    phone = call.world.accounts.phone(request.phone_number)
    if not request.phone_code_hash:
        raise RpcError(400, "PHONE_CODE_HASH_EMPTY")
    if phone != call.login.phone or request.phone_code_hash != call.login.code_hash:
        raise RpcError(400, "PHONE_CODE_EXPIRED")
    return phone


def import_bot_authorization(call: Call, request: auth.ImportBotAuthorizationRequest) -> TLObject:
    _check_api(request.api_id)
    return log_in(call, call.world.accounts.by_token(request.bot_auth_token))


def _check_api(api_id: int) -> None:
    if api_id <= 0:
        raise RpcError(400, "API_ID_INVALID")


def log_out(call: Call, request: auth.LogOutRequest) -> TLObject:
    call.login.account = None
    call.caller.updates = False
    return types.auth.LoggedOut()


def export_authorization(call: Call, request: auth.ExportAuthorizationRequest) -> TLObject:
    world, dc_id = call.world, request.dc_id
    here = world.number(call.login.dc_id)
    # Whoever uses the proxy secret reaches any of Telegram's data centres, also where no other one listens.
    if dc_id == here or (dc_id not in TELEGRAM_DCS and dc_id != world.dc_id and dc_id not in world.dcs):
        raise RpcError(400, "DC_ID_INVALID")
    proof = world.random.randbytes(64)
    world.exported[call.me.id, proof] = dc_id
    return types.auth.ExportedAuthorization(call.me.id, proof)


def import_authorization(call: Call, request: auth.ImportAuthorizationRequest) -> TLObject:
    dc_id = call.world.exported.pop((request.id, request.bytes), None)
    if dc_id != call.world.number(call.login.dc_id):
        raise RpcError(400, "AUTH_BYTES_INVALID")
    account = call.world.accounts[request.id]
    account.check()
    return _logged_in(call, account)


def no_password(call: Call, request: auth.CheckPasswordRequest) -> TLObject:
    raise RpcError(400, "PASSWORD_HASH_INVALID")


def reset_authorizations(call: Call, request: auth.ResetAuthorizationsRequest) -> bool:
    call.me.generation += 1
    call.login.generation = call.me.generation
    return True


def export_login_token(call: Call, request: auth.ExportLoginTokenRequest) -> TLObject:
    expires = call.world.date() + 30
    return types.auth.LoginToken(expires, call.world.random.randbytes(32))


METHODS: Final = {
    auth.SendCodeRequest: Method(send_code, Open.ANYONE),
    auth.ResendCodeRequest: Method(resend_code, Open.ANYONE),
    auth.CancelCodeRequest: Method(cancel_code, Open.ANYONE),
    auth.SignInRequest: Method(sign_in, Open.ANYONE),
    auth.SignUpRequest: Method(sign_up, Open.ANYONE),
    auth.ImportBotAuthorizationRequest: Method(import_bot_authorization, Open.ANYONE),
    auth.LogOutRequest: Method(log_out),
    auth.ExportAuthorizationRequest: Method(export_authorization),
    auth.ImportAuthorizationRequest: Method(import_authorization, Open.ANYONE),
    auth.ExportLoginTokenRequest: Method(export_login_token, Open.ANYONE),
    auth.CheckPasswordRequest: Method(no_password, Open.ANYONE),
    auth.ResetAuthorizationsRequest: Method(reset_authorizations, Open.USERS),
    auth.BindTempAuthKeyRequest: Method(yes, Open.ANYONE),
    auth.DropTempAuthKeysRequest: Method(yes, Open.ANYONE),
}
