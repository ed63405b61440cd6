"""One node in this process, and another that the test plays by hand, in the row of the lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tests.patience import PATIENCE
from tests.scenarios.conftest import Configure
from tests.scenarios.crash import until
from tests.scenarios.test_pages import fetch, says, with_pages
from tests.scenarios.test_supervised import Manager
from tests.store.postgres.proxy import Proxy
from tgbot.app import open_bot
from tgbot.config.settings import Config
from tgbot.core.errors import ConfigError, LeaseLostError
from tgbot.core.storeerrors import NodeLeadsError
from tgbot.operate.health import Trouble
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.store.postgres import membership
from tgbot.store.postgres.address import Address
from tgbot.store.postgres.membership import Membership


class Rival:
    """The other node, "right", which takes and gives up the lease whenever the test says so."""

    def __init__(self, url: str) -> None:
        self._url = url

    def _do(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def leads(self) -> None:
        self._do("UPDATE tgbot.lease SET node = 'right', epoch = epoch + 1, since = clock_timestamp(),"
                 " until = clock_timestamp() + interval '1 hour', heir = ''")  # fmt: skip

    def is_silent(self) -> None:
        self._do("UPDATE tgbot.lease SET until = clock_timestamp()")

    def sees(self, node: str) -> bool:
        return self._do("SELECT node FROM tgbot.lease") == [(node,)]

    def written(self) -> list[tuple[object, ...]]:
        """Return what a checkpoint writes each time."""
        return self._do("SELECT * FROM tgbot.states ORDER BY 1")


@pytest.fixture
def rival(bot_url: str) -> Rival:
    return Rival(bot_url)


@pytest.fixture
def left(configure: Configure, bot_url: str) -> Callable[[], Config]:
    """Return a function that returns the configuration of the node in this process."""

    def left() -> Config:
        config = configure()
        given = {"url": SecretStr(bot_url), "node": "left", "lease": 60.0}
        return config.model_copy(update={"storage": config.storage.model_copy(update=given)})

    return left


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return made


async def test_a_standby_is_up_and_not_ready_until_it_leads(
    left: Callable[[], Config],
    rival: Rival,
    manager: Manager,
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    config = with_pages(left())
    rival.leads()
    led = asyncio.Event()

    async def serve() -> None:
        async with open_bot(config, serve=True):
            await led.wait()

    serving = asyncio.create_task(serve())
    try:
        await manager.hears("READY=1", "STATUS=standby: right leads")
        assert await asyncio.to_thread(fetch, config, "/livez") == (200, "ok\n")
        assert await asyncio.to_thread(fetch, config, "/readyz") == (503, "standby: right leads\n")
        _, numbers = await asyncio.to_thread(fetch, config, "/metrics")
        assert "tgbot_leader 0.0" in numbers
        assert "tgbot_ready 0.0" in numbers
        assert not sandbox.connections
        rival.is_silent()
        await manager.hears("STATUS=running")
        await says(config, "/readyz", (200, "ok\n"))
        _, numbers = await asyncio.to_thread(fetch, config, "/metrics")
        assert "tgbot_leader 1.0" in numbers
        assert "tgbot_database_errors_total 0.0" in numbers
        assert any("right has not renewed its lease" in line for line in caplog.messages)
    finally:
        led.set()
        await serving
        manager.close()


async def test_a_node_that_lost_the_lease_ends_at_once_and_writes_nothing_more(
    left: Callable[[], Config], rival: Rival, manager: Manager, sandbox: Sandbox, account: Account
) -> None:
    config = left()
    config = config.model_copy(update={"storage": config.storage.model_copy(update={"lease": 1.0})})
    person = sandbox.world.new_user("Ann").id
    try:
        with pytest.raises(LeaseLostError):  # noqa: PT012 - raised where the block ends
            async with open_bot(config, serve=True) as bot:
                rival.leads()
                before = rival.written()
                sandbox.world.send_as(person, account.id, "hello")
                await bot.client.failed
                assert isinstance(bot.client.failed.result(), LeaseLostError)
        assert rival.written() == before
        # The process goes on, so its manager hears of no end.
        heard: list[str] = []
        with suppress(TimeoutError):
            while True:
                heard.append(await manager.next(0))
        assert "STATUS=handing over" in heard
        assert not any("STOPPING" in one for one in heard)
    finally:
        manager.close()


@pytest.mark.parametrize("reached", [True, False])
async def test_the_one_line_of_a_lost_lease_says_who_leads_if_that_can_be_read_in_time(
    bot_url: str,
    rival: Rival,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    reached: bool,
) -> None:
    monkeypatch.setattr(membership, "LAST_SECONDS", PATIENCE if reached else 0.2)
    proxy = Proxy(bot_url)
    node = Membership(Address(proxy.url), "left", 60.0, "1.0")
    try:
        await node.join(tmp_path)
        assert await node.take()
        rival.leads()
        with proxy.gone():
            telling = asyncio.create_task(node.tell_loss())
            await until(lambda: node.holder is None if reached else telling.done(), "a look that fails")
        await telling
        await node.tell_loss()
    finally:
        await node.leave()
        proxy.close()
    (line,) = [line for line in caplog.messages if "does not lead any more" in line]
    who = "the node right (epoch 2)" if reached else "another node"
    assert line == (
        f"this node (left, epoch 1) does not lead any more, {who} does: it sends and writes nothing more"
    )


async def test_a_checkpoint_that_finds_the_lease_lost_says_so_as_the_lease_itself_does(
    left: Callable[[], Config],
    rival: Rival,
    sandbox: Sandbox,
    account: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    person = sandbox.world.new_user("Ann").id
    with pytest.raises(LeaseLostError):  # noqa: PT012 - raised where the block ends
        async with open_bot(left(), serve=True) as bot:  # the lease is renewed every 12 s
            rival.leads()
            sandbox.world.send_as(person, account.id, "hello")
            await bot.client.failed
    (line,) = [line for line in caplog.messages if "does not lead any more" in line]
    assert line.startswith("this node (left, epoch 1) does not lead any more, the node right (epoch 2) does")


async def test_a_node_that_loses_the_lease_while_it_starts_does_not_wait_for_telegram(
    left: Callable[[], Config], rival: Rival, sandbox: Sandbox
) -> None:
    config = left()
    config = config.model_copy(update={"storage": config.storage.model_copy(update={"lease": 1.0})})
    await sandbox.stop()
    starting = asyncio.create_task(open_bot(config, serve=True).__aenter__())
    await until(lambda: rival.sees("left"), "the node leads")
    await asyncio.to_thread(rival.leads)
    with pytest.raises(LeaseLostError):
        await starting


async def test_while_another_node_leads_a_command_does_not_log_in(
    left: Callable[[], Config], rival: Rival, sandbox: Sandbox
) -> None:
    rival.leads()
    with pytest.raises(NodeLeadsError, match=r"^right leads the bot in "):
        async with open_bot(left()):
            pass
    assert not sandbox.connections
    rival.is_silent()
    async with open_bot(left()) as bot:
        assert bot.client.me is not None


async def test_an_address_that_libpq_cannot_read_is_told_without_its_password(
    left: Callable[[], Config],
) -> None:
    config = left()
    url = SecretStr("postgresql://ann:sesame@db/bot?no_such_option=1")
    config = config.model_copy(update={"storage": config.storage.model_copy(update={"url": url})})
    with pytest.raises(
        ConfigError, match=r"\[storage\] url = \(not shown\): expected the address of a Post"
    ) as told:
        async with open_bot(config):
            pass
    assert "sesame" not in str(told.value)


async def test_health_tells_that_the_lease_is_over(left: Callable[[], Config], rival: Rival) -> None:
    config = with_pages(left())
    config = config.model_copy(update={"storage": config.storage.model_copy(update={"lease": 1.0})})
    async with open_bot(config, serve=True):
        await says(config, "/readyz", (200, "ok\n"))
        # The row is locked, so the lease can neither be renewed nor taken.
        with psycopg.connect(rival._url) as connection:
            connection.execute("SELECT FROM tgbot.lease FOR UPDATE")
            await says(config, "/readyz", (503, f"{Trouble.DATABASE}\n"))
        await says(config, "/readyz", (200, "ok\n"))
