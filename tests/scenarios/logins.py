"""A bot with a login page on the sandbox, and the requests that a browser sends to it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from tgbot.config.settings import Config, Login
from tgbot.config.values import Server
from tgbot.sandbox.widget import Widget


def with_login(config: Config, widget: Widget, port: int, *, then: str = "") -> Config:
    """Return the configuration with a login page on a local port, and the sandbox's widget on it."""
    login = Login(site=f"http://127.0.0.1:{port}", widget=widget.script, then=then)
    return config.model_copy(update={"login": login.model_copy(update={"listen": Server("127.0.0.1", port)})})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def visit(
    config: Config, path: str = "/", data: Mapping[str, Any] | None = None, language: str = "en"
) -> tuple[int, str]:
    """Return status and text of a page of the login site; `data` goes into the query."""
    url = config.login.public + path + (f"?{urlencode(data)}" if data is not None else "")
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        http.get(URL(url, encoded=True), headers={"Accept-Language": language}) as answer,
    ):
        return answer.status, await answer.text()


async def sent_on(config: Config, data: Mapping[str, Any]) -> str:
    """Log in with this data, and return the address that the visitor is sent on to."""
    url = URL(f"{config.login.public}/callback?{urlencode(data)}", encoded=True)
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        http.get(url, allow_redirects=False) as answer,
    ):
        assert answer.status == 303
        return answer.headers["Location"]
