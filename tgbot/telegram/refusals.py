"""Telegram's answers: refusals, what passes, what cannot be read; and the names of errors."""

from __future__ import annotations

import struct
from enum import Enum

from telethon import errors
from telethon.errors.rpcerrorlist import rpc_errors_dict, rpc_errors_re

from tgbot.telegram.wire.reading import UnreadableError

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
#: What is raised where what came cannot be read.
_BROKEN = (UnreadableError, errors.TypeNotFoundError, errors.BadMessageError, struct.error, BufferError)
#: With {} for the number in a name: FLOOD_WAIT_{}.
_NAMES: dict[type[errors.RPCError], str] = {kind: name for name, kind in rpc_errors_dict.items()} | {
    kind: pattern.replace(r"(\d+)", "{}") for pattern, kind in rpc_errors_re
}


class Answer(Enum):
    """What an error that ends a request says; the one place where the three are told apart."""

    #: Telegram refused: it will say the same tomorrow.
    NO = "no"
    #: A flood wait, a fault of Telegram's, a link that went: the same request may succeed later.
    LATER = "later"
    #: What came cannot be read.
    BROKEN = "broken"


def answer_of(error: BaseException) -> Answer | None:
    """Return what an error says that ended a request; None for an error that is none of Telegram's."""
    if isinstance(error, LATER):
        return Answer.LATER
    if isinstance(error, errors.RPCError):
        return Answer.NO
    if isinstance(error, _BROKEN):
        return Answer.BROKEN
    return Answer.LATER if isinstance(error, (ConnectionError, TimeoutError)) else None


def wait_of(error: BaseException) -> int:
    """Return how many seconds Telegram asked to wait before the request is made again; 0 if it named none."""
    return error.seconds or 0 if isinstance(error, FLOOD_WAITS) else 0


def error_name(error: errors.RPCError) -> str:
    """Return Telegram's name of an error, with its number: USER_IS_BLOCKED, FLOOD_WAIT_30."""
    name = _NAMES.get(type(error))
    if name is None:  # Telethon has no class for it
        return str(error.message or type(error).__name__)
    # Telethon keeps the number under a different name in each class.
    numbers = (value for value in vars(error).values() if isinstance(value, int))
    return name.format(next(numbers, 0))
