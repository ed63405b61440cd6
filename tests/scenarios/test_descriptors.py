"""File descriptors: the real command beside a flood of visitors, and beside a plugin that has all of them."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a sandbox
from tests.scenarios.crash import Process, Site, until
from tests.scenarios.logins import free_port
from tgbot.sandbox.server import Sandbox

#: Runs a command that may have 64 descriptors.
FEW = ("sh", "-c", 'ulimit -n 64; exec "$@"', "-")
#: How many visitors come at once and say nothing that is complete.
VISITORS = 1_000


@pytest.fixture
async def site(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path, sandbox, 1, {})
    yield made
    if made.process is not None and made.process.running:
        await made.process.end(signal.SIGKILL)


@pytest.fixture
def _many_descriptors() -> Iterator[None]:
    """Let this process have as many descriptors as there are visitors."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4 * VISITORS, limits[1]), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def hammer(port: int) -> None:
    """Begin a request, do not end it, and begin again whenever the page has closed the connection."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET / HTTP/1.1\r\nHost:")
                await reader.read()
            finally:
                writer.transport.abort()
        await asyncio.sleep(2.0)


@asynccontextmanager
async def visitors(port: int) -> AsyncIterator[None]:
    hammers = [asyncio.create_task(hammer(port)) for _ in range(VISITORS)]
    try:
        yield
    finally:
        for task in hammers:
            task.cancel()
        await asyncio.gather(*hammers, return_exceptions=True)


async def answered(site: Site, text: str) -> None:
    ann = site.world.new_user("Ann").id
    site.said(ann, text)
    await until(lambda: any(copy.out for copy in site.dialog(ann)), f"{text} is answered")


async def relinked(site: Site, process: Process) -> None:
    """End the link of the bot, and return when a message over the next one is answered."""
    site.sandbox.drop(site.bot.id)
    await answered(site, "hello again")


@pytest.mark.usefixtures("_many_descriptors")
async def test_the_link_is_made_again_while_a_thousand_visitors_hammer_the_page(site: Site) -> None:
    port = free_port()
    with (site.directory / "config.toml").open("a") as file:
        file.write(f'[login]\nlisten = "127.0.0.1:{port}"\n')
    process = await site.spawn(*FEW)
    await process.up()
    async with visitors(port), aiohttp.ClientSession() as http:
        await until(lambda: len(os.listdir(f"/proc/{process.pid}/fd")) > 25, "visitors have come")
        await relinked(site, process)
        async with http.get(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 200
        assert len(os.listdir(f"/proc/{process.pid}/fd")) < 60
    assert await process.end(signal.SIGTERM) == 0
    assert not process.faults
    assert not any("descriptors" in line for line in process.log)


#: A plugin that takes all descriptors, also those that become free, until there is a file "enough".
GREEDY = """
import os
from pathlib import Path
from telethon import events

taken = []

def register(client):
    def take():
        if (Path(__file__).parent / "enough").exists():
            while taken:
                os.close(taken.pop())
            return
        try:
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            client.loop.call_soon(take)

    @client.on(events.NewMessage(incoming=True))
    async def on_message(event):
        await event.respond("yes")
        if event.raw_text == "take":
            take()
        raise events.StopPropagation
"""


async def test_a_link_for_which_no_descriptor_is_left_says_so_and_comes_back(site: Site) -> None:
    (site.directory / "crash_plugin.py").write_text(GREEDY)
    process = await site.spawn(*FEW)
    await process.up()
    await answered(site, "take")
    site.sandbox.drop(site.bot.id)
    await until(
        lambda: any("no file descriptors are left for a connection" in line for line in process.log),
        "it says what it lacks",
    )
    (site.directory / "enough").touch()
    await answered(site, "hello again")
    assert await process.end(signal.SIGTERM) == 0
