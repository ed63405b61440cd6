"""Handlers on a real client: the bot's modules on a sandbox, people who write from inside its world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, cast

import pytest
from telethon.tl import types

from tests.store.memory import MemoryRegistry
from tests.telegram.conftest import *  # noqa: F403 - the fixtures of the stage
from tests.telegram.conftest import Stage, until
from tgbot.core.users import Keep, User
from tgbot.handlers import evidence
from tgbot.locales.texts import Texts
from tgbot.messaging.broadcast.broadcasts import Broadcasts
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
from tgbot.telegram import BotClient

TEXTS = Texts.load()


class Desk:
    """A bot with some of its handlers, a registry in memory, and people who write to it."""

    parts: Parts

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world = stage.world
        self.faults = stage.faults
        self.bot_id = stage.account.id
        self.users = MemoryRegistry()
        self._opened = False

    async def open(
        self, *modules: ModuleType, plugin: Callable[[BotClient], None] | None = None, **parts: Any
    ) -> None:
        """Start the bot with `evidence`, the plugin and these modules, in this order."""

        def register(client: BotClient) -> None:
            self.parts = self._parts(client, parts)
            self._opened = True
            evidence.register(self.parts)
            if plugin is not None:
                plugin(client)
            for module in modules:
                module.register(self.parts)

        await self.stage.open(register, listener=self, parked=self.users.parked)

    def _parts(self, client: BotClient, changed: dict[str, Any]) -> Parts:
        clock = client.server_time

        async def forget(user_id: int, /, *, again: bool = False) -> None:
            self.users.forget(user_id)

        sender = Sender(client, self.users, clock=clock)
        alarm = Alarm(self.users.planned, clock, client.spawn)
        parts = Parts(
            client=client,
            users=self.users,
            sender=sender,
            sweep=Sweep(
                self.users,
                sender.probe,
                Pace(overall=1000.0).probes,
                load=self.users.load,
                save=client.checkpoint,
                spawn=client.spawn,
                clock=clock,
            ),
            peers=Peers(client, self.users, clock=clock),
            broadcasts=Broadcasts(
                client,
                self.users.broadcasts,
                self.users,
                Leftover(30.0),
                pace=30.0,
                admins=(),
                key=b"a key",
                load=self.users.load,
                checkpoint=client.checkpoint,
                clock=clock,
            ),
            alarm=alarm,
            jobs=Jobs(
                alarm,
                self.users.planned,
                Tries(clock),
                checkpoint=client.checkpoint,
                load=self.users.load,
                notes=self.users,
            ),
            texts=TEXTS,
            admins=frozenset(),
            clock=clock,
            checkpoint=client.checkpoint,
            talks=cast(Any, None),  # no handler of the bot has any
            forget=forget,
            payload_key=b"a key",
        )
        return replace(parts, **changed)

    # ---- what the client reports --------------------------------------------------------------------

    def seen(self, users: Sequence[types.TypeUser], source: str, at: int) -> None:
        if self._opened:
            evidence.record_seen(self.users, Keep.ALL, users, source, at)

    def finished(self, chat_id: int, message_id: int) -> None:
        self.users.finished(chat_id, message_id)

    def last_finished(self, chat_id: int) -> int:
        return self.users.last_finished(chat_id)

    def outcome(self, request: Any, user_id: int, error_name: str | None, at: int) -> None:
        if self._opened:
            record_outcome(self.users, Keep.ALL, request, user_id, error_name, at)

    def lost(self, what: str, count: int = 0) -> None:
        self.stage.lost.append(what)

    # ---- people -------------------------------------------------------------------------------------

    def meet(self, name: str = "Anna", last_name: str = "", *, username: str | None = None) -> int:
        """Add a person and return their id."""
        return int(self.world.new_user(name, last_name, username=username).id)

    async def says(self, person: int, text: str = "", **fields: Any) -> list[str]:
        """Let a person send a message; return what the bot says to them until it is finished."""
        return (await self.sends(person, text, **fields))[1]

    async def sends(self, person: int, text: str = "", **fields: Any) -> tuple[int, list[str]]:
        """Do as `says`, and return the message's id in the bot's log as well."""
        before = len(self.stage.heard(person))
        number = self.stage.write(person, text, **fields)
        await until(lambda: self.users.last_finished(person) >= number)
        return number, self.stage.heard(person)[before:]

    async def asks(self, person: int, text: str, **fields: Any) -> str:
        """Let a person send a message that gets one answer, and return it."""
        (answer,) = await self.says(person, text, **fields)
        return answer

    def language(self, person: int, code: str) -> None:
        """Set the language that a person's app names."""
        self.world.accounts[person].language = code

    def known(self, person: int) -> User:
        """Return what the bot knows of a person it has met."""
        user = self.users.get(person)
        assert user is not None
        return user

    async def push(self, update: Any, so: Callable[[], object]) -> None:
        """Send the bot any update at all, and wait until this is so."""
        self.world.push_update(self.bot_id, update)
        await until(so)


@pytest.fixture
def desk(stage: Stage) -> Desk:
    """A bot that is not open yet; it is stopped in the end."""
    return Desk(stage)
