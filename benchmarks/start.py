"""What a `/start` costs this bot and other clients, side by side on the sandbox.

    python -m benchmarks.start [--messages N] [--rounds N] [--rate N] [--seconds N] [--clients a,b,…]

prints two tables in Markdown. Each client has a process of its own, and the sandbox with the people who
write has one. In each round the clients take turns, each on a fresh sandbox, in another order than in the
round before. First `N` people whom the bot has never seen write, then the same people again, each time with
at most `WINDOW` messages unanswered; then new people, at a fixed rate. CPU is read when the client has
finished all work, with the last checkpoint on disk. The figures are medians of the rounds, and ratios are
those within a round.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

import uvloop

from benchmarks.figures import MICROSECONDS, percentile, spread, surroundings, table
from benchmarks.load import Load
from benchmarks.processes import CLIENTS, Client, Memory, chosen, cpu_seconds, started
from tests.postgres import PostgresServer, postgres_server
from tests.sandbox.npm import installation
from tgbot.sandbox.exchange import ServerKey
from tgbot.sandbox.server import Sandbox

#: Messages before the first figure.
WARM_UP = 500
#: How many messages may be unanswered when the client is saturated.
WINDOW = 1000
#: The parts of a round.
PARTS = ("new", "known", "paced")
#: The versions of the clients that stand on no package of ours.
VERSIONS = {"kurigram": lambda: version("kurigram"), "mtcute": lambda: installation.version("@mtcute/node")}
#: What the ratios compare with.
BASE = "telethon"


@dataclass(frozen=True)
class Plan:
    """How many messages a round has: saturated, and before them; then how many a second, for how long."""

    messages: int
    warm_up: int
    rate: int
    seconds: float


@dataclass(frozen=True)
class Cost:
    """What a number of messages took: µs for each of them, and the client's share of a core meanwhile."""

    #: CPU of the client's process, until it had finished all work.
    cpu: float
    #: CPU of the process with the sandbox and the people.
    sandbox: float
    #: Time from the first message to the last answer.
    wall: float
    busy: float


@dataclass(frozen=True)
class Round:
    """What one client needed in one round."""

    new: Cost
    known: Cost
    paced: Cost
    #: Seconds from a message to its answer, in the paced part.
    p50: float
    p99: float
    memory: Memory


async def cost(client: Client, work: Awaitable[None], messages: int) -> Cost:
    """Await the work and all that it causes in the client, and return what each message took."""
    cpu, own, began = cpu_seconds(client.pid), time.process_time(), time.monotonic()
    await work
    wall = time.monotonic() - began
    busy = (cpu_seconds(client.pid) - cpu) / wall
    sandbox = time.process_time() - own
    await client.settle()
    each = MICROSECONDS / messages
    return Cost((cpu_seconds(client.pid) - cpu) * each, sandbox * each, wall * each, busy)


async def measure(client: Client, plan: Plan) -> Round:
    """Return what a client needs. Raise RuntimeError if it sends what nobody asked for."""
    load = Load(client.sandbox.world, client.bot_id, client.patience)
    await client.settle()  # mtcute hears nothing until some time after its login
    await load.saturate(load.meet(plan.warm_up), WINDOW)
    await client.settle()
    people = load.meet(plan.messages)
    new = await cost(client, load.saturate(people, WINDOW), plan.messages)
    known = await cost(client, load.saturate(people, WINDOW), plan.messages)
    load.times.clear()
    newcomers = load.meet(max(int(plan.rate * plan.seconds), 1))
    paced = await cost(client, load.pace(newcomers, plan.rate), len(newcomers))
    memory = Memory.of(client.pid)
    load.close()
    if load.unasked:
        raise RuntimeError(f"{client.kind} sent {load.unasked} messages that answer nothing")
    return Round(new, known, paced, percentile(load.times, 50), percentile(load.times, 99), memory)


