"""Jobs in the running bot: killed at the planned second, and under clocks that are set."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from examples import daily
from tests.scenarios.conftest import Configure, StartBot
from tests.scenarios.crash import PATIENCE, open_site, until
from tests.scenarios.jobrounds import PLUGIN, SETTINGS, Alarms
from tests.scenarios.planted import TEXT
from tests.scenarios.talk import Talk
from tgbot import app
from tgbot.app import Bot, open_bot
from tgbot.plugins.jobs import Jobs, Run
from tgbot.sandbox.server import Sandbox


@pytest.mark.timeout(300)  # five commands are started
async def test_killed_at_the_planned_second_each_message_is_sent_once(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1, plugin=PLUGIN, **SETTINGS) as site:
        alarms = Alarms(site, 5)
        alarms.die("asked", "daily half", "daily over", "remind sent")
        nine = alarms.set_clock("2026-11-27 09:00")
        alarms.set_clock("2026-11-27 08:50")
        process = await site.spawn()
        await process.up()
        await alarms.meet()
        await alarms.saved()  # so that this start counts as the first one
        for person in alarms.people:
            site.said(person, "remind 600 tea")
        assert await process.ended() == -signal.SIGKILL
        alarms.set_clock("2026-11-27 08:59:59")
        await site.spawn()
        last = await alarms.die_and_start(3)
        expected = {"noted tea": 1, "reminder tea": 1, f"{TEXT} daily {nine}": 1}
        await until(
            lambda: all(alarms.heard(one) >= Counter(expected) for one in alarms.people), "all is said"
        )
        await until(lambda: (last.pid, "daily", nine) in alarms.runs(), "what was cut off runs again")
        assert await site.end() == 0
        assert [alarms.heard(person) for person in alarms.people] == [expected] * 5
        daily = [(pid, planned) for pid, name, planned in alarms.runs() if name == "daily"]
        assert len(daily) == len(set(daily))  # no process ran it twice
        assert {planned for _, planned in daily} == {nine}
        assert not site.faults


class Clocks:
    """A bot in this process with a job at half past two and one every half an hour, and Telegram's clock."""

    def __init__(self, sandbox: Sandbox, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sandbox = sandbox
        self.configure = configure
        self.person = int(sandbox.world.new_user("Ann").id)
        #: The job and the planned time of each run, as the clocks of the zone show it.
        self.runs: list[tuple[str, str]] = []
        self.zone = ZoneInfo("UTC")
        #: By how much this machine's clock goes ahead of the true time.
        self.wall = 0.0
        own = SimpleNamespace(time=lambda: time.time() + self.wall, monotonic=time.monotonic)
        monkeypatch.setattr(app, "time", own)  # the clocks that the bot is given
        plugin = ModuleType("clocks_plugin")
        plugin.register = self.register  # type: ignore[attr-defined] # a module made for this test
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)

    def register(self, client: Any, *, jobs: Jobs) -> None:
        @jobs.every("02:30", zone=self.zone.key, name="nightly")
        @jobs.every("*/30 * * * *", zone=self.zone.key, name="often")
        async def note(run: Run) -> None:
            shown = datetime.fromtimestamp(run.planned, self.zone).strftime("%H:%M %Z")
            self.runs.append((run.name, shown))

    def set(self, text: str, *, fold: int = 0) -> None:
        """Set Telegram's clock."""
        moment = datetime.fromisoformat(text).replace(tzinfo=self.zone, fold=fold).timestamp()
        self.sandbox.faults.set_clock(moment - time.time())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Bot]:
        async with open_bot(self.configure(plugins=["clocks_plugin"]), serve=True) as bot:
            yield bot

    async def sleep(self, bot: Bot, until_then: str, *, fold: int = 0) -> None:
        """Have the machine sleep until a time: its clock and Telegram's agree on that when it wakes."""
        before = self.sandbox.world.now()
        self.set(until_then, fold=fold)
        self.wall += self.sandbox.world.now() - before
        then = self.sandbox.world.date()
        async with asyncio.timeout(PATIENCE):
            while bot.clock() < then:
                # A message brings Telegram's date; one a second counts.
                self.sandbox.world.send_as(self.person, bot.client.me.id, "hello")
                await asyncio.sleep(0.1)

    async def ran(self, job: str, shown: str) -> None:
        """Return once a job has run for a time; fail if it ran twice for any."""
        await until(lambda: (job, shown) in self.runs, f"{job} runs at {shown}")
        assert max(Counter(self.runs).values()) == 1, self.runs

    @property
    def nightly(self) -> list[str]:
        return [shown for job, shown in self.runs if job == "nightly"]


