"""Telegram's errors: their names, and what they ask of the caller (wait, ask again, log in again)."""

from __future__ import annotations

from telethon import errors
from telethon.errors.rpcerrorlist import rpc_errors_dict, rpc_errors_re

#: Telegram limits the rate: the same request may be made again after a number of seconds.
FLOOD_WAITS = (
    errors.FloodWaitError,
    errors.FloodPremiumWaitError,
    errors.SlowModeWaitError,
    errors.FloodTestPhoneWaitError,
)
#: Telegram failed: the same request may succeed in a moment. RANDOM_ID_DUPLICATE is one of them.
FAULTS = (errors.ServerError, errors.RpcCallFailError, errors.RpcMcgetFailError, errors.TimedOutError)
#: Another data center answers this request.
MIGRATIONS = (errors.PhoneMigrateError, errors.NetworkMigrateError, errors.UserMigrateError)
#: The login is over, or the auth key refused: the same request may succeed after the next login.
LOGIN_ENDED = (
    errors.AuthKeyUnregisteredError,
    errors.AuthKeyInvalidError,
    errors.SessionExpiredError,
    errors.SessionRevokedError,
    errors.UserDeactivatedError,
    errors.UserDeactivatedBanError,
    errors.AuthKeyError,
)
#: All that say nothing about the request itself: Telegram may answer it later.
LATER = (*FLOOD_WAITS, *FAULTS, *MIGRATIONS, *LOGIN_ENDED)
#: With {} for the number in a name: FLOOD_WAIT_{}.
_NAMES: dict[type[errors.RPCError], str] = {kind: name for name, kind in rpc_errors_dict.items()} | {
    kind: pattern.replace(r"(\d+)", "{}") for pattern, kind in rpc_errors_re
}


def error_name(error: errors.RPCError) -> str:
    """Return Telegram's name of an error, with its number: USER_IS_BLOCKED, FLOOD_WAIT_30."""
    name = _NAMES.get(type(error))
    if name is None:  # Telethon has no class for it
        return str(error.message or type(error).__name__)
    # Telethon keeps the number under a different name in each class.
    numbers = (value for value in vars(error).values() if isinstance(value, int))
    return name.format(next(numbers, 0))
