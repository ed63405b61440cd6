"""A sweep: probes of everybody whom the bot has met, in the order of their ids, through restarts."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable, Iterator
from contextvars import Context
from typing import Final, Protocol

from telethon.errors import RPCError

from tgbot.core.access import Access, Verdict
from tgbot.core.errors import NoSweepError, SweepOpenError
from tgbot.core.sweeps import PASSED, RATE, USUAL, Look, Progress, State, pack, unpack
from tgbot.core.users import Counts, User
from tgbot.messaging.leftover import Leftover, Stream
from tgbot.messaging.window import each
from tgbot.telegram.refusals import Answer, answer_of, error_name, is_flood, wait_of

log = logging.getLogger(__name__)

#: The name of the note with the sweep.
NOTE: Final = "sweep"
#: How many probes are under way at a time, unless told otherwise.
AT_ONCE: Final = 30
#: The pauses before a probe is made again that the link or a fault of Telegram's kept from an answer, in
#: seconds; after the last one its error counts.
PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
#: How many users are looked at between two turns of the event loop.
_SLICE: Final = 20


class Users(Protocol):
    """What a sweep needs of the registry."""

    def get(self, user_id: int) -> User | None: ...

    def count(self) -> Counts: ...

    def scan(self, after_id: int = 0, access: Access | None = None) -> Iterator[tuple[int, User | None]]: ...

    def note(self, name: str) -> str | None: ...

    def keep_note(self, name: str, text: str) -> None: ...


class Probe(Protocol):
    """Ask Telegram about a user, and record its answer (`Sender.probe`)."""

    async def __call__(self, user: int, /, *, turns: Stream) -> Verdict: ...


class _Line:
    """The users under way, so that they are counted in the order of their ids."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._ids: deque[int] = deque()
        self._looks: dict[int, Look] = {}

    def add(self, user_id: int) -> None:
        """Note that a user is looked at."""
        self._ids.append(user_id)

    def done(self, user_id: int, look: Look) -> bool:
        """Note what became of a user; return whether anybody could be counted."""
        ids, looks, moved = self._ids, self._looks, False
        looks[user_id] = look
        while ids and (first := looks.pop(ids[0], None)) is not None:
            self._progress.note(ids.popleft(), first)
            moved = True
        return moved


