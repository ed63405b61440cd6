"""The login page of a whole bot: from the callback to the greeting, over HTTP and over the wire."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import textwrap
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from telethon.tl import functions

from tests.scenarios.conftest import Configure
from tests.scenarios.logins import free_port, sent_on, visit, with_login
from tests.scenarios.talk import PATIENCE, Talk, until
from tgbot import cli
from tgbot.app import Bot, open_bot
from tgbot.config.settings import Config
from tgbot.core.access import Access, Kind
from tgbot.core.errors import ConfigError
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.widget import Widget, signed
from tgbot.store.sqlite.logins import UsedLogins
from tgbot.telegram.calls import retries
from tgbot.web import greeting
from tgbot.web.onward import site_key

SEND = "messages.sendMessage"


@pytest.fixture
async def widget(sandbox: Sandbox, account: Account) -> AsyncIterator[Widget]:
    """Return the sandbox's login widget, with this machine as the bot's site."""
    async with Widget(sandbox.world) as widget:
        widget.set_domain(account.id, "127.0.0.1")
        yield widget


@pytest.fixture
def site(configure: Configure, widget: Widget) -> Config:
    """Return a bot's configuration with a login page."""
    return with_login(configure(), widget, free_port())


@pytest.fixture
async def bot(site: Config) -> AsyncIterator[Bot]:
    """Return a running bot with its login page."""
    async with open_bot(site, serve=True) as bot:
        yield bot


def access(bot: Bot, talk: Talk) -> Access:
    user = bot.users.get(talk.id)
    return user.verdict(bot.client.server_time()).access if user else Access.UNKNOWN


async def test_who_logs_in_and_lets_the_bot_write_is_greeted_by_it(
    bot: Bot, site: Config, widget: Widget, account: Account, person: Any
) -> None:
    anna = Talk(await person("Anna", "Schmidt"))
    status, page = await visit(site, "/callback", widget.log_in(account.id, anna.id))
    assert status == 200
    assert "has just written to you" in page
    assert (await anna.hears()).startswith("Hello, Anna! You have just logged in on 127.0.0.1.")
    await until(
        lambda: (
            (user := bot.users.get(anna.id)) is not None and user.last_evidence(Kind.WRITE_ACCESS) is not None
        )
    )
    user = bot.users.get(anna.id)
    assert user is not None
    for kind in (Kind.LOGIN, Kind.WRITE_ACCESS):
        evidence = user.last_evidence(kind)
        assert evidence is not None
        assert evidence.detail == "127.0.0.1"
    assert "login" in user.known_by
    assert access(bot, anna) is Access.REACHABLE
    assert bot.client.session.access_hash(anna.id)


