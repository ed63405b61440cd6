"""A bot under a service manager that the test plays: READY, STOPPING, and when the watchdog starves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.scenarios.conftest import Configure
from tests.scenarios.crash import PLUGIN, open_site
from tgbot.app import open_bot
from tgbot.operate import health
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.telegram.updates import watch


class Manager:
    """The manager's end of the socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    async def next(self, seconds: float = PATIENCE) -> str:
        """Return the next notice; raise TimeoutError if none comes."""
        async with asyncio.timeout(seconds):
            return (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode()

    async def hears(self, *words: str, seconds: float = PATIENCE) -> str:
        """Return the next notice with all these words."""
        async with asyncio.timeout(seconds):
            while True:
                notice = await self.next()
                if all(word in notice for word in words):
                    return notice

    async def waits_in_vain(self, seconds: float) -> None:
        """Return when nothing was heard for so long; raise AssertionError if that does not come."""
        for _ in range(100):
            try:
                await self.next(seconds)
            except TimeoutError:
                return
        raise AssertionError("it goes on telling")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A manager whose watchdog waits for a second and a half."""
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "1500000")
    yield made
    made.close()


async def test_a_bot_tells_that_it_is_ready_well_and_stopping(manager: Manager, configure: Configure) -> None:
    async with open_bot(configure(), serve=True):
        await manager.hears("READY=1", "STATUS=running")
        await manager.hears("WATCHDOG=1", "STATUS=running")
    await manager.hears("STOPPING=1")


async def test_only_the_bot_that_serves_speaks_to_the_manager(manager: Manager, configure: Configure) -> None:
    async with open_bot(configure()):
        pass
    with pytest.raises(TimeoutError):
        await manager.next(0)


async def test_a_deaf_bot_starves_the_watchdog_and_one_without_a_link_does_not(
    manager: Manager,
    configure: Configure,
    sandbox: Sandbox,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "HEARD_SECONDS", 1.0)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.2)
    async with open_bot(configure(), serve=True):
        await manager.hears("WATCHDOG=1", "STATUS=running")
        sandbox.faults.withhold(account.id)  # pings are answered
        for method in ("updates.getState", "updates.getDifference"):
            sandbox.faults.fail(method, 500, "INTERNAL", seconds=inf)
        assert "WATCHDOG" not in await manager.hears("STATUS=no proof that updates arrive")
        sandbox.faults.lift()
        await manager.hears("WATCHDOG=1", "STATUS=running")
        await sandbox.stop()
        await manager.hears("WATCHDOG=1", "STATUS=not connected to Telegram")
        await sandbox.start()


async def test_a_process_that_stands_still_is_ended_and_says_where_it_stood(
    manager: Manager, tmp_path: Path
) -> None:
    plugin = PLUGIN.replace("await asyncio.sleep(0.3)", '__import__("threading").Event().wait()')
    async with open_site(tmp_path, 1, plugin=plugin) as site:
        process = await site.spawn()
        await manager.hears("READY=1")
        await manager.hears("WATCHDOG=1", "STATUS=running")
        site.said(site.world.new_user("Ann").id, "slow")
        await manager.waits_in_vain(1.5)
        assert await process.end(6) == -6  # systemd's WatchdogSignal
        assert any("crash_plugin.py" in line and "in echo" in line for line in process.log)
