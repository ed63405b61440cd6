"""What the page of metrics costs this bot: a scrape, one scrape a second under load, and the counting.

    python -m benchmarks.metrics [--rounds N] [--seconds N] [--rate N]

prints a table in Markdown. A scrape is CPU time of the bot's process. Under load, parts with one scrape a
second and without any take turns. What is counted costs the difference between a bot with pages that nobody
asks for and one without; `benchmarks.bytecodes` with TGBOT_OPERATE_LISTEN tells it exactly.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from statistics import median
from typing import Final

import uvloop

from benchmarks.figures import surroundings, table
from benchmarks.load import Load
from benchmarks.processes import Client, cpu_seconds, started
from tgbot.sandbox.server import Sandbox

HEADS: Final = "what", "bot with metrics"
#: Messages of a part at full load, and how many of them wait for their answers.
MESSAGES, WINDOW = 2000, 200
#: Scrapes for the cost of one.
SCRAPES: Final = 200


def scrape(port: int, times: int = 1) -> int:
    """Ask for the page, and return its size in bytes; blocks."""
    size = 0
    for _ in range(times):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
            size = len(page.read())
    return size


async def scrape_each_second(port: int) -> None:
    while True:
        await asyncio.to_thread(scrape, port)
        await asyncio.sleep(1)


async def used(client: Client, work: Awaitable[object]) -> float:
    """Await the work, and return the CPU seconds of the client."""
    before = cpu_seconds(client.pid)
    await work
    await client.settle()
    return cpu_seconds(client.pid) - before


@asynccontextmanager
async def loaded(port: int) -> AsyncIterator[tuple[Client, Load]]:
    """Run a bot that has answered some people; with pages unless the port is 0."""
    with tempfile.TemporaryDirectory() as directory:
        async with Sandbox() as sandbox:
            environ = {"TGBOT_OPERATE_LISTEN": f"127.0.0.1:{port}"} if port else {}
            async with started(sandbox, "tgbot", directory, environ=environ) as client:
                load = Load(sandbox.world, client.bot_id, client.patience)
                await load.saturate(load.meet(500), WINDOW)
                await client.settle()
                yield client, load
                load.close()


async def a_start(port: int) -> float:
    """Return the CPU µs of a `/start` at full load."""
    async with loaded(port) as (client, load):
        return await used(client, load.saturate(load.meet(MESSAGES), WINDOW)) * 1e6 / MESSAGES


async def run(rounds: int, seconds: float, rate: float) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    about = surroundings()
    shares: list[float] = []
    async with loaded(port) as (client, load):
        size = await asyncio.to_thread(scrape, port)
        one = await used(client, asyncio.to_thread(scrape, port, SCRAPES)) / SCRAPES
        for _ in range(rounds):
            without = await used(client, load.pace(load.meet(int(rate * seconds)), rate))
            scraping = asyncio.create_task(scrape_each_second(port))
            with_scrapes = await used(client, load.pace(load.meet(int(rate * seconds)), rate))
            scraping.cancel()
            shares.append((with_scrapes - without) / seconds)
    starts = [(await a_start(0), await a_start(port)) for _ in range(rounds)]
    without, counted = (median(column) for column in zip(*starts, strict=True))
    rows = [
        ["size of the page", f"{size / 1024:.0f} KiB"],
        ["CPU of a scrape", f"{one * 1000:.2f} ms"],
        ["so at one scrape a second", f"{one:.2%} of a core"],
        [f"measured at {rate:g} messages/s", f"{median(shares):.2%} of a core"],
        ["CPU of a /start at full load, without pages", f"{without:.0f} µs"],
        ["the same, counted", f"{counted:.0f} µs"],
    ]
    print(f"{about} Medians of {rounds} rounds.\n")
    print(table(HEADS, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=200.0)
    given = parser.parse_args()
    uvloop.run(run(given.rounds, given.seconds, given.rate))


if __name__ == "__main__":
    main()
