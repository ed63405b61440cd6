"""`make failover`: a hundred takeovers of one node by another under load, each way to fail in turn.

Exit status 1 if anything was lost, sent twice, recorded wrongly, or written by a node that did not lead; and
if a takeover took more than 8 s.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.postgres import PostgresServer, postgres_server
from tests.scenarios import broadcastrounds, failbroadcast
from tests.scenarios.failrounds import (
    AT_MOST,
    LIMITED,
    LONELY_SECONDS,
    Outcome,
    lonely,
    run_failures,
    too_late,
)
from tests.scenarios.load import Load
from tests.scenarios.long_crash import show
from tests.scenarios.receipts import Result
from tests.scenarios.team import open_team
from tests.scenarios.ways import namespaces_work
from tgbot.sandbox.feeds import UpdatesTo

#: Rounds of each kind for `--rounds 1`: 100 takeovers.
USUAL = {"kill": 30, "stop": 20, "database": 15, "telegram": 10, "restart": 10, "handover": 15}
BROADCAST, ZOMBIE, LONELY = "broadcast", "zombie", "lonely"
ALL = (*USUAL, BROADCAST, ZOMBIE, LONELY)
#: How the time of takeovers is judged.
TIMES = (
    "A takeover is the time from the failure to the first answer of the other node. In the variants "
    f"{', '.join(LIMITED)} none may take more than {AT_MOST:g} s. A busy machine fails that: the load at "
    "the start is printed, and where it is above the number of CPUs, times are not judged. Compare two "
    "runs only if the load was the same."
)
#: The people of a broadcast and the takeovers in it: the usual number, and the least.
BROADCASTS = ((4_000, 300), (8, 1))


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make failover", description=__doc__.partition("\n\n")[0], epilog=TIMES
    )
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(ALL))
    parser.add_argument("--rounds", type=float, default=1.0, help="so many times the usual number of rounds")
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--zombie", type=float, default=60.0, metavar="SECONDS", help="how long it sleeps")
    parser.add_argument("--people", type=int, metavar="N", help="of the broadcast")
    parser.add_argument("--takeovers", type=int, metavar="N", help="while the broadcast is sent")
    parser.add_argument("--lease", default="2.5s", help="[storage] lease")
    parser.add_argument(
        "--updates-to", type=UpdatesTo, choices=list(UpdatesTo), default=UpdatesTo.ALL,
        help="to which session of the bot Telegram pushes an update",
    )  # fmt: skip
    parser.add_argument(
        "--relays", action="store_true", help="no network namespaces, also where root has them"
    )
    options = parser.parse_args(given)
    if unknown := set(options.variants) - {*ALL}:
        parser.error(f"no such variant: {', '.join(sorted(unknown))}")
    return options


async def failures(
    name: str, options: argparse.Namespace, server: PostgresServer, namespaces: bool
) -> Outcome:
    """Run the rounds of one variant and print its result."""
    count = 1 if name == ZOMBIE else max(1, round(USUAL[name] * options.rounds))
    kinds = ["stop" if name == ZOMBIE else name] * count
    began = time.monotonic()

    def progress(now: Outcome, writing: Load) -> None:
        done = sum(figures.rounds for figures in now.kinds.values())
        if sys.stdout.isatty() or done % 10 == 0:
            show(f"{name}: {done} of {count}, {writing.sent} messages", stays=not sys.stdout.isatty())

    with tempfile.TemporaryDirectory(prefix="tgbot-failover-") as directory:
        async with open_team(
            Path(directory), server, options.seed, lease=options.lease, namespaces=namespaces
        ) as team:
            team.world.updates_to = options.updates_to
            zombie = options.zombie if name == ZOMBIE else 0.0
            outcome = await run_failures(team, kinds, rate=options.rate, zombie=zombie, progress=progress)
    show(f"{name}: {'well' if outcome.well else 'NOT WELL'}; {time.monotonic() - began:.0f} s", stays=True)
    show(f"    {outcome}", stays=True)
    return outcome


async def broadcast(options: argparse.Namespace, server: PostgresServer, namespaces: bool) -> bool:
    """Have nodes take over a broadcast from each other and print the result; return whether all is well."""
    usual = (max(least, round(number * options.rounds)) for number, least in BROADCASTS)
    people, takeovers = (
        given or number for given, number in zip((options.people, options.takeovers), usual, strict=True)
    )
    began = time.monotonic()

    def progress(result: Result) -> None:
        show(f"{BROADCAST}: {result.kills} takeovers", stays=not sys.stdout.isatty())

    with tempfile.TemporaryDirectory(prefix="tgbot-failover-") as directory:
        async with open_team(
            Path(directory),
            server,
            options.seed,
            lease=options.lease,
            namespaces=namespaces,
            plugin=broadcastrounds.PLUGIN,
            **failbroadcast.settings(people, takeovers),
        ) as team:
            team.world.updates_to = options.updates_to
            result = await failbroadcast.run_broadcast(team, people, takeovers, progress)
    show(f"{result}\n    {time.monotonic() - began:.0f} s", stays=True)
    return result.well


async def alone(options: argparse.Namespace, server: PostgresServer, namespaces: bool) -> bool:
    """Write single messages while the node that led stands still, and print how long each answer took."""
    with tempfile.TemporaryDirectory(prefix="tgbot-failover-") as directory:
        async with open_team(
            Path(directory), server, options.seed, lease=options.lease, namespaces=namespaces
        ) as team:
            waited = await lonely(team)
    listed = ", ".join(f"{seconds:.2f}" for seconds in waited)
    well = max(waited) < LONELY_SECONDS
    show(f"{LONELY}: {'well' if well else 'NOT WELL'}; seconds until the answer: {listed}", stays=True)
    return well


async def run(options: argparse.Namespace) -> bool:
    namespaces = not options.relays and namespaces_work()
    load, cpus = os.getloadavg()[0], os.cpu_count() or 1
    judged = load <= cpus
    said = "" if judged else ": times are not judged, the machine is busy"
    show(f"load {load:.1f} on {cpus} CPUs{said}", stays=True)
    show("each node has a network of its own" if namespaces else "nodes are cut off by relays", stays=True)
    with postgres_server() as server:
        if server is None:
            show("there is no PostgreSQL: install Debian's postgresql", stays=True)
            return False
        outcomes, well = [], True
        for name in options.variants or ALL:
            if name == LONELY:
                well &= await alone(options, server, namespaces)
            elif name == BROADCAST:
                well &= await broadcast(options, server, namespaces)
            else:
                outcomes.append(await failures(name, options, server, namespaces))
    takeovers = [seconds for outcome in outcomes for seconds in outcome.takeovers]
    if takeovers:
        show(
            f"{len(takeovers)} takeovers: p50 {median(takeovers):.2f} s, max {max(takeovers):.2f} s from the "
            "death to the first answer of the other node",
            stays=True,
        )
    late = [line for outcome in outcomes for line in too_late(outcome)]
    for line in late:
        show(f"{'NOT WELL' if judged else 'not judged'}: {line}", stays=True)
    return well and all(outcome.well for outcome in outcomes) and not (judged and late)


def main(given: Sequence[str]) -> int:
    options = arguments(given)
    show(f"seed {options.seed} (again with: make failover ARGS='--seed {options.seed}')", stays=True)
    try:
        return 0 if asyncio.run(run(options)) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
