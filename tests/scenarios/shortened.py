"""Shorter waits for tests: one place that knows the constants of the bot that are long."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

#: Waits that only delay a message which a fault touches. Whatever could keep others waiting stays well above
#: the time in which others must be answered: a table in which it is shorter would show nothing.
SHORTER: Final[Mapping[str, Mapping[str, Any]]] = {
    "tgbot.telegram.calls.retries": {
        "FAULT_PAUSES": (0.1, 0.2, 0.4, 0.8),
        "DUPLICATE_PAUSES": (0.1, 0.2, 0.4, 0.8),
        "UNREADABLE_PAUSES": (0.2, 0.4, 0.8),
    },
    "tgbot.telegram.calls.unanswered": {"LIMIT_SECONDS": 4.0, "DIFFERENCE_SECONDS": 5.0},
    "tgbot.telegram.login": {"_ANSWER_SECONDS": 4.0, "_FIRST_DIFFERENCE_SECONDS": 1.0, "_LONGEST_PAUSE": 4.0},
    "tgbot.telegram.updates.parking": {"PAUSES": (1, 2, 3, 5)},
    "tgbot.telegram.updates.watch": {"LOOK_SECONDS": 6.0},
    "tgbot.telegram.wire.pulse": {"PING_SECONDS": 5.0, "PONG_SECONDS": 3.0},
    "tgbot.telegram.wire.attempts": {"LONGEST_PAUSE": 1.0},
}


def shorten(values: Mapping[str, Mapping[str, Any]] = SHORTER) -> Mapping[str, Mapping[str, Any]]:
    """Replace constants, by module and name, and return those of before."""
    before: dict[str, dict[str, Any]] = {}
    for name, constants in values.items():
        module = importlib.import_module(name)
        for constant, value in constants.items():
            before.setdefault(name, {})[constant] = getattr(module, constant)
            setattr(module, constant, value)
    return before


@contextmanager
def shortened(values: Mapping[str, Mapping[str, Any]] = SHORTER) -> Iterator[None]:
    """Replace constants for as long as the block lasts."""
    before = shorten(values)
    try:
        yield
    finally:
        shorten(before)
