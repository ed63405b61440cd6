"""What the report of a broadcast to a million people costs: the numbers, the table, the chart.

    python -m benchmarks.report [--recipients 1000000] [--json]

The chunks are made one at a time and not counted; the chart is drawn in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import surroundings
from benchmarks.figures import table as table_in_markdown
from tgbot.core.broadcasts import Broadcast, Button, Content, State
from tgbot.core.deliveries import CHUNK, Chunk, Outcome, Tally, tally_of
from tgbot.handlers.wording import Words
from tgbot.locales.texts import Texts
from tgbot.messaging.broadcast.chart import draw, picture
from tgbot.messaging.broadcast.picture import Form
from tgbot.messaging.broadcast.report import DeliveryCounts, Report
from tgbot.messaging.broadcast.rows import write_table

T = TypeVar("T")

BEGAN = 1_790_000_000
#: Deliveries a second.
RATE = 30
LANGUAGES = ("", "en", "ru", "de", "fa", "pt-br")
#: Outcome → how many of a hundred have it.
OUTCOMES = {
    Outcome.SENT: 88,
    Outcome.BLOCKED: 7,
    Outcome.DEACTIVATED: 2,
    Outcome.NOT_ALLOWED: 1,
    Outcome.FAILED: 1,
    Outcome.NO_NEWS: 1,
}


def broadcast_to(recipients: int) -> Broadcast:
    """Return a broadcast that is done."""
    return Broadcast(
        7,
        1,
        BEGAN,
        {code: Content() for code in LANGUAGES},
        name="Autumn",
        buttons=(Button("Open"), Button("More")),
        state=State.DONE,
        started=BEGAN,
        ended=BEGAN + recipients // RATE,
        size=recipients,
        languages=LANGUAGES,
    )


def chunks(recipients: int) -> Iterator[Chunk]:
    """Yield the chunks of a broadcast that is done; the same ones each time."""
    chance = random.Random(1)
    kinds, weights = [int(outcome) for outcome in OUTCOMES], list(OUTCOMES.values())
    for number in range(-(-recipients // CHUNK)):
        first = number * CHUNK
        size = min(CHUNK, recipients - first)
        chunk = Chunk(number, array("q", range(5_000_000_000 + first, 5_000_000_000 + first + size)), 1)
        chunk.outcomes[:] = bytes(chance.choices(kinds, weights, k=size))
        chunk.at = array("I", [BEGAN + (first + index) // RATE for index in range(size)])
        chunk.languages[:] = bytes(chance.choices(range(1, len(LANGUAGES) + 1), k=size))
        chunk.messages = array("i", range(1 + first, 1 + first + size))
        chunk.clicks[:] = bytes(chance.choices(range(4), (90, 6, 3, 1), k=size))
        chunk.errors = ["PEER_FLOOD"]
        chunk.why[:] = bytes(one == Outcome.FAILED for one in chunk.outcomes)
        yield chunk


class Stopwatch:
    """Measures the seconds of a clock that the work takes that is passed to it; by default those of CPU."""

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self._clock = clock
        self.seconds = 0.0
        self.longest = 0.0

    def time(self, work: Callable[[], T]) -> T:
        """Do the work, and return its result."""
        began = self._clock()
        try:
            return work()
        finally:
            took = self._clock() - began
            self.seconds += took
            self.longest = max(self.longest, took)


def report_on(recipients: int, each: Stopwatch) -> Report:
    """Return the report; `each` measures the chunks."""
    counts, tallies = DeliveryCounts(), []
    for chunk in chunks(recipients):
        each.time(partial(counts.add, chunk))
        tallies.append(tally_of([chunk], 0))
    tally = Tally(
        [sum(numbers) for numbers in zip(*(one.outcomes for one in tallies), strict=True)],
        {"PEER_FLOOD": sum(one.errors.get("PEER_FLOOD", 0) for one in tallies)},
        [sum(numbers) for numbers in zip(*(one.clicks for one in tallies), strict=True)],
    )
    return counts.report(broadcast_to(recipients), tally)


def table_of(recipients: int, path: Path) -> float:
    """Write the table, and return how many seconds of CPU that took without the making of the chunks."""
    making, source, whole = Stopwatch(), chunks(recipients), Stopwatch()

    async def given() -> AsyncIterator[Chunk]:
        while (chunk := making.time(partial(next, source, None))) is not None:
            yield chunk

    whole.time(lambda: asyncio.run(write_table(path, broadcast_to(recipients), given())))
    return whole.seconds - making.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    args = parser.parse_args()
    each = Stopwatch()
    report = report_on(args.recipients, each)
    shown = picture(report, Words(Texts.load(), "en"))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "deliveries.csv"
        table = table_of(args.recipients, path)
        size = path.stat().st_size
    found = {
        "report, CPU seconds": each.seconds,
        "its longest chunk, CPU ms": each.longest * 1000,
        "table, CPU seconds": table,
        "table, MiB": size / 2**20,
        "memory of the process, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if find_spec("matplotlib"):
        drawn = Stopwatch(time.perf_counter)
        for form in Form:
            drawn.time(partial(asyncio.run, draw(shown, form)))
        found["a chart, seconds"] = drawn.seconds / len(Form)
    else:
        print("no chart: pip install 'tgbot[chart]'", file=sys.stderr)
    if args.json:
        print(json.dumps({"recipients": args.recipients, **found}))
        return
    print(surroundings(), end="\n\n")
    rows = [(name, f"{figure:.2f}") for name, figure in found.items()]
    print(table_in_markdown((f"{args.recipients:,} recipients", ""), rows))


if __name__ == "__main__":
    main()
