"""The word of a bot that runs here: whether it has handled everything up to a place in Telegram's log."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tgbot.core.errors import TgbotError
from tgbot.operate import control

#: How long the bot may take to answer, in seconds.
_SECONDS = 5.0
#: The socket of a bot in its directory.
CONTROL = "bot.control"


async def handled(directory: Path, pts: int) -> bool:
    """Return whether the bot with its files in a directory is past this pts, and handles nothing now."""
    try:
        told = await asyncio.to_thread(control.ask, directory / CONTROL, "status", {}, seconds=_SECONDS)
    except (OSError, TgbotError):
        return False
    return bool(told["pts"] >= pts and not told["unfinished"] and not told["left"])
