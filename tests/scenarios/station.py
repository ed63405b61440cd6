"""A bot in this process on a sandbox of its own, and people whose every message gets one answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.sandbox.conftest import server_key
from tests.scenarios.planted import API_HASH, NAME, TEXT
from tests.scenarios.talker import KNOWN
from tgbot.app import Bot, open_bot
from tgbot.config import loading as config
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.world import World

PLUGIN: Final = "tests.scenarios.talker"


class Station:
    """One sandbox and one bot, which runs while `serving` lasts; people write to it from inside the world.

    `account` is the bot's. Every message of `say` has a text of its own, and its answer names it.
    """

    def __init__(self, directory: Path, sandbox: Sandbox, settings: dict[str, Any]) -> None:
        self.directory = directory
        self.sandbox = sandbox
        self.world: World = sandbox.world
        self.faults = sandbox.faults
        bot = sandbox.world.new_bot("the_bot", f"{NAME} Bot")
        self.token = bot.token
        self.account = sandbox.world.accounts[bot.id]
        self.account.profile.sees_all = True  # type: ignore[union-attr] # a bot has one
        self.meet(KNOWN)
        self._texts = 0
        directory.mkdir(parents=True, exist_ok=True)
        #: `[bot]` keys; a change counts once `connect_to` is called.
        self.settings = settings
        self.connect_to(sandbox.port)

    def connect_to(self, port: int) -> None:
        """Write the configuration of a bot that connects to this port."""
        (self.directory / "sandbox.pem").write_text(self.sandbox.public_key)
        lines = [
            "[telegram]",
            f'server = "{self.sandbox.host}:{port}"',
            f"dc_id = {self.sandbox.dc_id}",
            f'public_key = "{self.directory / "sandbox.pem"}"',
            f'bot_token = "{self.token}"',
            "api_id = 1",
            f'api_hash = "{API_HASH}"',
            "[bot]",
            f'plugins = ["{PLUGIN}"]',
            *(f"{name} = {value!r}" for name, value in self.settings.items()),
            "[storage]",
            f'directory = "{self.directory / "sessions"}"',
        ]
        (self.directory / "config.toml").touch(0o600)  # it holds the token
        (self.directory / "config.toml").write_text("\n".join(lines) + "\n")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Bot]:
        """Run the bot as `tgbot run` does, for as long as the block lasts."""
        async with open_bot(config.load(self.directory / "config.toml", {}), serve=True) as bot:
            yield bot

    # ---- people --------------------------------------------------------------------------------

    def meet(self, username: str | None = None) -> int:
        """Add a person and return their id."""
        name = f"{NAME} {len(self.world.accounts)}"
        return int(self.world.new_user(name, username=username).id)

    def gather(self, person: int) -> Chat:
        """Add a supergroup of a person and the bot."""
        group = self.world.new_channel(f"{NAME} Group", megagroup=True, creator=person)
        self.world.groups.add(group, self.account, by=person)
        return group

    def say(self, person: int, word: str = "say", chat: Chat | None = None) -> str:
        """Let a person write to the bot, or into a chat; return the text."""
        self._texts += 1
        text = f"{word} {TEXT}{self._texts}"
        peer = self.account.id if chat is None else chat.marked
        self.world.send_as(person, peer, text)
        return text

    def answers(self, text: str) -> int:
        """Return how many answers a text has got."""
        return self._answers()[f"echo {text}"]

    def _answers(self) -> Counter[str]:
        boxes = [self.account.box, *(chat.box for chat in self.world.chats.values() if chat.channel)]
        return Counter(copy.post.text for box in boxes for copy in box if copy.post.sender == self.account.id)

    async def answered(self, text: str, seconds: float) -> float | None:
        """Return after how many seconds a text was answered, None if it was not within the limit."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while not self.answers(text):
            if clock() - began > seconds:
                return None
            await asyncio.sleep(0.02)
        return clock() - began

    async def until(self, so: Callable[[], object], seconds: float) -> bool:
        """Return whether something is so within a limit."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while not so():
            if clock() > end:
                return False
            await asyncio.sleep(0.02)
        return True


@asynccontextmanager
async def open_station(directory: Path, seed: int = 1, **settings: Any) -> AsyncIterator[Station]:
    """Open a sandbox with a bot that does not run yet; `settings` are `[bot]` keys."""
    async with Sandbox(seed=seed, key=server_key()) as sandbox:
        yield Station(directory, sandbox, settings)
