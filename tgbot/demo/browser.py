"""A browser on the login page: load the page and Telegram's button, and submit what a user enters.

It runs no scripts: this module does what Telegram's few lines do, with the addresses from the pages.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp

from tgbot.demo.stage import LIMIT, StoryError


class Browser:
    """A browser with cookies: `async with open_browser() as browser`."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def read(self, url: str) -> Page:
        """Load the page at an address."""
        return Page(url, await self._load(url))

    async def log_in(self, page: Page, phone: str) -> Page:
        """Press the page's button, enter a phone number in Telegram's window, and accept everything.

        Return the page that the site shows after the login.
        """
        button = page.button
        site = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        telegram = button["src"]
        await self._load(telegram)
        asked = {"origin": site, "return_to": page.url, "request_access": button["data-request-access"]}
        frame = urljoin(telegram, f"/embed/{button['data-telegram-login']}?{urlencode(asked)}")
        shown = await self._load(frame, headers={"Referer": f"{site}/"})
        window = urljoin(telegram, json.loads(_found(r"open\((\"[^\"]+\")", shown)))
        await self._load(window)
        await self._load(window, form={"who": phone})
        said = await self._load(window, form={"answer": "accept", "write": "on"})
        login = json.loads(_found(r"var user = (\{.*?\});", said))
        return await self.read(f"{button['data-auth-url']}?{urlencode(login)}")

    async def _load(
        self, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> str:
        method = "POST" if form is not None else "GET"
        # Errors show the address without its query, which may hold login data.
        address = url.partition("?")[0]
        try:
            async with (
                asyncio.timeout(LIMIT),
                self._http.request(method, url, data=form, headers=headers) as answer,
            ):
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StoryError(f"{address} did not answer ({type(error).__name__})") from None
        if answer.status != 200:
            raise StoryError(f"{address} answered with status {answer.status}")
        return text


class Page(HTMLParser):
    """A page: heading, paragraphs, and the `<script>` of the Login Widget."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url = url
        self.heading = ""
        self.paragraphs: list[str] = []
        self._script: dict[str, str] = {}
        self._within = ""
        self.feed(text)

    @property
    def button(self) -> dict[str, str]:
        """The attributes of the Login Widget's `<script>`."""
        if "data-auth-url" not in self._script:
            raise StoryError("the login page has no button")
        return self._script

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("h1", "p"):
            self._within = tag
        if tag == "p":
            self.paragraphs.append("")
        if tag == "script" and not self._script:
            self._script = {name: value or "" for name, value in attrs}

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "h1":
            self.heading += data
        elif self._within == "p":
            self.paragraphs[-1] += data


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.DOTALL)
    if match is None:
        raise StoryError("Telegram's login window has unexpected content")
    return match[1]


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Yield a browser with an empty history, in English."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True),  # keep cookies of 127.0.0.1, as browsers do
        headers={"Accept-Language": "en"},
    ) as http:
        yield Browser(http)
