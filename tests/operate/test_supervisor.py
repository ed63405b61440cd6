"""What a service manager is told about a bot that the test plays, at a socket and by a clock of the test."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from tgbot.operate.health import Trouble
from tgbot.operate.supervisor import PATIENCE, START_SECONDS, Supervisor, supervised


class Bot:
    """How a bot is, as the test says; and what its manager hears."""

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        self.now = 1000.0
        self.heard: list[str] = []
        self.supervisor = Supervisor(self.heard.append, watchdog=60.0, monotonic=lambda: self.now)

    async def how(self) -> Trouble | None:
        return self.trouble

    async def look(self, after: float = 0.0) -> str:
        """Return what one look tells, after some seconds."""
        self.now += after
        self.heard.clear()
        await self.supervisor.look()
        return "\n".join(self.heard)


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
async def well(bot: Bot) -> Bot:
    """A bot that runs and was well once."""
    bot.supervisor.running(bot.how)
    assert await bot.look() == "WATCHDOG=1\nSTATUS=running"
    return bot


def test_each_trouble_has_a_patience() -> None:
    assert set(PATIENCE) == set(Trouble)


def test_the_watchdog_is_fed_three_times_in_its_time() -> None:
    assert Supervisor(print, watchdog=30.0).interval == 10.0
    assert Supervisor(print).interval == 20.0


async def test_a_bot_is_ready_when_it_runs_and_that_is_told_once(bot: Bot) -> None:
    assert await bot.look() == "EXTEND_TIMEOUT_USEC=90000000\nWATCHDOG=1\nSTATUS=opening the files"
    bot.supervisor.waiting()
    assert await bot.look() == "WATCHDOG=1\nSTATUS=waiting for Telegram"
    bot.heard.clear()
    bot.supervisor.running(bot.how)
    assert bot.heard == ["READY=1\nSTATUS=running"]
    assert "READY" not in await bot.look(START_SECONDS)


async def test_a_standby_is_up_and_what_it_waits_for_is_told(bot: Bot) -> None:
    bot.supervisor.waiting("the database")
    assert await bot.look() == "WATCHDOG=1\nSTATUS=waiting for the database"
    bot.heard.clear()
    bot.supervisor.standing_by("standby: left leads")
    assert bot.heard == ["READY=1\nSTATUS=standby: left leads"]
    bot.heard.clear()
    bot.supervisor.standing_by("standby: left leads")
    assert bot.heard == []
    bot.supervisor.standing_by("standby: no node leads")
    assert bot.heard == ["STATUS=standby: no node leads"]
    assert await bot.look(START_SECONDS) == "WATCHDOG=1\nSTATUS=standby: no node leads"
    bot.supervisor.waiting()  # it leads, and logs in
    assert await bot.look(START_SECONDS) == "WATCHDOG=1\nSTATUS=waiting for Telegram"


async def test_a_process_that_stands_by_again_is_not_told_to_stop(bot: Bot) -> None:
    bot.supervisor.running(bot.how)
    bot.heard.clear()
    bot.supervisor.stopping(again=True)
    assert bot.heard == ["STATUS=handing over"]


async def test_a_database_that_is_away_for_long_is_no_reason_for_a_restart(well: Bot) -> None:
    well.trouble = Trouble.DATABASE
    await well.look()
    assert "WATCHDOG=1" in await well.look(86_400.0)


async def test_a_start_that_only_waits_for_telegram_counts_as_done_after_a_while(bot: Bot) -> None:
    assert "READY" not in await bot.look(10 * START_SECONDS)  # the files are not open: that may fail yet
    bot.supervisor.waiting()
    assert "READY" not in await bot.look(START_SECONDS - 1)
    assert (await bot.look(1)).startswith("READY=1\nSTATUS=waiting for Telegram")
    bot.heard.clear()
    bot.supervisor.running(bot.how)
    assert bot.heard == ["STATUS=running"]


@pytest.mark.parametrize("trouble", [trouble for trouble in Trouble if PATIENCE[trouble] < inf])
async def test_a_trouble_that_a_restart_may_cure_starves_the_watchdog_after_its_patience(
    well: Bot, trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    well.trouble = trouble
    if PATIENCE[trouble]:
        assert await well.look() == f"WATCHDOG=1\nSTATUS={trouble}"
        assert "WATCHDOG=1" in await well.look(PATIENCE[trouble] - 1)
        well.now += 1
    assert await well.look() == f"STATUS={trouble}; waiting for the watchdog"
    assert "WATCHDOG=1" not in await well.look(1)
    assert caplog.messages == [f"the watchdog is not fed any more: {trouble}"]
    well.trouble = None
    assert "WATCHDOG=1" in await well.look()


@pytest.mark.parametrize("trouble", [Trouble.NOT_CONNECTED, Trouble.NOT_LOGGED_IN, Trouble.DRAINED])
async def test_who_waits_for_telegram_or_for_its_owner_is_not_restarted(well: Bot, trouble: Trouble) -> None:
    well.trouble = trouble
    assert await well.look() == f"WATCHDOG=1\nSTATUS={trouble}"
    assert "WATCHDOG=1" in await well.look(30 * 86_400)


async def test_a_restart_that_did_not_cure_deafness_is_not_repeated(bot: Bot) -> None:
    bot.trouble = Trouble.UNHEARD
    bot.supervisor.running(bot.how)
    assert await bot.look() == f"WATCHDOG=1\nSTATUS={Trouble.UNHEARD}"
    assert "WATCHDOG=1" in await bot.look(86_400)
    bot.trouble = None
    await bot.look()
    bot.trouble = Trouble.UNHEARD
    assert "WATCHDOG=1" not in await bot.look()


async def test_each_trouble_has_its_patience_anew(well: Bot) -> None:
    well.trouble = Trouble.CHECKPOINT_SLOW
    await well.look()
    well.trouble = Trouble.NOT_CONNECTED
    await well.look(PATIENCE[Trouble.CHECKPOINT_SLOW])
    well.trouble = Trouble.CHECKPOINT_SLOW
    assert "WATCHDOG=1" in await well.look()


async def test_a_bot_that_stops_is_fed_until_its_end(well: Bot) -> None:
    well.trouble = Trouble.FILES_GONE
    well.heard.clear()
    well.supervisor.stopping()
    assert well.heard == ["STOPPING=1\nSTATUS=stopping"]
    assert await well.look() == "WATCHDOG=1\nSTATUS=stopping"


# ---- the socket ------------------------------------------------------------------------------------


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """The manager's end, under a path or an abstract name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify") if request.param == "path" else f"\0tgbot-test-{os.getpid()}")
        made.settimeout(60)
        yield made


