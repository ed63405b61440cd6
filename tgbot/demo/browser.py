"""A browser on the login page: load the page and Telegram's button, and submit what a user enters.

It runs no scripts: this module does what Telegram's few lines do, with the addresses from the pages.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from html import unescape
from typing import NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp

from tgbot.demo.stage import LIMIT, StoryError


class Page(NamedTuple):
    """A page: its address, heading and first paragraph, and its text."""

    url: str
    heading: str
    paragraph: str
    text: str


def open_browser() -> aiohttp.ClientSession:
    """Return a browser with an empty history, in English; close it, or use it with `async with`."""
    jar = aiohttp.CookieJar(unsafe=True)  # keeps cookies of 127.0.0.1, as browsers do
    return aiohttp.ClientSession(cookie_jar=jar, headers={"Accept-Language": "en"})


async def read(browser: aiohttp.ClientSession, url: str) -> Page:
    """Load the page at an address."""
    text = await _load(browser, url)
    heading, paragraph = (_found(rf"<{tag}>(.*?)</{tag}>", text, f"{tag} on the page") for tag in ("h1", "p"))
    return Page(url, unescape(heading), unescape(paragraph), text)


async def log_in(browser: aiohttp.ClientSession, page: Page, phone: str) -> Page:
    """Press the page's button, enter a phone number in Telegram's window, and accept everything.

    Return the page that the site shows after the login.
    """
    script = _found(r"<script ([^>]*data-auth-url[^>]*)>", page.text, "button on the login page")
    button = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', script)}
    site = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
    telegram = button["src"]
    await _load(browser, telegram)
    asked = {"origin": site, "return_to": page.url, "request_access": button["data-request-access"]}
    frame = urljoin(telegram, f"/embed/{button['data-telegram-login']}?{urlencode(asked)}")
    shown = await _load(browser, frame, headers={"Referer": f"{site}/"})
    window = urljoin(telegram, json.loads(_found(r"open\((\"[^\"]+\")", shown, "window behind the button")))
    await _load(browser, window)
    await _load(browser, window, form={"who": phone})
    said = await _load(browser, window, form={"answer": "accept", "write": "on"})
    login = json.loads(_found(r"var user = (\{.*?\});", said, "login in Telegram's window"))
    return await read(browser, f"{button['data-auth-url']}?{urlencode(login)}")


async def _load(
    browser: aiohttp.ClientSession,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    method = "GET" if form is None else "POST"
    # Errors show the address without its query, which may hold login data.
    address = url.partition("?")[0]
    try:
        async with asyncio.timeout(LIMIT), browser.request(method, url, data=form, headers=headers) as answer:
            text = await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StoryError(f"{address} did not answer ({type(error).__name__})") from None
    if answer.status != 200:
        raise StoryError(f"{address} answered with status {answer.status}")
    return text


def _found(pattern: str, text: str, what: str) -> str:
    match = re.search(pattern, text, re.DOTALL)
    if match is None:
        raise StoryError(f"there is no {what}")
    return match[1]
