"""What makes the bot fail, and what is counted meanwhile: the parts of the page's stage, and their clock."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from telethon.tl import functions, types

from ..server import Sandbox
from .apps import Apps
from .bot import BotPart, Program
from .counts import CountsPart
from .faults import FaultsPart
from .keep import KeepPart
from .records import Origin
from .steps import StepsPart
from .storm import Plan, Storm
from .tabs import Deed, DeedError, Part, Tab
from .tljson import to_json

log = logging.getLogger(__name__)

#: Seconds between two looks at what has changed by itself, such as a fault that is used up.
LOOK_SECONDS: Final = 0.2


class Stage:
    """The parts of the stage. `open` begins to look at them, `close` ends it."""

    def __init__(
        self,
        server: Sandbox,
        apps: Apps,
        program: Program | None,
        changed: Callable[[], object],
        origin: Callable[[], Origin],
    ) -> None:
        self.bot = BotPart(program, server.world.now)
        self.counts = CountsPart(server, self.bot, program)
        self.faults = FaultsPart(server.faults, server.world)
        self.faults.heard.append(self.counts.endanger)
        self.storm = StormPart(server, apps, self.bot, self.counts, program, changed)
        self.keep = KeepPart(server.world, apps, self.bot, self.counts, self.faults, origin)
        self.steps = StepsPart(
            server, apps, self.bot, program, snapshot=self.keep.recorder.snapshot, back=self._back
        )
        self._looking: asyncio.Task[None] | None = None

    @property
    def parts(self) -> list[Part]:
        """The parts, for the site."""
        return [self.bot, self.counts, self.faults, self.storm, self.keep, self.steps]

    def _back(self, recorded: object) -> None:
        """Take all here to a moment to which the world has gone back."""
        self.counts.begin()
        self.keep.recorder.back(recorded)

    def open(self) -> None:
        """Begin, in the running loop."""
        self.counts.open()
        self.keep.open()
        self.steps.open()
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """End what runs."""
        for task in (self._looking, self.storm.running):
            if task is not None:
                task.cancel()
                await asyncio.wait((task,))
        self.keep.close()
        await self.steps.close()
        await self.counts.close()

    async def _look(self) -> None:
        looks: list[Callable[[], None]] = [
            self.bot.shown.look,
            self.faults.shown.look,
            self.counts.look,
            self.keep.look,
            lambda: self.steps.look(idle=self.counts.idle),
        ]
        told = set()
        while True:
            for look in looks:
                try:
                    look()
                except Exception:
                    # A defect of one part must not stop the others; one that fails each time is told once.
                    if look not in told:
                        log.exception("a part of the stage could not tell what has changed")
                    told.add(look)
            await asyncio.sleep(LOOK_SECONDS)


class StormPart:
    """Run a storm at {"do": "storm", …}; tell how it goes, and what was counted, as the event "storm"."""

    def __init__(
        self,
        server: Sandbox,
        apps: Apps,
        bot: BotPart,
        counts: CountsPart,
        program: Program | None,
        changed: Callable[[], object],
    ) -> None:
        self._world = server.world
        self._apps = apps
        self._bot = bot
        self._counts = counts
        self._program = program
        #: Called when there are new people.
        self._changed = changed
        self._tabs: dict[Tab, None] = {}
        self._told: Mapping[str, object] = {"running": False}
        self.running: asyncio.Task[None] | None = None
        self.deeds: Mapping[str, Deed] = {"storm": self._storm}

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab about the last storm."""
        self._tabs[tab] = None
        tab.tell("storm", **self._told)

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self._tabs.pop(tab, None)

    async def _storm(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        plan, bot = Plan.of(asked), self._counts.count.bot
        if self.running is not None and not self.running.done():
            raise DeedError("a storm is still going on")
        own = self._program is not None and self._program.bot == bot
        if plan.kills and not own:
            raise DeedError("this page has not started the bot, so it cannot kill it: choose 0 kills")
        if own and self._program is not None and (self._program.held or self._program.pid is None):
            raise DeedError(self._program.held or "the bot does not run: start it first")
        storm = Storm(
            self._world,
            bot,
            plan,
            write=self._write,
            kill=self._kill if own else None,
            settled=lambda: self._counts.settled(self._counts.count),
            told=self._tell,
            chance=random.Random(),
        )
        self.running = asyncio.create_task(self._run(storm))
        return True

    async def _run(self, storm: Storm) -> None:
        try:
            self._tell({"running": False} | await storm.run())
        except DeedError as error:
            self._tell({"running": False, "error": str(error)})
        finally:
            self._changed()

    async def _write(self, person: int, text: str) -> None:
        bot = self._counts.count.bot
        peer = types.InputPeerUser(bot, self._world.accounts.access_hash(person, bot))
        name = random.getrandbits(62)
        await self._apps.call(
            person, to_json(functions.messages.SendMessageRequest(peer, text, random_id=name))
        )

    async def _kill(self) -> None:
        await self._bot.kill()
        await self._bot.start()

    def _tell(self, told: Mapping[str, object]) -> None:
        self._told = told
        for tab in self._tabs:
            tab.tell("storm", **told)
