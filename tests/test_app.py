"""What opens in which order, and that all of it closes however it ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from tests.patience import PATIENCE
from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure, StartBot
from tests.scenarios.talk import Talk, until
from tests.telegram.wire.door import Door
from tgbot import app
from tgbot.app import open_bot
from tgbot.config import loading as config
from tgbot.core.errors import (
    CredentialsMissingError,
    LoginRefusedError,
    PluginError,
    SessionDamagedError,
    SessionInUseError,
    WrongBotError,
)
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.rpc import RpcError
from tgbot.sandbox.server import Sandbox
from tgbot.store.lock import instance_lock
from tgbot.store.sqlite.store import SqliteStore
from tgbot.telegram import BotClient

OPENED = ["lock", "store", "client"]
CLOSED = ["client closed", "store closed", "lock freed"]


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that the real parts of the bot append to as they open and close."""
    events: list[str] = []

    @contextmanager
    def lock(session: Path) -> Iterator[Path]:
        with instance_lock(session) as path:
            events.append("lock")
            try:
                yield path
            finally:
                events.append("lock freed")

    class Store(SqliteStore):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            events.append("store")

        def close(self) -> None:
            events.append("store closed")
            super().close()

    class Client(BotClient):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            events.append("client")

        async def login(self, token: str) -> None:
            await super().login(token)
            events.append("logged in")

        async def start_updates(self) -> None:
            assert self.list_event_handlers(), "updates are taken before anybody handles them"
            events.append("updates")
            await super().start_updates()

        async def stop(self, grace: float, drained: Any = None) -> bool:
            try:
                return await super().stop(grace, drained)
            finally:
                events.append("client closed")

    for name, kind in (
        ("instance_lock", lock),
        ("SqliteStore", Store),
        ("BotClient", Client),
    ):
        monkeypatch.setattr(app, name, kind)
    return events


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`plugin("name", source)` is the name of a plugin with this source."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


def texts(sandbox: Sandbox, bot: Account, person: int) -> list[str]:
    """Return what a bot said to a person, in order."""
    box = sandbox.world.accounts[person].box
    copies = [box.get(number) for number in box.history(bot.id)]
    return [copy.post.text for copy in copies if copy is not None and not copy.out]


# ---- opening and closing ---------------------------------------------------------------------------


async def test_all_parts_are_opened_in_order_and_closed_in_reverse(
    configure: Configure, course: list[str]
) -> None:
    async with open_bot(configure(), serve=True) as bot:
        assert course == [*OPENED, "logged in", "updates"]
        assert bot.client.is_connected()
        course.clear()
    assert course == CLOSED
    assert not bot.client.is_connected()


async def test_without_serving_no_update_is_taken(configure: Configure, course: list[str]) -> None:
    async with open_bot(configure()):
        assert course == [*OPENED, "logged in"]
    assert course[4:] == CLOSED


async def test_an_error_inside_the_block_closes_all_and_is_raised(
    configure: Configure, course: list[str]
) -> None:
    async def use() -> None:
        async with open_bot(configure(), serve=True):
            course.clear()
            raise LookupError("of the block")

    with pytest.raises(LookupError, match="of the block"):
        await use()
    assert course == CLOSED


async def test_a_refused_login_closes_all_that_was_opened(
    configure: Configure, course: list[str], account: Account
) -> None:
    with pytest.raises(LoginRefusedError):
        async with open_bot(configure(token=f"{account.id}:{'x' * 35}"), serve=True):
            pytest.fail("it was let in")
    assert course == OPENED + CLOSED


async def test_a_token_of_another_bot_closes_all_that_was_opened(
    configure: Configure, course: list[str], sandbox: Sandbox
) -> None:
    async with open_bot(configure()):
        pass
    course.clear()
    with pytest.raises(WrongBotError):
        async with open_bot(configure(token=sandbox.new_bot("other_bot").token), serve=True):
            pytest.fail("it was let in")
    assert course == OPENED + CLOSED


