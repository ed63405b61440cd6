"""Admins of a whole bot are told in the chat, and a webhook by HTTP, of what begins and of what is over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.patience import PATIENCE
from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk
from tgbot.app import open_bot
from tgbot.config.settings import Operate
from tgbot.operate import conditions
from tgbot.store.lastbackup import NOTE


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "LOOK_SECONDS", 0.05)


async def test_a_disk_that_fills_and_a_backup_that_fails_are_told_in_the_chat_and_posted(
    configure: Configure, person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 10_000
    monkeypatch.setattr(conditions, "room_on_disk", lambda directory: room)
    posted: asyncio.Queue[str] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        posted.put_nowait((await request.json())["alert"])
        return web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    anna = Talk(await person("Anna"))
    async with TestServer(application) as server:
        operate = Operate.model_validate({"webhook": str(server.make_url("/"))})
        config = configure(admins=[anna.id]).model_copy(update={"operate": operate})
        async with open_bot(config, serve=True), asyncio.timeout(PATIENCE):
            await anna.ask("/start")
            room = 3
            assert "nearly full: 3 MiB are left" in await anna.hears()
            assert await posted.get() == "disk-begun"
            room = 600
            assert "There is room again" in await anna.hears()
            assert await posted.get() == "disk-over"
            note = config.storage.directory / NOTE
            await asyncio.to_thread(note.write_text, "copies: the disk is full")
            assert (await anna.hears()).endswith("failed: copies: the disk is full")
            await asyncio.to_thread(note.unlink)
            assert "has succeeded again" in await anna.hears()
