"""The command `users.rebuild`: the registry from what Telegram itself still has."""

from __future__ import annotations

import asyncio
from typing import Final, Literal, Protocol

from tgbot.core.errors import ArgumentError
from tgbot.operate.control import Command, Say

#: How often it is told how much is left, in seconds.
TOLD_SECONDS: Final = 0.5


class Rebuilds(Protocol):
    """Reads the registry again from Telegram; one reading at a time."""

    @property
    def can_probe(self) -> bool:
        """Whether Telegram can be asked about everybody in the end."""

    @property
    def at_work(self) -> bool:
        """Whether it reads or asks now, or will as soon as the bot can."""

    def start(self, *, probe: bool = False) -> None:
        """Begin, or go on with one that was paused, cancelled or failed."""

    def pause(self) -> None:
        """Wait until `start`."""

    def cancel(self) -> None:
        """Give it up; what was found stays."""

    def report(self) -> dict[str, object]:
        """Return how far it is and what it found."""


def commands(rebuild: Rebuilds) -> dict[str, Command]:
    """Return the command by its name."""

    async def users_rebuild(
        say: Say, do: Literal["start", "status", "pause", "cancel"] = "start", probe: bool = False
    ) -> object:
        if probe and not (do == "start" and rebuild.can_probe):
            raise ArgumentError("probe", "this bot cannot ask Telegram about everybody then")
        if do == "status":
            return rebuild.report()
        if do != "start":
            rebuild.pause() if do == "pause" else rebuild.cancel()
            return rebuild.report()
        rebuild.start(probe=probe)
        while rebuild.at_work:
            await say(rebuild.report())
            await asyncio.sleep(TOLD_SECONDS)
        return rebuild.report()

    return {"users.rebuild": users_rebuild}