def address(manager: socket.socket) -> str:
    """Return what NOTIFY_SOCKET is."""
    name = manager.getsockname()
    return name if isinstance(name, str) else "@" + name[1:].decode()


async def test_the_manager_is_told_at_its_socket(manager: socket.socket) -> None:
    async with supervised({"NOTIFY_SOCKET": address(manager)}) as supervisor:
        supervisor.running(Bot().how)
        assert manager.recv(4096) == b"READY=1\nSTATUS=running"
        assert supervisor.interval == 20.0


@pytest.mark.parametrize(
    ("process", "interval"), [("", 0.5), (str(os.getpid()), 0.5), ("1", 20.0)], ids=["any", "this", "other"]
)
async def test_the_watchdog_is_the_one_of_this_process(process: str, interval: float, tmp_path: Path) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": process}
    async with supervised(environ) as supervisor:
        assert supervisor.interval == interval


async def test_a_manager_that_does_not_listen_is_no_trouble(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with supervised({"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as supervisor:
        supervisor.running(Bot().how)
        await supervisor.look()
    (said,) = caplog.messages
    assert said.endswith(f"{tmp_path / 'nobody'}: No such file or directory")


async def test_a_manager_that_does_not_read_holds_nobody_up(manager: socket.socket) -> None:
    async with supervised({"NOTIFY_SOCKET": address(manager)}) as supervisor:
        for _ in range(2000):
            supervisor.stopping()


async def test_without_a_manager_nothing_is_told() -> None:
    async with supervised({}) as supervisor:
        supervisor.running(Bot().how)
        supervisor.stopping()
