"""A bot in this process with talks that the test gives; it can be stopped, killed and started again."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from types import ModuleType
from typing import Any

import pytest

from tests.scenarios.conftest import Configure
from tgbot.app import Bot, open_bot
from tgbot.core.talks import KeptTalk
from tgbot.plugins.talks import Talks

#: Registers talks.
Register = Callable[[Talks], object]


class Killed(Exception):
    """The process is gone."""


class TalkingBot:
    """The bot, started with the talks that `register` adds: other ones each time, if the code changes."""

    def __init__(self, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
        self._configure = configure
        self._patch = monkeypatch
        self._stack = AsyncExitStack()
        self.bot: Bot
        #: The client, while the plugin registers.
        self.client: Any = None  # Any: Telethon is untyped

    async def start(self, register: Register, **settings: Any) -> Bot:
        """Start the bot with these talks."""
        plugin = ModuleType("talks_plugin")

        def register_all(client: Any, *, talks: Talks) -> None:
            self.client = client
            register(talks)

        plugin.register = register_all  # type: ignore[attr-defined] # a plugin has it
        self._patch.setitem(sys.modules, "talks_plugin", plugin)
        configuration = self._configure(plugins=["talks_plugin"], **settings)
        self.bot = await self._stack.enter_async_context(open_bot(configuration, serve=True))
        return self.bot

    async def stop(self) -> None:
        """Stop the bot as SIGTERM does."""
        await self._stack.aclose()

    async def kill(self) -> None:
        """End the bot without a last checkpoint, as SIGKILL does."""
        if not self.bot.client.failed.done():
            self.bot.client.failed.set_result(Killed())
        with suppress(Killed):
            await self._stack.aclose()

    def kept(self, user_id: int) -> KeptTalk | None:
        """Return what is kept of a user's talk in private."""
        return self.bot.users.talk(user_id, user_id)


@pytest.fixture
async def talking(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TalkingBot]:
    made = TalkingBot(configure, monkeypatch)
    yield made
    await made.stop()
