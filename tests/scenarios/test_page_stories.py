"""The page tells of the whole bot, without a guess, which call belongs to which update."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.page.conftest import Asked, Open, open_tab, tab  # noqa: F401 - fixtures
from tgbot.demo.sendnames import SendNames
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox

from .conftest import StartBot

PLUGIN = """
from telethon import events

def register(client):
    @client.on(events.NewMessage(pattern="two"))
    async def twice(event):
        await event.respond("first")
        await event.respond("second")
"""


@pytest.fixture
async def page(sandbox: Sandbox, tmp_path: Path) -> Any:
    (tmp_path / "plugins").mkdir()
    async with Page(sandbox, names=SendNames([tmp_path / "plugins"])) as page:
        yield page


async def test_what_the_bot_answers_is_certain(
    sandbox: Sandbox,
    account: Account,
    start_bot: StartBot,
    tab: Asked,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "plugins" / "pages_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path / "plugins")
    await start_bot(plugins=["pages_plugin"])
    anna = await tab.ask("add", name="Anna", username="anna_page")
    await tab.ask("watch", accounts=[anna["id"]])
    found = await tab.call(anna["id"], "contacts.resolveUsername", username="the_bot")
    user = found["users"][0]
    peer = {"_": "inputPeerUser", "user_id": user["id"], "access_hash": user["access_hash"]}

    async def story(text: str, random_id: int, last: str) -> Any:
        """Write something, and return its story once the last answer to it is there."""
        sent = await tab.call(
            anna["id"], "messages.sendMessage", peer=peer, message=text, random_id=random_id
        )

        def has_it(told: Any) -> bool:
            return any(
                last in each.get("message", {}).get("message", "") for each in told["updates"]["updates"]
            )

        await tab.heard("updates", has_it)
        told = await tab.ask("wire-story", account=anna["id"], peer=account.id, message=sent["id"])
        return told["stories"][0]

    start = await story("/start", 1, "Anna")
    sends = [each for each in start["calls"] if each["name"] == "messages.sendMessage"]
    assert sends
    assert all(each["sure"] for each in sends)
    assert {each["why"] for each in sends} == {"its random_id is named after this update"}
    assert start["first"] == sends[0]["at"]

    twice = await story("two", 2, "second")
    assert [(each["summary"], each["sure"]) for each in twice["calls"]] == [
        ("“first”", True),
        ("“second”", True),
    ]
