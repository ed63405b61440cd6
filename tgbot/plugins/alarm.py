"""The alarm: what is planned for a moment is handed to the part that it is for once that moment has come."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from tgbot.core.errors import StorageUnreachableError
from tgbot.core.places import places
from tgbot.store.base import Planned, PlannedRuns
from tgbot.telegram.updates.guard import keep

logger = logging.getLogger(__name__)

#: After so many seconds the entries are looked at again, whatever the clock says.
LOOK_SECONDS: Final = 30.0
#: How often Telegram's clock is compared with the next time, in seconds: while that is further away than a
#: second, and once it is not. The clock may step, so nothing waits for a moment in one piece.
_FAR, _NEAR = 1.0, 0.1
#: How often it is looked whether nothing is due any more, in seconds, where somebody waits for that.
_SETTLING: Final = 0.01
#: How many due entries are read from the store at once, once fewer than these are left in memory.
DUE_AT_ONCE: Final = 500
#: A receiver that takes longer than this, in seconds, makes room for another entry.
SLOW_SECONDS: Final = 60.0
#: When an entry is due again whose receiver raised, in seconds.
RAISED_SECONDS: Final = 60


class Receiver(Protocol):
    """Carries out entries that are due."""

    async def __call__(self, entry: Planned, /) -> Planned | None:
        """Carry an entry out; return the one to be kept in its place, None if it is done.

        Until it returns the entry stays as it is, so after a kill, and after a stop that cut it off, the same
        entry comes again. What it changed in the store before it returns is on disk no later than that.
        """


@dataclass(slots=True, eq=False)
class _Line:
    """The due entries of one receiver, in the order of their times."""

    receiver: Receiver
    #: How many are carried out side by side, and how many are now.
    at_once: int
    running: int = 0
    waiting: deque[Planned] = field(default_factory=deque)


class Alarm:
    """Hand each planned entry to the receiver of its name when it is due, by Telegram's clock.

    `receive` before `run`; `plan` and `drop` at any time, in place of those of `PlannedRuns`, because the
    alarm looks at once then. Entries that are due are begun in the order of their times. An entry is carried
    out by one receiver at a time, and comes again until its receiver says that it is done: also after a kill.
    One that is planned again while it is carried out stays as it was planned. `now` is Telegram's time,
    `spawn` runs something until the bot stops.
    """

    def __init__(
        self,
        planned: PlannedRuns,
        now: Callable[[], float],
        spawn: Callable[[Coroutine[object, object, object], str], object],
        *,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        """While `draining`, nothing is begun; what is carried out goes on."""
        self._planned = planned
        self._now = now
        self._spawn = spawn
        self._draining = draining
        #: Name → the line of its receiver; None for all other names.
        self._lines: dict[str | None, _Line] = {}
        #: Keys of the entries that are in a line or carried out; that are carried out; of these, that were
        #: planned or dropped since.
        self._held: set[str] = set()
        self._running: set[str] = set()
        self._replaced: set[str] = set()
        #: Those that have made room for others.
        self._slow: set[str] = set()
        self._wake = asyncio.Event()
        #: Up to when nothing is due, by what the last look found; later than everything while it looks.
        self._looks_at = math.inf
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    def receive(self, name: str | None, receiver: Receiver, *, at_once: int = 16) -> None:
        """Hand entries of this name to a receiver, so many side by side; None: those of all other names.

        Names of the same receiver share what runs side by side. Entries of a name without a receiver stay,
        and are in the way of others, so somebody has to receive None.
        """
        same = (line for line in self._lines.values() if line.receiver == receiver)
        self._lines[name] = next(same, None) or _Line(receiver, at_once)

    def plan(self, entry: Planned) -> None:
        """Keep an entry, in place of one with the same key; on disk with the next checkpoint."""
        self._planned.plan(entry)
        self._changed(entry.key)
        if entry.at < self._looks_at:  # else the look at that time finds it: a look is a read of the store
            self._wake.set()

    def drop(self, key: str) -> None:
        """Drop the entry with this key, if there is one; what is carried out already is not stopped."""
        self._planned.drop(key)
        self._changed(key)

    def amend(self, entry: Planned) -> None:
        """Keep an entry while its receiver carries it out, on behalf of that receiver."""
        self._planned.plan(entry)

    def _changed(self, key: str) -> None:
        if key in self._running:
            self._replaced.add(key)

    def look(self) -> None:
        """Look at once at what is due: the clock may have moved."""
        self._wake.set()

    async def settled(self) -> None:
        """Return once nothing is due and nothing is carried out."""
        while self._held or await self._planned.due(self._now(), limit=1):
            self.look()
            await asyncio.sleep(_SETTLING)

    async def run(self) -> None:
        """Hand out what is due until cancelled, or closed."""
        await keep("the alarm", self._run)

    async def close(self, grace: float) -> None:
        """Begin nothing more, and wait for what is carried out; not longer than `grace` seconds."""
        self._closing = True
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()

    # ---- the loop ------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            self._looks_at = math.inf  # what is planned while it looks may be missed
            try:
                until = await self._look()
            except StorageUnreachableError:  # the node says so
                await asyncio.sleep(_FAR)
                continue
            self._looks_at = math.inf if until is None else until
            await self._wait(until)

    async def _look(self) -> float | None:
        """Begin what is due; return until when to wait, by Telegram's clock, None if nothing is planned."""
        now = self._now()
        if (held := len(self._held)) < DUE_AT_ONCE:
            for entry in await self._planned.due(now, limit=held + DUE_AT_ONCE):
                line = self._lines.get(entry.name) or self._lines.get(None)
                if line is not None and entry.key not in self._held:
                    self._held.add(entry.key)
                    line.waiting.append(entry)
        for line in self._lines.values():
            self._begin(line)
        if await self._planned.next_due() is None:
            return None
        soon = await self._planned.due(now + LOOK_SECONDS, limit=len(self._held) + 1)
        return next((entry.at for entry in soon if entry.at > now), now + LOOK_SECONDS)

    def _begin(self, line: _Line) -> None:
        resting = self._closing or self._draining()
        while line.waiting and line.running < line.at_once and not resting:
            entry = line.waiting.popleft()
            line.running += 1
            self._running.add(entry.key)
            self._idle.clear()
            self._spawn(self._carry_out(line, entry), f"planned {entry.name}")

    async def _carry_out(self, line: _Line, entry: Planned) -> None:
        key = entry.key
        slow = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._make_room, line, key)
        try:
            # It may have been dropped, or planned for another time, while it stood in line.
            current = await self._current(key)
            if current is None or current.at > self._now():
                return
            try:
                after = await line.receiver(current)
            except Exception as error:
                logger.error("what was planned as %s failed, tried again: %s", entry.name, places(error))
                after = replace(current, at=int(self._now()) + RAISED_SECONDS)
            if key in self._replaced:
                return
            if after is None:
                self._planned.drop(key)
            # Else its user was forgotten meanwhile.
            elif await self._get(key) is not None and key not in self._replaced:
                self._planned.plan(after)
        finally:
            slow.cancel()
            if key not in self._slow:
                line.running -= 1
            for keys in (self._held, self._running, self._replaced, self._slow):
                keys.discard(key)
            if not self._running:
                self._idle.set()
            self._wake.set()

    async def _current(self, key: str) -> Planned | None:
        """Return the entry as it is now, also if it was planned again while it was read."""
        while True:
            self._replaced.discard(key)
            entry = await self._get(key)
            if key not in self._replaced:
                return entry

    async def _get(self, key: str) -> Planned | None:
        """Return an entry, once the database can be reached."""
        while True:
            try:
                return await self._planned.get(key)
            except StorageUnreachableError:
                await asyncio.sleep(_FAR)

    def _make_room(self, line: _Line, key: str) -> None:
        line.running -= 1
        self._slow.add(key)
        self._wake.set()

    async def _wait(self, until: float | None) -> None:
        """Wait until a time of Telegram's clock, for the next look, or until something is planned."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LOOK_SECONDS
        while (left := end - loop.time()) > 0:
            pause = left
            if until is not None:
                if (ahead := until - self._now()) <= 0:
                    return
                pause = min(left, _FAR if ahead > 1 else _NEAR)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                    return
