"""The stage of the page in a real browser: the bot is killed by a button, and everybody is answered once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import TimeoutException

from tests.browser.conftest import Browser
from tests.sandbox.page.realbot import *  # noqa: F403 - the fixtures of a page with a real bot
from tgbot.sandbox.accounts import Account
from tgbot.sandbox.accounts import Bot as Known
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox

#: The directory for screenshots, None for no screenshots.
PICTURES = os.environ.get("TGBOT_TEST_PICTURES")


async def picture(browser: Browser, name: str) -> None:
    if PICTURES:
        file = str(Path(PICTURES) / f"{name}.png")
        await browser.do(lambda driver: driver.save_screenshot(file))


#: Clicks the button with a label if that is possible; in one go, because the page may draw it anew.
PRESS = """
const label = arguments[0];
const buttons = [...document.querySelectorAll("button:enabled")];
const button = buttons.find((one) => one.innerText === label);
button?.click();
return button !== undefined;
"""


async def press(browser: Browser, label: str) -> None:
    """Click the button with this label, once it can be clicked."""
    await browser.until(lambda driver: driver.execute_script(PRESS, label))


async def reads(browser: Browser, *words: str) -> None:
    """Wait until the stage shows all of this."""
    shown = ""

    def all_shown(driver: Any) -> bool:
        nonlocal shown
        shown = driver.execute_script("return document.querySelector('.stage')?.innerText ?? ''")
        return all(each in shown for each in words)

    try:
        await browser.until(all_shown)
    except TimeoutException:
        missing = [each for each in words if each not in shown]
        pytest.fail(f"the stage does not show {missing}, but:\n{shown}")


async def test_the_bot_is_killed_by_a_button_and_everybody_is_answered_once(
    browser: Browser, sandbox: Sandbox, page: Page, known: Known, anna: Account
) -> None:
    boris = sandbox.world.new_user("Boris")
    await browser.do(lambda driver: driver.get(page.address))
    await press(browser, "Stage")
    await reads(browser, "Running since", "0 lost, 0 twice", "No fault is on.")
    sandbox.world.send_as(anna.id, known.id, "1 + 1")
    await reads(browser, "1 messages to the bot and 1 from it")
    await press(browser, "kill -9")
    await reads(browser, "Not running, ended by SIGKILL.", "Killed once.")
    for person in (anna, boris):
        sandbox.world.send_as(person.id, known.id, "20 + 22")
    await reads(browser, "2 wait for an answer")
    await picture(browser, "stage-killed")
    await press(browser, "Start")
    await reads(browser, "Running since", "3 messages to the bot and 3 from it", "0 lost, 0 twice")

    await press(browser, "Flood wait 5 s")
    await press(browser, "Delay answers 2 s")
    await reads(browser, "messages.sendmessage answers FLOOD_WAIT_5", "answers to any call come 2 s late")
    await picture(browser, "stage-faults")
    await press(browser, "All off")
    await reads(browser, "All faults are off.", "No fault is on.")

    await press(browser, "Save as test")
    await reads(
        browser, "Download test_what_was_done.py", 'await anna.hears("1 + 1 = 2")', "bot.kill(start=False)"
    )
    await picture(browser, "stage-saved")
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    await browser.do(lambda driver: driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark))
    small = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    await browser.do(lambda driver: driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", small))
    # The page notices its new width later; the button of a wide page would fold the stage.
    await browser.find(".tabs")
    await press(browser, "Stage")
    await reads(browser, "Running since")
    await picture(browser, "stage-phone-dark")
    width = await browser.do(
        lambda driver: driver.execute_script("return document.documentElement.scrollWidth")
    )
    assert width <= 390
    assert await browser.complaints() == []
