"""The part of the page that records, and saves what was recorded as a test."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from telethon.tl import types

from ..world import World
from .apps import Apps
from .bot import BotPart
from .counts import CountsPart
from .faults import FaultsPart
from .recording import Recorder
from .records import Fault, LeftOut, Origin, Process, Settled
from .saved import Saved, save
from .shown import Shown
from .tabs import Deed, DeedError, Tab, text

#: How long a bot may take to finish what it was sent before a test is saved, in seconds.
PATIENCE: Final = 10.0
#: Calls of people that a bot hears of.
DEEDS: Final = frozenset(
    {
        "contacts.block",
        "contacts.unblock",
        "messages.deleteMessages",
        "messages.editMessage",
        "messages.forwardMessages",
        "messages.getBotCallbackAnswer",
        "messages.sendMedia",
        "messages.sendMessage",
        "messages.sendMultiMedia",
        "messages.startBot",
    }
)


class KeepPart:
    """Record from the start on; {"do": "save_test", "name": …} is answered with the test.

    {"do": "record_anew"} begins anew. The event "recording" tells how many steps there are.
    """

    def __init__(
        self,
        world: World,
        apps: Apps,
        bot: BotPart,
        counts: CountsPart,
        faults: FaultsPart,
        origin: Callable[[], Origin],
    ) -> None:
        self._world = world
        self._counts = counts
        self._origin = origin
        self._apps = apps
        self.recorder = Recorder(world, lambda: apps.acting)
        self.shown = Shown("recording", self._state)
        self.deeds: Mapping[str, Deed] = {"save_test": self._save, "record_anew": self._anew}
        apps.answered.append(self._answered)
        apps.before.append(self._before)
        bot.heard.append(lambda what: self.recorder.did(Process(what)))
        faults.heard.append(self._fault)

    def open(self) -> None:
        """Begin to record."""
        self.recorder.open(lambda: self._origin().admins)
        self.begin()

    def close(self) -> None:
        """Stop to record."""
        self.recorder.close()

    def begin(self) -> None:
        """Begin anew."""
        self.recorder.begin(self._counts.bot)
        self.shown.look()

    def look(self) -> None:
        """Take a bot that is there by now, and tell how many steps there are."""
        if self.recorder.bot != self._counts.bot:
            self.begin()
        self.recorder.look()
        self.shown.look()

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab how many steps there are."""
        self.shown.welcome(tab)

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self.shown.leave(tab)

    def test(self, name: str, *, in_process: bool = False) -> Saved:
        """Return what was recorded as a test."""
        recorder, origin = self.recorder, self._origin()
        if recorder.before:
            knew = f"The bot knew {', '.join(recorder.before)}; what they said before is not in this test."
            origin = replace(origin, note=f"{origin.note}\n{knew}".strip())
        accounts = self._world.accounts
        known = [str(number) for number in accounts.ids()] if len(accounts) < 1000 else []
        known += [each.phone for each in accounts.people() if each.phone][:1000]
        people = [*recorder.people.values()]
        return save(name, recorder.records, people, origin, known=known, in_process=in_process)

    async def _before(self, account: int, call: Mapping[str, Any]) -> None:
        # The bot is not asked now: whoever presses "send" must not wait for it.
        if call.get("_") in DEEDS and self._counts.bot is not None:
            self._counts.count.read()
            if self._counts.count.settled:
                self.recorder.settled()

    async def _save(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        name = text(asked, "name", "")
        if not self.recorder.records:
            raise DeedError("nothing was done yet")
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._counts.settled(self._counts.count):  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass  # it may be dead, as the test will have it
        saved = self.test(name, in_process=bool(asked.get("in_process")))
        return {"file": saved.file, "text": saved.text, "left_out": [*saved.left_out]}

    async def _anew(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        self.begin()
        return True

    def _fault(self, line: str | None) -> None:
        bot = self.recorder.bot
        if line is None:
            self.recorder.did(LeftOut("that a fault was ended"))
        elif bot is not None:
            self.recorder.did(Fault(line.replace(str(bot), "{bot.id}")))

    def _answered(self, account: int, call: Mapping[str, Any], answer: Any) -> None:
        if isinstance(answer, types.messages.BotCallbackAnswer):
            button = int(call["msg_id"]), base64.b64decode(call.get("data", ""))
            channel = int(call.get("peer", {}).get("channel_id", 0))
            self.recorder.answered(account, channel, button, answer.message or "")

    def _state(self) -> dict[str, object]:
        steps = sum(not isinstance(one, Settled) for one in self.recorder.records)
        return {"steps": steps, "since": self.recorder.since}
