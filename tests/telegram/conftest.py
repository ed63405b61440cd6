"""A BotClient on the sandbox; what people write is put into the sandbox's world directly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import pytest
from telethon import events
from telethon.tl import TLRequest, types

from tests.patience import PATIENCE as PATIENCE
from tests.sandbox.conftest import *  # noqa: F403 - the fixtures of the sandbox and its people
from tgbot.core.clock import ServerClock
from tgbot.sandbox.server import Sandbox
from tgbot.store.base import UpdateState
from tgbot.store.session import BotSession
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram import BotClient, Server
from tgbot.telegram.calls import unanswered
from tgbot.telegram.updates.intake import Intake


async def until(so: Callable[[], object]) -> None:
    """Return as soon as `so` holds; fail after `PATIENCE`."""
    async with asyncio.timeout(PATIENCE):
        while not so():  # noqa: ASYNC110 - the sandbox's world has no event to wait for
            await asyncio.sleep(0.005)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds without an answer pass in a fifth of one."""
    monkeypatch.setattr(unanswered, "TICK_SECONDS", 0.01)
    for name in ("LIMIT_SECONDS", "DIFFERENCE_SECONDS", "SLOW_SECONDS"):
        monkeypatch.setattr(unanswered, name, 0.2)


class MemoryStore:
    """A session as the whole store: there are no users to write. Everything counts as loaded."""

    def __init__(self, session: BotSession) -> None:
        self._session = session

    @property
    def changed(self) -> bool:
        return self._session.changed

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return True

    async def load(self, ids: Iterable[int]) -> None:
        return None

    async def checkpoint(self, state: UpdateState | None) -> None:
        await self._session.checkpoint(state)


class Recorder:
    """Write down on a stage what a client reports."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def seen(self, users: Sequence[types.TypeUser], source: str, at: int) -> None:
        self._stage.seen.append(([user.id for user in users], source))

    def finished(self, chat_id: int, message_id: int) -> None:
        self._stage.finished.append((chat_id, message_id))
        self._stage.last[chat_id] = max(self._stage.last.get(chat_id, 0), message_id)

    def last_finished(self, chat_id: int) -> int:
        return self._stage.last.get(chat_id, 0)

    def outcome(self, request: TLRequest, user_id: int, error_name: str | None, at: int) -> None:
        self._stage.outcomes.append((type(request).__name__, user_id, error_name))

    def lost(self, what: str, count: int = 0) -> None:
        self._stage.lost.append(what)
        self._stage.lost_updates.append((what, count))


def settled(intake: Intake) -> bool:
    """Return whether every difference was fetched and taken, and no update is held back."""
    return intake.settled


class Stage:
    """One bot account on a sandbox: its clients, its session file, and people who write to it."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self.sandbox = sandbox
        self.world = sandbox.world
        self.faults = sandbox.faults
        self.account = sandbox.new_bot("the_bot")
        self.path = directory / "bot.session"
        self.finished: list[tuple[int, int]] = []
        self.last: dict[int, int] = {}
        self.outcomes: list[tuple[str, int, str | None]] = []
        self.lost: list[str] = []
        #: The same with the number of updates.
        self.lost_updates: list[tuple[str, int]] = []
        self.seen: list[tuple[list[int], str]] = []
        self._open: list[BotClient] = []

    # ---- people --------------------------------------------------------------------------------

    def meet(self, name: str = "Ann", *, username: str | None = None) -> int:
        """Add a person and return their id."""
        return int(self.world.new_user(name, username=username).id)

    def write(self, person: int, text: str, **fields: Any) -> int:
        """Let a person write to the bot; return the id of the bot's copy."""
        copy = self.world.send_as(person, self.account.id, text, **fields)
        return int(copy.twin(self.account.id).id)  # type: ignore[union-attr] # the bot blocks nobody

    def heard(self, person: int) -> list[str]:
        """Return what the bot wrote to a person, in order."""
        box = self.world.accounts[person].box
        dialog = box.dialogs.get(self.account.id)
        copies = [box.get(number) for number in dialog.ids] if dialog else []
        return [copy.post.text for copy in copies if copy is not None and not copy.out]

    # ---- the bot -------------------------------------------------------------------------------

    async def open(
        self, register: Callable[[BotClient], None] | None = None, *, token: str | None = None, **options: Any
    ) -> BotClient:
        """Log a client in; with `register` it serves, with the handlers that this adds."""
        server = Server(
            self.sandbox.host,
            self.sandbox.port,
            self.sandbox.dc_id,
            options.pop("key", self.sandbox.public_key),
        )
        session = options.pop("session", None) or DurableSession(options.pop("path", self.path))
        make_store = options.pop("make_store", MemoryStore)
        options.setdefault("store", make_store(session))
        options.setdefault("listener", Recorder(self))
        options.setdefault("server_time", ServerClock(wall=time.time, monotonic=time.monotonic))
        client = BotClient(session, 1, "hash", server=server, **options)
        self._open.append(client)
        async with asyncio.timeout(PATIENCE):
            await client.login(token or self.account.token)
            if register is not None:
                register(client)
                await client.start_updates()
                await until(lambda: settled(client.intake))
        return client

    async def close(self, client: BotClient, grace: float = 5.0) -> bool:
        """Stop a client as SIGTERM does."""
        self._open.remove(client)
        try:
            async with asyncio.timeout(PATIENCE):
                return await client.stop(grace)
        finally:
            client.session.close()

    async def kill(self, client: BotClient) -> None:
        """End a client without a last checkpoint, as a crash does."""
        if not client.failed.done():
            client.failed.set_result(RuntimeError("killed"))
        await self.close(client, 0)

    async def close_all(self) -> None:
        for client in list(self._open):
            await self.close(client, 0)


@pytest.fixture
async def stage(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Stage]:
    """A sandbox with the account of a bot; all clients opened on it are stopped in the end."""
    made = Stage(sandbox, tmp_path)
    yield made
    await made.close_all()


def echo(client: BotClient) -> None:
    """Answer every message with its own text."""

    @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
    async def answer(event: Any) -> None:
        await event.respond(f"you said {event.raw_text}")
