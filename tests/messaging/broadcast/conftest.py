"""Broadcasts on a real client: a bot on a sandbox over TCP, a store in memory that outlives it, people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, cast

import pytest
from telethon.tl import types

from tests.store import memory
from tests.telegram.conftest import *  # noqa: F403 - the fixtures of the stage
from tests.telegram.conftest import Stage, until
from tgbot.core.broadcasts import Broadcast, Content
from tgbot.core.deliveries import Chunk, Outcome
from tgbot.core.users import Keep
from tgbot.handlers import evidence
from tgbot.locales.texts import Texts
from tgbot.messaging.broadcast.broadcasts import Broadcasts
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.messaging.leftover import Leftover
from tgbot.messaging.outcomes import record_outcome
from tgbot.messaging.pace import Pace
from tgbot.messaging.resolve import Peers
from tgbot.messaging.sender import Sender
from tgbot.messaging.sweep import Sweep
from tgbot.plugins.alarm import Alarm
from tgbot.plugins.jobs import Jobs
from tgbot.plugins.jobs.tries import Tries
from tgbot.plugins.parts import Parts
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram import BotClient, checkpoints

TEXTS = Texts.load()
KEY = b"a key"
SEND = "messages.sendMessage"


class Store(memory.MemoryStore):
    """Users and broadcasts in memory, with the file of a session."""

    def __init__(self, session: DurableSession, office: Office) -> None:
        super().__init__(office.clock, office.rows)
        self._session = session

    @property
    def changed(self) -> bool:
        return super().changed or self._session.changed

    async def load(self, ids: Iterable[int]) -> None:
        wanted = list(ids)
        await super().load(wanted)
        await self._session.load(wanted)

    async def checkpoint(self, state: UpdateState | None) -> None:
        await super().checkpoint(state)
        await self._session.checkpoint(state)


class Office:
    """A bot that makes broadcasts, and the people who have written to it."""

    client: BotClient
    broadcasts: Broadcasts

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world = stage.world
        self.faults = stage.faults
        self.bot_id = stage.account.id
        self.rows = memory.MemoryRows()
        self.store: Any = None  # Any: made with the client
        self.leftover: Any = None
        #: By how many seconds the clock of the broadcasts is ahead of Telegram's.
        self.ahead = 0.0
        self.admins: set[int] = set()
        self._serving = False
        self._running: asyncio.Task[None] | None = None

    def clock(self) -> float:
        return self.client.server_time() + self.ahead if self._serving else self.world.now()

    # ---- the bot -------------------------------------------------------------------------------

    async def open(self, *, pace: float = 30.0, run: bool = True) -> None:
        """Start the bot; with `run` it carries broadcasts out."""

        def make_store(session: DurableSession) -> Store:
            self.store = made = Store(session, self)
            return made

        def register(client: BotClient) -> None:
            self.client, self._serving = client, True
            self.leftover = Leftover(1_000_000.0)
            self.broadcasts = Broadcasts(
                client,
                self.store.broadcasts,
                self.store.users,
                self.leftover,
                pace=pace,
                admins=self.admins,
                key=KEY,
                load=self.store.load,
                checkpoint=client.checkpoint,
                clock=self.clock,
            )
            evidence.register(self._parts(client))

        await self.stage.open(register, listener=self, make_store=make_store)
        if run:
            self.run()

    def run(self) -> None:
        """Begin to carry broadcasts out."""
        self._running = asyncio.get_running_loop().create_task(self.broadcasts.run())

    async def kill(self) -> None:
        """End the bot without a checkpoint, as a crash does."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._serving = False
        await self.stage.kill(self.client)

    async def stop(self, grace: float = 5.0) -> None:
        """Stop the bot as SIGTERM does."""
        await self.broadcasts.close(grace)
        self._serving = False
        await self.stage.close(self.client)

    def _parts(self, client: BotClient) -> Parts:
        async def forget(user_id: int, /, *, again: bool = False) -> None:
            await self.store.forget(user_id)

        pace, users = Pace(), self.store.users
        sender = Sender(client, users, clock=self.clock, pace=pace)
        load, save, spawn = self.store.load, client.checkpoint, client.spawn
        alarm = Alarm(self.store.planned, self.clock, spawn)
        return Parts(
            client=client,
            users=users,
            sender=sender,
            sweep=Sweep(
                users, sender.probe, pace.probes, load=load, save=save, spawn=spawn, clock=self.clock
            ),
            peers=Peers(client, self.store.users, clock=self.clock),
            broadcasts=self.broadcasts,
            alarm=alarm,
            jobs=Jobs(
                alarm,
                self.store.planned,
                Tries(self.clock),
                checkpoint=save,
                load=load,
                notes=users,
            ),
            texts=TEXTS,
            admins=frozenset(),
            clock=self.clock,
            checkpoint=client.checkpoint,
            talks=cast(Any, None),  # no handler of the bot has any
            forget=forget,
            payload_key=KEY,
        )

    # ---- what the client reports -----------------------------------------------------------------

    def seen(self, users: Sequence[types.TypeUser], source: str, at: int) -> None:
        evidence.record_seen(self.store.users, Keep.ALL, users, source, at)

    def finished(self, chat_id: int, message_id: int) -> None:
        self.store.users.finished(chat_id, message_id)

    def last_finished(self, chat_id: int) -> int:
        return int(self.store.users.last_finished(chat_id))

    def outcome(self, request: Any, user_id: int, error_name: str | None, at: int) -> None:
        record_outcome(self.store.users, Keep.ALL, request, user_id, error_name, at)

    def lost(self, what: str, count: int = 0) -> None:
        self.stage.lost.append(what)

    # ---- people ----------------------------------------------------------------------------------

    async def meet(self, number: int = 1, *, language: str = "en") -> list[int]:
        """Have so many people write to the bot; return their ids in ascending order."""
        people: dict[int, int] = {}
        for _ in range(number):
            person = self.stage.meet()
            self.world.accounts[person].language = language
            people[person] = self.stage.write(person, "hello")
        finished = self.store.users.last_finished
        await until(lambda: all(finished(person) >= message for person, message in people.items()))
        return sorted(people)

    def heard(self, person: int) -> list[str]:
        """Return what the bot wrote to a person."""
        return self.stage.heard(person)

    def photo(self) -> types.MessageMediaPhoto:
        """Return a photo that was uploaded to the sandbox."""
        files = self.world.files
        number = self.world.random.getrandbits(62)
        sizes = [types.PhotoSize("x", 800, 600, 5)]
        photo = types.Photo(number, 77, files.reference, self.world.date(), sizes, self.stage.sandbox.dc_id)
        files.store(photo, b"bytes")
        return types.MessageMediaPhoto(photo=photo)

    def copies(self, person: int) -> list[Any]:
        """Return the messages that the bot wrote to a person, as they are kept by the sandbox."""
        box = self.world.accounts[person].box
        dialog = box.dialogs.get(self.bot_id)
        found = [box.get(number) for number in dialog.ids] if dialog else []
        return [copy for copy in found if copy is not None and not copy.out]

    # ---- broadcasts ------------------------------------------------------------------------------

    async def draft(self, text: str = "news", **options: Any) -> Broadcast:
        """Make a draft of a text."""
        contents: dict[str, Content] = options.pop("contents", None) or {"": text_content(text)}
        return await self.broadcasts.create(contents, **options)

    async def begin(self, text: str = "news", **options: Any) -> int:
        """Make a broadcast and start it; return its number."""
        return (await self.broadcasts.start((await self.draft(text, **options)).id)).id

    async def ends(self, number: int, *states: str) -> dict[str, Any]:
        """Return the status of a broadcast once it is in one of these states, by default "done"."""
        await until(lambda: self.status(number)["state"] in (states or ("done",)))
        return self.status(number)

    async def sent(self, number: int, count: int) -> None:
        """Return once so many deliveries are sent."""
        await until(lambda: self.status(number)["sent"] >= count)

    def status(self, number: int) -> dict[str, Any]:
        return self.broadcasts.status(number)

    async def outcomes(self, number: int) -> dict[int, Outcome]:
        """Return the outcome of each recipient."""
        found: dict[int, Outcome] = {}
        chunks: list[Chunk] = []
        while (chunk := await self.store.broadcasts.chunk(number, len(chunks))) is not None:
            chunks.append(chunk)
            found |= dict(zip(chunk.ids, map(Outcome, chunk.outcomes), strict=True))
        return found


@pytest.fixture
def no_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """No checkpoint is made by the clock."""
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 10_000.0)


@pytest.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    """A bot that makes broadcasts, and runs."""
    made = Office(stage)
    await made.open()
    yield made
    await made.broadcasts.close(1.0)
