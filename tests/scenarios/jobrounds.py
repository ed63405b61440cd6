"""Jobs under kills and clocks that are set: each planned time is run once, and each message is sent once.

The bot is `tgbot run`. Its plugin writes to everybody every other second, and people ask for reminders.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
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
        die(f"{run.name} begin")
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
        die("remind begin")
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

    people: int
    kills: int = 0
    runs: int = 0
    reminders: int = 0
    #: What was wrong → how often.
    wrong: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
