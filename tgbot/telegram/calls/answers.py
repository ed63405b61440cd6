"""Telegram's errors by what they ask of the caller: wait, ask again, ask elsewhere, log in again."""

from __future__ import annotations

from telethon import errors

#: Telegram limits the rate: the same request may be made again after a number of seconds.
FLOOD_WAITS = (
    errors.FloodWaitError,
    errors.FloodPremiumWaitError,
    errors.SlowModeWaitError,
    errors.FloodTestPhoneWaitError,
)
#: Telegram failed: the same request may succeed in a moment. RANDOM_ID_DUPLICATE is one of them.
FAULTS = (
    errors.ServerError,
    errors.RpcCallFailError,
    errors.RpcMcgetFailError,
    errors.TimedOutError,
)
#: Another data center answers this request.
MIGRATIONS = (
    errors.PhoneMigrateError,
    errors.NetworkMigrateError,
    errors.UserMigrateError,
)
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
