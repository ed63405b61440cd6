"""Only the page itself, opened from this machine with its token, may use the page's server."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp
import pytest

from tgbot.sandbox.page.page import Page
from tgbot.sandbox.page.place import PageError
from tgbot.sandbox.page.site import STATIC
from tgbot.sandbox.server import Sandbox

from .conftest import Asked


async def test_the_page_and_all_its_files_are_served(page: Page) -> None:
    async with aiohttp.ClientSession() as browser:
        async with browser.get(page.address) as answer:
            assert answer.status == 200
            assert "importmap" in await answer.text()
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
        for file in (each for each in STATIC.rglob("*") if each.is_file()):
            async with browser.get(f"{page.address}static/{file.relative_to(STATIC)}") as answer:
                assert (answer.status, await answer.read()) == (200, file.read_bytes())


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/wrong/", "/wrong/wire", "/..%2fstatic/main.js"])
async def test_nothing_is_served_without_the_token(page: Page, path: str) -> None:
    where = urlsplit(page.address)
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(f"http://{where.netloc}{path}") as answer,
    ):
        assert answer.status == 404
        assert "token" in await answer.text()


@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1.example:80", "10.0.0.1", "[::ffff:10.0.0.1]", ""]
)
async def test_a_name_of_others_that_leads_here_is_refused(page: Page, host: str) -> None:
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(page.address, headers={"Host": host}) as answer,
    ):
        assert answer.status in (400, 403)
        assert "importmap" not in await answer.text()


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://127.0.0.1:1"])
async def test_another_page_of_the_browser_cannot_open_the_wire(page: Page, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    async with aiohttp.ClientSession(headers=headers) as browser:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await browser.ws_connect(f"{page.address}wire")
        assert refused.value.status == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.org", "::"])
async def test_the_page_listens_on_loopback_only(sandbox: Sandbox, host: str) -> None:
    with pytest.raises(PageError, match="loopback only"):
        Page(sandbox, host=host)


async def test_a_port_that_is_taken_is_named(sandbox: Sandbox, page: Page) -> None:
    port = urlsplit(page.address).port
    assert port is not None
    with pytest.raises(PageError, match=f"port {port}"):
        await Page(sandbox, port=port).__aenter__()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"do": "fly"}, "'fly'"),
        ({"do": "call"}, "as is missing"),
        ({"do": "call", "as": "me"}, "whole number"),
        ({"do": "call", "as": 1, "call": {"_": "help.getConfig"}}, "nobody"),
        ({"do": "call", "as": 1, "call": {"_": "help.getNothing"}}, "no method help.getNothing"),
        ({"do": "call", "as": 1, "call": 7}, "not an object"),
        ({"do": "watch", "accounts": [[]]}, "nobody"),
        ({"do": "add", "name": ""}, "first name"),
        ({"do": "add", "name": "Anna", "username": "no spaces"}, "username"),
        ({"do": "change", "account": 7}, "nobody"),
    ],
)
async def test_a_wrong_line_gets_an_error_in_words(tab: Asked, line: dict[str, object], told: str) -> None:
    name = str(line.pop("do"))
    assert told in (await tab.ask(name, **line))["error"]["text"]
