"""What `/healthz` of a whole bot answers, when the bot is well and when it is not."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from math import inf

import pytest
from telethon import functions

from tests.scenarios.conftest import Configure
from tests.scenarios.logins import free_port, visit, with_login
from tgbot.app import Bot, open_bot
from tgbot.config.settings import Config
from tgbot.core.errors import StorageGoneError
from tgbot.operate import health
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.faults import Faults
from tgbot.sandbox.faults.links import DeadKey
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.widget import Widget
from tgbot.telegram.updates import watch


@pytest.fixture
async def site(configure: Configure, sandbox: Sandbox) -> AsyncIterator[Config]:
    """Return a bot's configuration with a login page."""
    async with Widget(sandbox.world) as widget:
        yield with_login(configure(), widget, free_port())


@pytest.fixture
async def bot(site: Config) -> AsyncIterator[Bot]:
    async with open_bot(site, serve=True) as bot:
        yield bot


@pytest.fixture
def faults(sandbox: Sandbox) -> Faults:
    return sandbox.faults


async def says(site: Config, answer: tuple[int, str]) -> None:
    """Return when `/healthz` answers this."""
    import asyncio

    found = await visit(site, "/healthz")
    async with asyncio.timeout(20):
        while found != answer:
            await asyncio.sleep(0.02)
            found = await visit(site, "/healthz")


WELL = (200, "ok\n")


@pytest.mark.usefixtures("bot")
async def test_a_running_bot_is_well(site: Config) -> None:
    await says(site, WELL)


async def test_a_bot_without_a_link_says_so_until_it_has_one(
    bot: Bot, site: Config, sandbox: Sandbox
) -> None:
    await sandbox.stop()
    await says(site, (503, "not connected to Telegram\n"))
    await sandbox.start()
    await says(site, WELL)


async def test_a_bot_whose_login_has_ended_says_so_until_it_has_one(
    bot: Bot, site: Config, faults: Faults, account: Account
) -> None:
    faults.fail("auth.importBotAuthorization", 420, "FLOOD_WAIT_1", seconds=inf)
    faults.kill_keys(account.id, DeadKey.REVOKED)
    asking = asyncio.create_task(bot.client(functions.updates.GetStateRequest()))  # and it learns of that
    await says(site, (503, "not logged in at Telegram\n"))
    faults.lift()
    await says(site, WELL)
    await asking


async def test_a_bot_that_hears_nothing_is_not_well_until_it_hears_again(
    site: Config, faults: Faults, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "HEARD_SECONDS", 1.0)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.2)
    async with open_bot(site, serve=True):
        await says(site, WELL)
        faults.withhold(account.id)  # pings are answered
        for method in ("updates.getState", "updates.getDifference"):
            faults.fail(method, 500, "INTERNAL", seconds=inf)
        await says(site, (503, "no proof that updates arrive\n"))
        faults.lift()
        await says(site, WELL)


async def test_a_bot_that_starts_is_not_well_before_it_has_heard_anything(
    site: Config, faults: Faults
) -> None:
    async with open_bot(site, serve=True):
        pass
    for method in ("updates.getState", "updates.getDifference"):
        faults.fail(method, 500, "INTERNAL", seconds=inf)
    async with open_bot(site, serve=True):
        await says(site, (503, "no proof that updates arrive\n"))
        faults.lift()
        await says(site, WELL)


async def test_a_bot_whose_files_are_gone_says_so(site: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROVEN_SECONDS", 0.0)

    async def lose_them() -> None:
        async with open_bot(site, serve=True):
            await says(site, WELL)
            shutil.rmtree(site.storage.directory)
            await says(site, (503, "a file of the bot is gone\n"))

    with pytest.raises(StorageGoneError):
        await lose_them()
