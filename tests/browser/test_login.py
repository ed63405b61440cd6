"""The login, from the click on the button to the greeting, in a real browser."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import functions

from tests.browser.conftest import Browser
from tests.scenarios.conftest import Configure
from tests.scenarios.logins import free_port, with_login
from tests.scenarios.talk import Talk
from tgbot.app import Bot, open_bot
from tgbot.config.settings import Config
from tgbot.core.access import Kind
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.widget import Widget

#: The directory for screenshots, None for no screenshots.
PICTURES = os.environ.get("TGBOT_TEST_PICTURES")


@pytest.fixture
async def site(sandbox: Sandbox, account: Account, configure: Configure) -> AsyncIterator[Config]:
    async with Widget(sandbox.world) as widget:
        widget.set_domain(account.id, "127.0.0.1")
        yield with_login(configure(), widget, free_port())


@pytest.fixture
async def bot(site: Config) -> AsyncIterator[Bot]:
    async with open_bot(site, serve=True) as bot:
        yield bot


@pytest.fixture
async def anna(person: Any) -> Talk:
    client = await person("Anna", "Schmidt")
    await client(functions.account.UpdateUsernameRequest("anna_s"))
    return Talk(client)


async def picture(browser: Browser, name: str) -> None:
    if PICTURES:
        file = str(Path(PICTURES) / f"{name}.png")
        await browser.do(lambda driver: driver.save_screenshot(file))


async def to_confirmation(browser: Browser, site: Config) -> Any:
    """Click the button and log in to Telegram as Anna; return the site's window."""
    await browser.do(lambda driver: driver.get(site.login.public))
    ours = await browser.do(lambda driver: driver.current_window_handle)
    frame = await browser.find(".widget iframe")
    await browser.do(lambda driver: driver.switch_to.frame(frame))
    await browser.find("#login")
    await picture(browser, "start")
    await browser.click("#login")
    await browser.until(lambda driver: len(driver.window_handles) == 2)
    await browser.do(
        lambda driver: driver.switch_to.window(next(one for one in driver.window_handles if one != ours))
    )
    who = await browser.find("input[name=who]")
    await browser.do(lambda _: who.send_keys("anna_s"))
    await browser.click("#next")
    await browser.find("#accept")
    await picture(browser, "telegram")
    return ours


async def back(browser: Browser, ours: Any) -> None:
    await browser.until(lambda driver: len(driver.window_handles) == 1)
    await browser.do(lambda driver: driver.switch_to.window(ours))


async def test_from_the_click_to_the_greeting(browser: Browser, bot: Bot, site: Config, anna: Talk) -> None:
    ours = await to_confirmation(browser, site)
    await browser.click("#accept")
    await back(browser, ours)
    await browser.find("body.done")
    assert "has just written to you" in await browser.text()
    assert (await anna.hears()).startswith("Hello, Anna! You have just logged in on 127.0.0.1.")
    await picture(browser, "done")
    user = bot.users.get(anna.id)
    assert user is not None
    assert user.last_evidence(Kind.LOGIN)
    assert user.last_evidence(Kind.WRITE_ACCESS)
    assert await browser.complaints() == []

    address = await browser.do(lambda driver: driver.current_url)
    await browser.do(lambda driver: driver.refresh())
    await browser.until(
        lambda driver: "already logged in" in driver.find_element("css selector", "body").text
    )
    await browser.find("body.done")
    await picture(browser, "again")

    await browser.do(lambda driver: driver.delete_all_cookies())
    await browser.do(lambda driver: driver.get(address))
    await browser.find("body.refused")
    assert "already used" in await browser.text()
    await picture(browser, "refused")


