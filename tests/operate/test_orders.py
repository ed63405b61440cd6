"""What the running bot is told to do: drain, reload, log. The bot is whole, on the sandbox over TCP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.scenarios.scene import Scene, open_scene
from tests.telegram.conftest import PATIENCE, until
from tgbot.app import Bot, open_bot
from tgbot.config.loading import load
from tgbot.core.errors import BotAnswerError
from tgbot.operate.control import ask
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox


async def asked(bot: Bot, command: str, /, **arguments: Any) -> Any:
    path = Path(bot.client.session.path).parent / "bot.control"
    return await asyncio.to_thread(ask, path, command, arguments)


# ---- drain ----------------------------------------------------------------------------------------


async def test_a_drained_bot_has_finished_its_work_and_answers_the_rest_once_it_is_undone(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene, scene.serving() as bot:
        anna, boris = scene.meet("Anna"), scene.meet("Boris")
        say(scene, anna, "hold 1")
        await until(lambda: bot.client.figures.read().running)
        told: list[Mapping[str, Any]] = []
        control = Path(bot.client.session.path).parent / "bot.control"
        draining = asyncio.create_task(asyncio.to_thread(ask, control, "drain", {}, heard=told.append))
        await until(lambda: told)
        assert told[0] == {"left": 1}
        status = await asked(bot, "status")
        assert (status["ready"], status["draining"], status["left"]) == (False, True, 1)
        say(scene, boris, "two")
        scene.gate.set()
        assert await draining == {"draining": True, "left": 0}
        on_disk = bot.client.session.update_state()
        assert on_disk is not None
        assert on_disk.pts == bot.client.figures.read().pts
        assert scene.answers(anna) == ["echo hold 1"]
        # It stays up: who asks again is told the same, and what waits at Telegram is not on disk as done.
        assert await asked(bot, "drain") == {"draining": True, "left": 0}
        assert scene.answers(boris) == []
        assert not (await asked(bot, "status"))["ready"]
        assert (await asked(bot, "drain", undo=True))["draining"] is False
        await until(lambda: scene.answers(boris) == ["echo two"])
        assert (await asked(bot, "status"))["draining"] is False


async def test_a_drained_bot_stops_at_once_and_the_next_start_answers(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        anna = scene.meet("Anna")
        async with scene.serving() as bot:
            await asked(bot, "drain")
            say(scene, anna, "one")
        assert scene.answers(anna) == []
        async with scene.serving():
            await until(lambda: scene.answers(anna) == ["echo one"])


async def test_who_waits_for_a_drain_is_told_that_somebody_undid_it(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene, scene.serving() as bot:
        anna = scene.meet("Anna")
        say(scene, anna, "hold 1")
        await until(lambda: bot.client.figures.read().running)
        draining = asyncio.create_task(asked(bot, "drain"))
        await until(lambda: bot.client.drain.begun)
        assert await asked(bot, "drain", undo=True) == {"draining": False, "left": 1}
        assert await draining == {"draining": False, "left": 1}
        say(scene, anna, "two")
        scene.gate.set()
        await until(lambda: scene.answers(anna) == ["echo hold 1", "echo two"])


def say(scene: Scene, user: int, text: str) -> None:
    scene.world.send_as(user, scene.bot.id, text)


# ---- reload ---------------------------------------------------------------------------------------


class Reloaded:
    """A running bot whose configuration is written anew, and Anna, who talks with it."""

    def __init__(self, bot: Bot, configure: Configure, sandbox: Sandbox, account: Account) -> None:
        self.bot = bot
        self.configure = configure
        self._world = sandbox.world
        profile = sandbox.world.accounts[account.id].profile
        assert profile is not None
        #: The bot's command lists by scope and language.
        self.menus = profile.commands
        self._account = account
        self.anna = sandbox.world.new_user("Anna").id

    async def hears(self, text: str) -> str:
        """Return what the bot answers to a message of Anna's."""
        before = self._answers()
        self._world.send_as(self.anna, self._account.id, text)
        await until(lambda: len(self._answers()) > len(before))
        return self._answers()[-1]

    def _answers(self) -> list[str]:
        log = self._world.accounts[self.anna].log
        messages = [entry.message for entry in log.above(0, 0)]
        return [m.post.text for m in messages if m is not None and m.post.sender == self._account.id]


