"""People in the chat of the page: what they see, click and type."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .conftest import Browser

AXE: Final = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
#: The directory for screenshots, None for no screenshots.
PICTURES = os.environ.get("TGBOT_TEST_PICTURES")

#: Clicks the first element under a root that is visible and has this text; returns whether there is one.
CLICK = """
const [selector, root, text] = arguments;
const found = [...document.querySelectorAll(`${root} ${selector}`)].find(
  (each) => each.checkVisibility() && !each.disabled && each.innerText.replace(/\\s+/g, " ").includes(text)
);
found?.click();
return found !== undefined;
"""
#: Returns the texts of the bubbles under a root, without their times.
BUBBLES = """
return [...document.querySelectorAll(`${arguments[0]} .bubble`)].map(
  (each) => each.querySelector(".bubble-text")?.innerText ?? each.innerText
);
"""
#: Returns the findings of axe that are serious or critical, each in a line.
BARRIERS = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(
  violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`)
));
"""


class Person:
    """Somebody in a pane of the page; `root` selects the pane."""

    def __init__(self, browser: Browser, address: str, root: str = ".page") -> None:
        self._browser = browser
        self._address = address
        self._root = root

    async def open(self) -> None:
        """Open the page."""
        await self._browser.do(lambda driver: driver.get(self._address))
        await self._browser.find(".welcome")

    def at(self, root: str) -> Person:
        """Return the person of one pane."""
        return Person(self._browser, self._address, root)

    async def click(self, text: str, selector: str = "button") -> None:
        """Click what has this text, as soon as it is there."""
        await self._browser.until(lambda driver: driver.execute_script(CLICK, selector, self._root, text))

    async def press(self, name: str) -> None:
        """Click the button with this accessible name."""
        await self._browser.click(f"{self._root} [aria-label^='{name}']")

    async def write(self, text: str, field: str = ".composer-field") -> None:
        """Write into a field; "\\n" is the Enter key."""
        element = await self._browser.find(f"{self._root} {field}")
        await self._browser.do(lambda _: element.send_keys(text))

    async def sees(self, text: str) -> None:
        """Wait until the pane shows this text."""
        script = "return document.querySelector(arguments[0])?.innerText.includes(arguments[1])"
        await self._browser.until(lambda driver: driver.execute_script(script, self._root, text))

    async def text(self, selector: str) -> str:
        """Return the text of an element of the pane."""
        element = await self._browser.find(f"{self._root} {selector}")
        return str(await self._browser.do(lambda _: element.text))

    async def sees_no(self, selector: str) -> None:
        """Wait until nothing in the pane is what this selects."""
        full = f"{self._root} {selector}"
        await self._browser.until(lambda driver: not driver.find_elements("css selector", full))

    async def bubbles(self) -> list[str]:
        """Return the texts of the messages that are shown."""
        shown: list[str] = await self._browser.do(lambda driver: driver.execute_script(BUBBLES, self._root))
        return shown

    async def hears(self, text: str) -> None:
        """Wait until the newest message has this text."""
        await self._browser.until(
            lambda driver: (driver.execute_script(BUBBLES, self._root) or [""])[-1].strip() == text
        )


async def look(browser: Browser, values: Mapping[str, str]) -> None:
    """Set media features, such as {"prefers-color-scheme": "dark"}."""
    features = {"features": [{"name": name, "value": value} for name, value in values.items()]}
    await browser.do(lambda driver: driver.execute_cdp_cmd("Emulation.setEmulatedMedia", features))


async def resize(browser: Browser, width: int, height: int) -> None:
    """Set the size of the window's inside, in CSS pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    await browser.do(lambda driver: driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size))


async def picture(browser: Browser, name: str) -> None:
    """Save a screenshot, if somebody wants to look at it."""
    if PICTURES:
        file = str(Path(PICTURES) / f"{name}.png")
        await browser.do(lambda driver: driver.save_screenshot(file))


async def barriers(browser: Browser) -> list[str]:
    """Return what axe finds in the page as it is now."""
    if not await browser.do(lambda driver: driver.execute_script("return window.axe !== undefined")):
        code = AXE.read_text()
        await browser.do(lambda driver: driver.execute_script(code))
    found: list[str] = await browser.do(lambda driver: driver.execute_async_script(BARRIERS))
    return found


async def evaluate(browser: Browser, module: str, expression: str) -> Any:  # Any: JSON
    """Return the value of an expression in which `it` is a module of the page."""
    load = f"import('./static/{module}').then((it) => done(JSON.stringify({expression})))"
    script = f"const done = arguments[0]; {load}"
    return json.loads(await browser.do(lambda driver: driver.execute_async_script(script)))
