"""What a `/start` costs this bot in bytecodes of Python, by module and by function: the same in every run.

    python -m benchmarks.bytecodes [--messages N] [--window N] [--known] [--top N]

prints two tables in Markdown. `benchmarks.opcodes` says what is counted. Many messages share a turn of the
loop, as they do at full load; with `--window 1` none does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.figures import surroundings, table
from benchmarks.load import Load
from benchmarks.processes import HANDBOOK, started
from benchmarks.profile import module
from tgbot.sandbox.server import Sandbox

#: Messages before the count begins.
WARM_UP: Final = 200
#: Seconds that an answer may take.
PATIENCE: Final = 300.0


class Cost(NamedTuple):
    """Calls and bytecodes of one function or module for each message."""

    name: str
    calls: float
    executed: float


def costs(raw: str, messages: int) -> list[Cost]:
    """Return what the plugin has written, the most bytecodes first."""
    found = []
    for line in raw.splitlines():
        name, calls, executed = line.rsplit(" ", 2)
        found.append(Cost(name, int(calls) / messages, int(executed) / messages))
    return sorted(found, key=lambda cost: -cost.executed)


def by_module(found: list[Cost]) -> list[Cost]:
    """Return the sums of each module, the most bytecodes first."""
    calls: Counter[str] = Counter()
    executed: Counter[str] = Counter()
    for cost in found:
        calls[module(cost.name)] += cost.calls  # type: ignore[assignment]  # a float
        executed[module(cost.name)] += cost.executed  # type: ignore[assignment]  # a float
    return [Cost(name, calls[name], number) for name, number in executed.most_common()]


def report(found: list[Cost], top: int) -> str:
    """Return the tables by module and by function, with so many rows."""
    total = Cost("all", sum(cost.calls for cost in found), sum(cost.executed for cost in found))
    parts = []
    for head, each in (("module", by_module(found)), ("function", found)):
        rows = [
            [f"`{cost.name}`", f"{cost.calls:.1f}", f"{cost.executed:.0f}"] for cost in (total, *each[:top])
        ]
        parts.append(table([head, "calls", "bytecodes"], rows))
    return "\n\n".join(parts)


async def run(given: argparse.Namespace) -> None:
    """Print the tables."""
    messages, about = given.messages, surroundings()
    with tempfile.TemporaryDirectory() as directory:
        counts = Path(directory) / "opcodes"
        more = {"TGBOT_PLUGINS": f"{HANDBOOK},benchmarks.opcodes", "OPCODES": str(counts)}
        async with Sandbox() as sandbox, started(sandbox, "tgbot", directory, environ=more) as client:
            load = Load(sandbox.world, client.bot_id, PATIENCE)
            await load.saturate(load.meet(WARM_UP), given.window)
            people = load.meet(messages)
            if given.known:
                await load.saturate(people, given.window)
            await client.settle()
            os.kill(client.pid, signal.SIGUSR1)
            await load.saturate(people, given.window)
            await client.settle()
            os.kill(client.pid, signal.SIGUSR1)
            async with asyncio.timeout(PATIENCE):
                while not counts.exists():  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(0.02)
            load.close()
            found = costs(counts.read_text(), messages)
    who = "known" if given.known else "new"
    print(f"{about} {messages:,} messages of {who} users, {given.window} unanswered at a time.\n")
    print(report(found, given.top))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--window", type=int, default=100, help="how many messages may be unanswered")
    parser.add_argument("--known", action="store_true", help="the users have written before")
    parser.add_argument("--top", type=int, default=40, help="rows of a table")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
