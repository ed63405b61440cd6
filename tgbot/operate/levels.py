"""The command `log`: from which level on the running bot logs."""

from __future__ import annotations

import logging
from typing import Final, Literal

from tgbot.core.errors import LoggerUnknownError, PrivateLoggerError
from tgbot.operate.control import Command, Say

#: What a logger may be set to.
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
#: Libraries whose lines below WARNING may hold what somebody wrote, or a token.
LIBRARIES: Final = ("telethon", "asyncio", "aiohttp", "sqlitedict", "psycopg")


def commands() -> dict[str, Command]:
    """Return the command by its name."""

    async def log(say: Say, level: Level, logger: str = "") -> object:
        return {"logger": logger, "before": set_level(level, logger), "level": level}

    return {"log": log}


def set_level(level: Level, name: str = "") -> str:
    """Have a logger, and those below it without a level of their own, log from a level on; "" is all of them.

    Return its level before. The change lasts until the process ends. Raise LoggerUnknownError for a name that
    no logger has, PrivateLoggerError where the lines might show what is private.
    """
    if name.partition(".")[0] in LIBRARIES and level in ("DEBUG", "INFO"):
        raise PrivateLoggerError(name)
    if name and name not in logging.root.manager.loggerDict:
        raise LoggerUnknownError(name)
    logger = logging.getLogger(name)
    before = logging.getLevelName(logger.getEffectiveLevel())
    logger.setLevel(level)
    return str(before)
