"""The page's chat: how long from Enter to the bubbles, and whether a thousand messages scroll smoothly.

`python -m benchmarks.page [--messages N] [--sends N]` prints a Markdown table. A headless chromium shows the
chat of a person with a bot on plain Telethon that answers at once, in a process of its own. "Own bubble" is
the time from the key to the next frame with the person's message, "answer" to that with the bot's. The frames
are those while the page scrolls through all messages, one way and back; chromium draws 60 a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from typing import Any

from benchmarks.figures import percentile, surroundings, table
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox

#: How long anything may take, in seconds.
PATIENCE = 120.0

#: Loads all messages of the open chat, older ones at the top.
LOAD = """
const done = arguments[0];
const log = document.querySelector(".log");
(async () => {
  for (;;) {
    log.scrollTop = 0;
    await new Promise((next) => setTimeout(next, 50));
    if (log.querySelector(".log-note") === null) break;
  }
  done(log.querySelectorAll("[data-id]").length);
})();
"""
#: Scrolls through the chat in so many frames, and back; returns the milliseconds of each frame.
SCROLL = """
const [frames, done] = arguments;
const log = document.querySelector(".log");
const times = [];
let [at, last] = [0, null];
const step = (now) => {
  if (last !== null) times.push(now - last);
  last = now;
  const share = at < frames ? at / frames : 2 - at / frames;
  log.scrollTop = (log.scrollHeight - log.clientHeight) * share;
  at += 1;
  if (at > 2 * frames) done(times);
  else requestAnimationFrame(step);
};
requestAnimationFrame(step);
"""
#: Sends a text by Enter; returns the milliseconds until its bubble, and until the answer's, are in a frame.
SEND = """
const [text, done] = arguments;
const field = document.querySelector(".composer-field");
const inside = document.querySelector(".log-inside");
const shown = {};
let began = 0;
const look = () => {
  const last = [...inside.lastElementChild.querySelectorAll(".bubble-text")].map((each) => each.textContent);
  for (const [name, wanted] of [["own", text], ["answer", `heard: ${text}`]]) {
    if (shown[name] !== undefined || !last.includes(wanted)) continue;
    shown[name] = null;
    requestAnimationFrame(() => setTimeout(() => {
      shown[name] = performance.now() - began;
      if (shown.own && shown.answer) {
        watching.disconnect();
        done([shown.own, shown.answer]);
      }
    }));
  }
};
const watching = new MutationObserver(look);
watching.observe(inside, { childList: true, subtree: true });
field.value = text;
field.dispatchEvent(new Event("input", { bubbles: true }));
requestAnimationFrame(() => {
  began = performance.now();
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
});
"""


async def bot() -> None:
    """Answer each message at once, on plain Telethon."""
    from telethon import TelegramClient, events
    from telethon.crypto import rsa
    from telethon.sessions import MemorySession

    settings = json.loads(sys.stdin.readline())
    rsa.add_key(settings["public_key"], old=False)
    session = MemorySession()
    session.set_dc(settings["dc_id"], settings["host"], settings["port"])
    client = TelegramClient(session, 1, "hash")

    async def answer(event: Any) -> None:  # Any: Telethon's events have no types
        await event.respond(f"heard: {event.raw_text}")

    client.add_event_handler(answer, events.NewMessage(incoming=True))
    await client.start(bot_token=settings["token"])
    print("ready", flush=True)
    await client.run_until_disconnected()


def chromium(directory: str) -> Any:  # Any: selenium has no types
    """Start a headless chromium with a profile in this directory."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={directory}")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(PATIENCE)
    return driver


def measure(driver: Any, address: str, sends: int) -> tuple[int, list[float], list[list[float]]]:
    """Return (messages in the page, milliseconds of each frame, milliseconds of each send)."""
    from selenium.webdriver.support.ui import WebDriverWait

    def click(selector: str) -> None:
        WebDriverWait(driver, PATIENCE).until(lambda d: d.find_element("css selector", selector)).click()

    driver.get(address)
    click(".choice")
    click(".chat-item")
    WebDriverWait(driver, PATIENCE).until(lambda d: d.find_element("css selector", ".bubble-row"))
    loaded = driver.execute_async_script(LOAD)
    frames = driver.execute_async_script(SCROLL, 300)
    click(".composer-field")
    driver.execute_script("const log = document.querySelector('.log'); log.scrollTop = log.scrollHeight;")
    times = [driver.execute_async_script(SEND, f"message {index}") for index in range(sends)]
    return loaded, frames, times


async def run(messages: int, sends: int) -> None:
    """Measure, and print the table."""
    async with Sandbox() as sandbox, Page(sandbox) as page:
        account = sandbox.new_bot("answering_bot")
        anna = sandbox.world.new_user("Anna", username="anna_page")
        for index in range(messages // 2):
            sandbox.world.send_as(anna.id, account.id, f"question {index} " + "word " * (index % 30))
            sandbox.world.send_as(account.id, anna.id, f"answer {index} " + "word " * (index % 17))
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.page", "--bot", stdin=-1, stdout=-1
        )
        assert child.stdin is not None
        assert child.stdout is not None
        settings = {
            "public_key": sandbox.public_key,
            "dc_id": sandbox.dc_id,
            "host": sandbox.host,
            "port": sandbox.port,
            "token": account.token,
        }
        child.stdin.write(json.dumps(settings).encode() + b"\n")
        await asyncio.wait_for(child.stdout.readline(), PATIENCE)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            driver = await asyncio.to_thread(chromium, directory)
            try:
                loaded, frames, times = await asyncio.to_thread(measure, driver, page.address, sends)
            finally:
                await asyncio.to_thread(driver.quit)
                child.terminate()
                await child.wait()
    own, answers = zip(*times, strict=True)
    rows = [
        [name, *(f"{percentile(values, percent):.1f}" for percent in (50, 99)), f"{max(values):.1f}"]
        for name, values in (("own bubble", own), ("answer", answers), ("frame while scrolling", frames))
    ]
    print(f"{loaded} messages in the chat, {sends} sends, {len(frames)} frames.", surroundings(), sep="\n\n")
    print("\n" + table(["milliseconds", "p50", "p99", "longest"], rows))


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--sends", type=int, default=200)
    parser.add_argument("--bot", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    asyncio.run(bot() if options.bot else run(options.messages, options.sends))


if __name__ == "__main__":
    main()