@pytest.fixture
async def reloaded(configure: Configure, sandbox: Sandbox, account: Account, tmp_path: Path) -> Any:
    (tmp_path / "texts").mkdir()
    config = configure(texts=str(tmp_path / "texts"))
    async with AsyncExitStack() as stack:
        read = partial(load, tmp_path / "config.toml", {})
        bot = await stack.enter_async_context(open_bot(config, serve=True, read=read))
        yield Reloaded(bot, partial(configure, texts=str(tmp_path / "texts")), sandbox, account)


async def test_new_texts_and_new_admins_are_in_effect_at_once(reloaded: Reloaded, tmp_path: Path) -> None:
    assert (await reloaded.hears("/start")).startswith("Hello, Anna!")
    assert not (await reloaded.hears("/stats")).startswith("Users:")
    assert await asked(reloaded.bot, "reload") == {
        "changed": [],
        "restart": [],
        "mistakes": [],
        "warnings": [],
    }
    (tmp_path / "texts" / "en.ftl").write_text("start-welcome-back = Hi { $name }\nstart-helo = x\n")
    reloaded.configure(admins=[reloaded.anna], concurrency=7)
    done = await asked(reloaded.bot, "reload")
    assert done["changed"] == ["[bot] admins", "[bot] texts"]
    assert done["restart"] == ["[bot] concurrency"]
    assert "start-helo" in done["mistakes"][0]
    assert (await reloaded.hears("/start")).startswith("Hi Anna")
    assert (await reloaded.hears("/stats")).startswith("Users:")
    await until(lambda: any(scope.endswith(f" {reloaded.anna}") for scope, _ in reloaded.menus))
    # What needs a restart is named until there is one; what is in effect is not changed again.
    assert (await asked(reloaded.bot, "reload"))["restart"] == ["[bot] concurrency"]
    reloaded.configure()
    assert (await asked(reloaded.bot, "reload"))["changed"] == ["[bot] admins"]
    assert not (await reloaded.hears("/stats")).startswith("Users:")


async def test_where_something_is_wrong_nothing_changes(reloaded: Reloaded, tmp_path: Path) -> None:
    reloaded.configure(admins=[reloaded.anna])
    (tmp_path / "texts" / "en.ftl").write_bytes(b"\xff")
    with pytest.raises(BotAnswerError, match=r"The texts in .* cannot be used") as wrong:
        await asked(reloaded.bot, "reload")
    assert wrong.value.exit_status == 2
    (tmp_path / "texts" / "en.ftl").unlink()
    with (tmp_path / "config.toml").open("a") as file:
        file.write("\nconcurency = 5\n")
    with pytest.raises(BotAnswerError, match="did you mean concurrency") as wrong:
        await asked(reloaded.bot, "reload")
    assert wrong.value.exit_status == 2
    assert not (await reloaded.hears("/stats")).startswith("Users:")


async def test_a_new_token_is_named_and_not_shown(reloaded: Reloaded, account: Account) -> None:
    token = f"{account.id}:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw2"
    reloaded.configure(token=token)
    done = await asked(reloaded.bot, "reload")
    assert done["restart"] == ["[telegram] bot_token"]
    assert token not in str(done)


# ---- log ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("levels")
async def test_levels_change_in_the_running_bot(
    bot: Bot, sandbox: Sandbox, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger().setLevel("WARNING")
    await until(lambda: not bot.client._dispatcher._telling)
    before = {"logger": "tgbot.telegram", "before": "WARNING", "level": "DEBUG"}
    assert await asked(bot, "log", level="DEBUG", logger="tgbot.telegram") == before
    assert logging.getLogger("tgbot.telegram.updates.log").isEnabledFor(logging.DEBUG)
    anna = sandbox.world.new_user("Anna").id
    async with asyncio.timeout(PATIENCE):
        while not any("UpdateNewMessage" in line and "handled in" in line for line in caplog.messages):
            sandbox.world.send_as(anna, account.id, "/help")  # the level is looked at four times a second
            await asyncio.sleep(0.05)
    assert not logging.getLogger("tgbot.operate").isEnabledFor(logging.INFO)
    assert (await asked(bot, "log", level="ERROR"))["before"] == "WARNING"
    assert not logging.getLogger("tgbot.operate").isEnabledFor(logging.WARNING)
    for logger, status in (("tgbot.telegra", 3), ("telethon.client.updates", 2)):
        with pytest.raises(BotAnswerError) as wrong:
            await asked(bot, "log", level="INFO", logger=logger)
        assert wrong.value.exit_status == status
    with pytest.raises(BotAnswerError, match=r"level: .*docs/control\.md") as wrong:
        await asked(bot, "log", level="LOUD")
    assert wrong.value.exit_status == 2
