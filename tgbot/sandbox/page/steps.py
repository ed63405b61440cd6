"""Steps of what was done on the page, and the way back to each of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..copies import copy_of, go_back
from ..server import Sandbox
from .apps import Apps
from .bot import BotPart, Program, ProgramError
from .shown import Shown
from .tabs import Deed, DeedError, Tab, number

#: The most steps, and the most bytes of all their copies together.
MOST: Final = 50
MOST_BYTES: Final = 64 << 20
#: No copy is taken of a world with more accounts or more messages: that would take too long.
MOST_ACCOUNTS: Final = 500
MOST_MESSAGES: Final = 5_000
#: Between two copies, in seconds, and as a multiple of the time that the last one took.
GAP: Final = 0.5
GAP_FACTOR: Final = 20.0
#: How calls begin that change nothing for anybody.
_QUIET: Final = ("get", "search", "read", "check", "resolve", "setTyping", "save", "update")
_NAMESPACES: Final = ("help", "updates", "upload", "users", "account", "auth")
#: A call that would be quiet by its name, and is not.
_LOUD: Final = "messages.getBotCallbackAnswer"
#: What is said of a call, after the person's name.
_WORDS: Final = {
    "messages.getBotCallbackAnswer": "presses a button",
    "messages.editMessage": "changes a message",
    "messages.deleteMessages": "deletes a message",
    "messages.sendMedia": "sends a file",
    "contacts.block": "blocks",
    "contacts.unblock": "unblocks",
}


@dataclass(slots=True)
class Step:
    """What was done, and all as it was before that."""

    id: int
    what: str
    date: int
    world: bytes
    files: Mapping[str, bytes]
    #: What others keep of the moment.
    recorded: object
    #: How many more things were done at once.
    more: int = 0

    @property
    def size(self) -> int:
        """How many bytes the copies have."""
        return len(self.world) + sum(map(len, self.files.values()))


class StepsPart:
    """Copy the world before what is done; {"do": "go_back", "step": id} starts over from there.

    `snapshot` returns what somebody else keeps of a moment, and `back` gets it when it is gone back to.
    """

    def __init__(
        self,
        server: Sandbox,
        apps: Apps,
        bot: BotPart,
        program: Program | None,
        *,
        snapshot: Callable[[], object],
        back: Callable[[object], object],
    ) -> None:
        self._server = server
        self._apps = apps
        self._bot = bot
        self._program = program
        self._snapshot = snapshot
        self._back = back
        self._steps: list[Step] = []
        self._numbers = itertools.count(1)
        self._not_before = 0.0
        self._busy = asyncio.Lock()
        #: Grows with each change of the world.
        self._changes = 0
        #: All as it is, copied while nothing happened, and the version of the world of then.
        self._ready: tuple[object, Step] | None = None
        self._copying: asyncio.Task[None] | None = None
        self._tabs: dict[Tab, None] = {}
        self.shown = Shown("steps", self._state)
        self.deeds: Mapping[str, Deed] = {"go_back": self._go_back}
        apps.before.append(self._before)

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab the steps."""
        self._tabs[tab] = None
        self.shown.welcome(tab)

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self._tabs.pop(tab, None)
        self.shown.leave(tab)

    def open(self) -> None:
        """Begin to note changes, in the running loop."""
        self._end = self._server.world.subscribe(self._note, self._note)

    async def close(self) -> None:
        """Stop that."""
        self._end()
        if self._copying is not None:
            self._copying.cancel()
            await asyncio.wait((self._copying,))

    def look(self, *, idle: bool) -> None:
        """Copy all while nothing happens, so that nobody has to wait for it later; tell the steps."""
        stale = self._ready is None or self._ready[0] != self._version()
        done = self._copying is None or self._copying.done()
        if self._tabs and idle and stale and done and self._due() and not self._busy.locked():
            self._copying = asyncio.create_task(self._prepare())
        self.shown.look()

    async def _prepare(self) -> None:
        async with self._busy:
            version = self._version()
            step = await self._copy()
            if step is not None and version == self._version():
                self._ready = version, step

    def _note(self, *change: object) -> None:
        self._changes += 1

    def _version(self) -> object:
        return self._changes, len(self._server.world.accounts)

    def _due(self) -> bool:
        return time.monotonic() >= self._not_before and not self._too_large()

    async def _before(self, account: int, call: Mapping[str, Any]) -> None:
        name = str(call.get("_", ""))
        space, _, method = name.rpartition(".")
        quiet = method.startswith(_QUIET) or space in _NAMESPACES
        if quiet and name != _LOUD:
            return
        if self._busy.locked():
            if self._steps:
                self._steps[-1].more += 1
        else:
            async with self._busy:
                await self._take(f"{self._name(account)} {_said(name, call)}")

    async def _take(self, what: str) -> None:
        """Copy all as it is now, unless that was just done or the world is too large."""
        step = None
        if self._ready is not None and self._ready[0] == self._version():
            step = self._ready[1]
        elif self._due():
            step = await self._copy()
        self._ready = None
        if step is None:
            if self._steps:
                self._steps[-1].more += 1
            return
        step.what, step.date = what, self._server.world.date()
        self._steps.append(step)
        while len(self._steps) > MOST or sum(step.size for step in self._steps) > MOST_BYTES:
            del self._steps[0]
        self.shown.look()

    async def _copy(self) -> Step | None:
        """Copy all as it is now; None if the bot's files cannot be copied now."""
        began = time.monotonic()
        files: Mapping[str, bytes] = {}
        program = self._program
        if program is not None:
            try:
                # First, so that the bot's files are never ahead of the world.
                files = await asyncio.to_thread(program.copies)
            except OSError:
                return None  # the bot is in the middle of making them
        world = copy_of(self._server.world)
        took = time.monotonic() - began
        self._not_before = time.monotonic() + max(GAP, GAP_FACTOR * took)
        return Step(next(self._numbers), "", 0, world, files, self._snapshot())

    def _too_large(self) -> bool:
        accounts = self._server.world.accounts
        if len(accounts) > MOST_ACCOUNTS:
            return True
        return sum(len(accounts[number].box) for number in accounts.ids()) > MOST_MESSAGES

    async def _go_back(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        wanted = number(asked, "step")
        async with self._busy:
            index = next((at for at, step in enumerate(self._steps) if step.id == wanted), None)
            if index is None:
                raise DeedError("this step is not kept any more")
            step, program = self._steps[index], self._program
            if program is not None and program.held:
                raise DeedError(program.held)
            try:
                await self._start_over(step, program)
            except (ProgramError, OSError) as error:
                raise DeedError(f"the bot could not start over: {error}") from None
            del self._steps[index:]
        return True

    async def _start_over(self, step: Step, program: Program | None) -> None:
        running = program is not None and program.pid is not None
        if program is not None and running:
            await program.kill()
        await self._server.stop()
        try:
            self._server.faults.clear()
            go_back(self._server.world, step.world)
            self._server.end_lost_logins()
            if program is not None:
                await asyncio.to_thread(program.put_back, step.files)
        finally:
            await self._server.start()
        self._ready = None
        self._apps.forget()
        self._back(step.recorded)
        for tab in self._tabs:
            tab.tell("reload")
        if program is not None and running:
            await program.start()
        self._bot.shown.look()

    def _name(self, account: int) -> str:
        found = self._server.world.accounts.get(account)
        return "Somebody" if found is None else found.first_name

    def _state(self) -> dict[str, object]:
        steps = [
            {"id": step.id, "what": f"{step.what}{_more(step.more)}", "date": step.date}
            for step in self._steps
        ]
        return {"steps": steps, "files": self._program is not None, "too_large": self._too_large()}


def _more(number: int) -> str:
    return f" (and {number} more)" if number else ""


def _said(name: str, call: Mapping[str, Any]) -> str:
    """Return what a call is, in words."""
    if name == "messages.sendMessage":
        return f"says “{str(call.get('message', ''))[:60]}”"
    if name == "messages.startBot":
        return f"starts with “{str(call.get('start_param', ''))[:60]}”"
    return _WORDS.get(name, name)