async def test_a_plugin_that_refuses_to_register_closes_all_and_no_update_was_taken(
    configure: Configure, course: list[str], plugin: Any
) -> None:
    name = plugin("app_refuses", "def register(client): raise ValueError('no')")
    with pytest.raises(PluginError):
        async with open_bot(configure(plugins=[name]), serve=True):
            pytest.fail("it was let in")
    assert course == [*OPENED, "logged in", *CLOSED]


async def test_a_plugin_that_cannot_be_imported_is_refused_before_anything_is_opened(
    configure: Configure, course: list[str]
) -> None:
    with pytest.raises(PluginError):
        async with open_bot(configure(plugins=["no_such_module"]), serve=True):
            pytest.fail("it was let in")
    assert not course


async def test_plugins_are_not_imported_without_serving(configure: Configure) -> None:
    async with open_bot(configure(plugins=["no_such_module"])) as bot:
        assert bot.client.me is not None


async def test_missing_credentials_are_refused_before_anything_is_opened(
    course: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "empty.toml"
    file.touch()
    with pytest.raises(CredentialsMissingError):
        async with open_bot(config.load(file, {})):
            pytest.fail("it was let in")
    assert not course


async def test_a_damaged_session_frees_the_lock_again(configure: Configure, course: list[str]) -> None:
    settings = configure()
    settings.storage.session.parent.mkdir(parents=True, exist_ok=True)
    settings.storage.session.write_bytes(b"not a database" * 100)
    with pytest.raises(SessionDamagedError):
        async with open_bot(settings):
            pytest.fail("it was let in")
    assert course == ["lock", "lock freed"]


async def test_what_was_closed_can_be_opened_again_at_once(configure: Configure) -> None:
    settings = configure()
    for _ in range(2):
        async with open_bot(settings, serve=True) as bot:
            assert bot.client.me.username == "the_bot"


# ---- one session, one bot ---------------------------------------------------------------------------


async def test_beside_the_running_bot_no_other_is_opened(
    configure: Configure,
) -> None:
    settings = configure()
    async with open_bot(settings, serve=True) as bot:
        for serve in (False, True):
            with pytest.raises(SessionInUseError, match=rf"in use by another process \(pid {os.getpid()}\)"):
                async with open_bot(settings, serve=serve):
                    pytest.fail("it was let in")
        assert bot.client.is_connected()


async def test_without_serving_updates_stay_at_telegram(
    configure: Configure, sandbox: Sandbox, account: Account
) -> None:
    settings = configure()
    async with open_bot(settings, serve=True):
        pass
    ann = sandbox.world.new_user("Ann").id
    sandbox.world.send_as(ann, account.id, "/help")
    async with open_bot(settings) as bot:
        before = bot.client.session.update_state()
        sandbox.world.send_as(ann, account.id, "/help")
        await bot.client.get_me()  # its answer comes after what was pushed before
        await bot.client.checkpoint()
        assert bot.client.session.update_state() == before
    assert not texts(sandbox, account, ann)
    async with open_bot(settings, serve=True):
        await until(lambda: len(texts(sandbox, account, ann)) == 2)


# ---- what plugins get ------------------------------------------------------------------------------


async def test_plugins_get_the_parts_of_the_running_bot(
    start_bot: StartBot, plugin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: dict[str, Any] = {}
    monkeypatch.setattr(app, "got", got, raising=False)
    name = plugin(
        "app_all",
        "from tgbot import app\n"
        "def register(client, *, payload_key, **parts):\n"
        "    app.got.update(parts, client=client, key=payload_key)",
    )
    bot = await start_bot(plugins=[name], admins=[7])
    assert got["client"] is bot.client
    assert got["users"] is bot.users
    assert got["sender"] is bot.sender
    assert got["peers"] is bot.peers
    assert got["texts"].render("ru", "forget-done") == bot.texts.render("ru", "forget-done")
    assert got["clock"] is bot.clock
    assert got["admins"] == frozenset({7})
    assert isinstance(got["key"], bytes)


# ---- losses ----------------------------------------------------------------------------------------


async def test_a_bot_that_another_node_goes_on_for_waits_for_nothing_that_is_under_way(
    configure: Configure,
    plugin: Any,
    sandbox: Sandbox,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "WORK_GRACE", 3600.0)
    name = plugin(
        "hanging_plugin",
        """
import asyncio
from datetime import timedelta
from telethon import events

handler, job = asyncio.Event(), asyncio.Event()

async def hang(begun):
    begun.set()
    await asyncio.Event().wait()

def register(client, jobs):
    @client.on(events.NewMessage)
    async def answer(event):
        await hang(handler)

    @jobs.every(timedelta(seconds=1), name="often")
    async def often(run):
        await hang(job)
""",
    )
    async with asyncio.timeout(PATIENCE / 4):
        async with open_bot(configure(plugins=[name], grace_seconds=3600.0), serve=True) as opened:
            sandbox.world.send_as(sandbox.world.new_user("Ann").id, account.id, "hello")
            for begun in ("handler", "job"):
                await getattr(import_module(name), begun).wait()
            opened.client.figures.link.given_up = True


async def test_a_loss_is_reported_to_every_admin_who_is_known_and_can_be_reached(
    start_bot: StartBot, sandbox: Sandbox, account: Account
) -> None:
    blocking, ann = sandbox.world.new_user("Ben"), sandbox.world.new_user("Ann")
    ann.language = "ru"
    never_met = sandbox.world.new_user("Eve")
    bot = await start_bot(admins=[never_met.id, blocking.id, ann.id], answer_missed="0")
    for admin in (blocking, ann):
        sandbox.world.send_as(admin.id, account.id, "/start")
    await until(lambda: all(texts(sandbox, account, admin.id) for admin in (blocking, ann)))
    sandbox.world.block(blocking.id, account.id)
    sandbox.faults.withhold(account.id)
    sandbox.world.send_as(ann.id, account.id, "what is lost")
    sandbox.faults.differences_too_long(True)
    bot.client.intake.begin_difference()
    await until(lambda: len(texts(sandbox, account, ann.id)) == 2)
    assert texts(sandbox, account, ann.id)[1] == bot.texts.render("ru", "lost-difference-too-long")
    assert not texts(sandbox, account, never_met.id)
    assert bot.client.losses == {"difference_too_long": 1}


# ---- one clock -------------------------------------------------------------------------------------


async def test_where_this_machines_clock_is_wrong_stats_and_resolve_agree(
    start_bot: StartBot, sandbox: Sandbox, account: Account
) -> None:
    """By this machine's clock, which is ten minutes ahead, the five minutes of a join request are over."""
    world = sandbox.world
    sandbox.faults.set_clock(-600)
    ann, boss = world.new_user("Ann"), world.new_user("Boss")
    await start_bot(admins=[boss.id])
    group = world.new_group("Chess Club", boss.id, account.id)
    world.groups.promote(
        group, world.accounts[account.id], types.ChatAdminRights(invite_users=True), by=boss.id
    )
    invite = world.groups.invite(group, boss.id, request_needed=True)
    with pytest.raises(RpcError, match="INVITE_REQUEST_SENT"):
        world.groups.follow(ann, group, invite)
    await until(lambda: bool(texts(sandbox, account, ann.id)))
    said: list[str] = []
    for command in ("/stats", f"/resolve {ann.id}"):
        world.send_as(boss.id, account.id, command)
        await until(lambda: len(texts(sandbox, account, boss.id)) > len(said))
        said.append(texts(sandbox, account, boss.id)[-1])
    stats, resolved = said
    assert "reachable: 2" in stats  # Ann and Boss
    assert "may I write: yes" in resolved


async def test_a_bot_behind_a_proxy_is_reached_by_way_of_it_alone(
    configure: Configure, sandbox: Sandbox, person: Any
) -> None:
    door = Door("socks5")
    await door.open()
    async with open_bot(configure(proxy=door.url()), serve=True):
        anna = Talk(await person("Anna"))
        assert (await anna.ask("/start")).startswith("Hello, Anna!")
        assert door.opened == [(sandbox.host, sandbox.port)]
    await door.close()
