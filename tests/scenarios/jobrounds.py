"""Jobs under kills and clocks that are set: each planned time is run once, and each message is sent once.

The bot is `tgbot run`. Its plugin writes to everybody every other second, and people ask for reminders.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.scenarios.crash import Process, Site, heard, until
from tests.scenarios.planted import TEXT
from tgbot.operate.control import ask

ZONE: Final = ZoneInfo("Europe/Berlin")
#: `[bot]` keys of the site: nobody is answered by the bot itself.
SETTINGS: Final[dict[str, Any]] = {"pace": 1000.0, "handlers": ["allowed"]}
#: The process dies once at each place for which there is a file; "runs" tells what ran in which process.
PLUGIN: Final = """
import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path
from telethon import events

HERE = Path(__file__).parent

def die(place):
    died = HERE / f"died.{place}"
    if (HERE / f"die.{place}").exists() and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)

def note(what):
    with (HERE / "runs").open("a") as file:
        file.write(f"{os.getpid()} {what}" + chr(10))

def register(client, *, jobs, sender):
    people = HERE / "people"

    async def tell(run):
        note(f"{run.name} {run.planned}")
        everybody = people.read_text().split()
        for nth, person in enumerate(everybody):
            await sender.send(int(person), f"TEXT {run.name} {run.planned}")
            if nth == len(everybody) // 2:
                die(f"{run.name} half")
        if (HERE / f"die.{run.name} over").exists():
            asyncio.get_running_loop().call_soon(die, f"{run.name} over")

    jobs.every("09:00", zone="Europe/Berlin", name="daily")(tell)
    jobs.every("02:30", zone="Europe/Berlin", name="nightly")(tell)
    if (HERE / "often").exists():
        jobs.every(timedelta(seconds=2), name="often")(tell)

    @jobs.on("remind")
    async def remind(run):
        note(f"remind.{run.user_id} {run.planned}")
        await client.send_message(run.user_id, f"reminder {run.data}")
        die("remind sent")

    @client.on(events.NewMessage(incoming=True, pattern="remind ([0-9]+) (.*)"))
    async def asked(event):
        match = event.pattern_match
        at = event.date + timedelta(seconds=int(match[1]))
        await jobs.once(at, "remind", match[2], user_id=event.sender_id)
        die("asked")
        await event.respond(f"noted {match[2]}")
""".replace("TEXT", TEXT)


class Alarms:
    """A site whose bot has jobs, and what its people heard of them."""

    def __init__(self, site: Site, people: int) -> None:
        self.site = site
        self.people = [int(site.world.new_user(f"Person {n}").id) for n in range(people)]
        (site.directory / "people").write_text("\n".join(map(str, self.people)))

    def set_clock(self, text: str, *, fold: int = 0) -> int:
        """Set Telegram's clock to a time of Berlin; return it in unix seconds."""
        moment = int(datetime.fromisoformat(text).replace(tzinfo=ZONE, fold=fold).timestamp())
        self.site.sandbox.faults.set_clock(moment - time.time())
        return moment

    def die(self, *places: str) -> None:
        """Let the process die once at each of these places."""
        for place in places:
            (self.site.directory / f"die.{place}").touch()

    def runs(self) -> list[tuple[int, str, int]]:
        """Return what ran, in order: the process, the job, the planned time."""
        file = self.site.directory / "runs"
        lines = file.read_text().splitlines() if file.exists() else []
        words = (line.split() for line in lines)
        return [(int(pid), name, int(planned)) for pid, name, planned in words]

    def heard(self, person: int) -> Counter[str]:
        """Return how often the bot said each text to a person."""
        return Counter(heard(self.site, person))

    def audit(self, asked: Counter[tuple[int, str]], result: Result) -> None:
        """Compare what ran and what everybody has heard with what is promised."""
        runs = self.runs()
        of_jobs = [run for run in runs if not run[1].startswith("remind")]
        jobs = [(name, planned) for _, name, planned in of_jobs]
        result.times, result.repetitions = len(set(jobs)), len(jobs) - len(set(jobs))
        result.reminders = sum(asked.values())
        result.wrong["ran twice in one process"] += len(of_jobs) - len(set(of_jobs))
        reminders = [run for run in runs if run not in of_jobs]
        result.again = len(reminders) - len(set(reminders))
        for name in {name for name, _ in jobs}:
            times = [planned for job, planned in jobs if job == name]
            back = sum(later < earlier for earlier, later in pairwise(times))
            result.wrong["ran again after a later time"] += back
        for person in self.people:
            heard = self.heard(person)
            expected = Counter(f"{TEXT} {name} {planned}" for name, planned in set(jobs))
            for (somebody, text), count in asked.items():
                if somebody == person:
                    expected[f"noted {text}"] += count
                    expected[f"reminder {text}"] += count
            result.wrong["message missing"] += (expected - heard).total()
            result.wrong["message too many"] += (heard - expected).total()
        result.wrong = +result.wrong

    async def meet(self) -> None:
        """Have everybody write to the running bot."""
        for person in self.people:
            self.site.said(person, "hello")
        await until(lambda: len(self.site.users()) == len(self.people), "everybody has written")

    async def saved(self) -> None:
        """Return once everything the running bot has finished is on disk."""
        await asyncio.to_thread(ask, self.site.session.parent / "bot.control", "checkpoint", {})

    async def die_and_start(self, times: int) -> Process:
        """Have the bot die by itself so often, start it again each time, and return the last process."""
        process = self.site.process
        assert process is not None
        for _ in range(times):
            assert await process.ended() == -signal.SIGKILL
            await self.site.unplugged()
            process = await self.site.spawn()
        await process.up()
        return process


