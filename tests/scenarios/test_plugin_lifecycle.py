"""What a plugin has beside `register`, in the running bot: its start, its stop, its errors, and /forget."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import Configure, StartBot
from tests.scenarios.talk import Talk, now_reads, press, until
from tgbot.app import open_bot
from tgbot.core.errors import PluginError

Write = Callable[[str, str], str]

SHOP = """
import asyncio
from telethon import events

served, closing = asyncio.Event(), asyncio.Event()

async def register(client, *, users):
    @client.on(events.NewMessage(pattern="^slowly$"))
    async def slowly(event):
        served.set()
        await closing.wait()
        await event.respond("done")

async def on_start(client, sender, admins):
    for admin in admins:
        await sender.send(admin, f"open as @{client.me.username}")

async def on_stop(grace, sender, admins):
    for admin in admins:
        await sender.send(admin, f"closed, {0 < grace <= 10}")
"""

FAILS = """
from telethon import events

mended = []

def register(client):
    @client.on(events.NewMessage(pattern="^(fail|block)$"))
    async def fails(event):
        await event.respond("trying")
        if not mended:
            raise ValueError("a text")
        await event.respond("done")

async def on_error(event, error, client):
    await event.respond(f"sorry: {type(error).__name__}")
    await client.send_message(event.chat_id, "we are told")
    if event.raw_text == "block":
        raise KeyError("another text")
"""

KEEPS = """
rows, calls = set(), []

def register(client): ...

async def on_forget(user_id, users):
    calls.append(user_id)
    assert users.get(user_id) is not None
    rows.remove(user_id)
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return `write("name", source)`, which writes a plugin and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


async def test_a_plugin_speaks_at_the_start_and_after_the_last_update_at_the_stop(
    configure: Configure, write: Write, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        await anna.ask("/start")  # the bot may write to her
    config = configure(admins=[anna.id], plugins=[write("cycle_shop", SHOP)])
    async with open_bot(config):
        pass  # a bot that does not serve calls nothing
    async with open_bot(config, serve=True):
        assert await anna.hears() == "open as @the_bot"
        import cycle_shop  # type: ignore[import-not-found] # the plugin that was written above

        await anna.say("slowly")
        await cycle_shop.served.wait()
        asyncio.get_running_loop().call_soon(cycle_shop.closing.set)
    assert await anna.hears() == "done"
    assert await anna.hears() == "closed, True"


async def test_a_start_that_fails_ends_the_bot_and_stops_the_plugins(
    configure: Configure, write: Write, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(configure(), serve=True):
        await anna.ask("/start")
    fails = "def register(client): ...\ndef on_start(): raise ValueError('no table')"
    config = configure(admins=[anna.id], plugins=[write("cycle_first", SHOP), write("cycle_fails", fails)])
    with pytest.raises(
        PluginError, match=r"cycle_fails cannot be used: on_start raised .*cycle_fails\.py line 2"
    ):
        async with open_bot(config, serve=True):
            pytest.fail("it was let in")
    assert [await anna.hears(), await anna.hears()] == ["open as @the_bot", "closed, True"]


async def test_on_error_speaks_once_for_each_update_and_the_update_stays_parked(
    start_bot: StartBot, write: Write, person: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bot = await start_bot(plugins=[write("cycle_errors", FAILS), write("cycle_other", SHOP)])
    anna = Talk(await person("Anna"))
    assert await anna.ask("fail") == "trying"
    assert [await anna.hears(), await anna.hears()] == ["sorry: ValueError", "we are told"]
    await until(lambda: bot.parked(anna.id) == 1)
    assert await anna.ask("block") == "trying"
    assert [await anna.hears(), await anna.hears()] == ["sorry: ValueError", "we are told"]
    await until(lambda: bot.parked(anna.id) == 2)
    assert "on_error of cycle_errors.register.fails failed: KeyError" in caplog.text

    before = bot.client.handler_errors
    keys = re.findall(r"update (\S+), dialog", caplog.text)
    assert sorted(await bot.client.parking.retry(keys)) == sorted(keys)  # it fails again, and says no more
    await until(lambda: bot.client.handler_errors == before + 2)
    assert await anna.said_nothing_before()
    assert bot.parked(anna.id) == 2
    assert "another text" not in caplog.text

    import cycle_errors  # type: ignore[import-not-found] # the plugin that was written above

    cycle_errors.mended.append(True)  # what was said of the error is not taken for what is said now
    await bot.client.parking.retry(keys)
    assert [await anna.hears(), await anna.hears()] == ["done", "done"]


async def test_a_plugin_forgets_who_says_so_before_it_is_confirmed(
    start_bot: StartBot, write: Write, person: Any
) -> None:
    anna, boss = Talk(await person("Anna")), Talk(await person("Boss"))
    bot = await start_bot(plugins=[write("cycle_keeps", KEEPS)], admins=[boss.id])
    import cycle_keeps  # type: ignore[import-not-found] # the plugin that was written above

    await boss.ask("/start")
    await anna.ask("/start")
    cycle_keeps.rows.add(anna.id)
    await anna.say("/forget")
    asked = await anna.hears_message()
    await press(anna, asked, "Delete it")
    await until(lambda: bot.users.get(anna.id) is None)
    assert cycle_keeps.rows == set()

    await anna.ask("/start")  # now the plugin knows nothing of her, and raises
    await anna.say("/forget")
    asked = await anna.hears_message()
    await press(anna, asked, "Delete it")
    assert str((await now_reads(anna, asked)).message).startswith("Everything is deleted")
    assert bot.users.get(anna.id) is None
    assert cycle_keeps.calls == [anna.id, anna.id]  # once each time
    told = await boss.hears()
    assert told.startswith(
        "⚠️ A person used /forget, and the plugin cycle_keeps could not delete what it keeps"
    )
