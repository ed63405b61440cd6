"""Alerts that are posted to a webhook: what they hold, and what happens where it does not take them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.patience import PATIENCE
from tests.store.memory import MemoryRegistry
from tgbot.config.settings import ALERTS
from tgbot.locales.texts import Texts
from tgbot.operate import alerts as alerting
from tgbot.operate.alerts import Alerts
from tgbot.operate.webhook import Webhook


class Hook:
    """A webhook that keeps what was posted; it answers with `answers` first, then with 204."""

    def __init__(self) -> None:
        self.posted: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answers: list[web.Response] = []

    async def take(self, request: web.Request) -> web.Response:
        self.posted.put_nowait(await request.json())
        return self.answers.pop(0) if self.answers else web.Response(status=204)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            return await self.posted.get()


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
async def url(hook: Hook) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/secret-path", hook.take)
    async with TestServer(application) as server:
        yield str(server.make_url("/secret-path"))


@pytest.fixture
async def alerts(url: str) -> AsyncIterator[Alerts]:
    webhook = Webhook(url, 42, lambda: 1_700_000_000)
    alerts = Alerts(MemoryRegistry(lambda: 1), Texts.load(), (), kinds=ALERTS, webhook=webhook, quiet=0.0)
    task = asyncio.create_task(alerts.post())
    yield alerts
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_an_alert_is_posted_with_its_numbers_and_an_english_text(hook: Hook, alerts: Alerts) -> None:
    alerts.lost("hole", 3)
    posted = await hook.next()
    assert posted.pop("text").startswith("⚠️ Telegram counted 3 updates")
    assert posted == {
        "alert": "lost-hole",
        "count": 3,
        "chat": None,
        "over": False,
        "bot": 42,
        "at": 1_700_000_000,
    }
    alerts.end("disk", free=700)
    posted = await hook.next()
    assert (posted["alert"], posted["over"], posted["free"]) == ("disk-over", True, 700)


async def test_the_title_of_a_chat_is_not_posted(hook: Hook, alerts: Alerts) -> None:
    alerts.right_missing(-100, "Chess Club")
    posted = await hook.next()
    assert posted["chat"] == -100
    assert "Chess" not in str(posted)


async def test_what_is_put_off_is_posted_again_and_what_is_refused_is_not(
    hook: Hook, alerts: Alerts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alerting, "PAUSES", (0.01,))
    hook.answers = [web.Response(status=status) for status in (503, 429, 204, 400)]
    alerts.lost("hole", 3)
    assert [(await hook.next())["count"] for _ in range(3)] == [3, 3, 3]
    alerts.lost("hole", 4)
    assert (await hook.next())["count"] == 4  # refused
    alerts.lost("unreadable", 5)
    assert (await hook.next())["count"] == 5
    assert hook.posted.empty()
    assert caplog.text.count("the webhook does not take alerts (status 503); trying again") == 1
    assert "the webhook refuses the alert lost-hole (status 400)" in caplog.text
    assert "secret-path" not in caplog.text


async def test_where_nobody_listens_it_is_said_without_the_address(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = Webhook(f"http://127.0.0.1:{unused_tcp_port}/secret-path", 42, lambda: 1)
    assert await webhook.post({"alert": "x"}) == 0
    assert await webhook.post({"alert": "x"}) == 0
    assert caplog.text.count("does not take alerts (ClientConnectorError)") == 1
    assert "secret-path" not in caplog.text


async def test_the_pause_that_an_answer_names_is_kept(url: str, hook: Hook) -> None:
    webhook = Webhook(url, 42, lambda: 1)
    for named, kept in (("7", 7), ("9999999", 3600), ("Fri, 01 Jan 2027 00:00:00 GMT", 0), ("-1", 0)):
        hook.answers = [web.Response(status=503, headers={"Retry-After": named})]
        assert await webhook.post({"alert": "x"}) == kept
