"""Looks at the bot twice a minute, and reports what begins to be wrong and what is over."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from tgbot.core.places import places
from tgbot.operate.health import Trouble
from tgbot.store.lastbackup import backup_failure
from tgbot.telegram.figures import Reading

logger = logging.getLogger(__name__)

#: How often it is looked, in seconds.
LOOK_SECONDS: Final = 30.0
#: So many errors of handlers within `ERROR_SECONDS` are reported; without any for so long it is over.
ERRORS: Final = 10
ERROR_SECONDS: Final = 300.0
#: For how long the bot is not ready until that is reported, in seconds.
UNREADY_SECONDS: Final = 300.0
#: With less room on the disk it is nearly full, with more it is not any more; in MiB.
LITTLE_ROOM, ENOUGH_ROOM = 256, 512


class Reports(Protocol):
    """Take what is to be reported."""

    def begin(self, condition: str, count: int = 1, **values: str | int) -> None: ...
    def end(self, condition: str, **values: str | int) -> None: ...
    def deaf(self, count: int) -> None: ...


class Conditions:
    """The conditions of a bot that its admins have to know of.

    `trouble` returns what is wrong with it now, None if it is well; `read` its numbers; `room` how many MiB
    are left on the disk of a directory.
    """

    def __init__(
        self,
        reports: Reports,
        *,
        trouble: Callable[[], Awaitable[str | None]],
        read: Callable[[], Reading],
        directory: Path,
        room: Callable[[Path], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reports = reports
        self._trouble = trouble
        self._read = read
        self._directory = directory
        self._room = room or room_on_disk
        self._clock = clock
        #: The conditions that have begun and are not over.
        self._on: set[str] = set()
        #: What is wrong, and since when.
        self._unready: tuple[str, float] | None = None
        self._backup: str | None = None
        #: The errors of handlers at the looks of the last `ERROR_SECONDS`, the oldest first.
        self._errors: deque[tuple[float, Mapping[str, int]]] = deque([(clock(), {})])
        self._deafnesses = 0

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception as error:  # the loop is owned here: without it nobody is told of anything
                logger.error("the bot's condition cannot be looked at: %s", places(error))

    async def look(self) -> None:
        """Compare the bot with the last look, and report what has changed."""
        await self._look_at_health()
        reading = self._read()
        self._look_at_errors(reading.handler_errors)
        if reading.deafnesses > self._deafnesses and not reading.deaf:
            self._reports.deaf(reading.deafnesses - self._deafnesses)
            self._deafnesses = reading.deafnesses
        # In a thread, because a disk may not answer.
        room, failure = await asyncio.to_thread(lambda: (self._room_left(), backup_failure(self._directory)))
        if room is not None and room < LITTLE_ROOM:
            self._begin("disk", free=room)
        elif room is not None and room >= ENOUGH_ROOM:
            self._end("disk", free=room)
        if failure is None:
            self._end("backup")
        elif failure != self._backup:
            self._on.discard("backup")  # another backup has failed
            self._begin("backup", reason=failure)
        self._backup = failure

    async def _look_at_health(self) -> None:
        trouble, now = await self._trouble(), self._clock()
        (self._begin if trouble == Trouble.DATABASE else self._end)("database")
        since = now if self._unready is None else self._unready[1]
        if trouble is not None:
            self._unready = str(trouble), since
            if now - since >= UNREADY_SECONDS:
                self._begin("readiness", reason=str(trouble), minutes=round((now - since) / 60))
            return
        if self._unready is not None:
            self._end("readiness", reason=self._unready[0], minutes=max(1, round((now - since) / 60)))
        self._unready = None

    def _look_at_errors(self, errors: Mapping[str, int]) -> None:
        now = self._clock()
        self._errors.append((now, errors))
        while len(self._errors) > 1 and self._errors[1][0] <= now - ERROR_SECONDS:
            self._errors.popleft()
        before = self._errors[0][1]
        more = {plugin: count - before.get(plugin, 0) for plugin, count in errors.items()}
        if sum(more.values()) >= ERRORS:
            self._begin("errors", sum(more.values()), plugin=max(more, key=lambda plugin: more[plugin]))
        elif not any(more.values()):
            self._end("errors")

    def _room_left(self) -> int | None:
        try:
            return self._room(self._directory)
        except OSError:
            return None  # health tells that the files are gone

    def _begin(self, condition: str, count: int = 1, **values: str | int) -> None:
        if condition not in self._on:
            self._on.add(condition)
            self._reports.begin(condition, count, **values)

    def _end(self, condition: str, **values: str | int) -> None:
        if condition in self._on:
            self._on.remove(condition)
            self._reports.end(condition, **values)


def room_on_disk(directory: Path) -> int:
    """Return how many MiB are left for us on the disk of a directory."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize >> 20
