"""How long this bot takes to start, and its memory while nobody writes, beside other clients.

    python -m benchmarks.idle [--rounds N] [--clients a,b,…]

prints a table in Markdown. A first start makes an auth key and logs in; a later start finds its files. The
time goes from the start of the process until the client is logged in and says so: `tgbot run` with the line
"running as". The figures are medians.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from typing import Final

import uvloop

from benchmarks.figures import spread, surroundings, table
from benchmarks.processes import CLIENTS, Memory, chosen, cpu_seconds, started
from tgbot.sandbox.server import Sandbox

HEADS: Final = "client", "first start, s", "later start, s", "its CPU, s", "idle RSS / PSS MiB"


@dataclass(frozen=True)
class Start:
    """Seconds of a first and of a later start, and CPU and memory of the client after the later one."""

    first: float
    later: float
    cpu: float
    memory: Memory


async def one_round(kind: str) -> Start:
    """Start a client twice in the same directory."""
    with tempfile.TemporaryDirectory() as directory:
        async with Sandbox() as sandbox:
            bot = sandbox.new_bot()
            async with started(sandbox, kind, directory, bot=bot) as client:
                first = client.starting
            async with started(sandbox, kind, directory, bot=bot) as client:
                cpu = cpu_seconds(client.pid)
                await client.settle()
                return Start(first, client.starting, cpu, Memory.of(client.pid))


async def run(kinds: list[str], rounds: int) -> None:
    """Measure the clients in turns, and print the table."""
    about = surroundings()
    found: dict[str, list[Start]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind, starts in found.items():
            starts.append(await one_round(kind))
            shown = f"{starts[-1].first:.2f} s, then {starts[-1].later:.2f} s"
            print(f"round {number + 1} of {rounds}  {kind:9} {shown}", file=sys.stderr)
    rows = [
        [
            CLIENTS[kind],
            spread([each.first for each in starts]),
            spread([each.later for each in starts]),
            spread([each.cpu for each in starts]),
            str(Memory.middle([each.memory for each in starts])),
        ]
        for kind, starts in found.items()
    ]
    print(f"{about} Medians of {rounds} rounds (lowest–highest).\n")
    print(table(HEADS, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", default="tgbot,telethon")
    given = parser.parse_args()
    uvloop.run(run(chosen(given.clients), given.rounds))


if __name__ == "__main__":
    main()