@dataclass
class Result:
    """What came of a run of rounds."""

    kills: int = 0
    #: How often Telegram's clock was set.
    steps: int = 0
    #: How many planned times ran, and how often one of them was begun again.
    times: int = 0
    repetitions: int = 0
    reminders: int = 0
    #: How often a reminder ran twice in one process: it was due before the update that asked for it was
    #: finished, and that came again.
    again: int = 0
    #: What was wrong → how often.
    wrong: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Return whether nothing was wrong, and there was something to look at."""
        return not self.wrong and not self.faults and bool(self.times and self.reminders)

    def __str__(self) -> str:
        wrong = ", ".join(f"{count} {what}" for what, count in self.wrong.items()) or "nothing wrong"
        text = f"jobs: {self.kills} kills, the clock set {self.steps} times; {self.times} planned times ran, "
        text += f"{self.repetitions} were begun again; {self.reminders} reminders, {self.again} ran again; "
        return "".join((text, wrong, *(f"\n    log: {fault}" for fault in self.faults[:5])))


async def run_jobs(
    site: Site, people: int, kills: int, *, progress: Callable[[Result], None] = lambda result: None
) -> Result:
    """Kill the bot while its jobs run, set the clock now and then, and compare what everybody has heard."""
    (site.directory / "often").touch()
    alarms, result, chance = Alarms(site, people), Result(), site.random
    asked: Counter[tuple[int, str]] = Counter()
    alarms.set_clock("2026-11-27 08:58")
    await (await site.spawn()).up()
    await alarms.meet()
    while result.kills < kills:
        process = site.process
        assert process is not None
        if chance.random() < 0.75:
            await process.up()
        for _ in range(3):
            person, text = chance.choice(alarms.people), f"{TEXT}{len(asked)}"
            asked[person, text] += 1
            site.said(person, f"remind {chance.randrange(20)} {text}")
        await asyncio.sleep(chance.random() * 2)  # not to wait for something: the time of the kill
        await site.end(signal.SIGKILL)
        result.kills += 1
        if chance.random() < 0.3:
            result.steps += 1
            ahead = chance.choice((-5.0, -1.0, 30.0, 3600.0))
            site.sandbox.faults.set_clock(site.world.clock_error + ahead)
        await site.spawn()
        progress(result)
    # Everything that was asked for is due now.
    await site.end(signal.SIGKILL)
    site.sandbox.faults.set_clock(site.world.clock_error + 3600)
    process = await site.spawn()
    await process.up()
    told = [(person, f"reminder {text}") for person, text in asked]
    await until(
        lambda: all(text in alarms.heard(person) for person, text in told),
        "everybody is reminded of everything",
        progress=lambda: sum(len(alarms.heard(person)) for person in alarms.people),
    )
    await site.end(signal.SIGTERM)
    result.faults = site.faults
    alarms.audit(asked, result)
    return result
