"""The whole bot against the sandbox over TCP; people are plain Telethon user clients (`person`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import *  # noqa: F403 - the fixtures of the sandbox and its people
from tgbot.app import Bot, open_bot
from tgbot.config.loading import load
from tgbot.config.settings import Config
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

Configure = Callable[..., Config]
StartBot = Callable[..., Awaitable[Bot]]


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    """Return the bot's account at the sandbox: its id, username and token."""
    return sandbox.new_bot("the_bot")


@pytest.fixture
def configure(sandbox: Sandbox, account: Account, tmp_path: Path) -> Configure:
    """Return a function that makes a bot's configuration; `[bot]` keys are given by name."""

    def configure(
        *, token: str | None = None, manage: str = "missing", proxy: str = "", **bot: Any
    ) -> Config:
        key = tmp_path / "sandbox.pem"
        key.write_text(sandbox.public_key)
        file = tmp_path / "config.toml"
        file.touch(0o600)  # it holds the token
        lines = [
            "[telegram]",
            f'server = "{sandbox.host}:{sandbox.port}"',
            f"dc_id = {sandbox.dc_id}",
            f'public_key = "{key}"',
            f'bot_token = "{token or account.token}"',
            f'proxy = "{proxy}"',
            "[profile]",
            f'manage = "{manage}"',
            "[bot]",
            *(f"{name} = {list(v) if isinstance(v, (tuple, set)) else v!r}" for name, v in bot.items()),
        ]
        file.write_text("\n".join(lines))
        return load(file, {})

    return configure


@pytest.fixture
async def start_bot(configure: Configure) -> AsyncIterator[StartBot]:
    """Return a function that starts the bot as `tgbot run` does; all bots stop at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start_bot(**options: Any) -> Bot:
            return await stack.enter_async_context(open_bot(configure(**options), serve=True))

        yield start_bot


@pytest.fixture
async def bot(start_bot: StartBot) -> Bot:
    """Return a running bot without admins or plugins."""
    return await start_bot()
