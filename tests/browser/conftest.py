"""A real browser: Debian's headless chromium, driven by chromedriver."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - a whole bot on the sandbox

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
MISSING = "there is no chromium with chromedriver: make browser (apt-get install chromium chromium-driver)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            if not (CHROMIUM and DRIVER):
                item.add_marker(pytest.mark.skip(reason=MISSING))


class Browser:
    """A chromium. Each step runs in a thread, because the bot and the sandbox run in this thread's loop."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    async def do(self, step: Callable[[Any], Any]) -> Any:
        """Run one step with the driver."""
        return await asyncio.to_thread(step, self.driver)

    async def until(self, so: Callable[[Any], Any]) -> Any:
        """Wait until a condition is true and return its value; selenium polls it, with a time limit."""
        from selenium.webdriver.support.ui import WebDriverWait

        return await self.do(lambda driver: WebDriverWait(driver, 20, poll_frequency=0.1).until(so))

    async def find(self, selector: str) -> Any:
        """Wait for an element and return it."""
        return await self.until(lambda driver: driver.find_element("css selector", selector))

    async def click(self, selector: str) -> None:
        """Wait for an element and click it."""
        element = await self.find(selector)
        await asyncio.to_thread(element.click)

    async def text(self) -> str:
        """Return the visible text of the page."""
        return str(await self.do(lambda driver: driver.find_element("css selector", "body").text))

    async def complaints(self) -> list[str]:
        """Return the messages in the browser's console: blocked scripts and styles, errors."""
        said = await self.do(lambda driver: driver.get_log("browser"))
        return [entry["message"] for entry in said if entry["level"] == "SEVERE"]


def start_chromium(profile: Path) -> Any:
    """Start a chromium with a new profile that makes no requests of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--lang=en",
        "--window-size=900,900",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.page_load_strategy = "none"  # a page may wait for a script that never comes
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    """Yield a chromium of this test alone."""
    driver = await asyncio.to_thread(start_chromium, tmp_path / "chromium")
    yield Browser(driver)
    await asyncio.to_thread(driver.quit)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield the driver of a chromium for all tests of a module: to start one takes longer than most tests."""
    driver = start_chromium(tmp_path_factory.mktemp("browser") / "chromium")
    yield driver
    driver.quit()