async def one_round(kind: str, key: ServerKey, plan: Plan, database: str) -> Round:
    with tempfile.TemporaryDirectory() as directory:
        async with (
            Sandbox(key=key) as sandbox,
            started(sandbox, kind, directory, database=database) as client,
        ):
            # The pauses of the sandbox's collector are not to be found in the clients' latencies.
            gc.disable()
            try:
                return await measure(client, plan)
            finally:
                gc.enable()
                gc.collect()


def report(found: dict[str, list[Round]], rate: int) -> str:
    """Return both tables of the rounds of each client."""
    base = found.get(BASE)
    cpu, other = [], []
    for kind, rounds in found.items():
        row = [CLIENTS[kind]]
        for part in PARTS:
            costs = [getattr(each, part).cpu for each in rounds]
            row.append(f"{median(costs):.0f}")
            if base is None:
                row.append("-")
            else:
                theirs = [getattr(each, part).cpu for each in base]
                row.append(spread([ours / its for ours, its in zip(costs, theirs, strict=True)]))
        cpu.append(row)
        # The saturated part that went faster: its wall time is the peak rate.
        peak = min(([each.new for each in rounds], [each.known for each in rounds]), key=middle_wall)
        other.append(
            [
                CLIENTS[kind],
                f"{median(each.p50 for each in rounds) * 1000:.2f}",
                f"{median(each.p99 for each in rounds) * 1000:.2f}",
                f"{MICROSECONDS / middle_wall(peak):,.0f}",
                f"{median(each.busy for each in peak):.0%}",
                f"{MICROSECONDS / median(each.sandbox for each in peak):,.0f}",
                str(Memory.middle([each.memory for each in rounds])),
            ]
        )
    heads = "client", "new users, CPU µs", "ratio", "known users", "ratio", f"new, {rate}/s", "ratio"
    latencies = f"p50 ms at {rate}/s", "p99 ms"
    rates = "peak answers/s", "client busy", "sandbox's limit/s"
    return f"{table(heads, cpu)}\n\n{table(['client', *latencies, *rates, 'RSS / PSS MiB'], other)}"


def beside(rounds: list[Round], base: list[Round]) -> str:
    """Return how many times the CPU of other rounds each part needs, within a round."""
    ratios = {
        part: [
            getattr(one, part).cpu / getattr(other, part).cpu for one, other in zip(rounds, base, strict=True)
        ]
        for part in PARTS
    }
    return ", ".join(f"{part} {spread(found)}" for part, found in ratios.items())


def middle_wall(costs: list[Cost]) -> float:
    return median(each.wall for each in costs)


async def run(kinds: list[str], rounds: int, plan: Plan, server: PostgresServer | None) -> None:
    """Measure the clients and print the tables; standard error has how far it is."""
    key = installation.server_key()
    about = surroundings(*(f"{kind} {VERSIONS[kind]()}" for kind in kinds if kind in VERSIONS))
    found: dict[str, list[Round]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for place in range(len(kinds)):
            kind = kinds[(number + place) % len(kinds)]
            database = server.new_database() if kind == "postgres" and server is not None else ""
            done = await one_round(kind, key, plan, database)
            found[kind].append(done)
            costs = ", ".join(f"{getattr(done, part).cpu:4.0f} µs {part}" for part in PARTS)
            print(f"round {number + 1} of {rounds}  {kind:9} {costs}", file=sys.stderr)
    print(f"{about} Medians of {rounds} rounds of {plan.messages:,} messages (lowest–highest).\n")
    print(report(found, plan.rate))
    if "tgbot" in found and "postgres" in found:
        print(f"\nThis bot on PostgreSQL in place of files: {beside(found['postgres'], found['tgbot'])}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help="messages before the first figure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=100, help="messages a second in the paced part")
    parser.add_argument("--seconds", type=float, default=10, help="length of the paced part")
    parser.add_argument("--clients", default=",".join(CLIENTS))
    given = parser.parse_args()
    plan = Plan(given.messages, given.warm_up, given.rate, given.seconds)
    kinds = chosen(given.clients)
    with postgres_server() if "postgres" in kinds else nullcontext() as server:
        uvloop.run(run(kinds, given.rounds, plan, server))


if __name__ == "__main__":
    main()
