"""A page on a sandbox, and tabs that ask it over a WebSocket as a browser does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.patience import PATIENCE
from tgbot.sandbox.accounts import Account, Bot
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.world import World


class Asked:
    """A tab. `ask` returns the answer to a line, `heard` the next event of a name."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._events: list[dict[str, Any]] = []

    async def ask(self, deed: str, /, **values: object) -> Any:
        """Return the result, or the error as a dictionary {"error": …}."""
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "do": deed, **values})
        while number not in self._answers:
            await self._read()
        answer = self._answers.pop(number)
        return answer["result"] if "result" in answer else {"error": answer["error"]}

    async def call(self, account: int, name: str, /, **fields: object) -> Any:
        return await self.ask("call", **{"as": account, "call": {"_": name, **fields}})

    async def heard(self, event: str, so: Callable[[dict[str, Any]], bool] = lambda event: True) -> Any:
        """Return the next event with this name for which `so` is true; forget those before it."""
        while True:
            for index, known in enumerate(self._events):
                if known["event"] == event and so(known):
                    del self._events[: index + 1]
                    return known
            await self._read()

    async def _read(self) -> None:
        async with asyncio.timeout(PATIENCE):
            said = await self._socket.receive_json()
        if "event" in said:
            self._events.append(said)
        else:
            self._answers[said["id"]] = said


Open = Callable[[], Awaitable[Asked]]


@pytest.fixture
def world() -> World:
    return World(seed=1)


@pytest.fixture
def bot(world: World) -> Bot:
    return world.new_bot("the_bot")


@pytest.fixture
def anna(world: World) -> Account:
    return world.new_user("Anna", "Smith", username="anna_s")


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[Page]:
    async with Page(sandbox) as page:
        yield page


@asynccontextmanager
async def opened(page: Page) -> AsyncIterator[Open]:
    """Yield a function that opens a tab."""
    where = urlsplit(page.address)
    async with aiohttp.ClientSession(headers={"Origin": f"{where.scheme}://{where.netloc}"}) as browser:
        sockets: list[aiohttp.ClientWebSocketResponse] = []

        async def open_tab() -> Asked:
            sockets.append(await browser.ws_connect(f"{page.address}wire"))
            return Asked(sockets[-1])

        yield open_tab
        for socket in sockets:
            await socket.close()


@pytest.fixture
async def open_tab(page: Page) -> AsyncIterator[Open]:
    async with opened(page) as open_tab:
        yield open_tab


@pytest.fixture
async def tab(open_tab: Open) -> Asked:
    return await open_tab()
