"""Telegram's answers: refusals, what passes, what cannot be read; and the names of errors."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from enum import Enum
from typing import Final

from telethon import errors
from telethon.errors.rpcerrorlist import rpc_errors_dict, rpc_errors_re

from tgbot.telegram.wire.reading import UnreadableError

#: The login is over, or the auth key refused: the same request may succeed after the next login.
_LOGIN_ENDED = (
    errors.AuthKeyUnregisteredError,
    errors.AuthKeyInvalidError,
    errors.AuthKeyPermEmptyError,
    errors.AuthKeyDuplicatedError,
    errors.SessionExpiredError,
    errors.SessionRevokedError,
    errors.UserDeactivatedError,
    errors.UserDeactivatedBanError,
)
#: The link ended before the answer: what Telethon ends open requests with.
LINK_ENDED = (
    OSError,
    EOFError,
    errors.AuthKeyNotFound,
    errors.InvalidBufferError,
    errors.InvalidChecksumError,
)
#: Names of waits that end with a number: the seconds, or minutes, after which the request may be made again.
_WAITS: Final = re.compile(r".*(?:FLOOD|WAIT|TOO_FRESH|TOO_EARLY|INIT_DELAY).*_(\d+)(MIN)?")
#: Names of faults that pass, whatever their code; Telegram writes "Timeout", too.
_FAULTS: Final = re.compile(
    r"TIMEOUT|TIMEDOUT|AUTH_RESTART.*|FLOOD_.*|MSG_WAIT_.*|WORKER_BUSY_.*|.*_RETRY"
    r"|.*CALL_FAIL|.*MCGET_FAIL|INTERDC_.*CALL.*_ERROR",
    re.IGNORECASE,
)
#: Names of refusals that stay, although their code is one of a flood or a fault.
_LASTING: Final = re.compile(r"FROZEN_.*|UNKNOWN_METHOD|.*NOT_IMPLEMENTED", re.IGNORECASE)
#: With {} for the number in a name: FLOOD_WAIT_{}.
_NAMES: dict[type[errors.RPCError], str] = {kind: name for name, kind in rpc_errors_dict.items()} | {
    kind: pattern.replace(r"(\d+)", "{}") for pattern, kind in rpc_errors_re
}


class NoAnswerError(TimeoutError):
    """Telegram did not answer a request in time, nor when it was made again over fresh links."""

    def __init__(self, method: str) -> None:
        super().__init__(f"Telegram did not answer {method} in time")


class Answer(Enum):
    """What an error that ends a request says; the one place where the three are told apart."""

    #: Telegram refused: it will say the same tomorrow.
    NO = "no"
    #: A flood wait, a fault of Telegram's, a link that went: the same request may succeed later.
    LATER = "later"
    #: What came cannot be read.
    BROKEN = "broken"


def answer_of(error: BaseException) -> Answer | None:
    """Return what an error says that ended a request; None for an error that is none of Telegram's.

    For the errors of several requests it is LATER if one of them may succeed later, then BROKEN, then NO.
    """
    if isinstance(error, errors.RPCError):
        return Answer.LATER if _passes(error) else Answer.NO
    if isinstance(error, errors.MultiError):
        said = {answer_of(one) for one in error.exceptions if one is not None}
        return next((answer for answer in (Answer.LATER, Answer.BROKEN, Answer.NO) if answer in said), None)
    if isinstance(error, (UnreadableError, errors.TypeNotFoundError)):
        return Answer.BROKEN
    link_ended = isinstance(error, (ConnectionError, TimeoutError, *LINK_ENDED[1:]))
    return Answer.LATER if link_ended else None


def wait_of(error: BaseException) -> int:
    """Return how many seconds Telegram asked to wait before the request is made again; 0 if it named none."""
    if isinstance(error, errors.MultiError):
        return max((wait_of(one) for one in error.exceptions if one is not None), default=0)
    wait = _WAITS.fullmatch(error_name(error)) if isinstance(error, errors.RPCError) else None
    return int(wait[1]) * (60 if wait[2] else 1) if wait else 0


def is_flood(error: BaseException) -> bool:
    """Return whether Telegram limits the rate: the same request may be made again after some seconds."""
    if not isinstance(error, errors.RPCError):
        return False
    return wait_of(error) > 0 or (_code(error) == 420 and _passes(error))


def is_migration(error: BaseException) -> bool:
    """Return whether another data centre is the account's home: `new_dc` has its id."""
    return isinstance(error, (errors.PhoneMigrateError, errors.NetworkMigrateError, errors.UserMigrateError))


def ends_login(error: BaseException) -> bool:
    """Return whether Telegram no longer takes requests of this login or auth key."""
    # A bare UnauthorizedError has a name that Telethon does not know.
    return isinstance(error, _LOGIN_ENDED) or type(error) is errors.UnauthorizedError


def is_fault(error: BaseException) -> bool:
    """Return whether Telegram failed: the same request may succeed in a moment.

    RANDOM_ID_DUPLICATE is one: the earlier copy of a send is still under way.
    """
    if not isinstance(error, errors.RPCError) or is_flood(error) or ends_login(error):
        return False
    return _passes(error) and not isinstance(error, errors.InvalidDCError)


def error_name(error: errors.RPCError) -> str:
    """Return Telegram's name of an error, with its number: USER_IS_BLOCKED, FLOOD_WAIT_30."""
    name = _NAMES.get(type(error))
    if name is None:  # Telethon has no class for it
        return str(error.message or type(error).__name__)
    # Telethon keeps the number under a different name in each class.
    numbers = (value for value in vars(error).values() if isinstance(value, int))
    return name.format(next(numbers, 0))


def _passes(error: errors.RPCError) -> bool:
    """Return whether the same request may succeed later."""
    name = error_name(error)
    if is_migration(error) or ends_login(error):
        return True
    if _WAITS.fullmatch(name) or _FAULTS.fullmatch(name):
        return True
    code = _code(error)
    return (code == 420 or (code >= 500 and code != 501)) and not _LASTING.fullmatch(name)


def _code(error: errors.RPCError) -> int:
    """Return an error's code; Telegram sends some of them as negative numbers."""
    return abs(int(error.code or 0))


async def tried(call: Awaitable[object]) -> Exception | None:
    """Make a call whose failure changes nothing; return its error, None for none.

    Raise only what is no answer of Telegram's.
    """
    try:
        await call
    except Exception as error:
        if answer_of(error) is None:
            raise
        return error
    return None
