"""The command `reload`: what changed in configuration and texts is put into effect where it can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from tgbot.config.changes import changes
from tgbot.config.settings import Config
from tgbot.core.admins import Admins
from tgbot.core.errors import TextError
from tgbot.locales.texts import Texts, sources
from tgbot.operate.control import Command, Say
from tgbot.operate.levels import set_level

#: Reads the configuration again; given what is told of warnings.
Read: TypeAlias = Callable[[Callable[[str], None]], Config]

ADMINS: Final = "[bot] admins"
TEXTS: Final = "[bot] texts"
LEVEL: Final = "[log] level"


def command(read: Read, config: Config, texts: Texts, admins: Admins, shown: Callable[[], object]) -> Command:
    """Return the command of a bot that started with `config`.

    `shown` is called where what Telegram shows of the bot may differ now. Either all that can change does, or
    an error is raised and nothing does.
    """
    present, files = config, _contents(config.bot.texts)

    async def reload(say: Say) -> object:
        nonlocal present, files
        warnings: list[str] = []
        now = await asyncio.to_thread(read, warnings.append)
        found = await asyncio.to_thread(_contents, now.bot.texts)
        changed = [key for key in changes(present, now) if key in (ADMINS, TEXTS, LEVEL)]
        if found != files:
            texts.become(await asyncio.to_thread(Texts, sources(now.bot.texts)))
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


def _contents(extra: Path | None) -> dict[str, bytes]:
    """Return what is in the files of the texts, by their names."""
    try:
        return {str(source): source.read_bytes() for source in sources(extra)}
    except OSError as error:
        raise TextError(error.filename or extra, error.strerror or "it cannot be read") from None
