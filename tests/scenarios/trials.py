"""Trials of one fault each, on a bot of its own: who waits, what becomes of the message, what is logged."""

from __future__ import annotations

import asyncio
import math
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from tests.scenarios.planted import Records, access_hashes, leaks, trial
from tests.scenarios.station import Station, open_station
from tgbot.app import Bot
from tgbot.sandbox.chats import Chat
from tgbot.store.base import Reason

#: How soon others must be answered, in seconds.
PROMISED: Final = 2.0
#: How much longer that may take on a machine that runs other tests, too. One that is slow without a fault has
#: more time, by as much as it was slow, up to `LONGEST` in all: less than a fault lasts.
LOADED, LONGEST = 1.0, 4.5
#: How long the message that a fault touches may take, in seconds.
PATIENCE: Final = 25.0
#: How many lists of commands a bot without admins sets at its first start: one for each language.
PROFILE_CALLS: Final = 2
#: How often a retry by hand is made: the fault may still be there at the first.
MAX_BY_HAND: Final = 3
#: How many bots run at the same time.
TOGETHER: Final = 80
#: How long after one bot the next one starts, and how late a timer may be at most then, in seconds.
START_EVERY, KEEPS_UP = 0.2, 0.05


#: How a result begins that says for how long others waited.
_OTHERS_WAIT: Final = "others wait "


class End(Enum):
    """What became of the message that a fault touched."""

    #: It was answered once.
    ONCE = "once"
    #: It was kept, and answered once after a retry by hand.
    BY_HAND = "by hand"
    #: It was lost, and the loss was told.
    TOLD = "told"
    #: It has no answer, and nothing was told.
    LOST = "LOST"
    #: It was answered more than once.
    TWICE = "TWICE"


@dataclass
class Result:
    """What was seen in one cell; `wrong` says in words what was not as promised."""

    end: End | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def only_slow(self) -> bool:
        """Whether others waited for too long, and nothing else was wrong."""
        return bool(self.wrong) and all(wrong.startswith(_OTHERS_WAIT) for wrong in self.wrong)

    def __str__(self) -> str:
        end = self.end.value if self.end is not None else "-"
        return end if not self.wrong else f"{end}: {'; '.join(self.wrong)}"


@dataclass(frozen=True)
class Cell:
    """One fault at one place. `attempt` causes it, and reports what became of it."""

    place: str
    fault: str
    attempt: Callable[[Trial], Awaitable[None]]
    #: What may become of the message that the fault touches.
    ends: frozenset[End] = frozenset({End.ONCE})

    @property
    def name(self) -> str:
        return f"{self.place}: {self.fault}"


