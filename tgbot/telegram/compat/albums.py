"""Albums: messages that were sent together come to `events.Album` as one event, as with Telethon."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from telethon.tl import types

from tgbot.telegram.updates.job import Job
from tgbot.telegram.updates.keys import album_key

#: An album is whole when no message of it has come for so many seconds; Telethon waits as long.
ALBUM_SECONDS = 0.5
#: Differences that are being fetched may bring more of it: they are waited for up to this many seconds.
DIFFERENCE_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class _Album:
    """An album whose messages arrive."""

    dialog: int
    group: int
    members: list[Job]
    #: When its last message came, by the loop's clock.
    last: float
    #: The job of its handlers, once it is whole; None for a message alone, which is no album.
    job: Job | None = None
    whole: asyncio.Event = field(default_factory=asyncio.Event)


class Albums:
    """Pass jobs on to `put`; after the last message of an album, put one job with all of them.

    Each message of an album is handled at once, and finished together with the album. What follows in the
    dialog waits until the album's job is put, and so stays behind it. Only while `wanted` returns True.
    While `catching_up` returns True, updates are fetched that may belong to an album.
    """

    def __init__(
        self, put: Callable[[Job], None], *, wanted: Callable[[], bool], catching_up: Callable[[], bool]
    ) -> None:
        self._put = put
        self._wanted = wanted
        self._catching_up = catching_up
        #: What waits in each dialog; it begins with an album that is not whole yet.
        self._lines: dict[int, deque[Job | _Album]] = {}
        #: The albums that are not whole yet, by dialog and group.
        self._open: dict[tuple[int, int], _Album] = {}
        #: The jobs of albums that are put → the messages to be finished with them.
        self._members: dict[Job, list[Job]] = {}
        #: Called with each message that turned out to be alone.
        self.finish: Callable[[Job], None] = lambda job: None

    def put(self, job: Job) -> None:
        """Take a job; it is passed on in the order of its dialog."""
        group = getattr(getattr(job.update, "message", None), "grouped_id", None)
        line = self._lines.get(job.dialog) if self._lines else None
        if line is None:
            if group is None or not self._wanted():
                put = self._put
                put(job)
                return
            line = self._lines[job.dialog] = deque()
        if group is not None and self._wanted():
            self._gather(job, group, line)
        else:
            line.append(job)
        self._advance(job.dialog, line)

    def ended(self, job: Job) -> list[Job]:
        """Return the messages to be finished with the job of an album, once."""
        return self._members.pop(job, [])

    async def settle(self) -> None:
        """Return once the albums that are arriving now are whole."""
        for album in list(self._open.values()):
            await album.whole.wait()

    def _gather(self, job: Job, group: int, line: deque[Job | _Album]) -> None:
        loop = asyncio.get_running_loop()
        job.unfinished += 1
        album = self._open.get((job.dialog, group))
        if album is None:
            album = self._open[job.dialog, group] = _Album(job.dialog, group, [job], loop.time())
            line += (job, album)
            loop.call_later(ALBUM_SECONDS, self._look, album)
            return
        album.members.append(job)
        album.last = loop.time()
        if line[-1] is album:
            line.insert(len(line) - 1, job)
        else:
            line.append(job)  # what came between them keeps its place

    def _look(self, album: _Album) -> None:
        """Close an album if nothing more of it is expected, else look again."""
        loop = asyncio.get_running_loop()
        quiet = loop.time() - album.last
        if quiet < ALBUM_SECONDS:
            loop.call_later(ALBUM_SECONDS - quiet, self._look, album)
        elif quiet < DIFFERENCE_SECONDS and self._catching_up():
            loop.call_later(ALBUM_SECONDS / 10, self._look, album)
        else:
            self._close(album)

    def _close(self, album: _Album) -> None:
        del self._open[album.dialog, album.group]
        members = sorted(album.members, key=lambda member: member.update.message.id)
        if len(members) > 1:
            album.job = _job_of(members)
            self._members[album.job] = members
        else:
            self.finish(members[0])
        album.whole.set()
        self._advance(album.dialog, self._lines[album.dialog])

    def _advance(self, dialog: int, line: deque[Job | _Album]) -> None:
        """Put what is before the first album that is not whole."""
        while line:
            first = line[0]
            if isinstance(first, _Album):
                if not first.whole.is_set():
                    return
                if first.job is not None:
                    self._put(first.job)
            else:
                self._put(first)
            line.popleft()
        del self._lines[dialog]


def _job_of(members: list[Job]) -> Job:
    first = members[0]
    entities: dict[int, types.TypeUser | types.TypeChat] = {}
    for member in members:
        entities |= member.entities
    replayed = any(member.replayed for member in members)
    key, updates = album_key(first.update), tuple(member.update for member in members)
    job = Job(first.update, entities, first.batch, first.dialog, key, 0, replayed)
    job.album = updates
    return job
