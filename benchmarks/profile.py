"""Where the CPU time of a `/start` goes in this bot's process, and a flame graph of it.

    python -m benchmarks.profile [--messages N] [--rate N] [--known] [--top N] [--flame-graph FILE]

prints two tables in Markdown, by module and by function, with all threads of the bot. It is saturated, or
gets so many messages a second. `benchmarks.sampler` says how it is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import uvloop

from benchmarks.figures import MICROSECONDS, surroundings, table
from benchmarks.flame import draw
from benchmarks.load import Load
from benchmarks.processes import HANDBOOK, started
from benchmarks.start import WARM_UP, WINDOW, cost
from tgbot.sandbox.server import Sandbox

#: The function that runs the event loop: what is above it in a stack, every stack of its thread has.
LOOP = "Runner.run (asyncio/runners.py)"

#: The functions of one stack, the outermost first, each as `name (file)`; its µs for each message.
Stack = tuple[list[str], float]


def stacks(raw: str, messages: int) -> list[Stack]:
    """Return the stacks that the sampler has written, from the event loop inwards."""
    found = []
    for line in raw.splitlines():
        names, _, seconds = line.rpartition(" ")
        stack = names.split(";")
        start = stack.index(LOOP) if LOOP in stack else 0
        found.append((stack[start:], float(seconds) / messages * MICROSECONDS))
    return found


def times(found: Iterable[Stack], name: Callable[[str], str] = str) -> list[tuple[str, float, float]]:
    """Return (name, own time, time with what it calls), the largest own time first.

    `name` returns the name under which a function is counted.
    """
    own: Counter[str] = Counter()
    with_calls: Counter[str] = Counter()
    for stack, spent in found:
        names = [name(function) for function in stack]
        own[names[-1]] += spent  # type: ignore[assignment]  # a float
        with_calls.update(dict.fromkeys(names, spent))
    return [(each, spent, with_calls[each]) for each, spent in own.most_common()]


def module(function: str) -> str:
    """Return the file of a function `name (file)`."""
    return function.rpartition(" (")[2].removesuffix(")")


def report(found: list[Stack], top: int) -> str:
    """Return the tables by module and by function, with so many rows."""
    total = sum(spent for _, spent in found)
    parts = []
    for head, name in (("module", module), ("function", str)):
        rows = [
            [f"`{each}`", f"{own:.1f}", f"{with_calls:.1f}", f"{own / total:.1%}"]
            for each, own, with_calls in times(found, name)[:top]
        ]
        parts.append(table([head, "self µs", "with calls µs", "self"], rows))
    return "\n\n".join(parts)


async def run(given: argparse.Namespace) -> None:
    """Print the tables, and write the flame graph."""
    messages, known, rate = given.messages, given.known, given.rate
    about = surroundings()
    with tempfile.TemporaryDirectory() as directory:
        samples = Path(directory) / "samples"
        more = {"TGBOT_PLUGINS": f"{HANDBOOK},benchmarks.sampler", "SAMPLES": str(samples)}
        async with Sandbox() as sandbox, started(sandbox, "tgbot", directory, environ=more) as client:
            load = Load(sandbox.world, client.bot_id)
            gc.disable()
            await load.saturate(load.meet(given.warm_up), WINDOW)
            people = load.meet(messages)
            if known:
                await load.saturate(people, WINDOW)
            await client.settle()
            os.kill(client.pid, signal.SIGUSR1)
            writing = load.pace(people, rate) if rate else load.saturate(people, WINDOW)
            cpu = (await cost(client, writing, messages)).cpu
            os.kill(client.pid, signal.SIGUSR1)
            async with asyncio.timeout(client.patience):
                while not samples.exists():  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(0.02)
            load.close()
            found = stacks(samples.read_text(), messages)
    who, how = "known" if known else "new", f"at {rate}/s" if rate else "saturated"
    print(f"{about} {messages:,} messages of {who} users, {how}; {cpu:.0f} µs for each.\n")
    print(report(found, given.top))
    given.flame_graph.write_text(draw(found, "µs"))
    print(f"the flame graph is in {given.flame_graph}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help="messages before the first sample")
    parser.add_argument("--rate", type=int, help="messages a second; without it the bot is saturated")
    parser.add_argument("--known", action="store_true", help="the users have written before")
    parser.add_argument("--top", type=int, default=30, help="rows of a table")
    parser.add_argument("--flame-graph", type=Path, default=Path("profile.svg"))
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
