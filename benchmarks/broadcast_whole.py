"""A broadcast of the whole bot: to a million users in the registry, and beside people who want answers.

    python -m benchmarks.broadcast_whole [--users N] [--deliveries N] [--seconds N]

prints two tables in Markdown. The bot is `tgbot run`, in a process of its own.

For the first table the registry has a million users that were put there. People of the sandbox, who come
first in the order of ids, have written to the bot. Some of them get the broadcast at the greatest pace, the
bot is stopped and started, it goes on, and then it is cancelled.

For the second one people send `/start`, so many a second, while nothing else happens, and while a broadcast
runs. The sandbox limits sends as Telegram does, and the bot has its usual pace.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop

from benchmarks.figures import percentile, surroundings, table
from benchmarks.load import Load
from benchmarks.processes import Client, Memory, started
from benchmarks.registry import fill
from tgbot.operate.control import ask
from tgbot.sandbox.server import Sandbox

SEND: Final = "messages.sendMessage"
TEXT: Final = "We have moved: you find us at the old mill now."
#: Ids above those of the sandbox's people.
FIRST_ID: Final = 8_000_000_000
#: How many people write before a time is taken, and how many `/start` there are a second.
WARM_UP: Final = 100
RATE: Final = 20.0
#: How often a figure is looked at, in seconds.
GLANCE: Final = 0.002


async def order(client: Client, command: str, **arguments: object) -> dict[str, Any]:
    """Return the result of a command of the running bot."""
    path: Path = client.directory / "bot.control"
    found: dict[str, Any] = await asyncio.to_thread(ask, path, command, arguments)
    return found


async def until(met: Callable[[], bool], seconds: float = 600.0) -> float:
    """Return when it is so, by the monotonic clock."""
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110 - a figure of a process or of the sandbox
            await asyncio.sleep(GLANCE)
    return time.monotonic()


async def draft(client: Client) -> int:
    made = await order(client, "broadcast.create", contents={"": {"text": TEXT}})
    return int(made["id"])


def peak(client: Client) -> float:
    """Return the most memory that a process has had since `forget_peak`, in MiB."""
    lines = Path(f"/proc/{client.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def forget_peak(client: Client) -> None:
    Path(f"/proc/{client.pid}/clear_refs").write_text("5")


# ---- a million users -----------------------------------------------------------------------------------


class Million(NamedTuple):
    """Seconds and MiB."""

    recipients: int
    first_send: float
    rate: float
    before: float
    most: float
    again: float
    most_again: float


async def million(users: int, deliveries: int) -> Million:
    """Send a broadcast to so many users until so many deliveries are made, twice: with a restart between."""
    with tempfile.TemporaryDirectory() as directory:
        fill(Path(directory) / "users.sqlite", users, first=FIRST_ID)
        environ = {"TGBOT_PACE": "1000", "TGBOT_HANDLERS": "allowed", "TGBOT_PLUGINS": ""}
        async with Sandbox() as sandbox:
            bot, calls = sandbox.new_bot(), sandbox.calls
            async with started(sandbox, "tgbot", directory, bot=bot, environ=environ) as client:
                for _ in range(0, 2 * deliveries, 100):
                    sandbox.world.crowd(bot.id, 100)
                    await asyncio.sleep(0.01)
                await client.settle()
                number = await draft(client)
                before = Memory.of(client.pid).rss
                forget_peak(client)
                calls.clear()
                began = time.monotonic()
                starting = asyncio.create_task(order(client, "broadcast.start", id=number))
                first = await until(lambda: calls[SEND] > 0)
                recipients = (await starting)["audience"]
                ended = await until(lambda: calls[SEND] >= deliveries)
                most = peak(client)
            # It goes on after a start.
            calls.clear()
            async with started(sandbox, "tgbot", directory, bot=bot, environ=environ) as client:
                ready = time.monotonic()
                again = await until(lambda: calls[SEND] > 0)
                await until(lambda: calls[SEND] >= deliveries // 2)
                most_again = peak(client)
                await order(client, "broadcast.cancel", id=number)
    rate = deliveries / (ended - first)
    return Million(recipients, first - began, rate, before, most, max(0.0, again - ready), most_again)


# ---- answers ---------------------------------------------------------------------------------------------


class Answers(NamedTuple):
    """Seconds from a `/start` to its answer, how many deliveries there were a second, and flood waits."""

    half: float
    most: float
    deliveries: float
    flood_waits: int


async def answers(seconds: float, *, broadcast: bool) -> Answers:
    """Have people write while a broadcast runs, or while nothing else happens."""
    with tempfile.TemporaryDirectory() as directory:
        async with Sandbox() as sandbox:
            bot, world = sandbox.new_bot(), sandbox.world
            async with started(sandbox, "tgbot", directory, bot=bot) as client:
                load = Load(world, bot.id, client.patience)
                await load.saturate(load.meet(WARM_UP + round(40 * seconds)), 100)
                await client.settle()
                people = load.meet(round(RATE * seconds))
                load.times.clear()
                world.limits.real = True
                if broadcast:
                    await order(client, "broadcast.start", id=await draft(client))
                    await until(lambda: load.unasked >= 60)  # at its full pace
                deliveries, began = load.unasked, time.monotonic()
                await load.pace(people, RATE)
                passed = time.monotonic() - began
                load.close()
                rate = (load.unasked - deliveries) / passed
                waits = world.limits.waits[bot.id]
    return Answers(percentile(load.times, 50), percentile(load.times, 99), rate, waits)


# ---- the tables --------------------------------------------------------------------------------------------


async def run(users: int, deliveries: int, seconds: float) -> None:
    """Measure, and print the tables."""
    about = surroundings()
    found = await million(users, deliveries)
    print(f"{about} {found.recipients:,} recipients, {deliveries:,} deliveries.\n")
    rows = [
        ["from the start of the broadcast to its first send", f"{found.first_send:.2f} s"],
        ["deliveries a second, at the greatest pace", f"{found.rate:.0f}"],
        ["memory before", f"{found.before:.0f} MiB"],
        ["most memory while it begins and runs", f"{found.most:.0f} MiB"],
        ["first send after a start of the bot", f"{found.again * 1000:.0f} ms"],
        ["most memory after a start of the bot", f"{found.most_again:.0f} MiB"],
    ]
    print(table(["a broadcast to a million", ""], rows))
    rows = []
    about = surroundings()
    for name, broadcast in (("nothing else", False), ("a broadcast", True)):
        one = await answers(seconds, broadcast=broadcast)
        times = [f"{1000 * one.half:.1f}", f"{1000 * one.most:.1f}"]
        rows.append([name, *times, f"{one.deliveries:.1f}", str(one.flood_waits)])
    print(f"\n{about} {RATE:g} `/start` a second for {seconds:g} s.\n")
    print(table(["beside", "p50 ms", "p99 ms", "deliveries a second", "flood waits"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the answers, each time")
    options = parser.parse_args()
    uvloop.run(run(options.users, options.deliveries, options.seconds))


if __name__ == "__main__":
    main()
