"""The sandbox's side of the Login Widget, over HTTP without a real browser."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from telethon.tl import types

from tgbot.sandbox.accounts import Account
from tgbot.sandbox.accounts import Bot as Registered
from tgbot.sandbox.widget import Widget
from tgbot.sandbox.world import FOREVER, World

SITE = "https://example.com"
DIALOG = {"origin": SITE, "embed": "1", "request_access": "write"}


@pytest.fixture
def world() -> World:
    return World(seed=1, now=lambda: 1_700_000_000.0)


@pytest.fixture
def bot(world: World) -> Registered:
    return world.new_bot("the_bot", "The <Bot>")


@pytest.fixture
def anna(world: World) -> Account:
    return world.new_user("Anna", "Schmidt", username="anna_s")


@pytest.fixture
async def widget(world: World, bot: Registered) -> AsyncIterator[Widget]:
    async with Widget(world) as widget:
        widget.set_domain(bot.id, "example.com")
        yield widget


@pytest.fixture
async def browser(widget: Widget) -> AsyncIterator[aiohttp.ClientSession]:
    # By default aiohttp drops cookies of IP addresses.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(widget.url, cookie_jar=jar) as browser:
        yield browser


async def dialog(browser: aiohttp.ClientSession, bot: Registered, **form: str) -> str:
    """Return the next page of the login window, after opening it or pressing a button in it."""
    asked = DIALOG | {"bot_id": str(bot.id)}
    method = "POST" if form else "GET"
    async with browser.request(method, "/auth", params=asked, data=form or None) as answer:
        return await answer.text()


def given(page: str) -> Any:
    """Return the data that the window sends to the frame."""
    found = re.search(r"var user = (.*);", page)
    assert found is not None, page
    return json.loads(found[1])


def granted(world: World, bot: Registered) -> list[Any]:
    copies = world.accounts[bot.id].box
    actions = [copy.post.action for copy in copies]
    return [action for action in actions if isinstance(action, types.MessageActionBotAllowed)]


async def test_the_script_is_one(browser: aiohttp.ClientSession, widget: Widget) -> None:
    async with browser.get(widget.script.removeprefix(widget.url)) as answer:
        assert answer.content_type == "application/javascript"
        assert "auth_user" in await answer.text()


async def test_from_name_to_signed_data_and_write_access(
    browser: aiohttp.ClientSession, world: World, bot: Registered, anna: Account
) -> None:
    assert "Phone number" in await dialog(browser, bot)
    confirm = await dialog(browser, bot, who="@Anna_S")
    assert "example.com" in confirm
    assert "The &lt;Bot&gt;" in confirm
    assert 'name="write" checked' in confirm
    data = given(await dialog(browser, bot, answer="accept", write="on"))
    assert {name: value for name, value in data.items() if name != "hash"} == {
        "id": anna.id,
        "first_name": "Anna",
        "last_name": "Schmidt",
        "username": "anna_s",
        "auth_date": 1_700_000_000,
    }
    lines = "\n".join(f"{name}={data[name]}" for name in sorted(data) if name != "hash")
    key = hashlib.sha256(bot.token.encode()).digest()
    assert data["hash"] == hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()
    (action,) = granted(world, bot)
    assert action.domain == "example.com"
    assert world.accounts[bot.id].allowed[anna.id] == FOREVER


async def test_a_phone_number_logs_in_and_nobody_else_does(
    browser: aiohttp.ClientSession, bot: Registered, anna: Account
) -> None:
    assert anna.phone
    for nobody in ("+7 900 000", "the_bot", "", "<b>"):
        assert "There is no user" in await dialog(browser, bot, who=nobody)
    assert "for your name" in await dialog(browser, bot, who=f"+{anna.phone}")
    assert "for your name" in await dialog(browser, bot)  # and the user stays logged in
    assert "Phone number" in await dialog(browser, bot, answer="leave")


@pytest.mark.parametrize(("form", "told"), [({"answer": "accept"}, True), ({"answer": "cancel"}, False)])
async def test_write_access_is_only_given_by_who_leaves_it_ticked(
    browser: aiohttp.ClientSession,
    world: World,
    bot: Registered,
    anna: Account,
    form: dict[str, str],
    told: bool,
) -> None:
    await dialog(browser, bot, who="anna_s")
    assert (given(await dialog(browser, bot, **form)) is not None) == told
    assert granted(world, bot) == []


async def test_write_access_is_asked_for_once(
    browser: aiohttp.ClientSession, world: World, bot: Registered, anna: Account
) -> None:
    await dialog(browser, bot, who="anna_s")
    await dialog(browser, bot, answer="accept", write="on")
    assert 'name="write"' not in await dialog(browser, bot)
    assert given(await dialog(browser, bot, answer="accept", write="on"))["id"] == anna.id
    assert len(granted(world, bot)) == 1


@pytest.mark.parametrize(
    ("origin", "referrer", "status"),
    [
        (SITE, f"{SITE}/", 200),
        (SITE, None, 400),
        (SITE, "https://evil.example/", 400),
        ("https://evil.example", f"{SITE}/", 400),
    ],
)
async def test_the_button_is_for_the_bots_own_site(
    browser: aiohttp.ClientSession, origin: str, referrer: str | None, status: int
) -> None:
    headers = {"Referer": referrer} if referrer else {}
    async with browser.get("/embed/the_bot", params={"origin": origin}, headers=headers) as answer:
        assert answer.status == status
        assert ("Log in with Telegram" if status == 200 else "Bot domain invalid") in await answer.text()


async def test_the_dialog_is_for_the_bots_own_site(
    browser: aiohttp.ClientSession, bot: Registered, world: World, anna: Account
) -> None:
    other = world.new_bot("other_bot")
    for bot_id, origin in ((bot.id, "https://evil.example"), (other.id, SITE), (anna.id, SITE), (7, SITE)):
        asked = {"bot_id": str(bot_id), "origin": origin}
        for method in ("GET", "POST"):
            async with browser.request(method, "/auth", params=asked) as answer:
                assert (answer.status, "Bot domain invalid" in await answer.text()) == (400, True)
