"""`tgbot jobs …` as it is typed: through the running bot, and on its files."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.scenarios.crash import PATIENCE
from tgbot import cli
from tgbot.app import open_bot
from tgbot.config.settings import Config
from tgbot.core.errors import JobRunsError
from tgbot.operate import jobs as orders
from tgbot.plugins.jobs import Jobs, Run


class Shop:
    """A plugin with two jobs, one of which fails."""

    def __init__(self) -> None:
        self.ran: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def register(self, client: Any, *, jobs: Jobs) -> None:
        @jobs.every("09:00", zone="Europe/Berlin", name="digest")
        async def digest(run: Run) -> None:
            self.ran.append(run.planned)
            await self.gate.wait()

        @jobs.every(days=400, name="fails")
        async def fails(run: Run) -> None:
            raise ValueError("a secret")


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = Shop()
    module = ModuleType("cli_shop")
    module.register = shop.register  # type: ignore[attr-defined] # a module made for this test
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return shop


@pytest.fixture
def config(configure: Configure) -> Config:
    return configure(plugins=["cli_shop"])


@pytest.fixture
def tgbot(config: Config, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs a command in a thread, and returns its status and what it printed."""
    file = str(config.storage.directory.parent / "config.toml")

    async def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = await asyncio.to_thread(cli.status, ["--config", file, "jobs", *arguments])
        return (status, *capsys.readouterr())

    return run


async def test_jobs_are_listed_while_the_bot_runs_and_when_it_does_not(
    shop: Shop, config: Config, tgbot: Callable[..., Any]
) -> None:
    async with open_bot(config, serve=True):
        while_it_runs = await tgbot("list", "--json")
        assert while_it_runs[0] == 0
        status, out, _ = await tgbot("list")
    digest, fails = map(json.loads, while_it_runs[1].splitlines())
    assert (digest["name"], digest["schedule"]) == ("digest", "0 9 * * * Europe/Berlin")
    assert (digest["last"], digest["error"], digest["running"]) == (None, "", False)
    assert time.time() < digest["next"] <= time.time() + 25 * 3600
    assert fails["schedule"] == "every 34560000 s"
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["digest", "fails"]
    assert "  -  " in out
    assert await tgbot("list", "--json") == while_it_runs
    assert (await tgbot("list"))[1] == out


async def test_a_job_is_run_now(
    shop: Shop, config: Config, tgbot: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "SAY_SECONDS", 0.01)  # it is said a few times that it runs
    async with open_bot(config, serve=True) as bot:
        shop.gate.clear()
        began = asyncio.create_task(tgbot("run", "digest"))
        async with asyncio.timeout(PATIENCE):
            while not shop.ran:  # noqa: ASYNC110 - a job of the bot, which tells nobody
                await asyncio.sleep(0.01)
        assert [one["running"] for one in await bot.jobs.status()] == [True, False]
        with pytest.raises(JobRunsError):
            await bot.jobs.run_now("digest")
        shop.gate.set()
        assert (await began)[:2] == (0, "digest is done\n")
        assert (await bot.jobs.status())[0]["last"] == shop.ran[0]


async def test_a_job_that_fails_is_told_without_its_words(
    shop: Shop, config: Config, tgbot: Callable[..., Any]
) -> None:
    async with open_bot(config, serve=True):
        failed = "tgbot: the job failed (ValueError); the bot's log has the places\n"
        assert await tgbot("run", "fails") == (1, "", failed)
        assert (await tgbot("list"))[1].endswith("every 34560000 s  ValueError\n")


async def test_a_job_that_there_is_not_is_status_3_and_without_a_bot_nothing_runs(
    shop: Shop, config: Config, tgbot: Callable[..., Any]
) -> None:
    async with open_bot(config, serve=True):
        status, _, err = await tgbot("run", "digets")
        assert status == 3
        assert err.startswith("tgbot: No plugin has a job digets (did you mean digest?): ")
    status, _, err = await tgbot("run", "digest")
    assert status == 3
    assert "No bot runs" in err
    assert not shop.ran
