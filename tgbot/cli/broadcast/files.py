"""The broadcasts in the files of a bot that does not run."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tgbot.cli.link import own_name
from tgbot.core.errors import BotUnknownError, NoBotRunsError

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.messaging.broadcast.kept import Users
    from tgbot.operate.control import Command
    from tgbot.store.base import Broadcasts


@asynccontextmanager
async def for_reading(config: Config) -> AsyncIterator[Mapping[str, Command]]:
    """Open the broadcasts for a look at them."""
    from tgbot.store.opening import kept_at

    async def nothing_to_write() -> None:
        pass

    kept = kept_at(config.storage)
    with kept.users() as users, kept.broadcasts() as broadcasts:
        yield _commands(config, broadcasts, users, nothing_to_write)


@asynccontextmanager
async def for_writing(config: Config) -> AsyncIterator[Mapping[str, Command]]:
    """Open the broadcasts for changes; each is on disk when its command returns."""
    from tgbot.store.opening import kept_at

    async with kept_at(config.storage).registry("broadcast") as users:
        yield _commands(config, users.broadcasts, users, users.flush)


def _commands(
    config: Config, stored: Broadcasts, users: Users, checkpoint: Callable[[], Awaitable[None]]
) -> Mapping[str, Command]:
    from tgbot.messaging.broadcast.kept import KeptBroadcasts
    from tgbot.operate.broadcasts import chat_by_number, commands

    def username() -> str:
        try:
            return own_name(config)
        except BotUnknownError:
            return ""

    kept = KeptBroadcasts(
        stored, users, pace=config.bot.pace, username=username, checkpoint=checkpoint, clock=time.time
    )
    return commands(kept, chat_by_number(lambda: NoBotRunsError(config.storage.directory)))
