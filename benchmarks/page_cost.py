"""What the page costs: CPU of bot and sandbox per `/start` without the page, with it, and watched.

    python -m benchmarks.page_cost [--messages N] [--rounds N] [--window N | --rate N]

prints a table in Markdown. "open" is a page that records, and that nobody looks at; "watched" has a tab, in a
process of its own, whose panel of the wire is open. The three take turns with one bot on one sandbox. The
sandbox's figures hold what it takes to write the messages and to wait for the answers. With `--rate` so many
people write in a second, else so many at once (`--window`) that the bot is never idle.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import uvloop

from benchmarks.figures import MICROSECONDS, spread, surroundings, table
from benchmarks.load import Load
from benchmarks.processes import Client, cpu_seconds, started
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox

HEADS: Final = "the page", "bot, µs a message", "beside none", "sandbox, µs a message", "beside none"


class State(StrEnum):
    """What is open."""

    #: There is no page.
    NONE = "none"
    #: The page records, and nobody looks at it.
    OPEN = "open"
    #: A tab shows the wire.
    WATCHED = "watched"


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU per message."""

    bot: float
    sandbox: float


@asynccontextmanager
async def opened(state: State, sandbox: Sandbox) -> AsyncIterator[None]:
    """Have the page in this state for as long as the block runs."""
    async with AsyncExitStack() as stack:
        if state is not State.NONE:
            page = await stack.enter_async_context(Page(sandbox))
            if state is State.WATCHED:
                viewer = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "benchmarks.page_cost", "--watch", page.address),
                    stdout=asyncio.subprocess.PIPE,
                )
                stack.callback(viewer.kill)
                assert viewer.stdout is not None
                await viewer.stdout.readline()
        yield


async def watch(address: str) -> None:
    """Look at the wire, as a tab of a browser, for as long as the page is there."""
    where = urlsplit(address)
    headers = {"Origin": f"{where.scheme}://{where.netloc}"}
    async with (
        aiohttp.ClientSession(headers=headers) as browser,
        browser.ws_connect(f"{address}wire") as socket,
    ):
        await socket.send_json({"id": 1, "do": "wire-open"})
        while (await socket.receive_json()).get("id") != 1:
            pass
        print("open", flush=True)
        async for _ in socket:
            pass


async def measured(client: Client, load: Load, given: argparse.Namespace) -> Cost:
    """Have people write, and return what it cost until all of it is done."""
    people = load.meet(given.messages)
    bot, own = cpu_seconds(client.pid), time.process_time()
    if given.rate:
        await load.pace(people, given.rate)
    else:
        await load.saturate(people, given.window)
    own = time.process_time() - own
    await client.settle()
    each = MICROSECONDS / given.messages
    return Cost((cpu_seconds(client.pid) - bot) * each, own * each)


async def run(given: argparse.Namespace) -> None:
    """Measure the states in turns, and print the table."""
    about = surroundings()
    found: dict[State, list[Cost]] = {state: [] for state in State}
    with tempfile.TemporaryDirectory() as directory:
        async with Sandbox() as sandbox, started(sandbox, "tgbot", directory) as client:
            load = Load(sandbox.world, client.bot_id)
            await measured(client, load, given)  # the first messages cost more than later ones
            for number in range(given.rounds):
                for state, costs in found.items():
                    async with opened(state, sandbox):
                        costs.append(await measured(client, load, given))
                    shown = f"bot {costs[-1].bot:.0f} µs, sandbox {costs[-1].sandbox:.0f} µs"
                    print(f"round {number + 1} of {given.rounds}  {state:8} {shown}", file=sys.stderr)
            load.close()
    nothing = found[State.NONE]
    rows = []
    for state, costs in found.items():
        # Each round beside its own, because the machine is not as busy in all of them.
        bot = median(cost.bot / none.bot for cost, none in zip(costs, nothing, strict=True))
        own = median(cost.sandbox / none.sandbox for cost, none in zip(costs, nothing, strict=True))
        bots, own_costs = [cost.bot for cost in costs], [cost.sandbox for cost in costs]
        rows.append(
            [state.value, spread(bots, ".0f"), f"{bot:.2f}×", spread(own_costs, ".0f"), f"{own:.2f}×"]
        )
    pace = f"{given.rate:g} a second" if given.rate else f"{given.window} at once"
    print(f"{about} {given.messages:,} messages a round, {pace}; medians of {given.rounds} rounds.\n")
    print(table(HEADS, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    given = parser.parse_args()
    uvloop.run(watch(given.watch) if given.watch else run(given))


if __name__ == "__main__":
    main()