async def test_who_lets_the_bot_not_write_is_shown_the_way_to_the_chat(
    browser: Browser, bot: Bot, site: Config, anna: Talk
) -> None:
    ours = await to_confirmation(browser, site)
    await browser.click("input[name=write]")
    await browser.click("#accept")
    await back(browser, ours)
    await browser.find("body.done")
    button = await browser.find("a.button")
    assert await browser.do(lambda _: button.get_attribute("href")) == "https://t.me/the_bot?start=login"
    await picture(browser, "open-chat")
    assert (await anna.ask("/start login")).startswith("Hello, Anna!")


async def test_who_cancels_stays_where_they_were(
    browser: Browser, bot: Bot, site: Config, anna: Talk
) -> None:
    ours = await to_confirmation(browser, site)
    await browser.click("#cancel")
    await back(browser, ours)
    assert await browser.find("body.start")
    assert bot.users.get(anna.id) is None


async def test_who_logged_in_is_sent_on_to_ones_own_site(browser: Browser, site: Config, anna: Talk) -> None:
    then = site.login.model_copy(update={"then": f"{site.login.widget.partition('/js/')[0]}/welcome"})
    config = site.model_copy(update={"login": then})
    async with open_bot(config, serve=True):
        ours = await to_confirmation(browser, config)
        await browser.click("#accept")
        await back(browser, ours)
        address = await browser.until(
            lambda driver: "/welcome?token=" in driver.current_url and driver.current_url
        )
        assert address.startswith(f"{config.login.then}?token=ey")
        assert (await anna.hears()).startswith("Hello, Anna! You have just logged in on 127.0.0.1.")


#: Whether the words about a button that does not load can be read now.
SAYS_SO = """\
const words = document.querySelector(".absent");
return getComputedStyle(words).visibility === "visible" && words.getBoundingClientRect().height > 0;
"""


@pytest.mark.parametrize("answers", ["not at all", "never", "404"])
async def test_the_page_says_that_telegrams_button_does_not_load(
    browser: Browser, site: Config, answers: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = {"not at all": free_port(), "never": silent.getsockname()[1]}.get(answers)
        script = f"http://127.0.0.1:{port}/w.js" if port else site.login.widget.replace("widget", "nothing")
        without = site.login.model_copy(update={"widget": script})
        async with open_bot(site.model_copy(update={"login": without}), serve=True):
            await browser.do(lambda driver: driver.get(site.login.public))
            await browser.find("body.start .absent")
            await browser.until(lambda driver: driver.execute_script(SAYS_SO))
            assert "The button does not load: 127.0.0.1" in await browser.text()
            await picture(browser, "no-button")


async def test_a_button_that_loads_is_not_said_to_be_missing(
    browser: Browser, bot: Bot, site: Config
) -> None:
    await browser.do(lambda driver: driver.get(site.login.public))
    await browser.find(".widget iframe")
    await browser.do(
        lambda driver: driver.execute_script("document.getAnimations().forEach(one => one.finish())")
    )
    assert not await browser.do(lambda driver: driver.execute_script(SAYS_SO))
    assert "does not load" not in await browser.text()
    await picture(browser, "button")


async def test_the_page_fits_a_small_screen_in_the_dark(browser: Browser, bot: Bot, site: Config) -> None:
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    await browser.do(lambda driver: driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark))
    small = {"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": True}
    await browser.do(lambda driver: driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", small))
    russian = {"headers": {"Accept-Language": "ru"}}
    await browser.do(lambda driver: driver.execute_cdp_cmd("Network.enable", {}))
    await browser.do(lambda driver: driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", russian))
    await browser.do(lambda driver: driver.get(site.login.public))
    frame = await browser.find(".widget iframe")
    await browser.do(lambda driver: driver.switch_to.frame(frame))
    await browser.find("#login")
    await browser.do(lambda driver: driver.switch_to.default_content())
    await picture(browser, "small-dark")
    width, colour = await browser.do(
        lambda driver: driver.execute_script(
            "return [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]"
        )
    )
    assert width <= 320
    assert colour == "rgb(14, 22, 33)"
    assert "Вход через" in await browser.text()
    assert await browser.complaints() == []