class Sweep:
    """The one sweep of a bot: it is started, paused, resumed and cancelled, and goes on after a restart.

    How far it is, with all its numbers, is in a note of the registry, which is written at the checkpoint
    together with the evidence. So a kill repeats at most the probes under way, and those since the last
    checkpoint. A change that only the repeated one of them has seen is not in the numbers.

    `turns` are those of probes; a flood wait slows them down. `load` reads users into memory, many at once;
    `save` is the checkpoint; `spawn` runs something until the bot stops.
    """

    def __init__(
        self,
        users: Users,
        probe: Probe,
        turns: Leftover,
        *,
        load: Callable[[Iterable[int]], Awaitable[None]],
        save: Callable[[], Awaitable[None]],
        spawn: Callable[[Coroutine[object, object, object], str], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        at_once: int = AT_ONCE,
    ) -> None:
        self._users = users
        self._probe = probe
        self._turns = turns
        self._load = load
        self._save = save
        self._spawn = spawn
        self._clock = clock
        self._sleep = sleep
        self._at_once = at_once
        self._progress = kept(users)
        self._working = False
        #: Set while no sweep is open.
        self._closed = asyncio.Event()
        if self._progress is None or not self._progress.open:
            self._closed.set()

    def status(self) -> Progress | None:
        """Return the sweep that is open, else the last one; None if there was none."""
        return self._progress

    # ---- orders --------------------------------------------------------------------------------

    async def start(
        self, *, access: Collection[Access] = USUAL, older_than: int = 0, rate: float = RATE
    ) -> Progress:
        """Begin a sweep of the users with such an access; raise SweepOpenError if one is open.

        Who was judged by evidence younger than `older_than` seconds is skipped. At most `rate` are probed a
        second. It is on disk on return.
        """
        if self._progress is not None and self._progress.open:
            raise SweepOpenError(self._progress.state)
        wanted = tuple(one for one in Access if one in access and one is not Access.BOT)
        counts = self._users.count().by
        total = sum(counts.get(one, 0) for one in wanted)
        self._progress = Progress(wanted, older_than, rate, int(self._clock()), total)
        self._closed.clear()
        self.go_on()
        return await self._changed(self._progress)

    async def pause(self) -> Progress:
        """Have it wait until it is resumed, also through a restart; raise NoSweepError if none runs."""
        progress = self._in(State.RUNNING)
        progress.state = State.PAUSED
        return await self._changed(progress)

    async def resume(self) -> Progress:
        """Have it go on; raise NoSweepError if none is paused."""
        progress = self._in(State.PAUSED)
        progress.state = State.RUNNING
        self.go_on()
        return await self._changed(progress)

    async def cancel(self) -> Progress:
        """End it; raise NoSweepError if none is open."""
        progress = self._in(State.RUNNING, State.PAUSED)
        self._end(progress, State.CANCELLED)
        return await self._changed(progress)

    async def run(
        self, *, access: Collection[Access] = USUAL, older_than: int = 0, rate: float = RATE
    ) -> Progress:
        """Do as `start`, and return the numbers once it has ended."""
        progress = await self.start(access=access, older_than=older_than, rate=rate)
        await self.ended()
        return progress

    async def ended(self) -> None:
        """Return once no sweep is open."""
        await self._closed.wait()

    def show_in(self, chat: int, message_id: int) -> None:
        """Note which message shows how far it is, also after a restart."""
        if self._progress is not None:
            self._progress.shown = chat, message_id
            self._keep(self._progress)

    def go_on(self) -> None:
        """Work on the sweep if one runs: at the start of the bot, and after each order."""
        if not self._working and self._progress is not None and self._progress.state is State.RUNNING:
            self._working = True
            # Not in the context of the handler that may have called: this belongs to no update.
            Context().run(self._spawn, self._work(), "Sweep")

    def _in(self, *states: State) -> Progress:
        if self._progress is None or self._progress.state not in states:
            raise NoSweepError("is " + " or ".join(states))
        return self._progress

    def _end(self, progress: Progress, state: State) -> None:
        progress.state, progress.ended_at = state, int(self._clock())
        self._closed.set()

    async def _changed(self, progress: Progress) -> Progress:
        self._keep(progress)
        await self._save()
        return progress

    def _keep(self, progress: Progress) -> None:
        if progress is self._progress:
            self._users.keep_note(NOTE, pack(progress))

    # ---- work ----------------------------------------------------------------------------------

    async def _work(self) -> None:
        try:
            while (progress := self._progress) is not None and progress.state is State.RUNNING:
                await self._pass(progress)
        finally:
            self._working = False

    async def _pass(self, progress: Progress) -> None:
        """Go on with a sweep behind its cursor, to the end or to the next order."""
        line, turns = _Line(progress), self._turns.stream(progress.rate)

        async def look(user: tuple[int, bool]) -> None:
            user_id, wanted = user
            found = await self._look(progress, user_id, turns) if wanted else PASSED
            if found is not None and line.done(user_id, found):
                self._keep(progress)

        try:
            await each(self._people(progress, line), look, at_once=self._at_once)
        except Exception:
            if progress.state is State.RUNNING:
                progress.state = State.PAUSED  # the log says why; somebody may resume it
                self._keep(progress)
            raise
        if progress.state is State.RUNNING:
            self._end(progress, State.FINISHED)
            await self._changed(progress)
            log.info("the sweep is finished: %d probed, %d skipped", progress.probed, progress.skipped)

    async def _people(self, progress: Progress, line: _Line) -> AsyncIterator[tuple[int, bool]]:
        """Yield who is looked at, and whether to probe them; those are in memory then."""
        only = progress.access[0] if len(progress.access) == 1 else None
        part: list[tuple[int, bool]] = []
        for number, (user_id, user) in enumerate(self._users.scan(progress.cursor, only), 1):
            wanted = None if user is None else progress.wants(user, self._clock())
            if wanted is not None:
                part.append((user_id, wanted))
            if number % _SLICE == 0:
                await asyncio.sleep(0)  # others have their turn
                async for one in self._loaded(part, line):
                    yield one
                part.clear()
            if progress.state is not State.RUNNING:
                return
        async for one in self._loaded(part, line):
            yield one

    async def _loaded(self, part: list[tuple[int, bool]], line: _Line) -> AsyncIterator[tuple[int, bool]]:
        await self._load([user_id for user_id, wanted in part if wanted])
        for user in part:
            line.add(user[0])
            yield user

    async def _look(self, progress: Progress, user_id: int, turns: Stream) -> Look | None:
        """Return what a probe has found; None if the sweep was stopped before the answer."""
        attempts = iter(PAUSES)
        while progress.state is State.RUNNING:
            user = self._users.get(user_id)
            if user is None:
                return PASSED  # forgotten meanwhile
            before = user.verdict(self._clock()).access
            try:
                return Look(before, (await self._probe(user_id, turns=turns)).access)
            except Exception as error:
                answer = answer_of(error)
                if answer is None:
                    raise
                if is_flood(error):
                    progress.floods += 1
                    self._turns.slow_down(max(1, wait_of(error)))
                    continue
                pause = next(attempts, None) if answer is Answer.LATER else None
                if pause is None:
                    return Look(error=error_name(error) if isinstance(error, RPCError) else answer.name)
            await self._sleep(pause)
        return None


class Notes(Protocol):
    """Where the note with the sweep is."""

    def note(self, name: str) -> str | None: ...


def kept(notes: Notes) -> Progress | None:
    """Return the sweep in the note, None if there is none that can be read."""
    text = notes.note(NOTE)
    try:
        return None if text is None else unpack(text)
    except ValueError:
        log.warning("the note on the last sweep cannot be read")
        return None
