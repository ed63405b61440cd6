"""The count of what is lost and said twice, live on the page, for one bot at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from telethon.tl import types

from ..logs import Entry
from ..server import Sandbox
from .bot import BotPart, Program, ProgramError
from .counting import Count
from .shown import Shown
from .tabs import Deed, DeedError, Tab, number

#: A bot that the page did not start counts as idle when it is connected and nothing has happened for so long.
QUIET_SECONDS: Final = 3.0


class CountsPart:
    """Count for the bot that the page is aimed at, and tell it as the event "count".

    {"do": "aim", "account": id} takes another bot, {"do": "count_anew"} begins anew. `look` is called again
    and again by whoever owns this.
    """

    def __init__(self, server: Sandbox, part: BotPart, program: Program | None) -> None:
        self._server = server
        self._program = program
        self._count: Count | None = None
        self._sessions: set[tuple[bytes, int]] = set()
        self._quiet: tuple[tuple[int, int], float] = ((0, 0), 0.0)
        self._asking: asyncio.Task[None] | None = None
        #: Whether what has changed is read at the end of this turn.
        self._due = False
        self.shown = Shown("count", self._state)
        self.deeds: Mapping[str, Deed] = {"aim": self._aim, "count_anew": self._anew}
        part.heard.append(self._after)

    @property
    def idle(self) -> bool:
        """Whether the bot that the page is aimed at has handled all that has happened."""
        return self._count is None or self._count.settled

    @property
    def bot(self) -> int | None:
        """The account id of the bot that the page is aimed at, None without one."""
        return None if self._count is None else self._count.bot

    @property
    def count(self) -> Count:
        """The count of the bot that the page is aimed at; raise DeedError without a bot."""
        self._choose()
        if self._count is None:
            raise DeedError("there is no bot yet")
        return self._count

    def open(self) -> None:
        """Begin to count, in the running loop."""
        self._end = self._server.world.subscribe(self._changed, self._pass)
        self._choose()

    async def close(self) -> None:
        """Stop to count."""
        self._end()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab the count."""
        self.shown.welcome(tab)

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self.shown.leave(tab)

    def begin(self) -> None:
        """Begin anew: the world is another one."""
        self._choose()
        if self._count is not None:
            self._count.begin()
        self.shown.look()

    def look(self) -> None:
        """Read on, and ask the bot whether it is idle if anything has happened since it last was."""
        self._choose()
        count = self._count
        if count is None:
            return
        sessions = set(self._server.sessions_of(count.bot))
        if self._sessions - sessions:
            count.cut()
        self._sessions = sessions
        count.read()
        if not count.settled and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(count))
        self.shown.look()

    async def settled(self, count: Count) -> bool:
        """Return whether the bot has handled all that has happened, and is idle."""
        count.read()
        place = count.place
        if not await self._handled(count.bot, place):
            return False
        count.read()
        if count.place != place:
            return False
        count.idle(place)
        return True

    async def _ask(self, count: Count) -> None:
        await self.settled(count)

    async def _handled(self, bot: int, place: tuple[int, int]) -> bool:
        program = self._program
        if program is not None and program.bot == bot:
            try:
                return program.pid is not None and await program.handled(*place)
            except ProgramError:
                return False
        if place != self._quiet[0] or not self._server.sessions_of(bot):
            self._quiet = place, time.monotonic()
        return time.monotonic() - self._quiet[1] >= QUIET_SECONDS

    def _after(self, what: str) -> None:
        if self._count is not None and what in ("kill", "stop"):
            self._count.read()
            self._count.cut()

    def endanger(self, line: str | None) -> None:
        """Note that a fault is caused, by this line; None: one was ended."""
        if self._count is not None and line is not None:
            self._count.read()
            self._count.endanger()

    def _changed(self, account: int) -> None:
        # In this turn: a fault that is on now may be used up by the time of the next look. A message has its
        # random_id only when the call that sends it has ended.
        if self._count is not None and account == self._count.bot and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._read)

    def _read(self) -> None:
        self._due = False
        if self._count is not None:
            self._count.read()

    def _pass(self, account: int, entry: Entry) -> None:
        update = entry.content
        if isinstance(update, types.UpdateBotCallbackQuery) and self._count and account == self._count.bot:
            self._count.pressed(update.user_id)

    def _choose(self) -> None:
        """Aim at a bot if there is one now."""
        if self._count is not None and self._server.world.accounts.get(self._count.bot) is not None:
            return
        world = self._server.world
        bots = [bot for bot in world.accounts.bots() if bot.id not in world.residents]
        own = self._program.bot if self._program is not None else None
        chosen = next((bot.id for bot in bots if own in (None, bot.id)), None)
        self._count = None if chosen is None else self._of(chosen)

    def _of(self, bot: int) -> Count:
        return Count(self._server.world, bot, lambda: any(self._server.faults.active()))

    async def _aim(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        account = self._server.world.accounts.get(number(asked, "account"))
        if account is None or not account.is_bot:
            raise DeedError("no bot has this account id")
        if self._count is None or self._count.bot != account.id:
            self._count = self._of(account.id)
        self.shown.look()
        return True

    async def _anew(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        self.count.begin()
        self.shown.look()
        return True

    def _state(self) -> dict[str, object]:
        if self._count is None:
            return {"account": None}
        return self._count.shown() | {
            "ours": self._program is not None and self._program.bot == self._count.bot
        }
