"""What commands on the socket cost the people who write meanwhile.

    python -m benchmarks.control [--calls N] [--rate N] [--seconds N] [--rounds N]

prints a table in Markdown. The bot has a process of its own, the sandbox with the people who write has one,
and so has a client of the socket, which calls `status` so many times, spread over the time. In each round
the same number of messages is answered without calls and with them, in turns. The figures are medians of the
rounds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.figures import percentile, spread, surroundings, table
from benchmarks.load import Load
from benchmarks.processes import Client, cpu_seconds, started
from tests.sandbox.npm import installation
from tgbot.operate.control import ask
from tgbot.sandbox.server import Sandbox

#: Messages before the first figure.
WARM_UP = 500


def call(path: Path, calls: int, seconds: float) -> None:
    """Call `status`, spread over the time, and print how long each call took, in seconds, as JSON."""
    took, began = [], time.monotonic()
    for number in range(calls):
        time.sleep(max(0.0, began + number * seconds / calls - time.monotonic()))
        at = time.monotonic()
        ask(path, "status", {})
        took.append(time.monotonic() - at)
    print(json.dumps(took))


async def called(path: Path, given: argparse.Namespace) -> list[float]:
    """Return how long each call of another process took."""
    words = ("--path", str(path), "--calls", str(given.calls), "--seconds", str(given.seconds))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.control", *words), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    times: list[float] = json.loads(out)
    return times


async def one_part(client: Client, load: Load, given: argparse.Namespace, *, calls: bool) -> dict[str, float]:
    """Let people write at the rate; return percentiles of the answers, and of the calls beside them."""
    load.times.clear()
    people = load.meet(int(given.rate * given.seconds))
    cpu, began = cpu_seconds(client.pid), time.monotonic()
    if calls:
        calling = asyncio.create_task(called(client.directory / "bot.control", given))
        await asyncio.gather(load.pace(people, given.rate), calling)
    else:
        await load.pace(people, given.rate)
    found: dict[str, Any] = {
        "p50": percentile(load.times, 50),
        "p99": percentile(load.times, 99),
        "cpu": (cpu_seconds(client.pid) - cpu) / (time.monotonic() - began),
    }
    if calls:
        found |= {"call p50": percentile(calling.result(), 50), "call p99": percentile(calling.result(), 99)}
    await client.settle()
    return found


async def run(given: argparse.Namespace) -> None:
    """Measure, and print the table; standard error has how far it is."""
    about = surroundings()
    found: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as directory:
        key = installation.server_key()
        async with Sandbox(key=key) as sandbox, started(sandbox, "tgbot", directory) as client:
            load = Load(sandbox.world, client.bot_id, client.patience)
            await load.saturate(load.meet(WARM_UP), WARM_UP)
            await client.settle()
            gc.disable()  # the pauses of the sandbox's collector are not to be found in the latencies
            for number in range(given.rounds):
                for calls in (False, True):
                    found[calls].append(await one_part(client, load, given, calls=calls))
                print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
            load.close()
    rows = []
    for calls, name in ((False, "none"), (True, f"{given.calls:,} of `status`")):
        parts = found[calls]
        row = [name, *(spread([each[p] * 1000 for each in parts]) for p in ("p50", "p99"))]
        row.append(spread([each["cpu"] * 100 for each in parts], ".0f"))
        row += [spread([e[p] * 1000 for e in parts]) if calls else "-" for p in ("call p50", "call p99")]
        rows.append(row)
    print(
        f"{about} {given.rate} messages a second for {given.seconds:g} s; medians of {given.rounds} rounds.\n"
    )
    print(table(("calls", "answers, p50 ms", "p99 ms", "the bot's CPU, %", "a call, p50 ms", "p99 ms"), rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--rate", type=int, default=200, help="messages a second")
    parser.add_argument("--seconds", type=float, default=10, help="length of a part")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--path", type=Path, help="only make the calls, at this socket")
    given = parser.parse_args()
    if given.path is not None:
        call(given.path, given.calls, given.seconds)
    else:
        uvloop.run(run(given))


if __name__ == "__main__":
    main()