class Trial:
    """One cell while it is tried."""

    def __init__(self, station: Station, run: Run, limit: asyncio.Timeout) -> None:
        self.station = station
        #: How long the whole trial may take.
        self.limit = limit
        self.faults = station.faults
        self.calls = station.sandbox.calls
        self.result = Result()
        self._run = run
        self._texts: list[str] = []

    def wrong(self, text: str) -> None:
        """Note what is not as promised."""
        if text not in self.result.wrong:
            self.result.wrong.append(text)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Bot]:
        """Run the bot for as long as the block lasts; few bots start at the same time."""
        await self._queue()
        async with self.station.serving() as bot:
            yield bot

    async def _queue(self) -> None:
        """Return when the bot may start; the trial's time stands still meanwhile."""
        clock, ends = asyncio.get_running_loop().time, self.limit.when()
        assert ends is not None
        began = clock()
        self.limit.reschedule(None)
        await self._run.may_start()
        self.limit.reschedule(ends + clock() - began)

    # ---- what people do ------------------------------------------------------------------------

    def say(self, person: int, word: str = "say", chat: Chat | None = None) -> str:
        """Let a person write; none of these texts may have two answers in the end."""
        text = self.station.say(person, word, chat)
        self._texts.append(text)
        return text

    async def before(self, *people: int, chat: Chat | None = None) -> None:
        """Let people write before there is a fault; their answers show how fast this machine is."""
        for person in people:
            seconds = await self.station.answered(self.say(person, chat=chat), self._run.patience)
            if seconds is None:
                self.wrong("no answer before the fault")
            else:
                self._run.before.append(seconds)
        # A bot that starts brings its profile up to date: it must not be what the fault meets.
        calls, patience = self.calls, self._run.patience
        await self.station.until(lambda: calls["bots.setBotCommands"] >= PROFILE_CALLS, patience)

    async def others(self, *people: int, chat: Chat | None = None) -> None:
        """Let others write; they must be answered as soon as is promised."""
        for person in people:
            text, limit = self.say(person, chat=chat), self._run.limit
            if await self.station.answered(text, limit) is None:
                late = await self.station.answered(text, self._run.patience)
                self.wrong(_OTHERS_WAIT + ("for ever" if late is None else f"{limit + late:.0f} s"))
                return

    async def hit(self, method: str, before: int, seconds: float = 8.0) -> None:
        """Return once a method was called again."""
        if not await self.station.until(lambda: self.calls[method] > before, seconds):
            self.wrong(f"{method} was not called")

    async def touched(self, bot: Bot, *texts: str) -> None:
        """Return once the touched texts are answered, or kept, or lost and told."""
        station, losses = self.station, bot.client.losses

        def answered() -> bool:
            return all(map(station.answers, texts))

        by_hand: dict[str, int] = {}

        def over() -> bool:
            return answered() or bool(losses) or _failed(bot) != by_hand

        for _ in range(MAX_BY_HAND):
            await station.until(over, self._run.patience)
            kept = _failed(bot)
            if answered() or kept == by_hand or bot.client.parking is None:
                break
            by_hand = kept
            await bot.client.parking.retry(list(kept))
        if losses:
            await station.until(answered, PROMISED)
        if answered():
            self.result.end = End.BY_HAND if by_hand else End.ONCE
        else:
            self.result.end = End.TOLD if losses else End.LOST

    async def goes_on(self, person: int, chat: Chat | None = None) -> None:
        """Check that a dialog goes on after the fault."""
        if await self.station.answered(self.say(person, chat=chat), self._run.patience) is None:
            self.wrong("the dialog does not go on")

    async def starts_again(self, person: int) -> None:
        """Let a person write to the stopped bot: what the fault left on disk must not cost the message."""
        text = self.say(person)
        async with self.serving():
            if await self.station.answered(text, self._run.patience) is None:
                self.wrong("a message to the stopped bot is lost")

    def conclude(self, ends: frozenset[End]) -> None:
        """Judge what became of the touched message, and that nothing was said twice."""
        if any(self.station.answers(text) > 1 for text in self._texts):
            self.result.end = End.TWICE
        if self.result.end not in ends:
            self.wrong(f"{self.result.end and self.result.end.value} is not as promised")


def _failed(bot: Bot) -> dict[str, int]:
    """Return how often each of the parked updates was tried that wait for a retry by hand."""
    parking = bot.client.parking
    assert parking is not None
    entries = parking._parked.entries()
    return {entry.key: entry.attempts for entry in entries if entry.reason is Reason.FAILED}


class Run:
    """Many cells at the same time: most of their time they wait."""

    def __init__(self, directory: Path, records: Records, *, patience: float = PATIENCE) -> None:
        self.results: dict[Cell, Result] = {}
        #: The limit for each wait, in seconds.
        self.patience = patience
        #: How soon people were answered without a fault, in seconds.
        self.before: list[float] = []
        self._directory = directory
        self._records = records
        self._starting = asyncio.Lock()
        self._together = asyncio.Semaphore(TOGETHER)

    async def may_start(self) -> None:
        """Return when a further bot may start: one after another, and while the loop keeps up with them."""
        clock = asyncio.get_running_loop().time
        async with self._starting:
            lag = math.inf
            while lag > KEEPS_UP:
                began = clock()
                await asyncio.sleep(START_EVERY)
                lag = clock() - began - START_EVERY

    @property
    def limit(self) -> float:
        """How soon others must be answered on this machine, in seconds; less than a fault lasts."""
        return min(PROMISED + LOADED + max(self.before, default=0.0), LONGEST)

    async def try_all(self, cells: Iterable[Cell]) -> None:
        """Try all cells; `results` has what was seen."""
        async with asyncio.TaskGroup() as group:
            for number, cell in enumerate(cells, 1):
                group.create_task(self._try(cell, number))

    async def _try(self, cell: Cell, number: int) -> None:
        async with self._together:
            trial.set(cell.name)
            async with open_station(self._directory / str(number), number) as station:
                limit = asyncio.timeout(4 * self.patience)
                tried = Trial(station, self, limit)
                self.results[cell] = tried.result
                try:
                    async with limit:
                        await cell.attempt(tried)
                except Exception as error:  # the bot ended: the table must show it
                    tried.wrong(f"ended by {type(error).__name__}")
                    self._records.add("".join(traceback.format_exception(error)))
                tried.conclude(cell.ends)
                hashes = access_hashes(station.world, station.account.id)
            found = leaks(self._records.of(cell.name), hashes)
            for kind in dict.fromkeys(leak.partition(":")[0] for leak in found):
                tried.wrong(f"logs {kind}")
            for leak in dict.fromkeys(found):
                print(f"{cell.name}: {leak}")
