"""Two nodes of one bot, each a real `tgbot run` with a directory of its own, on a sandbox and a database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE
from tests.scenarios.crash import Process, Site, heard, open_site, until


class NodeProcess(Process):
    """One process of a node; `tgbot run` begins anew in it each time it leads no more."""

    def count(self, words: str) -> int:
        """Return how many lines of the log have these words."""
        return sum(words in line for line in self.log)

    async def logs(self, words: str, times: int = 1) -> None:
        """Return once so many lines have these words; raise RuntimeError with the log if the process ends."""
        await until(lambda: self.count(words) >= times or not self.running, words, PATIENCE * 2)
        if self.count(words) < times:
            raise RuntimeError("\n".join([f"it ended without: {words}", *self.log[-20:]]))

    async def stands_by(self, times: int = 1) -> None:
        await self.logs("stands by: ", times)

    async def leads(self, times: int = 1) -> None:
        """Return once it has logged so often that it leads and runs."""
        await self.logs("running as", times)


class Nodes:
    """The nodes of the bot of a site; a `lease` of a second makes takeovers quick."""

    def __init__(self, site: Site, url: str, lease: str) -> None:
        self.site = site
        self.url = url
        self._lease = lease
        self.processes: list[NodeProcess] = []
        self.ann = int(site.world.new_user("Ann").id)
        self._said: list[str] = []

    def directory(self, name: str) -> Path:
        """Return the directory of a node; its configuration is made at the first call."""
        home = self.site.directory / name
        if not home.exists():
            home.mkdir()
            given = (self.site.directory / "config.toml").read_text()
            kept = f'directory = "{home / "sessions"}"\nnode = "{name}"\nlease = "{self._lease}"'
            (home / "config.toml").touch(0o600)
            (home / "config.toml").write_text(
                given.replace(f'directory = "{self.site.session.parent}"', f'{kept}\nurl = "{self.url}"')
            )
            (home / "crash_plugin.py").write_text(self.site.plugin)
        return home

    async def start(self, name: str) -> NodeProcess:
        """Start `tgbot run` as a node."""
        made = NodeProcess(await self._spawn(name, "run", stderr=asyncio.subprocess.PIPE))
        self.processes.append(made)
        return made

    async def command(self, name: str, *words: str) -> tuple[int, str, str]:
        """Return the exit status of a command of a node, and what it printed on the two outputs."""
        pipe = asyncio.subprocess.PIPE
        process = await self._spawn(name, *words, stdout=pipe, stderr=pipe)
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def ask(self, name: str, *words: str) -> Any:  # Any: JSON
        """Return what a command of a node prints as JSON."""
        _, out, err = await self.command(name, *words, "--json")
        return json.loads(out or err)

    async def _spawn(self, name: str, *words: str, **options: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tgbot.cli", "--config", str(self.directory(name) / "config.toml")),
            *words,
            env=os.environ | {"PYTHONPATH": os.getcwd()},
            stdin=asyncio.subprocess.DEVNULL,
            **options,
        )

    # ---- what people see ---------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Let Ann write to the bot."""
        self._said.append(text)
        self.site.said(self.ann, text)

    async def answered(self, text: str) -> None:
        """Let Ann write to the bot, and return once she has the answer."""
        self.say(text)
        await until(lambda: f"echo {text}" in heard(self.site, self.ann), f"an answer to {text}", PATIENCE)

    def each_once(self) -> bool:
        """Return whether each message was answered, once."""
        return sorted(heard(self.site, self.ann)) == sorted(f"echo {text}" for text in self._said)

    async def end(self) -> None:
        for process in self.processes:
            if process.running:
                process.signal(signal.SIGCONT)
                await process.end(signal.SIGKILL)


@asynccontextmanager
async def open_nodes(
    directory: Path, url: str, *, lease: str = "1s", **settings: Any
) -> AsyncIterator[Nodes]:
    """Open a sandbox with a bot whose nodes do not run yet."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(open_site(directory, 1, **settings))
        nodes = Nodes(site, url, lease)
        stack.push_async_callback(nodes.end)
        yield nodes
