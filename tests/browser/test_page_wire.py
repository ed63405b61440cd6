"""The wire beside the chat in a real browser: what the whole bot says, and the story of a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from telethon.tl import functions

from tgbot.app import Bot
from tgbot.sandbox.accounts import Account
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.rpc import RpcError
from tgbot.sandbox.server import Sandbox

from .chatting import AXE, barriers, look
from .conftest import Browser

#: Shows the story of a message, as the chat does.
SHOW = """
window.dispatchEvent(new CustomEvent("show-message", {
  detail: { account: arguments[0], peer: arguments[1], id: arguments[2] }
}))
"""


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[Page]:
    async with Page(sandbox) as page:
        yield page


def texts(driver: Any, selector: str) -> Any:
    """Return the texts of elements; between finding and reading one by one, the page may replace them."""
    script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText.trim())"
    return driver.execute_script(script, selector)


async def shown(browser: Browser, words: str) -> None:
    """Wait until the page shows these words."""
    await browser.until(lambda driver: words in driver.find_element("css selector", "body").text)


async def open_wire(browser: Browser, page: Page) -> None:
    await browser.do(lambda driver: driver.set_window_size(1200, 900))
    await browser.do(lambda driver: driver.get(page.address))
    await browser.until(
        lambda driver: driver.execute_script(
            "const all = [...document.querySelectorAll('.bar-button')];"
            "const button = all.find((each) => each.textContent.trim() === 'Wire');"
            "button?.click(); return button !== undefined"
        )
    )


async def test_the_wire_shows_what_a_bot_does_and_why(
    sandbox: Sandbox, page: Page, bot: Bot, account: Account, browser: Browser
) -> None:
    anna = sandbox.world.new_user("Anna", username="anna_wire")
    message = sandbox.world.send_as(anna.id, account.id, "/start")
    await open_wire(browser, page)
    await shown(browser, "messages.sendMessage")
    await shown(browser, "updateNewMessage")

    # New messages come by themselves, and the filter hides all that was not looked for.
    sandbox.world.send_as(anna.id, account.id, "a message that nobody has written before")
    await shown(browser, "“a message that nobody has written before”")
    words = await browser.find(".wire-words")
    await browser.do(lambda driver: words.send_keys("nobody has"))

    await browser.until(lambda driver: texts(driver, ".wire-name > :last-child") == ["updateNewMessage"])

    # By keys only: from the list to all about one message.
    box = await browser.find(".wire-list")
    await browser.do(lambda driver: box.send_keys(Keys.ARROW_DOWN))
    await shown(browser, "msg_id")
    assert "updateNewMessage" in (await browser.do(lambda driver: texts(driver, ".wire-tree")))[0]
    row = await browser.find(".wire-row[aria-selected=true]")
    name = await browser.do(lambda driver: row.accessible_name)
    assert "update to @the_bot: updateNewMessage" in " ".join(name.split())
    assert await browser.do(
        lambda driver: box.get_attribute("aria-activedescendant") == row.get_attribute("id")
    )
    await browser.do(lambda driver: box.send_keys(Keys.ESCAPE))
    await browser.until(lambda driver: not driver.find_elements("css selector", ".wire-entry"))

    # From a message of the chat to the update that brought it, and the calls of the bot.
    await browser.do(lambda driver: driver.execute_script(SHOW, anna.id, account.id, message.id))
    await shown(browser, "Answered after")
    lines = await browser.do(lambda driver: texts(driver, ".wire-line"))
    assert "updateNewMessage" in lines[0]
    assert "pushed to session" in lines[0]
    assert any("messages.sendMessage" in line and "took" in line for line in lines[1:])
    await browser.do(lambda driver: driver.find_elements("css selector", ".wire-line")[-1].click())
    await shown(browser, "inputPeerUser")
    assert await browser.complaints() == []


async def test_thousands_of_messages_are_a_few_in_the_page(
    sandbox: Sandbox, page: Page, browser: Browser
) -> None:
    anna = sandbox.world.new_user("Anna")
    trace = sandbox.trace
    assert trace is not None
    for _ in range(4_000):
        with trace.page(anna.id, b"\x04\x0c\x5f\x1f"):  # help.getNearestDc
            pass
    await open_wire(browser, page)
    await browser.find(".wire-row")
    loaded = await browser.do(
        lambda driver: driver.execute_async_script(
            """
            const done = arguments[0];
            const { loadOlder, rows } = await import(new URL("static/wire/feed.js", location.href));
            while (await loadOlder()) {}
            done(rows.value.length);
            """
        )
    )
    assert loaded == 4_000
    frames = await browser.do(
        lambda driver: driver.execute_async_script(
            """
            const done = arguments[0];
            const list = document.querySelector(".wire-list");
            let step = 0;
            let most = 0;
            function next() {
              most = Math.max(most, document.querySelectorAll(".wire-row").length);
              const count = list.querySelector(".wire-row").getAttribute("aria-setsize");
              if (step === 50) return done([most, count]);
              step += 1;
              list.scrollTop = (list.scrollHeight * step) / 50;
              requestAnimationFrame(next);
            }
            next();
            """
        )
    )
    assert frames[1] == "4000"
    assert 0 < frames[0] < 100
    assert await browser.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_barrier_on_the_wire(
    sandbox: Sandbox, page: Page, account: Account, browser: Browser, scheme: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core from npm is not installed: make browser")
    anna = sandbox.world.new_user("Anna")
    message = sandbox.world.send_as(anna.id, account.id, "hello")
    trace = sandbox.trace
    assert trace is not None
    with suppress(RpcError), trace.page(anna.id, bytes(functions.help.GetConfigRequest())):
        raise RpcError(400, "PEER_ID_INVALID")
    await look(browser, {"prefers-color-scheme": scheme})
    await open_wire(browser, page)
    await browser.click(".wire-row")
    await browser.find(".wire-tree")
    assert await barriers(browser) == []
    await browser.do(lambda driver: driver.execute_script(SHOW, anna.id, account.id, message.id))
    await shown(browser, "the bot was not connected")
    assert await barriers(browser) == []
