"""A registry of users that was lost, read again from Telegram while the bot serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import Final, Protocol

import msgspec
from telethon.errors import AuthKeyNotFound
from telethon.tl import types

from tgbot.core.plural import counted
from tgbot.messaging.rebuild.progress import AT_WORK, Progress, Range, State, size_of, windows
from tgbot.messaging.rebuild.reading import PAST, Reading
from tgbot.messaging.window import each
from tgbot.telegram.updates.contents import state_of
from tgbot.telegram.updates.guard import keep
from tgbot.telegram.updates.history import GREATEST_ID, History
from tgbot.telegram.updates.keys import dialog_of, marked_entity
from tgbot.telegram.updates.requests import FailedError, LoginOverError, Narrowing

logger = logging.getLogger(__name__)

#: How many calls a second are made, so that answers come first, and how many are under way at a time.
CALLS_A_SECOND: Final = 10.0
CALLS_AT_ONCE: Final = 4
#: How many updates are recorded between two turns of the event loop.
_SLICE: Final = 25
#: The name of the note with the progress.
NOTE: Final = "rebuild"
#: How often its place is written, in seconds.
_KEPT_SECONDS: Final = 1.0
#: How long it waits after the end of a login, in seconds.
_LOGIN_SECONDS: Final = 5.0
#: What ends a login; the bot makes a new one.
_LOGIN_OVER: Final = (LoginOverError, AuthKeyNotFound)


class Notes(Protocol):
    """Texts by name, written together with the users."""

    def note(self, name: str) -> str | None:
        """Return what `keep_note` was given last under a name, None for nothing."""

    def keep_note(self, name: str, text: str) -> None:
        """Keep a text under a name that nothing else has in the store; written with the users."""


class Rebuild:
    """Read what Telegram has of the past into the registry: all messages by id, and the difference.

    One at a time. Its place is written once all that was found up to there is on disk, so a kill costs the
    last second, and `run` goes on after the next start. `checkpoint` puts all on disk. `load` has the store
    read users; `turn` waits for the turn of a call; `people` returns how many people are known, `has_hash`
    whether the bot has a user's access hash. `probe` asks Telegram whom the bot may write to.
    """

    def __init__(
        self,
        history: History,
        reading: Reading,
        notes: Notes,
        *,
        checkpoint: Callable[[], Awaitable[None]],
        load: Callable[[Iterable[int]], Awaitable[None]],
        turn: Callable[[], Awaitable[None]],
        people: Callable[[], int],
        has_hash: Callable[[int], bool],
        now: Callable[[], float],
        probe: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._history = history
        self._reading = reading
        self._notes = notes
        self._checkpoint = checkpoint
        self._load = load
        self._turn = turn
        self._people = people
        self._has_hash = has_hash
        self._now = now
        self._probe = probe
        self._progress = _kept(notes.note(NOTE))
        #: The place up to which everything is on disk, users, access hashes and all.
        self._safe = copy(self._progress.place)
        #: The holes that came since the last look at the place.
        self._learned: list[Range] = []
        self._keeping = asyncio.Lock()
        self._kept_at = 0.0
        self._wake = asyncio.Event()
        self._walking: asyncio.Task[None] | None = None

    @property
    def can_probe(self) -> bool:
        """Whether Telegram can be asked about everybody in the end."""
        return self._probe is not None

    @property
    def at_work(self) -> bool:
        """Whether it reads or asks now, or will as soon as the bot can."""
        return self._progress.state in AT_WORK

    def start(self, *, probe: bool = False) -> None:
        """Begin, or go on with one that was paused, cancelled or failed; nothing changes if it is at work."""
        before = self._progress.place
        self._progress.begin(int(self._now()), probe=probe)
        place, safe = self._progress.place, self._safe
        if place is not before:
            self._safe = copy(place)
        else:  # of what was read a moment ago, not all may be on disk
            safe.top_pts, safe.refused = min(safe.top_pts, place.top_pts), place.refused
        self._save()
        self._wake.set()

    def pause(self) -> None:
        """Wait until `start`, over restarts of the bot."""
        if self.at_work:
            self._progress.state = State.PAUSED
            self._stop_walking()

    def cancel(self) -> None:
        """Give it up; what was found stays."""
        if self.at_work or self._progress.state is State.PAUSED:
            self._progress.end(State.CANCELLED, int(self._now()))
            self._stop_walking()

    def learn(self, first: int, last: int) -> None:
        """Have the messages with these ids read, whether there is a rebuild or not."""
        self._progress.place.add_hole(first, last)
        self._safe.add_hole(first, last)
        self._learned.append((first, last))
        self._save()
        self._wake.set()

    def report(self) -> dict[str, object]:
        """Return how far it is and what it found, as JSON holds it; times are unix seconds."""
        now, place = self._progress, self._progress.place
        return {
            "state": now.state.value,
            "probe": now.probe,
            "began": now.began or None,
            "ended": now.ended or None,
            "trouble": now.trouble or None,
            "messages": {
                "top": place.top,
                "scanned": place.scanned,
                "empty": place.empty,
                "unreadable": place.unreadable,
                "left": place.ids_left,
                "in_holes": size_of(place.holes),
            },
            "difference": {
                "from_pts": place.from_pts,
                "updates": place.updates,
                "left": place.log_left,
                "trouble": place.refused or None,
            },
            "people": self._people(),
            "new": now.new,
            "without_hash": now.without_hash,
        }

    async def run(self) -> None:
        """Read whenever there is something to read, until cancelled."""
        await keep("rebuilding the registry", self._work)

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            if not self.at_work and not self._progress.place.holes:
                await self._wake.wait()
                continue
            self._walking = asyncio.ensure_future(self._walk())
            try:
                await self._walking
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # It was paused or cancelled.

    def _stop_walking(self) -> None:
        self._save()
        if self._walking is not None:
            self._walking.cancel()

    async def _walk(self) -> None:
        now = self._progress
        try:
            await self._read_holes()
            if now.state is State.RUNNING:
                await self._reach_up()
                await each(windows(now.place.left), self._window, at_once=CALLS_AT_ONCE)
                await self._read_events()
                await self._read_log()
                await self._keep(at_once=True)
                if now.probe and self._probe is not None:
                    now.state = State.PROBING
                    self._save()
            if now.state is State.PROBING and self._probe is not None:
                await self._probe()
            if now.state in AT_WORK:
                now.end(State.DONE, int(self._now()))
                self._save()
                logger.info("the registry is rebuilt: %s found", counted(now.new, "new person", "new people"))
        except* _LOGIN_OVER:
            await asyncio.sleep(_LOGIN_SECONDS)
        except* FailedError as failures:
            self._fail(failures)

    def _fail(self, failures: BaseExceptionGroup[FailedError]) -> None:
        name = next(_names(failures))
        logger.error("the messages of the past cannot be read (%s)", name)
        self._progress.place.holes = self._safe.holes = []  # they may be the reason
        if self.at_work:
            self._progress.end(State.FAILED, int(self._now()), name)
        self._save()

    # ---- messages by their ids -----------------------------------------------------------------

    async def _reach_up(self) -> None:
        """Find out up to where to read, unless that is known."""
        place = self._progress.place
        if not place.top_pts:
            newest, state = await self._history.newest(place.top), await self._history.state()
            place.reach_up(newest, state.pts, state.qts)

    async def _read_holes(self) -> None:
        place = self._progress.place
        if any(last == GREATEST_ID for _, last in place.holes):
            newest = await self._history.newest()
            place.hole_done(newest + 1, GREATEST_ID)
        if place.holes:
            await each(windows(place.holes), self._hole_window, at_once=CALLS_AT_ONCE)
            await self._keep(at_once=True)

    async def _hole_window(self, ids: range) -> None:
        await self._turn()
        page = await self._history.read(ids)
        await self._take(_new_messages(page.messages), page.users, page.chats)
        self._progress.place.hole_done(ids[0], ids[-1])
        await self._keep()

    async def _window(self, ids: range) -> None:
        await self._turn()
        page = await self._history.read(ids)
        await self._take(_new_messages(page.messages), page.users, page.chats)
        self._progress.place.window_done(ids, len(page.messages), page.unreadable)
        await self._keep()

    # ---- the difference ------------------------------------------------------------------------

    async def _read_events(self) -> None:
        """Read blocks, unblocks and requests to join, as far as Telegram keeps them."""
        place = self._progress.place
        while place.qts < place.top_qts and not place.refused:
            try:
                answer = await self._difference(place.top_pts, place.qts)
            except FailedError as failed:
                logger.warning("blocks and requests to join of the past cannot be read (%s)", failed.name)
                break
            state = None if answer is None else state_of(answer)
            if answer is None or state is None:
                break
            events = [update for update in answer.other_updates if getattr(update, "qts", 0)]
            await self._take(events, answer.users, answer.chats)
            place.updates += len(events)
            if state.qts <= place.qts:
                break
            place.qts = state.qts
            await self._keep()
        place.qts = max(place.qts, place.top_qts)

    async def _read_log(self) -> None:
        """Read the new messages of the difference, as far as Telegram keeps it."""
        place, narrowing = self._progress.place, Narrowing()
        while place.pts < place.top_pts and not place.refused:
            try:
                answer = await self._difference(place.pts, place.top_qts, narrowing.limit)
            except FailedError:  # it cannot be read
                if not narrowing.narrow():
                    place.pts, place.unreadable = place.pts + 1, place.unreadable + 1
                continue
            if isinstance(answer, types.updates.DifferenceTooLong):
                if place.pts < answer.pts < place.top_pts:
                    place.pts = place.from_pts = answer.pts
                else:  # it is the state of now, and does not say where the log begins
                    place.pts = place.from_pts = await self._oldest(place.pts, place.top_pts)
                continue
            state = None if answer is None else state_of(answer)
            if answer is None or state is None or state.pts <= place.pts:
                break
            narrowing.widen()
            await self._take(_new_messages(answer.new_messages), answer.users, answer.chats)
            place.updates += len(answer.new_messages) + len(answer.other_updates)
            place.pts = state.pts
            await self._keep()
        place.pts = max(place.pts, place.top_pts)

    async def _oldest(self, low: int, high: int) -> int:
        """Return the least pts from which Telegram has all updates: above `low`, not above `high`."""
        while high - low > 1:
            middle = (low + high) // 2
            answer = await self._difference(middle, self._progress.place.top_qts, 1)
            if isinstance(answer, types.updates.DifferenceTooLong):
                low = middle
            else:
                high = middle
        return high

    async def _difference(
        self, pts: int, qts: int, limit: int | None = None
    ) -> types.updates.TypeDifference | None:
        """Return a difference, None where Telegram refuses it; raise FailedError if it cannot be read."""
        await self._turn()
        try:
            return await self._history.difference(pts, qts, int(self._now()), limit=limit)
        except FailedError as failed:
            if failed.unreadable:
                raise
            self._progress.place.refused = failed.name
            logger.info("Telegram refuses the difference from pts %d (%s)", pts, failed.name)
            return None

    # ---- what is found -------------------------------------------------------------------------

    async def _take(
        self,
        updates: Sequence[types.TypeUpdate],
        users: Sequence[types.TypeUser],
        chats: Sequence[types.TypeChat],
    ) -> None:
        """Record updates in portions, each together with the numbers of people that it changes."""
        updates = [update for update in updates if type(update) in PAST]
        entities = {marked_entity(entity): entity for entity in (*users, *chats)}
        await self._load({*entities, *map(dialog_of, updates)})
        now = self._progress
        for start in range(0, len(updates), _SLICE):
            for update in updates[start : start + _SLICE]:
                if person := self._reading.take(update, entities):
                    now.new += 1
                    now.without_hash += not self._has_hash(person)
            self._save()
            await asyncio.sleep(0)  # others have their turn

    async def _keep(self, *, at_once: bool = False) -> None:
        """Have the place that is reached written once everything up to it is on disk: every second."""
        clock = asyncio.get_running_loop().time
        if not at_once and (self._keeping.locked() or clock() - self._kept_at < _KEPT_SECONDS):
            return
        async with self._keeping:
            place = copy(self._progress.place)
            self._learned.clear()
            await self._checkpoint()
            for hole in self._learned:
                place.add_hole(*hole)
            self._safe, self._kept_at = place, clock()
            self._save()

    def _save(self) -> None:
        kept = msgspec.structs.replace(self._progress, place=self._safe)
        self._notes.keep_note(NOTE, msgspec.json.encode(kept).decode())


def _kept(text: str | None) -> Progress:
    """Return the progress as it was written; a new one for a text of another version."""
    try:
        return Progress() if text is None else msgspec.json.decode(text, type=Progress)
    except msgspec.DecodeError:
        logger.warning("how far the rebuild of the registry was cannot be read; it begins anew")
        return Progress()


def _new_messages(messages: Iterable[types.TypeMessage]) -> list[types.UpdateNewMessage]:
    return [types.UpdateNewMessage(message, 0, 0) for message in messages]


def _names(failures: BaseExceptionGroup[FailedError]) -> Iterator[str]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _names(failure)
        else:
            yield failure.name
