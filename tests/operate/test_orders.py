"""What the running bot is told to do: drain, log. The bot is whole, on the sandbox over TCP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.scene import Scene, open_scene
from tests.telegram.conftest import until
from tgbot.app import Bot
from tgbot.core.errors import BotAnswerError
from tgbot.operate.control import ask


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


# ---- log ------------------------------------------------------------------------------------------


@pytest.fixture
def levels() -> Iterator[None]:
    """Put the levels of all loggers back."""
    root = logging.getLogger()
    before = {one: one.level for one in (root, *map(logging.getLogger, root.manager.loggerDict))}
    yield
    for logger, level in before.items():
        logger.setLevel(level)


@pytest.mark.usefixtures("levels")
async def test_levels_change_in_the_running_bot(bot: Bot) -> None:
    logging.getLogger().setLevel("WARNING")
    before = {"logger": "tgbot.telegram", "before": "WARNING", "level": "DEBUG"}
    assert await asked(bot, "log", level="DEBUG", logger="tgbot.telegram") == before
    assert logging.getLogger("tgbot.telegram.updates.log").isEnabledFor(logging.DEBUG)
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