@pytest.fixture
def clocks(sandbox: Sandbox, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(sandbox, configure, monkeypatch)


async def test_a_time_that_clocks_skip_is_run_once_right_after(clocks: Clocks) -> None:
    clocks.zone = ZoneInfo("Europe/Berlin")
    clocks.set("2026-03-29T00:10")
    async with clocks.running() as bot:
        await clocks.sleep(bot, "2026-03-29T01:59:59")
        await clocks.ran("often", "03:00 CEST")
        await clocks.ran("nightly", "03:00 CEST")
        await clocks.sleep(bot, "2026-03-29T03:30")
        await clocks.ran("often", "03:30 CEST")
    assert clocks.nightly == ["03:00 CEST"]


async def test_a_time_that_clocks_show_twice_is_run_once(clocks: Clocks) -> None:
    clocks.zone = ZoneInfo("Europe/Berlin")
    clocks.set("2026-10-25T01:10")
    async with clocks.running() as bot:
        await clocks.sleep(bot, "2026-10-25T02:29:59")
        await clocks.ran("nightly", "02:30 CEST")
        await clocks.ran("often", "02:30 CEST")
        await clocks.sleep(bot, "2026-10-25T02:29:59", fold=1)
        await clocks.ran("often", "02:30 CET")
    assert clocks.nightly == ["02:30 CEST"]


async def test_clocks_that_go_forwards_and_back_run_nothing_twice(clocks: Clocks) -> None:
    clocks.set("2026-06-01T01:10")
    async with clocks.running() as bot:
        await clocks.sleep(bot, "2026-06-01T02:31")
        await clocks.ran("nightly", "02:30 UTC")
        await clocks.sleep(bot, "2026-06-01T05:31")
        await clocks.ran("often", "05:30 UTC")
    # One run for all that passed in one go.
    assert [shown for job, shown in clocks.runs if job == "often"] == ["02:30 UTC", "05:30 UTC"]
    clocks.set("2026-06-01T02:29:59")
    async with clocks.running() as bot:
        await clocks.sleep(bot, "2026-06-01T05:30:01")
    clocks.set("2026-06-01T05:59:59")
    async with clocks.running():
        await clocks.ran("often", "06:00 UTC")
    assert len(clocks.runs) == 4
    assert clocks.nightly == ["02:30 UTC"]


async def test_the_daily_tip_is_one_broadcast_also_if_its_run_comes_again(
    start_bot: StartBot, person: Any
) -> None:
    bot = await start_bot(plugins=["examples.daily"])
    anna, boris = Talk(await person("Anna")), Talk(await person("Boris"))
    for one in (anna, boris):
        await one.ask("/start")
    tip = await anna.ask("/tip")
    assert tip in daily.TIPS
    assert await bot.jobs.run_now("examples.daily.morning") == ""
    assert [await anna.hears(), await boris.hears()] == [tip, tip]
    (status,) = await bot.jobs.status()
    await bot.jobs._registered.jobs["examples.daily.morning"].function(
        Run("examples.daily.morning", status["last"], late=60)  # type: ignore[arg-type] # it ran
    )
    (broadcast,) = bot.broadcasts.all()
    assert broadcast.name == f"tip {status['last']}"
    assert await anna.said_nothing_before()
