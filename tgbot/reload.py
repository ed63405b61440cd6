"""The command `reload`: what changed in configuration and texts is put into effect where it can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

from tgbot.config.changes import changes
from tgbot.config.settings import Config
from tgbot.core.admins import Admins
from tgbot.locales.library import Library
from tgbot.operate.control import Command, Say
from tgbot.operate.levels import set_level

#: Reads the configuration again; given what is told of warnings.
Read: TypeAlias = Callable[[Callable[[str], None]], Config]

ADMINS: Final = "[bot] admins"
TEXTS: Final = "[bot] texts"
LEVEL: Final = "[log] level"


def command(
    read: Read, config: Config, texts: Library, admins: Admins, shown: Callable[[], object]
) -> Command:
    """Return the command of a bot that started with `config`.

    `shown` is called where what Telegram shows of the bot may differ now. Either all that can change does, or
    an error is raised and nothing does.
    """
    present, files = config, texts.contents(config.bot.texts)

    async def reload(say: Say) -> object:
        nonlocal present, files
        warnings: list[str] = []
        now = await asyncio.to_thread(read, warnings.append)
        found = await asyncio.to_thread(texts.contents, now.bot.texts)
        changed = [key for key in changes(present, now) if key in (ADMINS, TEXTS, LEVEL)]
        if found != files:
            texts.take(await asyncio.to_thread(texts.read_again, now.bot.texts))
            changed += [] if TEXTS in changed else [TEXTS]
        if ADMINS in changed:
            admins.become(now.bot.admins)
        if LEVEL in changed:
            set_level(now.log.level)
        present, files = now, found
        if ADMINS in changed or TEXTS in changed:
            shown()
        return {
            "changed": changed,
            "restart": [key for key in changes(config, now) if key not in (ADMINS, TEXTS, LEVEL)],
            "mistakes": [str(mistake) for mistake in texts.mistakes],
            "warnings": warnings,
        }

    return reload