async def test_who_lets_the_bot_not_write_is_shown_the_way_to_the_chat(
    bot: Bot, site: Config, widget: Widget, account: Account, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    status, page = await visit(site, "/callback", widget.log_in(account.id, anna.id, write=False))
    assert status == 200
    assert 'href="https://t.me/the_bot?start=login"' in page
    assert (await anna.ask("/start login")).startswith("Hello, Anna!")  # and no greeting before this
    user = bot.users.get(anna.id)
    assert user is not None
    assert user.last_evidence(Kind.LOGIN)
    assert user.first_payload == "login"
    assert access(bot, anna) is Access.REACHABLE


async def test_who_is_known_and_logs_in_is_greeted_in_their_language(
    bot: Bot, site: Config, widget: Widget, account: Account, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    bot.users.choose_language(anna.id, "ru")
    _, page = await visit(site, "/callback", widget.log_in(account.id, anna.id))
    assert "Hello, Anna!" in page
    assert (await anna.hears()).startswith("Здравствуйте, Anna! Вы только что вошли")


async def test_a_login_does_not_lift_a_block(
    bot: Bot, site: Config, widget: Widget, account: Account, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    await anna.client(functions.contacts.BlockRequest(anna.chat))
    await until(lambda: access(bot, anna) is Access.BLOCKED)
    status, page = await visit(site, "/callback", widget.log_in(account.id, anna.id))
    assert status == 200
    assert "?start=login" in page
    assert access(bot, anna) is Access.BLOCKED


async def test_a_used_login_is_refused_after_a_restart_and_a_forgotten_user_stays_forgotten(
    site: Config, widget: Widget, account: Account, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    async with open_bot(site, serve=True) as bot:
        data = widget.log_in(account.id, anna.id)
        assert (await visit(site, "/callback", data))[0] == 200
        await anna.hears()
        await until(lambda: bot.users.get(anna.id).last_evidence(Kind.WRITE_ACCESS) is not None)  # type: ignore[union-attr]  # recorded above
        bot.users.forget(anna.id)
    async with open_bot(site, serve=True) as bot:
        status, page = await visit(site, "/callback", data)
        assert (status, "already used" in page) == (400, True)
        assert bot.users.get(anna.id) is None


async def test_neither_a_field_that_telegram_adds_one_day_nor_what_trackers_add_stops_a_login(
    bot: Bot, site: Config, widget: Widget, account: Account, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    data = widget.log_in(account.id, anna.id)
    del data["hash"], data["first_name"]
    assert account.token is not None
    added = signed(account.token, data | {"is_premium": "1"}) | {"utm_source": "mail", "fbclid": "IwAR0"}
    status, page = await visit(site, "/callback", added)
    assert (status, "You are logged in" in page) == (200, True)
    assert (await anna.hears()).startswith("Hello, Anna! You have just logged in on 127.0.0.1.")
    status, page = await visit(site, "/callback", added | {"fbclid": "IwAR1"})
    assert (status, "already used" in page) == (400, True)


async def test_forged_data_is_refused_and_nothing_recorded(
    bot: Bot, site: Config, widget: Widget, account: Account, person: Any
) -> None:
    anna, boris = Talk(await person("Anna")), Talk(await person("Boris"))
    data = widget.log_in(account.id, anna.id, write=False) | {"id": boris.id}
    status, page = await visit(site, "/callback", data)
    assert (status, "signature does not match" in page) == (400, True)
    assert bot.users.get(anna.id) is bot.users.get(boris.id) is None


async def test_the_page_shows_the_sandboxs_widget(bot: Bot, site: Config, widget: Widget) -> None:
    status, page = await visit(site, language="ru")
    assert status == 200
    assert f'src="{widget.script}"' in page
    assert "Вход через" in page


@pytest.mark.parametrize(
    ("code", "name"),
    [(500, "INTERNAL"), (500, "WORKER_BUSY_TOO_LONG_RETRY"), (503, "Timeout")],
)
async def test_a_greeting_that_telegram_puts_off_follows_later(
    bot: Bot,
    site: Config,
    sandbox: Sandbox,
    widget: Widget,
    account: Account,
    person: Any,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    name: str,
) -> None:
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.01,))
    monkeypatch.setattr(greeting, "PAUSES", (0.01,))
    anna = Talk(await person("Anna"))
    sandbox.faults.fail(SEND, code, name, times=3, account=account.id)
    assert (await visit(site, "/callback", widget.log_in(account.id, anna.id)))[0] == 200
    assert (await anna.hears()).startswith("Hello, Anna! You have just logged in on 127.0.0.1.")
    assert await anna.said_nothing_before()


async def test_a_greeting_that_telegram_puts_off_follows_after_a_restart_once(
    site: Config, sandbox: Sandbox, widget: Widget, account: Account, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    sandbox.faults.fail(SEND, 420, "FLOOD_WAIT_900", account=account.id)
    async with open_bot(site, serve=True):
        await visit(site, "/callback", widget.log_in(account.id, anna.id))
        await until(lambda: sandbox.calls[SEND] == 1)
    async with open_bot(site, serve=True):
        assert (await anna.hears()).startswith("Hello, Anna! You have just logged in on 127.0.0.1.")
        assert await anna.said_nothing_before()
    async with open_bot(site, serve=True):
        assert await anna.said_nothing_before()


async def test_who_asks_to_be_forgotten_is_not_greeted_after_a_restart(
    site: Config, sandbox: Sandbox, widget: Widget, account: Account, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    sandbox.faults.fail(SEND, 420, "FLOOD_WAIT_900", account=account.id)
    async with open_bot(site, serve=True) as bot:
        await visit(site, "/callback", widget.log_in(account.id, anna.id))
        await until(lambda: sandbox.calls[SEND] == 1)
        await bot.forget(anna.id)
    async with open_bot(site, serve=True):
        assert await anna.said_nothing_before()
        with closing(UsedLogins(site.storage.logins)) as used:
            async with asyncio.timeout(PATIENCE):
                while await used.owed():  # noqa: ASYNC110 - another connection to the file
                    await asyncio.sleep(0.01)


async def test_a_greeting_whose_answers_fail_is_said_once(
    bot: Bot,
    site: Config,
    sandbox: Sandbox,
    widget: Widget,
    account: Account,
    person: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.01,))
    monkeypatch.setattr(greeting, "PAUSES", (0.01,))
    anna = Talk(await person("Anna"))
    sandbox.faults.fail(SEND, 500, "INTERNAL", times=7, after=True, account=account.id)
    await visit(site, "/callback", widget.log_in(account.id, anna.id))
    await until(lambda: sandbox.calls[SEND] == 8)
    assert (await anna.hears()).startswith("Hello, Anna! You have just logged in on 127.0.0.1.")
    assert await anna.said_nothing_before()


def documented_lines() -> str:
    """Return the lines of docs/operations.md with which a site checks who logged in."""
    page = Path(__file__).parents[2].joinpath("docs/operations.md").read_text()
    block = re.search(r"(?m)^    import base64\n(?:(?: {4}.*)?\n)+", page)
    assert block is not None
    return textwrap.dedent(block[0])


class SitesClock:
    """The clock of one's own site."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


async def test_ones_own_site_reads_with_the_documented_lines_who_logged_in(
    configure: Configure,
    widget: Widget,
    account: Account,
    person: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    then = "https://shop.example.com/welcome"
    site = with_login(configure(), widget, free_port(), then=then)
    monkeypatch.setenv("TGBOT_LOGIN_THEN", then)
    assert cli.status(["--config", str(tmp_path / "config.toml"), "login-key"]) == 0
    key = capsys.readouterr().out.strip()

    anna = Talk(await person("Anna", "Schmidt"))
    async with open_bot(site, serve=True) as bot:
        address = await sent_on(site, widget.log_in(account.id, anna.id) | {"nonce": "n1"})
        assert (await anna.hears()).startswith("Hello, Anna!")
        now = bot.client.server_time()
    token = address.removeprefix(f"{then}?token=")

    lines: dict[str, Any] = {}
    exec(documented_lines(), lines)
    lines["time"] = clock = SitesClock(now)
    read_login = lines["read_login"]
    claims = read_login(token, key, "https://shop.example.com")
    assert (claims["sub"], claims["name"], claims["nonce"]) == (str(anna.id), "Anna Schmidt", "n1")

    header, said, signature = token.split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "1"}).encode()).rstrip(b"=").decode()
    nothing = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for forged in (
        *("", ".", "..", "é", token[:-1], f"{token}A", f"{header}.{said}.", f"{header}.{other}.{signature}"),
        *(f"{nothing}.{other}.", f"{nothing}.{said}.{signature}"),
    ):
        with pytest.raises(ValueError, match="login page"):
            read_login(forged, key, "https://shop.example.com")
    wrong = (
        ("0" * 64, "https://shop.example.com"),
        (site_key(str(account.token), "https://shop.example.com:444/").hex(), "https://shop.example.com"),
        (hashlib.sha256(str(account.token).encode()).hexdigest(), "https://shop.example.com"),
        (key, "https://shop.example.com.evil.example"),
    )
    for bad_key, audience in wrong:
        with pytest.raises(ValueError, match=r"login page|site"):
            read_login(token, bad_key, audience)
    clock.now = claims["exp"] + 1
    with pytest.raises(ValueError, match="late"):
        read_login(token, key, "https://shop.example.com")


async def test_healthz_follows_the_connection(bot: Bot, site: Config, sandbox: Sandbox) -> None:
    async def becomes(answer: tuple[int, str]) -> None:
        async with asyncio.timeout(PATIENCE):
            while await visit(site, "/healthz") != answer:  # noqa: ASYNC110 - requested from outside
                await asyncio.sleep(0.05)

    await becomes((200, "ok\n"))
    await sandbox.stop()
    await becomes((503, "not connected to Telegram\n"))
    await sandbox.start()
    await becomes((200, "ok\n"))


async def test_the_listener_ends_with_the_bot(site: Config) -> None:
    async with open_bot(site, serve=True):
        assert (await visit(site))[0] == 200
        with pytest.raises(ConfigError, match=r"\[login\] listen"):
            async with open_bot(
                site.model_copy(
                    update={
                        "storage": site.storage.model_copy(update={"directory": site.storage.directory / "b"})
                    }
                ),
                serve=True,
            ):
                pass
    with pytest.raises(aiohttp.ClientConnectionError):
        await visit(site)
