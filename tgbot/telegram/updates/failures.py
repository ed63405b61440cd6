"""Why the handlers of an update did not finish it, for the log and for the parking lot."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from telethon import errors

from tgbot.core.errors import StorageUnreachableError
from tgbot.core.places import places
from tgbot.core.verdicts import from_rpc_error
from tgbot.store.base import Reason
from tgbot.telegram.refusals import Answer, answer_of, error_name, wait_of

#: What ends more than the handler that raised it: its task, or the process.
ENDS = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)
#: After how many answers in a row that cannot be read an update waits for a retry by hand.
UNREADABLE_TRIES = 5
#: How many places of an error are logged: enough to reach from the link up to the handler.
_PLACES = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """Where and how the handlers of an update ended before it was finished."""

    reason: Reason
    #: The plugin and handler at which they ended, "" if none is known.
    handler: str
    #: Telegram's name of the error, or its Python class.
    error: str
    #: Where and with which words it was raised; may hold message texts, so it is never logged.
    trace: str = ""
    #: How many seconds Telegram asked to wait, 0 if it named none.
    wait: int = 0
    #: After how many tries in vain it is no longer tried by itself; 0: for as long as the store keeps it.
    tries: int = 0

    @classmethod
    def of(cls, handler: str, error: BaseException) -> Failure:
        """Return the failure of a handler that raised."""
        answer = answer_of(error)
        later = answer in (Answer.LATER, Answer.BROKEN) or isinstance(error, StorageUnreachableError)
        reason = Reason.LATER if later else Reason.FAILED
        tries = UNREADABLE_TRIES if answer is Answer.BROKEN else 0
        return cls(reason, handler, name_of(error), trace_of(error), wait_of(error), tries)


def trace_of(error: BaseException) -> str:
    """Return where and with which words an error was raised; may hold message texts."""
    return "".join(traceback.format_exception(error))


def name_of(error: BaseException) -> str:
    """Return Telegram's name of an error, or its Python class."""
    return error_name(error) if isinstance(error, errors.RPCError) else type(error).__name__


def described(error: BaseException) -> str:
    """Return an error for the log: its name, and the places it passed; never its words."""
    passed = places(error, _PLACES)
    return f"{error_name(error)}, {passed}" if isinstance(error, errors.RPCError) else passed


def says_no_access(error: BaseException) -> bool:
    """Return whether Telegram refused because the bot may not write to somebody: evidence, no failure."""
    return isinstance(error, errors.RPCError) and from_rpc_error(error_name(error), 0) is not None


def name_of_handler(callback: Callable[..., object] | None) -> str:
    """Return the module and name of a handler, such as examples.echo.register.echo; "" for None."""
    if callback is None:
        return ""
    while isinstance(callback, partial):
        callback = callback.func
    named = callback if hasattr(callback, "__qualname__") else type(callback)
    return f"{named.__module__}.{named.__qualname__}".replace(".<locals>", "")
