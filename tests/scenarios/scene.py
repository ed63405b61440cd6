"""The whole bot in this process, on a sandbox with faults: a `Site` that shows what its handlers saw."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from telethon import events
from telethon.errors import UserIsBlockedError

from tests.sandbox.conftest import server_key
from tests.scenarios.audit import Audit, audit_answers, audit_files, quiet
from tests.scenarios.crash import Site, until
from tests.scenarios.load import Load
from tgbot.app import Bot, open_bot
from tgbot.config import loading as config
from tgbot.core.access import Access
from tgbot.sandbox.faults import Faults
from tgbot.sandbox.server import Sandbox

SEND = "messages.sendMessage"
DIFFERENCE = "updates.getDifference"


class Scene(Site):
    """A site whose bot runs in this process; its plugin answers like the plugin of the crash tests."""

    def __init__(self, directory: Path, sandbox: Sandbox, seed: int, settings: dict[str, Any]) -> None:
        super().__init__(directory, sandbox, seed, settings)
        #: The exceptions that handlers saw, except those for users who blocked the bot.
        self.seen: list[Exception] = []
        #: Ids of the messages that `respond` returned.
        self.returned: list[int] = []
        #: Texts that begin with "hold" are answered once this is set.
        self.gate = asyncio.Event()

    @property
    def faults_of(self) -> Faults:
        return self.sandbox.faults

    def configure(self, **settings: Any) -> None:
        """Write the configuration again; `[bot]` keys are given by name."""
        self._write_configuration(settings)

    def meet(self, name: str = "Ann") -> int:
        """Add a person and return their id."""
        return int(self.world.new_user(name).id)

    def answers(self, user_id: int) -> list[str]:
        """Return what the bot said to a person, in order."""
        return [copy.post.text for copy in self.dialog(user_id) if copy.out]

    def register(self, client: Any) -> None:
        """Register the handler of this scene's plugin with Telethon."""

        async def echo(event: Any) -> None:
            text = event.raw_text
            word = text.partition(" ")[0]
            if word == "hold":
                await self.gate.wait()
            elif word == "slow":
                await asyncio.sleep(0.05)
            try:
                for _ in range(2 if word == "twice" else 1):
                    sent = await (event.reply if word == "reply" else event.respond)(f"echo {text}")
                    self.returned.append(sent.id)
            except UserIsBlockedError:
                pass
            except Exception as error:
                self.seen.append(error)
                raise
            raise events.StopPropagation

        client.add_event_handler(echo, events.NewMessage(incoming=True, pattern=r"[^/]"))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Bot]:
        """Run the bot as `tgbot run` does, for as long as the block lasts."""
        async with open_bot(config.load(self.directory / "config.toml", {}), serve=True) as bot:
            yield bot

    async def settled(
        self, bot: Bot, load: Load | None = None, *, patience: float = 20.0, ordered: bool = True
    ) -> Audit:
        """Return the audit once all messages are answered; fail if a handler has seen an error.

        Without `ordered`, answers may come in any order: where the difference comes late, what was pushed
        after a hole is answered first.
        """
        blocked_at = load.blocked_at if load is not None else {}
        await quiet(self, blocked_at, patience)
        audit = audit_answers(self, blocked_at, ordered=ordered)
        assert audit.clean, str(audit)
        await until(lambda: not bot.client._batches.waiting, "no update waits any more", patience)
        assert not self.seen, self.seen
        assert not bot.client.handler_errors
        assert not bot.client.failed.done(), bot.client.failed.result()
        return audit

    async def knows_the_truth(self, bot: Bot, *, patience: float = 20.0) -> None:
        """Return once the registry has the right access for everybody; fail after `patience` seconds."""
        with suppress(TimeoutError):
            await until(lambda: not self._wrong(bot), "the access of everybody is known", patience)
        assert not (wrong := self._wrong(bot)), "\n".join(wrong)

    def _wrong(self, bot: Bot) -> list[str]:
        now, found = bot.client.server_time(), []
        for user_id in self.users():
            user, truth = bot.users.get(user_id), self._truth(user_id)
            access = user.verdict(now).access if user is not None else Access.UNKNOWN
            if access is not truth:
                evidence = user.evidence if user is not None else None
                log = [f"{entry!r}" for entry in self._log_of(user_id)]
                found.append(f"{user_id} is {access}, not {truth}: {evidence} {log}")
        return found

    def _log_of(self, user_id: int) -> list[tuple[Any, ...]]:
        """Return what the bot's log holds about a user."""
        told: list[tuple[Any, ...]] = []
        for entry in self.account.log.above(0, 0):
            copy = entry.message
            if copy is not None and copy.peer == user_id:
                told.append((entry.pts, copy.id, "out" if copy.out else "in", copy.post.date))
            elif entry.qts is not None and entry.update.user_id == user_id:
                told.append((f"q{entry.qts}", entry.update.stopped, entry.update.date))
        return told

    def _truth(self, user_id: int) -> Access:
        blocked = self.bot.id in self.world.accounts[user_id].blocked
        return Access.BLOCKED if blocked else Access.REACHABLE

    def audit_disk(self) -> Audit:
        """Compare what is on disk with the world; the bot must have stopped."""
        audit = Audit()
        audit_files(self, audit)
        return audit


@asynccontextmanager
async def open_scene(directory: Path, seed: int = 1, **settings: Any) -> AsyncIterator[Scene]:
    """Open a sandbox with a bot that does not run yet; its plugin is the scene's own."""
    async with Sandbox(seed=seed, key=server_key()) as sandbox:
        scene = Scene(directory, sandbox, seed, settings)
        plugin = ModuleType("crash_plugin")
        plugin.register = scene.register  # type: ignore[attr-defined] # a module made for this scene
        before = sys.modules.get(plugin.__name__)
        sys.modules[plugin.__name__] = plugin
        try:
            yield scene
        finally:
            scene.gate.set()
            del sys.modules[plugin.__name__]
            if before is not None:
                sys.modules[plugin.__name__] = before
