"""What begins to be wrong with a bot, and what is over: told once each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operate.test_metrics import READING
from tgbot.core.errors import StorageFailedError
from tgbot.operate import conditions
from tgbot.operate.conditions import Conditions
from tgbot.operate.health import Trouble
from tgbot.store.lastbackup import backup_failure, backup_noted


class Bot:
    """A bot that is well unless it is told otherwise, and what is reported of it."""

    def __init__(self, directory: Path) -> None:
        self.now = 1000.0
        self.trouble: Trouble | None = None
        self.errors: dict[str, int] = {}
        self.deafnesses, self.is_deaf = 0, False
        self.room: int | OSError = 10_000
        self.told: list[tuple[object, ...]] = []
        self._conditions = Conditions(
            self,
            trouble=self.ask,
            read=lambda: READING._replace(
                handler_errors=dict(self.errors), deafnesses=self.deafnesses, deaf=self.is_deaf
            ),
            directory=directory,
            room=self.left,
            clock=lambda: self.now,
        )

    async def ask(self) -> Trouble | None:
        return self.trouble

    def left(self, directory: Path) -> int:
        if isinstance(self.room, OSError):
            raise self.room
        return self.room

    def begin(self, condition: str, count: int = 1, **values: str | int) -> None:
        self.told.append(("begin", condition, count, *values.values()))

    def end(self, condition: str, **values: str | int) -> None:
        self.told.append(("end", condition, *values.values()))

    def deaf(self, count: int) -> None:
        self.told.append(("deaf", count))

    async def reports(self, seconds: float = 0.0) -> list[tuple[object, ...]]:
        """Return what a look reports after some seconds."""
        self.now += seconds
        self.told = []
        await self._conditions.look()
        return self.told


def modes_in(directory: Path) -> list[int]:
    return [file.stat().st_mode & 0o777 for file in directory.iterdir()]


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot(tmp_path)


async def test_a_bot_that_is_well_is_not_told_of(bot: Bot) -> None:
    assert [await bot.reports(30) for _ in range(30)] == [[]] * 30


async def test_a_disk_that_fills_is_told_once_until_there_is_enough_room(bot: Bot) -> None:
    bot.room = conditions.LITTLE_ROOM - 1
    assert await bot.reports() == [("begin", "disk", 1, conditions.LITTLE_ROOM - 1)]
    bot.room = 3
    assert await bot.reports() == []
    bot.room = conditions.ENOUGH_ROOM - 1
    assert await bot.reports() == []
    bot.room = conditions.ENOUGH_ROOM
    assert await bot.reports() == [("end", "disk", conditions.ENOUGH_ROOM)]
    bot.room = OSError()
    assert await bot.reports() == []


async def test_errors_are_told_at_a_rate_with_the_plugin_that_has_most(bot: Bot) -> None:
    bot.errors = {"a": 4, "b": 5}
    assert await bot.reports(30) == []
    bot.errors = {"a": 4, "b": 7}
    assert await bot.reports(30) == [("begin", "errors", 11, "b")]
    bot.errors = {"a": 50, "b": 7}
    assert await bot.reports(30) == []
    assert await bot.reports(conditions.ERROR_SECONDS - 30) == []
    assert await bot.reports(30) == [("end", "errors")]


async def test_a_few_errors_now_and_then_are_not_told(bot: Bot) -> None:
    for number in range(100):
        bot.errors = {"a": number}
        assert await bot.reports(60) == []


async def test_a_bot_that_is_not_ready_for_long_is_told_with_the_reason_and_when_it_is_over(bot: Bot) -> None:
    bot.trouble = Trouble.NOT_CONNECTED
    assert await bot.reports() == []
    reason = "not connected to Telegram"
    assert await bot.reports(conditions.UNREADY_SECONDS) == [("begin", "readiness", 1, reason, 5)]
    assert await bot.reports(60) == []
    bot.trouble = None
    assert await bot.reports(60) == [("end", "readiness", "not connected to Telegram", 7)]
    bot.trouble = Trouble.UNHEARD
    assert await bot.reports() == []
    bot.trouble = None
    assert await bot.reports(60) == []


async def test_deafness_is_told_once_it_is_cured(bot: Bot) -> None:
    bot.deafnesses, bot.is_deaf = 1, True
    assert await bot.reports() == []
    bot.deafnesses, bot.is_deaf = 2, False
    assert await bot.reports() == [("deaf", 2)]
    assert await bot.reports() == []


async def test_each_backup_that_fails_is_told_and_the_next_one_that_succeeds(
    bot: Bot, tmp_path: Path
) -> None:
    for reason in ("the disk is full", "it is a file"):
        with pytest.raises(StorageFailedError), backup_noted(tmp_path):
            raise StorageFailedError(tmp_path, reason)
        ((begin, condition, _, told),) = await bot.reports()
        assert (begin, condition) == ("begin", "backup")
        assert reason in str(told)
        assert await bot.reports() == []
    assert modes_in(tmp_path) == [0o600]
    with backup_noted(tmp_path):
        pass
    assert await bot.reports() == [("end", "backup")]
    assert modes_in(tmp_path) == []


def test_a_note_that_cannot_be_written_hides_no_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no"), backup_noted(tmp_path / "none"):
        raise OSError("no")
    assert backup_failure(tmp_path / "none") is None


async def test_a_database_that_cannot_be_reached_is_reported_and_that_it_is_over(bot: Bot) -> None:
    bot.trouble = Trouble.DATABASE
    assert ("begin", "database", 1) in await bot.reports()
    assert not await bot.reports(30)
    bot.trouble = Trouble.NOT_CONNECTED
    assert ("end", "database") in await bot.reports(30)
