"""The names of Telegram's errors."""

from __future__ import annotations

from telethon import errors
from telethon.errors.rpcerrorlist import rpc_errors_dict, rpc_errors_re

_NAMES: dict[type[errors.RPCError], str] = {kind: name for name, kind in rpc_errors_dict.items()}
#: Errors whose name holds a number, with a format for it: FLOOD_WAIT_{}.
_NUMBERED: dict[type[errors.RPCError], str] = {
    kind: pattern.replace(r"(\d+)", "{}") for pattern, kind in rpc_errors_re
}


def error_name(error: errors.RPCError) -> str:
    """Return Telegram's name of an error, with its number: USER_IS_BLOCKED, FLOOD_WAIT_30.

    Also where Telethon has no class for the error.
    """
    kind = type(error)
    name = _NAMES.get(kind)
    if name is not None:
        return name
    numbered = _NUMBERED.get(kind)
    if numbered is None:
        return str(error.message or kind.__name__)
    # Telethon keeps the number under a different name in each class.
    numbers = (value for value in vars(error).values() if isinstance(value, int))
    return numbered.format(next(numbers, 0))
