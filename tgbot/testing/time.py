"""Telegram's time, which a test sets forward."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final, Protocol

from tgbot.sandbox.server import Sandbox

#: The code of a bad_msg_notification that says that a client's clock is behind.
MSG_ID_TOO_LOW: Final = 16


class Client(Protocol):
    """What hears of the new time: a person."""

    id: int

    async def call(self) -> None:
        """Make a call, with whose answer the time comes."""


class TimedBot(Protocol):
    """The bot whose clock follows."""

    sandbox: Sandbox
    people: list[Client]

    @property
    def running(self) -> bool:
        """Whether it runs now."""

    async def follow_time(self) -> None:
        """Have the clock of the running bot take Telegram's time."""


class BotTime:
    """Telegram's clock, as the sandbox has it, and with it that of the bot."""

    def __init__(self, bot: TimedBot, *, settable: bool) -> None:
        self._bot = bot
        self._settable = settable

    def __call__(self) -> float:
        """Return Telegram's time in unix seconds."""
        return self._bot.sandbox.world.now()

    async def forward(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Set the time forward, and return once everybody's clock has followed.

        The bot takes the new time from Telegram's next answer, as it does at a start: it would believe a
        running Telegram only after some seconds.
        """
        ahead = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
        if not self._settable:
            # Most libraries pass over what comes from their future, and have no way to be told of a new time.
            raise TypeError(
                "time can be set for a tgbot only: another bot would not hear what comes after it"
            )
        if ahead < 0:
            raise ValueError("time does not go back: forward() needs a positive duration")
        faults, world = self._bot.sandbox.faults, self._bot.sandbox.world
        faults.set_clock(world.clock_error + ahead)
        for person in self._bot.people:
            # Telethon ignores what comes from half a minute ahead, and sets its clock by a refusal only.
            faults.bad_msg(MSG_ID_TOO_LOW, "updates.getState", times=1, account=person.id)
        await asyncio.gather(*(person.call() for person in self._bot.people))
        if self._bot.running:
            await self._bot.follow_time()
