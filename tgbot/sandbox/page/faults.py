"""Faults on the page: those that are on, with an end for each, and the typed commands that cause them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .. import console
from ..dialogs import CHANNEL_BASE
from ..faults import Faults
from ..faults.active import Active
from ..world import World
from .shown import Shown
from .tabs import Deed, DeedError, Tab, text


class FaultsPart:
    """Cause faults by lines of the console, and end them one by one.

    {"do": "fault", "line": …} is answered with a sentence, {"do": "end_fault", "key": …} ends one. The event
    "faults" has those that are on, "commands" what can be typed.
    """

    def __init__(self, faults: Faults, world: World) -> None:
        self._faults = faults
        self._world = world
        self.shown = Shown("faults", self._state)
        #: Get each line that was carried out, None when a fault was ended.
        self.heard: list[Callable[[str | None], object]] = []
        self.deeds: Mapping[str, Deed] = {"fault": self._fault, "end_fault": self._end}

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab which commands there are, and which faults are on."""
        commands = [
            {"name": name, "usage": command.usage, "meaning": command.meaning}
            for name, command in console.COMMANDS.items()
        ]
        tab.tell("commands", commands=commands)
        self.shown.welcome(tab)

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self.shown.leave(tab)

    async def _fault(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        try:
            line = text(asked, "line")
            said = await console.parse(self._faults, self._world, line)()
        except console.FaultError as error:
            raise DeedError(str(error)) from None
        for heard in self.heard:
            heard(line)
        self.shown.look()
        return said

    async def _end(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        key = text(asked, "key")
        for one in list(self._faults.active()):
            if one.key == key:
                one.end()
                for heard in self.heard:
                    heard(None)
        self.shown.look()
        return True

    def _state(self) -> dict[str, object]:
        return {"faults": [self._listed(one) for one in self._faults.active()]}

    def _listed(self, one: Active) -> dict[str, object]:
        return {
            "key": one.key,
            "text": one.text,
            "whom": self._whom(one.peer),
            "left": None if one.left == math.inf else int(one.left),
            # Whole seconds of the server's clock: the page counts down by itself.
            "until": None if one.until == math.inf else int(one.until),
        }

    def _whom(self, peer: int | None) -> str:
        if peer is None:
            return ""
        if peer < -CHANNEL_BASE and peer in self._world.chats:
            return self._world.chats[peer].title
        account = self._world.accounts.get(peer)
        if account is None:
            return str(peer)
        return f"@{account.usernames[0]}" if account.is_bot and account.usernames else account.name
