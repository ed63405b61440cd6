"""The loggers that Telethon's parts are given: nothing of what came over the wire gets into a log."""

from __future__ import annotations

import logging
import sys
from typing import Any

from tgbot.core.places import places

#: What an argument of a log line may be; of anything else, only its class is shown.
_SHOWN = (int, float, str, type(None))


class SafeLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger of Telethon's, which shows neither objects nor bytes nor the texts of errors.

    Telethon warns at each attempt; `BotSender` does so once for each outage, so warnings become notes.
    """

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:  # Any: as logging has it
        if level == logging.WARNING:
            level = logging.INFO
        if not self.isEnabledFor(level):
            return
        error = sys.exc_info()[1] if kwargs.pop("exc_info", None) else None
        shown = [one if isinstance(one, _SHOWN) else shown_of(one) for one in args]
        if error is not None:
            msg, shown = f"{msg}: %s", [*shown, places(error)]
        super().log(level, msg, *shown, **kwargs)


def shown_of(thing: object) -> str:
    """Return what a log line shows of an object: its class, and for a connection where it goes."""
    name = type(thing).__name__
    return str(thing) if name.endswith("Connection") else name


class SafeLoggers(dict[str, SafeLogger]):
    """The loggers of Telethon's modules, by the name of the module."""

    def __missing__(self, name: str) -> SafeLogger:
        logger = self[name] = SafeLogger(logging.getLogger(name), {})
        return logger
