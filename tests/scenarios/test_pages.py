"""What the pages of a whole bot say, when it is well and when it is not; the bot and they are on the wire."""

from __future__ import annotations

import asyncio
import resource
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from math import inf
from types import ModuleType
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from telethon import events

from tests.patience import PATIENCE
from tests.scenarios.conftest import Configure
from tests.scenarios.logins import free_port
from tests.scenarios.talk import Talk
from tests.store.sqlite.test_locks import held
from tgbot import app
from tgbot.app import open_bot
from tgbot.config.settings import Config, Operate
from tgbot.config.values import Server
from tgbot.core.errors import StorageError
from tgbot.core.users import Profile, Way
from tgbot.operate import health, pages
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.faults import Faults
from tgbot.telegram.updates import watch

WELL = (200, "ok\n")
LIVE, READY = "/livez", "/readyz"


@pytest.fixture
def config(configure: Configure) -> Config:
    """Return the configuration of a bot with pages."""
    return with_pages(configure())


def with_pages(config: Config) -> Config:
    operate = Operate().model_copy(update={"listen": Server("127.0.0.1", free_port())})
    return config.model_copy(update={"operate": operate})


@pytest.fixture
def faults(account: Account, sandbox: Any) -> Faults:
    faults: Faults = sandbox.faults
    return faults


