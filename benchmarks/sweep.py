"""What a sweep costs: CPU for each probe, and the share of a core at its usual rate.

    python -m benchmarks.sweep [--users N] [--seconds N] [--rates 30,1000]

prints a table in Markdown. The bot has a process of its own. The users have written to it before. At each
rate it sweeps for so many seconds, or to the end; measured is the CPU of its process, with the checkpoints
that put the evidence on disk each second, and without what it takes when nothing happens.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.figures import MICROSECONDS, surroundings, table
from benchmarks.load import Load
from benchmarks.processes import Client, cpu_seconds, started
from tgbot.operate.control import ask
from tgbot.sandbox.server import Sandbox

#: How many people write before the others, and how many messages are unanswered at a time.
WARM_UP, WINDOW = 200, 100
#: For how long the bot is watched while nothing happens, and how often a sweep is looked at, in seconds.
IDLE_SECONDS, GLANCE = 10.0, 0.1
#: Telegram allows more than this only to paid broadcasts, and the bot no sweep above it.
MOST: float = 1000
#: 100,000 users, for whom the table says how long they take.
MANY = 100_000


async def order(client: Client, command: str, **arguments: object) -> dict[str, Any]:
    """Return the result of a command of the running bot."""
    path: Path = client.directory / "bot.control"
    found: dict[str, Any] = await asyncio.to_thread(ask, path, command, arguments)
    return found


async def idle(client: Client) -> float:
    """Return which share of a core the bot takes when nothing happens."""
    cpu, began = cpu_seconds(client.pid), time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    return (cpu_seconds(client.pid) - cpu) / (time.monotonic() - began)


async def swept(client: Client, rate: float, seconds: float) -> tuple[int, float, float]:
    """Sweep at a rate; return how many were probed, and the seconds that passed, and those of CPU."""
    cpu, began = cpu_seconds(client.pid), time.monotonic()
    await order(client, "sweep.start", rate=rate)
    while time.monotonic() < began + seconds:
        await asyncio.sleep(GLANCE if rate == MOST else seconds / 10)
        if (await order(client, "sweep.status"))["state"] == "finished":
            break
    else:
        await order(client, "sweep.cancel")
    await order(client, "checkpoint")
    passed, used = time.monotonic() - began, cpu_seconds(client.pid) - cpu
    return (await order(client, "sweep.status"))["probed"], passed, used


async def run(given: argparse.Namespace) -> None:
    """Measure, and print the table."""
    about = surroundings()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        environ = {"TGBOT_PACE": str(MOST)}
        async with Sandbox() as sandbox, started(sandbox, "tgbot", directory, environ=environ) as client:
            load = Load(sandbox.world, client.bot_id, client.patience)
            await load.saturate(load.meet(WARM_UP), WINDOW)
            await load.saturate(load.meet(given.users), WINDOW)
            load.close()
            await client.settle()
            nothing = await idle(client)
            for rate in given.rates:
                probed, passed, used = await swept(client, rate, given.seconds)
                own = max(0.0, used - nothing * passed)
                each, share = own / probed, own / passed
                hours = MANY / min(rate, probed / passed) / 3600
                figures = f"{probed / passed:.0f}", f"{each * MICROSECONDS:.0f}", f"{share:.2%}"
                rows.append([f"{rate:g} a second", f"{probed:,}", *figures, f"{hours:.2f}"])
    print(f"{about} {given.users:,} users; idle {nothing:.2%} of a core.\n")
    head = (
        "at most a second",
        "probes",
        "a second",
        "CPU of a probe, µs",
        "of a core",
        f"hours for {MANY:,}",
    )
    print(table(head, rows))


def _numbers(text: str) -> list[float]:
    return [float(one) for one in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60, help="the most for each rate")
    parser.add_argument(
        "--rates", default="30,1000", type=lambda text: [float(one) for one in text.split(",")]
    )
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
