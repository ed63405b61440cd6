"""Admins of a whole bot are told in the chat, and a webhook by HTTP, of what begins and of what is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.patience import PATIENCE
from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk
from tgbot.app import open_bot
from tgbot.config.settings import Config, Operate
from tgbot.operate import conditions
from tgbot.store.lastbackup import NOTE


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "LOOK_SECONDS", 0.05)


@asynccontextmanager
async def hooked(config: Config) -> AsyncIterator[tuple[Config, asyncio.Queue[dict[str, Any]]]]:
    """Give the configuration a webhook, and yield what is posted there."""
    posted: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        posted.put_nowait(await request.json())
        return web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    async with TestServer(application) as server:
        operate = Operate.model_validate({"webhook": str(server.make_url("/"))})
        yield config.model_copy(update={"operate": operate}), posted


async def test_a_disk_that_fills_and_a_backup_that_fails_are_told_in_the_chat_and_posted(
    configure: Configure, person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 10_000
    monkeypatch.setattr(conditions, "room_on_disk", lambda directory: room)
    anna = Talk(await person("Anna"))
    async with (
        hooked(configure(admins=[anna.id])) as (config, posted),
        open_bot(config, serve=True),
        asyncio.timeout(PATIENCE),
    ):
        await anna.ask("/start")
        room = 3
        assert "nearly full: 3 MiB are left" in await anna.hears()
        assert (await posted.get())["alert"] == "disk-begun"
        room = 600
        assert "There is room again" in await anna.hears()
        assert (await posted.get())["alert"] == "disk-over"
        note = config.storage.directory / NOTE
        await asyncio.to_thread(note.write_text, "copies: the disk is full")
        assert (await anna.hears()).endswith("failed: copies: the disk is full")
        await asyncio.to_thread(note.unlink)
        assert "has succeeded again" in await anna.hears()


async def test_a_bot_that_cannot_log_in_says_so_by_the_webhook(
    configure: Configure, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "UNREADY_SECONDS", 0.1)
    async with hooked(configure()) as (config, posted), asyncio.timeout(PATIENCE):
        sandbox.faults.fail("auth.importBotAuthorization", 420, "FLOOD_WAIT_1", seconds=inf)

        async def run() -> None:
            async with open_bot(config, serve=True):
                assert (await posted.get())["alert"] == "readiness-over"

        running = asyncio.create_task(run())
        alert = await posted.get()
        assert alert["alert"] == "readiness-begun"
        assert alert["reason"] in ("not connected to Telegram", "not logged in at Telegram")
        sandbox.faults.lift()
        await running