def fetch(config: Config, path: str) -> tuple[int, str]:
    """Return status and text of a page; blocks."""
    try:
        with urllib.request.urlopen(f"http://{config.operate.listen}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


async def says(config: Config, path: str, expected: tuple[int, str]) -> None:
    """Return when a page says this."""
    async with asyncio.timeout(PATIENCE):
        found = await asyncio.to_thread(fetch, config, path)
        while found != expected:
            await asyncio.sleep(0.02)
            found = await asyncio.to_thread(fetch, config, path)


async def numbers(config: Config) -> dict[str, float]:
    """Return the samples of `/metrics` by name and labels, as Prometheus' own parser reads them."""
    status, page = await asyncio.to_thread(fetch, config, "/metrics")
    assert status == 200
    families = list(text_string_to_metric_families(page))
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


async def counted(config: Config, so: Callable[[dict[str, float]], object]) -> dict[str, float]:
    """Return the samples as soon as they are so."""
    async with asyncio.timeout(PATIENCE):
        found = await numbers(config)
        while not so(found):
            await asyncio.sleep(0.02)
            found = await numbers(config)
        return found


async def test_a_bot_that_is_well_says_so_and_counts_what_it_does(config: Config, person: Any) -> None:
    async with open_bot(config, serve=True):
        await says(config, READY, WELL)
        await says(config, LIVE, WELL)
        anna = Talk(await person("Anna"))
        for _ in range(3):
            await anna.ask("/start")
        found = await counted(config, lambda found: not found["tgbot_updates_unfinished"])
        assert found["tgbot_updates_total kind=updateNewMessage"] == 3
        assert found["tgbot_update_lag_seconds_count"] == 3
        assert found["tgbot_update_lag_seconds_bucket le=5.0"] == 3
        assert found["tgbot_handler_seconds_count plugin=tgbot.handlers.start"] == 3
        assert found["tgbot_handler_errors_total plugin=tgbot.handlers.start"] == 0
        assert found["tgbot_calls_total method=messages.sendMessage outcome=OK"] == 3
        assert found["tgbot_call_seconds_count method=messages.sendMessage"] == 3
        assert found["tgbot_users access=reachable"] == 1
        assert (found["tgbot_ready"], found["tgbot_link_up"], found["tgbot_links_total"]) == (1, 1, 1)
        assert found["tgbot_checkpoint_seconds_count"] > 0
        assert found["tgbot_losses_total reason=hole"] == 0
        assert found["process_cpu_seconds_total"] > 0
        assert not any(str(anna.id) in name for name in found)


async def test_errors_of_handlers_and_waits_are_counted_where_they_occur(
    configure: Configure, person: Any, faults: Faults, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = ModuleType("broken_plugin")

    async def broken(event: Any) -> None:
        raise RuntimeError

    def register(client: Any) -> None:
        client.add_event_handler(broken, events.NewMessage(pattern="break"))

    broken.__module__ = plugin.__name__
    plugin.register = register  # type: ignore[attr-defined] # a module made for this test
    monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    config = with_pages(configure(plugins=[plugin.__name__]))
    async with open_bot(config, serve=True):
        anna = Talk(await person("Anna"))
        faults.fail("messages.sendMessage", 420, "FLOOD_WAIT_1", times=1, account=account.id)
        await anna.ask("/start")
        faults.fail("messages.sendMessage", 420, "FLOOD_WAIT_3600", times=1, account=account.id)
        await anna.say("/start")
        await anna.say("break")
        found = await counted(config, lambda found: found["tgbot_parked_updates reason=failed"])
        assert found["tgbot_parked_updates reason=later"] == 1
        assert found["tgbot_handler_errors_total plugin=broken_plugin"] == 1
        assert found["tgbot_handler_seconds_count plugin=broken_plugin"] == 1
        assert found["tgbot_flood_waits_total method=messages.sendMessage"] == 2
        assert found["tgbot_flood_wait_seconds_total method=messages.sendMessage"] == 3601
        assert found["tgbot_calls_total method=messages.sendMessage outcome=FLOOD_WAIT_X"] == 1
        assert found["tgbot_calls_total method=messages.sendMessage outcome=OK"] == 1


async def test_an_event_loop_that_stands_still_is_told_by_both_pages(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOP_SECONDS", 0.2)
    async with open_bot(config, serve=True):
        await says(config, READY, WELL)
        with ThreadPoolExecutor() as threads:
            asked = {path: threads.submit(fetch, config, path) for path in (LIVE, READY, "/metrics")}
            # Here the loop stands: what is waited for are threads.
            said = {path: answer.result(PATIENCE) for path, answer in asked.items()}
        assert set(said.values()) == {(503, "the event loop stands still\n")}
        await says(config, READY, WELL)
        await says(config, LIVE, WELL)


async def test_a_deaf_link_is_told_by_readyz_alone(
    config: Config, faults: Faults, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "HEARD_SECONDS", 1.0)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.2)
    async with open_bot(config, serve=True):
        await says(config, READY, WELL)
        faults.withhold(account.id)
        for method in ("updates.getState", "updates.getDifference"):
            faults.fail(method, 500, "INTERNAL", seconds=inf)
        await says(config, READY, (503, "no proof that updates arrive\n"))
        assert await asyncio.to_thread(fetch, config, LIVE) == WELL
        found = await numbers(config)
        assert found["tgbot_ready"] == 0
        assert found["tgbot_proof_age_seconds"] > 1
        faults.lift()
        await says(config, READY, WELL)
        assert (await numbers(config))["tgbot_deafnesses_total"] >= 1


async def test_a_checkpoint_that_hangs_is_told_by_readyz_alone(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROVEN_SECONDS", 0.0)
    monkeypatch.setattr(app, "Health", partial(health.Health, checkpoint_seconds=0.1))
    async with open_bot(config, serve=True) as bot:
        await says(config, READY, WELL)
        with held(config.storage.registry):
            bot.users.seen(Profile(1, "x"), 1, Way.MESSAGE)
            await says(config, READY, (503, "a checkpoint takes too long\n"))
            assert await asyncio.to_thread(fetch, config, LIVE) == WELL
        await says(config, READY, WELL)


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Let nothing be written to the disk while the block lasts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_told_by_readyz_alone(config: Config) -> None:
    async def fill() -> None:
        async with open_bot(config, serve=True) as bot:
            await says(config, READY, WELL)
            with no_file_grows():
                bot.users.seen(Profile(1, "x"), 1, Way.MESSAGE)
                await says(config, READY, (503, "the bot cannot go on\n"))
                assert await asyncio.to_thread(fetch, config, LIVE) == WELL

    with pytest.raises(StorageError):
        await fill()


async def test_the_pages_answer_while_the_bot_cannot_log_in_yet(config: Config, faults: Faults) -> None:
    faults.fail("auth.importBotAuthorization", 420, "FLOOD_WAIT_60", seconds=inf)

    async def start() -> None:
        async with open_bot(config, serve=True):
            raise AssertionError

    starting = asyncio.create_task(start())
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    status, _ = await asyncio.to_thread(fetch, config, READY)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                break
        assert status == 503
        await says(config, READY, (503, "not logged in at Telegram\n"))
        assert await asyncio.to_thread(fetch, config, LIVE) == WELL
        assert (await numbers(config))["tgbot_logged_in"] == 0
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
