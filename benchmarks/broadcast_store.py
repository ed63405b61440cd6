"""What a broadcast to a million users costs the store: recipients, results, checkpoints, and a restart.

    python -m benchmarks.broadcast_store [--users 1000000] [--json]

Times are of the process that holds the store; `loop_ms` is for how long the event loop had no turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from benchmarks.registry import fill
from tgbot.core.broadcasts import Audience, Broadcast, Content, Part, State
from tgbot.core.deliveries import Chunk, Outcome, Wanted
from tgbot.core.users import Profile, Way
from tgbot.store.sqlite.userfile import SqliteRegistry

T = TypeVar("T")

DRAFT = Broadcast(0, 1, 1_700_000_000, {"": Content((Part("Hello"),))})
NOW = 1_700_000_500


class Watch:
    """Wall time of some work, and the longest time in which the event loop had no turn meanwhile."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.longest_ms = 0.0

    async def over(self, work: Awaitable[T]) -> T:
        running = asyncio.ensure_future(work)
        began = time.perf_counter()
        while not running.done():
            before = time.perf_counter()
            await asyncio.sleep(0.0005)
            self.longest_ms = max(self.longest_ms, (time.perf_counter() - before - 0.0005) * 1e3)
        self.seconds = time.perf_counter() - began
        return running.result()


async def measure(path: Path, users: int) -> dict[str, float]:
    """Return the figures by name."""
    figures: dict[str, float] = {}
    with closing(SqliteRegistry(path, clock=lambda: NOW)) as registry:
        broadcasts = registry.broadcasts
        for number, (name, audience) in enumerate(
            (("everybody", Audience()), ("condition", Audience(languages=("en",), last_seen_after=5))), 1
        ):
            draft = await broadcasts.create(replace(DRAFT, audience=audience))
            watch = Watch()
            frozen = await watch.over(broadcasts.freeze(replace(draft, state=State.RUNNING), NOW))
            began = time.perf_counter()
            chunk = await broadcasts.next_chunk(number, -1, wanted=Wanted.WAITING)
            figures[f"{name}_s"] = watch.seconds + time.perf_counter() - began
            figures[f"{name}_loop_ms"] = watch.longest_ms
            assert frozen.size == users - (users + 9) // 10
            assert chunk is not None
        # A checkpoint of the bot's users does not wait long while the recipients are chosen and written.
        draft = await broadcasts.create(DRAFT)
        freezing = asyncio.ensure_future(broadcasts.freeze(draft, NOW))
        waits: list[float] = []
        while not freezing.done():
            registry.seen(Profile(1, f"n{len(waits)}"), NOW, Way.MESSAGE)
            began = time.perf_counter()
            await registry.flush()
            waits.append(time.perf_counter() - began)
        figures["checkpoint_meanwhile_ms"] = max(waits) * 1e3
        figures |= await _deliver(registry, users)
    began = time.perf_counter()
    with closing(SqliteRegistry(path, clock=lambda: NOW)) as registry:
        figures["open_s"] = time.perf_counter() - began
        began = time.perf_counter()
        await registry.broadcasts.next_chunk(1, -1, wanted=Wanted.WAITING)
        figures["first_chunk_ms"] = (time.perf_counter() - began) * 1e3
        ids = list(await _some(registry, users))
        began = time.perf_counter()
        for user_id in ids:
            assert await registry.broadcasts.find(1, user_id) is not None
        figures["find_us"] = (time.perf_counter() - began) / len(ids) * 1e6
        began = time.perf_counter()
        await registry.broadcasts.survey(Audience(), NOW)
        figures["survey_s"] = time.perf_counter() - began
    return figures


async def _deliver(registry: SqliteRegistry, users: int) -> dict[str, float]:
    """Settle ten chunks, with a checkpoint after each, and one after all that is left of them."""
    broadcasts, costs, flushes, after = registry.broadcasts, [], [], -1
    for _ in range(10):
        chunk = await broadcasts.next_chunk(1, after, wanted=Wanted.WAITING)
        assert chunk is not None
        began = time.perf_counter()
        for index in range(len(chunk.ids)):
            broadcasts.settle(1, chunk, index, Outcome.SENT, NOW, language=1, messages=(index,))
        costs.append((time.perf_counter() - began) / len(chunk.ids))
        watch = Watch()
        await watch.over(registry.flush())
        flushes.append((watch.seconds * 1e3, watch.longest_ms))
        after = chunk.number
    late: list[Chunk] = []
    began = time.perf_counter()
    while (chunk := await broadcasts.next_chunk(1, after, wanted=Wanted.WAITING)) is not None:
        broadcasts.settle_all(1, chunk, Outcome.WAITING, Outcome.LATE, NOW)
        late.append(chunk)
        after = chunk.number
    deadline = time.perf_counter() - began
    watch = Watch()
    await watch.over(registry.flush())
    return {
        "settle_us": statistics.median(costs) * 1e6,
        "flush_1000_ms": statistics.median(wall for wall, _ in flushes),
        "flush_1000_loop_ms": statistics.median(longest for _, longest in flushes),
        "late_us": deadline / sum(len(chunk.ids) for chunk in late) * 1e6,
        "flush_late_s": watch.seconds,
        "flush_late_loop_ms": watch.longest_ms,
    }


async def _some(registry: SqliteRegistry, users: int) -> list[int]:
    source, chunk = random.Random(1), await registry.broadcasts.chunk(1, 0)
    assert chunk is not None
    found: list[int] = []
    while len(found) < 200:
        chunk = await registry.broadcasts.chunk(1, source.randrange(max(1, users // 1_200)))
        if chunk is not None:
            found.append(source.choice(chunk.ids))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "users.sqlite"
        fill(path, given.users)
        figures = {"users": given.users, **asyncio.run(measure(path, given.users))}
        figures["file_mib"] = path.stat().st_size / 2**20
    if given.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:24} {figure:12,.2f}")


if __name__ == "__main__":
    main()
