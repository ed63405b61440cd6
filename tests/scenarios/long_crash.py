"""`make crash`: hundreds of kills and other interruptions under load, each way to be interrupted in turn.

Exit status 1 if anything was lost, sent twice or recorded wrongly. Ctrl-C prints the result so far.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.scenarios import broadcastrounds, jobrounds, talkrounds
from tests.scenarios.audit import audit_answers
from tests.scenarios.crash import IMPATIENT_PLUGIN, PLUGIN, open_site
from tests.scenarios.faultrounds import run_faults
from tests.scenarios.load import Load
from tests.scenarios.power import cut_power, strace_works
from tests.scenarios.receipts import Result
from tests.scenarios.rounds import VARIANTS, Outcome, run_rounds

POWER, FAULTS, BROADCAST, JOBS, TALKS = "power", "faults", "broadcast", "jobs", "talks"
#: The people of a broadcast, the kills while it is sent, and while it is edited and while it is deleted.
PEOPLE, KILLS, CORRECTIONS = 100_000, 30, 5
#: The people of the jobs, and the kills while they run.
JOB_PEOPLE, JOB_KILLS = 20, 100
#: The people who go through a talk, and the kills while they begin; it goes on until all are through.
TALKERS, TALK_KILLS = 200, 40
#: Rounds of each other variant, for `--rounds 1`: 250 kills, 30 stops, 60 cut connections, 120 faults of
#: links and calls, 150 graver ones.
USUAL = {
    "kill": 80,
    "sliced": 60,
    "unfinished": 70,
    "box": 40,
    "term": 30,
    "drop": 60,
    "mix": 120,
    FAULTS: 150,
}
ALL = (*USUAL, BROADCAST, JOBS, TALKS, POWER)


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__.partition("\n\n")[0])
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(ALL))
    parser.add_argument("--rounds", type=float, default=1.0, help="so many times the usual number of rounds")
    parser.add_argument("--rate", type=float, default=120.0, help="messages a second")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    options = parser.parse_args(given)
    if unknown := set(options.variants) - {*ALL}:
        parser.error(f"no such variant: {', '.join(sorted(unknown))}")
    return options


def show(text: str, *, stays: bool = False) -> None:
    """Print a line; on a terminal, the next line replaces it unless `stays` is true."""
    if sys.stdout.isatty():
        print("\r\033[K" + text, end="\n" if stays else "", flush=True)
    elif stays:
        print(text, flush=True)


async def rounds_of(name: str, options: argparse.Namespace) -> bool:
    """Run one variant and print its result; return whether all is well."""
    count = max(1, round(USUAL[name] * options.rounds))
    began = time.monotonic()
    outcome, load = Outcome(name), None

    def progress(now: Outcome, writing: Load) -> None:
        nonlocal outcome, load
        outcome, load = now, writing
        if sys.stdout.isatty() or now.rounds % 10 == 0:
            kept = f"{len(site.account.box)} messages in the dialogs"
            show(
                f"{name}: {now.rounds} of {count}, {kept}, {writing.blocks} blocks",
                stays=not sys.stdout.isatty(),
            )

    with tempfile.TemporaryDirectory(prefix="tgbot-crash-") as directory:
        # Plain clients do not survive a restart of the server as well as the bot must.
        people = 3 if name in VARIANTS and name != "mix" else 0
        plugin = IMPATIENT_PLUGIN if name == FAULTS else PLUGIN
        async with open_site(Path(directory), options.seed, people=people, plugin=plugin) as site:
            try:
                if name == FAULTS:
                    outcome = await run_faults(site, count, rate=options.rate, progress=progress)
                else:
                    variant = VARIANTS[name]
                    outcome = await run_rounds(site, variant, count, rate=options.rate, progress=progress)
            except asyncio.CancelledError:
                outcome.audit = audit_answers(site, load.blocked_at if load else {})
                outcome.audit.found = [text for text in outcome.audit.found if "has no answer" not in text]
                show(f"cut short, so what is lost may only be late: {outcome}", stays=True)
                raise
    show(f"{outcome}\n    {outcome.ends}; {time.monotonic() - began:.0f} s", stays=True)
    return outcome.well


async def power(options: argparse.Namespace) -> bool:
    """Cut the power if strace works, and print the result; return whether all is well."""
    if not strace_works():
        show(f"{POWER}: left out, there is no strace that may trace here", stays=True)
        return True
    show(f"{POWER}: writing down every write and fsync ...")
    with tempfile.TemporaryDirectory(prefix="tgbot-crash-") as directory:
        count = round(300 * options.rounds)
        outcome = await cut_power(Path(directory), options.seed, messages=15_000, count=max(1, count))
    show(str(outcome), stays=True)
    return not outcome.past and bool(outcome.control) and outcome.audit.clean and not outcome.faults


async def broadcast(options: argparse.Namespace) -> bool:
    """Kill the bot while it sends, edits and deletes a broadcast; return whether all is well."""
    began = time.monotonic()
    people = max(100, round(PEOPLE * options.rounds))
    kills, corrections = (max(1, round(number * options.rounds)) for number in (KILLS, CORRECTIONS))

    def progress(result: Result) -> None:
        if sys.stdout.isatty() or result.kills % 10 == 0:
            stays = not sys.stdout.isatty()
            show(f"{BROADCAST}: {result.kills} kills, {people} people", stays=stays)

    show(f"{BROADCAST}: {people} people start the bot ...")
    with tempfile.TemporaryDirectory(prefix="tgbot-crash-") as directory:
        settings = broadcastrounds.SETTINGS
        async with open_site(
            Path(directory), options.seed, plugin=broadcastrounds.PLUGIN, **settings
        ) as site:
            result = await broadcastrounds.run_broadcast(
                site, people, kills=kills, corrections=corrections, progress=progress
            )
    show(f"{result}\n    {time.monotonic() - began:.0f} s", stays=True)
    return result.well


async def jobs(options: argparse.Namespace) -> bool:
    """Kill the bot while its jobs run, and set the clocks; return whether all is well."""
    began = time.monotonic()

    def progress(result: jobrounds.Result) -> None:
        if sys.stdout.isatty() or result.kills % 10 == 0:
            show(f"{JOBS}: {result.kills} kills", stays=not sys.stdout.isatty())

    with tempfile.TemporaryDirectory(prefix="tgbot-crash-") as directory:
        async with open_site(
            Path(directory), options.seed, plugin=jobrounds.PLUGIN, **jobrounds.SETTINGS
        ) as site:
            kills = max(1, round(JOB_KILLS * options.rounds))
            result = await jobrounds.run_jobs(site, JOB_PEOPLE, kills, progress=progress)
    show(f"{result}\n    {time.monotonic() - began:.0f} s", stays=True)
    return result.well


async def talks(options: argparse.Namespace) -> bool:
    """Kill the bot while people are in a talk, at chosen points and at random; return whether all is well."""
    began, well = time.monotonic(), True
    people, kills = (max(10, round(number * options.rounds)) for number in (TALKERS, TALK_KILLS))

    def progress(result: talkrounds.TalkResult, through: int) -> None:
        if sys.stdout.isatty() or result.kills % 10 == 0:
            stays = not sys.stdout.isatty()
            show(f"{TALKS}: {result.kills} kills, {through} of {people} people are through", stays=stays)

    with tempfile.TemporaryDirectory(prefix="tgbot-crash-") as directory:
        async with open_site(Path(directory), options.seed, plugin=talkrounds.PLUGIN) as site:
            result = await talkrounds.run_points(site)
    show(f"at each point of a {result}", stays=True)
    well &= result.well
    with tempfile.TemporaryDirectory(prefix="tgbot-crash-") as directory:
        async with open_site(Path(directory), options.seed, plugin=talkrounds.PLUGIN) as site:
            result = await talkrounds.run_talks(
                site, people, kills=kills, at_most=10 * kills, progress=progress
            )
    show(f"at random: {result}\n    {time.monotonic() - began:.0f} s", stays=True)
    return well and result.well


async def run(options: argparse.Namespace) -> bool:
    well, others = True, {POWER: power, BROADCAST: broadcast, JOBS: jobs, TALKS: talks}
    for name in options.variants or ALL:
        well &= await (others[name](options) if name in others else rounds_of(name, options))
    return well


def main(given: Sequence[str]) -> int:
    options = arguments(given)
    show(f"seed {options.seed} (again with: make crash ARGS='--seed {options.seed}')", stays=True)
    try:
        return 0 if asyncio.run(run(options)) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
