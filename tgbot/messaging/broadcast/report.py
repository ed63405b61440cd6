"""The report of a broadcast: how many have which outcome, in all, by language and over time; clicks."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final, Protocol

import msgspec

from tgbot.core.broadcasts import Broadcast
from tgbot.core.deliveries import Chunk, Outcome, Tally
from tgbot.core.names import clean_name
from tgbot.messaging.broadcast.buttons import counted

#: What came of a recipient's turn. The others had none: they wait, were late, or are forgotten.
OF_TURNS: Final = (
    *(Outcome.SENT, Outcome.BLOCKED, Outcome.DEACTIVATED, Outcome.NOT_ALLOWED, Outcome.FAILED),
    Outcome.NO_NEWS,
)
#: How many steps of time there are at most.
MOST_STEPS: Final = 100
#: How long a step may be, in seconds; each is a multiple of the one before. The last is doubled as needed.
_STEPS: Final = (1, 2, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
_TURNS: Final = frozenset(map(int, OF_TURNS))


class Deliveries(Protocol):
    """Where the deliveries are kept; a store's broadcasts are one."""

    async def chunk(self, broadcast_id: int, number: int) -> Chunk | None: ...
    def tally(self, broadcast_id: int) -> Tally: ...


class LanguageCounts(msgspec.Struct, frozen=True):
    """Those who were sent the text in one language, or would have been."""

    #: The code of the text; "" for the one for everybody else, None where no text was chosen yet.
    language: str | None
    #: Label of an outcome → how many.
    outcomes: dict[str, int]


class Step(msgspec.Struct, frozen=True):
    """What came of the turns in one step of time."""

    #: When it begins, unix seconds.
    at: int
    #: Label of an outcome → how many; each step has the same labels.
    outcomes: dict[str, int]


class Clicks(msgspec.Struct, frozen=True):
    """How many recipients used a button whose link is counted."""

    button: str
    payload: str
    recipients: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A broadcast in numbers. Times are unix seconds of Telegram's clock."""

    id: int
    name: str
    state: str
    action: str
    started: int | None
    ended: int | None
    #: None before the audience is frozen.
    recipients: int | None
    #: Label of an outcome → how many; all labels are there.
    outcomes: dict[str, int]
    #: Name of Telegram's error → how many failed with it, the most frequent first.
    errors: dict[str, int]
    clicks: list[Clicks]
    #: Of what was sent: how many messages were edited or deleted in the last such round, and how many not.
    corrected: int
    not_corrected: int
    #: When the first and the last turn were; None before there was one.
    first: int | None
    last: int | None
    #: From the first turn to the last one, pauses included; and how many turns there were in a second of it.
    seconds: int
    per_second: float
    #: By how many there are, the largest first.
    languages: list[LanguageCounts]
    #: The steps of time, one after another, and how long each is. At most `MOST_STEPS`.
    step_seconds: int
    steps: list[Step]


class DeliveryCounts:
    """Counts deliveries by language and over time, chunk by chunk, in bounded memory.

    `add` takes a fraction of a millisecond, so others can have their turn between two chunks.
    """

    def __init__(self) -> None:
        self._languages: Counter[tuple[int, int]] = Counter()
        self._times = _Times()

    def add(self, chunk: Chunk) -> None:
        """Count the deliveries of one more chunk."""
        self._languages.update(zip(chunk.languages, chunk.outcomes, strict=True))
        self._times.add(chunk.at, chunk.outcomes)

    def report(self, broadcast: Broadcast, tally: Tally) -> Report:
        """Return the report; while the broadcast runs, the totals may be a little ahead of what was added."""
        times = self._times
        seconds = times.last - times.first
        turns = sum(map(tally.count, OF_TURNS))
        buttons = zip(counted(broadcast.buttons), tally.clicks, strict=False)
        return Report(
            id=broadcast.id,
            name=clean_name(broadcast.name),
            state=broadcast.state.value,
            action=broadcast.action.value,
            started=broadcast.started,
            ended=broadcast.ended,
            recipients=broadcast.size,
            outcomes=tally.labels,
            errors=dict(sorted(tally.errors.items(), key=lambda error: (-error[1], error[0]))),
            clicks=[Clicks(clean_name(one.text), one.payload, number) for one, number in buttons],
            corrected=tally.corrected,
            not_corrected=tally.refused,
            first=times.first or None,
            last=times.last or None,
            seconds=seconds,
            per_second=round(turns / max(1, seconds), 3) if times.first else 0.0,
            languages=self._by_language(broadcast.languages),
            step_seconds=times.step,
            steps=times.steps(),
        )

    def _by_language(self, codes: tuple[str, ...]) -> list[LanguageCounts]:
        found: dict[str | None, Counter[int]] = {}
        for (language, outcome), number in self._languages.items():
            code = codes[language - 1] if 0 < language <= len(codes) else None
            found.setdefault(code, Counter())[outcome] += number
        largest_first = sorted(found.items(), key=lambda one: (-one[1].total(), one[0] is None, one[0] or ""))
        return [
            LanguageCounts(code, {outcome.label: numbers[outcome] for outcome in Outcome})
            for code, numbers in largest_first
        ]


async def every_chunk(deliveries: Deliveries, broadcast_id: int) -> AsyncIterator[Chunk]:
    """Yield all chunks of a broadcast in order; others have their turn after each."""
    number = 0
    while (chunk := await deliveries.chunk(broadcast_id, number)) is not None:
        yield chunk
        number += 1
        await asyncio.sleep(0)


async def report_on(deliveries: Deliveries, broadcast: Broadcast) -> Report:
    """Return the report of a broadcast; it may run meanwhile."""
    counts = DeliveryCounts()
    async for chunk in every_chunk(deliveries, broadcast.id):
        counts.add(chunk)
    return counts.report(broadcast, deliveries.tally(broadcast.id))


class _Times:
    """Counts turns in steps of time, which get longer as there are more of them."""

    def __init__(self) -> None:
        self.step = _STEPS[0]
        #: When the first and the last turn were; 0 before there was one.
        self.first = self.last = 0
        #: (When the step begins, outcome) → how many.
        self._counts: Counter[tuple[int, int]] = Counter()

    def add(self, at: array[int], outcomes: bytearray) -> None:
        found = Counter(zip(at, outcomes, strict=True))
        turns = {(second, outcome) for second, outcome in found if second and outcome in _TURNS}
        if not turns:
            return
        first, last = min(turns)[0], max(turns)[0]
        self.first, self.last = min(self.first or first, first), max(self.last, last)
        step = self.step
        while self.last // step - self.first // step >= MOST_STEPS:
            step = next((longer for longer in _STEPS if longer > step), 2 * step)
        if step > self.step:
            shorter, self._counts, self.step = self._counts, Counter(), step
            self._count(shorter)
        self._count({turn: found[turn] for turn in turns})

    def _count(self, numbers: dict[tuple[int, int], int]) -> None:
        counts, step = self._counts, self.step
        for (second, outcome), number in numbers.items():
            counts[second - second % step, outcome] += number

    def steps(self) -> list[Step]:
        """Return all steps from the first turn to the last one, also those without a turn."""
        if not self.first:
            return []
        happened = [outcome for outcome in OF_TURNS if any(one == outcome for _, one in self._counts)]
        begin, step = self.first - self.first % self.step, self.step
        return [
            Step(at, {outcome.label: self._counts[at, outcome] for outcome in happened})
            for at in range(begin, self.last + 1, step)
        ]
