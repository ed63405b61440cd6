"""Clients from npm on the sandbox; skipped without node or the packages that `make npm` installs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tgbot.sandbox.server import Sandbox

from .installation import HERE, missing, server_key


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "npm: needs node and the packages that `make npm` installs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing("telegram", "@mtcute/node")
    for item in items:
        if reason and item.get_closest_marker("npm"):
            item.add_marker(pytest.mark.skip(reason=reason))


class Bot:
    """A bot in its own process, and the JSON lines that it prints, by their `event`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def next(self, event: str) -> dict[str, Any]:
        """Return the next line of that event; fail the test on an error of the bot or its library."""
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            async for line in self._process.stdout:
                assert line.startswith(b"{"), line.decode()
                found: dict[str, Any] = json.loads(line)
                assert found["event"] != "error", found
                if found["event"] == event:
                    return found
        raise AssertionError(f"the bot ended before it told of {event}")

    async def close(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(20):
            return await self._process.wait()

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=1, key=server_key()) as started:
        yield started


@pytest.fixture(params=["mtcute", "gramjs"])
async def bot(sandbox: Sandbox, request: pytest.FixtureRequest) -> AsyncIterator[Bot]:
    """Yield @npm_bot, logged in, on each of the libraries."""
    stage = {
        "host": sandbox.host,
        "port": sandbox.port,
        "dc_id": sandbox.dc_id,
        "public_key": sandbox.public_key,
        "token": sandbox.new_bot("npm_bot", "Npm").token,
        "api_id": 1,
        "api_hash": "0" * 32,
    }
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / f"{request.param}.mjs"),
        env=os.environ | {"STAGE": json.dumps(stage)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    bot = Bot(process)
    try:
        ready = await bot.next("ready")
        assert ready["username"] == "npm_bot"
        yield bot
        assert await bot.close() == 0
    finally:
        bot.kill()
        await process.wait()
