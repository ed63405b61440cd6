"""`make soak`: the real command under load and faults for a long time; status 1 if anything of it grows.

Also status 1 if a message was lost or answered twice, or if a log holds what it must not.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.crash import IMPATIENT_PLUGIN, Site, open_site, until
from tests.scenarios.faultrounds import DEADLY, befall, catch_up, conclude
from tests.scenarios.load import Load
from tests.scenarios.planted import NAME, TEXT
from tests.scenarios.rounds import Outcome

#: How many people write: a bot that meets new ones all the time may grow.
PEOPLE = 400
#: Seconds between two faults.
FAULT_EVERY = 5.0
#: How often the bot is measured, at most in a minute and at least so often in all.
SAMPLES = 24


class Regulars(Load):
    """People who write; after the first `PEOPLE` nobody new comes."""

    def _meet(self) -> None:
        if len(self._known) + len(self._blocked) < PEOPLE:
            super()._meet()
        elif self._known:
            self.say(self.site.random.choice(self._known))


@dataclass(frozen=True)
class Sample:
    """What the bot uses at one moment."""

    #: Seconds since the start of the soak.
    at: float
    #: Resident memory in MiB.
    memory: float
    #: Open file descriptors.
    descriptors: float
    #: Tasks of the event loop.
    tasks: float
    #: Seconds since something was written to the session or the users.
    checkpoint_age: float

    def __str__(self) -> str:
        return (
            f"{self.at / 60:6.1f} min  {self.memory:7.1f} MiB  {self.descriptors:4.0f} descriptors  "
            f"{self.tasks:4.0f} tasks  checkpoint {self.checkpoint_age:.1f} s ago"
        )


#: For each figure: by how much it may differ between the second and the last quarter, as (factor, more).
ALLOWED = {
    "memory": (1.10, 5.0),
    "descriptors": (1.0, 4.0),
    "tasks": (1.10, 10.0),
    "checkpoint_age": (2.0, 5.0),
}


def growth(samples: Sequence[Sample]) -> list[str]:
    """Return a line for each figure whose median in the last quarter is too far above that in the second."""
    quarter = len(samples) // 4
    found = []
    for name, (factor, more) in ALLOWED.items():
        before, after = (
            statistics.median(getattr(sample, name) for sample in part)
            for part in (samples[quarter : 2 * quarter], samples[-quarter:])
        )
        if after > before * factor + more:
            found.append(f"{name} grew from {before:.1f} to {after:.1f}")
    return found


async def measured(site: Site, counter: int, at: float) -> Sample:
    """Measure the bot; `counter` is a person whose messages have its tasks counted."""
    process, counted = site.process, site.directory / "tasks"
    assert process is not None
    # A fault can hold one of these messages up, so a further one is sent after a while.
    for _ in range(20):
        counted.unlink(missing_ok=True)
        site.said(counter, f"count {TEXT}")
        with suppress(TimeoutError):
            await until(counted.exists, "the tasks are counted", 10.0)
            break
    of_process = Path(f"/proc/{process.pid}")
    status = of_process.joinpath("status").read_text()
    written = max(path.stat().st_mtime for path in site.session.parent.iterdir() if path.is_file())
    return Sample(
        at,
        int(status.partition("VmRSS:")[2].split()[0]) / 1024,
        len(list(of_process.joinpath("fd").iterdir())),
        len(counted.read_text().splitlines()),
        time.time() - written,
    )


async def soak(site: Site, minutes: float, rate: float) -> bool:
    """Run the bot under load and faults, and print what it uses; return whether all is well."""
    outcome, load = Outcome("soak"), Regulars(site, rate)
    samples: list[Sample] = []
    clock = asyncio.get_running_loop().time
    process = await site.spawn()
    await process.up()
    counter = int(site.world.new_user(f"{NAME} Counter").id)
    began, every = clock(), min(60.0, minutes * 60 / SAMPLES)
    with load.going_on(), (site.directory / "faults").open("w", buffering=1) as deeds:
        while clock() - began < minutes * 60 and process.running:
            due = clock() + every
            samples.append(await measured(site, counter, clock() - began))
            show(str(samples[-1]))
            while clock() < due and process.running:
                await asyncio.sleep(min(FAULT_EVERY, max(0.0, due - clock())))
                kind = befall(site, without=DEADLY)
                outcome.kinds[kind] += 1
                deeds.write(f"{clock() - began:.1f} {kind}\n")
    await catch_up(site, load)
    await asyncio.sleep(every)  # what was opened for faults has been closed by now
    samples.append(await measured(site, counter, clock() - began))
    show(f"{samples[-1]}  (at rest)")
    await conclude(site, load, outcome)
    found = growth(samples)
    if found:
        names = Counter((site.directory / "tasks").read_text().splitlines())
        show("tasks: " + ", ".join(f"{count} {name}" for name, count in names.most_common()))
    show(f"{outcome}\n    {outcome.ends}")
    show("\n".join(found) or "no growth")
    return not found and outcome.well


def show(text: str) -> None:
    print(text, flush=True)


async def run(options: argparse.Namespace) -> bool:
    """Run the soak in a new directory; it stays, with the bot's log and the faults, if anything is wrong."""
    directory = Path(tempfile.mkdtemp(prefix="tgbot-soak-"))
    well = False
    try:
        async with open_site(directory, options.seed, plugin=IMPATIENT_PLUGIN) as site:
            try:
                well = await soak(site, options.minutes, options.rate)
            finally:
                if site.process is not None:
                    (directory / "log").write_text("\n".join(site.process.log))
    finally:
        if well:
            shutil.rmtree(directory)
        else:
            show(f"the bot's files, its log and the faults: {directory}")
    return well


def main(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=60.0, help="messages a second")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    options = parser.parse_args(given)
    show(f"seed {options.seed} (again with: make soak ARGS='--seed {options.seed}')")
    try:
        return 0 if asyncio.run(run(options)) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
