"""Crashes on purpose: `tgbot run` as a process under load, killed at random instants, and an auditor.

A `Site` is one sandbox, one bot and its people. A `Load` makes the people write. When the bot has caught up
and stopped, `audit` compares what the sandbox saw with what is promised.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from telethon import events
from telethon.tl import functions, types

from tests.patience import PATIENCE as PATIENCE
from tests.sandbox.conftest import plain_client
from tests.scenarios.planted import API_HASH, NAME, access_hashes, leaks
from tgbot.sandbox.dialogs import Copy
from tgbot.sandbox.server import Sandbox

#: The plugin that answers texts, as anybody would write it: plain Telethon, without care for crashes.
PLUGIN = """
import asyncio
import os
import signal
from pathlib import Path
from telethon import events
from telethon.errors import UserIsBlockedError

HERE = Path(__file__).parent

def register(client):
    async def echo(event):
        text = event.raw_text
        word = text.partition(" ")[0]
        if word == "slow":
            await asyncio.sleep(0.3)
        elif word == "hang":
            await asyncio.Event().wait()
        elif word == "count":
            names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
            (HERE / "tasks").write_text(chr(10).join(sorted(names)))
        elif word == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "hold":
            (HERE / "holding").touch()
            while not (HERE / "go").exists():
                await asyncio.sleep(0.02)
        try:
            if word == "reply":
                await event.reply(f"echo {text}")
            else:
                await event.respond(f"echo {text}")
            if word == "twice":
                await event.respond(f"echo {text}")
        except UserIsBlockedError:
            pass
        raise events.StopPropagation

    client.add_event_handler(echo, events.NewMessage(incoming=True, pattern=r"[^/]"))
"""

#: The same, with shorter waits: what Telegram puts off for long is parked, and tried again within seconds.
IMPATIENT_PLUGIN = (
    PLUGIN.replace("def register(client):", "def register(client):\n    client.flood_sleep_threshold = 2")
    + "\nfrom tests.scenarios.shortened import shorten\nshorten()\n"
)


async def until(
    so: Callable[[], bool],
    what: str,
    seconds: float = PATIENCE,
    progress: Callable[[], object] = lambda: None,
) -> None:
    """Return as soon as `so()` is true; after `seconds`, raise TimeoutError with `what` in its text.

    For long work: the time starts again whenever `progress` returns another value.
    """
    done = progress()
    try:
        async with asyncio.timeout(seconds) as limit:
            while not so():
                await asyncio.sleep(0.02)
                if (now := progress()) != done:
                    done = now
                    limit.reschedule(asyncio.get_running_loop().time() + seconds)
    except TimeoutError:
        raise TimeoutError(f"waited {seconds:g} s in vain: {what}") from None


class Process:
    """One `tgbot run`, from its start to its end; `log` is what it wrote to standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.log: list[str] = []
        self.ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, directory: Path, *before: str) -> Process:
        """Start `tgbot run` with what is in a directory; the words `before` are put in front."""
        command = Path(sys.executable).with_name("tgbot")
        process = await asyncio.create_subprocess_exec(
            *before,
            *([str(command)] if command.exists() else [sys.executable, "-m", "tgbot.cli"]),
            "--config",
            str(directory / "config.toml"),
            "run",
            env=os.environ | {"PYTHONPATH": f"{directory}{os.pathsep}{os.getcwd()}"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def _read(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while line := await stderr.readline():
            self.log.append(line.decode(errors="replace").rstrip())
            if "running as" in self.log[-1]:
                self.ready.set()
        self.ready.set()  # the process has ended: end the wait

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def faults(self) -> list[str]:
        """Return the log lines with an error."""
        return [line for line in self.log if "ERROR" in line or "Traceback" in line or "CRITICAL" in line]

    async def up(self) -> None:
        """Return once it logs that it runs; if it ends before, raise RuntimeError with its last lines."""
        async with asyncio.timeout(PATIENCE):
            await self.ready.wait()
        if not any("running as" in line for line in self.log):
            raise RuntimeError("tgbot run did not come up:\n" + "\n".join(self.log[-20:]))

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def end(self, number: int) -> int:
        """Send a signal, wait for the end and return the exit status (negative: killed by that signal)."""
        self.signal(number)
        return await self.ended()

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            status = await self._process.wait()
            await self._reader
        return status


#: What the bot logs where it gives up the order within dialogs, because a difference does not come.
LATE_DIFFERENCE: Final = "does not wait for it"


class Ground:
    """A sandbox in this process, one bot of it, and its people: what happened there, whoever the bot is."""

    def __init__(self, sandbox: Sandbox, seed: int) -> None:
        self.sandbox = sandbox
        self.world = sandbox.world
        self.random = random.Random(seed)
        self.bot = sandbox.new_bot("the_bot")
        self.account = self.world.accounts[self.bot.id]
        self.people: list[Person] = []
        #: The pts of the entries in the bot's log that were made unreadable.
        self.unreadable: set[int] = set()
        #: The log lines with an error, of all processes.
        self.faults: list[str] = []
        #: How often a difference took so long that what came after it was handled first.
        self.late_differences = 0

    def said(self, user_id: int, text: str) -> Copy:
        """Let a user write to the bot, not over the wire; return the user's copy."""
        return self.world.send_as(user_id, self.bot.id, text)

    def garble_next(self) -> None:
        """Make the next entry of the bot's log unreadable for good: what it brings is a loss that is told."""
        self.unreadable.add(self.account.log.pts + 1)
        self.sandbox.faults.garble_log(self.bot.id)

    def unread(self) -> set[int]:
        """Return the ids of the messages to the bot that cannot be read."""
        log = self.account.log
        entries = [entry for pts in self.unreadable for entry in log.above(pts - 1, log.qts, 1)]
        return {copy.id for entry in entries if (copy := entry.message) is not None and not copy.out}

    def dialog(self, user_id: int) -> Iterator[Copy]:
        """Yield the bot's copies of a dialog, in order."""
        for number in self.account.box.history(user_id):
            copy = self.account.box.get(number)
            if copy is not None:
                yield copy

    def users(self) -> list[int]:
        """Return the ids of all users who have written to the bot."""
        return [peer for peer in self.account.box.dialogs if peer > 0]

    def judge(self, process: Process, status: int, number: int) -> None:
        """Note what is wrong with the log and the end of a process that was sent a signal."""
        self.faults += process.faults
        self.late_differences += sum(LATE_DIFFERENCE in line for line in process.log)
        hashes = access_hashes(self.world, self.bot.id)
        self.faults += [f"logged {leak}" for leak in leaks("\n".join(process.log), hashes)]
        if status not in (0, -number):
            self.faults += [f"ended by itself with status {status}:", *process.log[-15:]]


class Site(Ground):
    """A ground, and what the processes of its bot leave on disk."""

    def __init__(
        self,
        directory: Path,
        sandbox: Sandbox,
        seed: int,
        settings: dict[str, Any],
        plugin: str = PLUGIN,
    ) -> None:
        super().__init__(sandbox, seed)
        self.plugin = plugin
        self.directory = directory
        self.session = directory / "sessions" / "bot.session"
        self.registry = directory / "sessions" / "users.sqlite"
        self.process: Process | None = None
        self._write_configuration(settings)

    def _write_configuration(self, settings: dict[str, Any]) -> None:
        (self.directory / "crash_plugin.py").write_text(self.plugin)
        (self.directory / "sandbox.pem").write_text(self.sandbox.public_key)
        lines = [
            "[telegram]",
            f'server = "{self.sandbox.host}:{self.sandbox.port}"',
            f"dc_id = {self.sandbox.dc_id}",
            f'public_key = "{self.directory / "sandbox.pem"}"',
            f'bot_token = "{self.bot.token}"',
            "api_id = 1",
            f'api_hash = "{API_HASH}"',
            "[bot]",
            'plugins = ["crash_plugin"]',
            *(f"{name} = {value!r}" for name, value in settings.items()),
            "[storage]",
            f'directory = "{self.session.parent}"',
        ]
        (self.directory / "config.toml").touch(0o600)  # it holds the token
        (self.directory / "config.toml").write_text("\n".join(lines) + "\n")

    async def spawn(self, *before: str) -> Process:
        """Start `tgbot run`; `before` goes in front of it on the command line, for strace for example."""
        self.process = await Process.start(self.directory, *before)
        return self.process

    async def end(self, number: int = signal.SIGTERM) -> int:
        """End the process and return its status, once the sandbox has done everything it was sent."""
        assert self.process is not None
        status = await self.process.end(number)
        self.judge(self.process, status, number)
        await self.unplugged()
        return status

    async def unplugged(self) -> None:
        """Return once the sandbox has read the last byte that the ended process had sent."""
        await until(lambda: self.sandbox.connections <= len(self.people), "the sandbox sees the bot go")


@asynccontextmanager
async def open_site(
    directory: Path, seed: int, *, people: int = 0, plugin: str = PLUGIN, **settings: Any
) -> AsyncIterator[Site]:
    """Open a sandbox with a bot that does not run yet, and people who talk to it over the wire."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(seed=seed))
        site = Site(directory, sandbox, seed, settings, plugin)
        stack.push_async_callback(_end_whatever_runs, site)
        for number in range(people):
            person = await Person.sign_up(sandbox, f"{NAME} {number}")
            stack.push_async_callback(person.client.disconnect)
            site.people.append(person)
        yield site


async def _end_whatever_runs(site: Site) -> None:
    if site.process is not None and site.process.running:
        site.process.signal(signal.SIGCONT)
        await site.process.end(signal.SIGKILL)


def heard(site: Site, person: int) -> list[str]:
    """Return what the bot wrote to a person, in order."""
    return [copy.post.text for copy in site.dialog(person) if copy.out]


def ask_parked(site: Site, *words: str) -> list[Any]:
    """Return what `tgbot parked` says to these words."""
    command = [sys.executable, "-m", "tgbot.cli", "--config", str(site.directory / "config.toml"), "parked"]
    found = subprocess.run([*command, *words, "--json"], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in found.stdout.splitlines()]


class Person:
    """Somebody who writes and reads over the wire, with a plain Telethon client."""

    def __init__(self, client: Any, user_id: int) -> None:
        self.client = client
        self.id = user_id
        self.heard: list[str] = []
        client.add_event_handler(self._hear, events.NewMessage(incoming=True))

    async def _hear(self, event: Any) -> None:
        self.heard.append(event.raw_text)

    async def say(self, text: str) -> None:
        await self.client.send_message("the_bot", text, parse_mode=None)

    @classmethod
    async def sign_up(cls, sandbox: Sandbox, name: str) -> Person:
        client = plain_client(sandbox)
        await client.connect()
        phone = sandbox.new_phone()
        sent = await client(functions.auth.SendCodeRequest(phone, 1, "hash", types.CodeSettings()))
        code = str(sandbox.dc_id) * sent.type.length
        with contextlib.suppress(AttributeError):
            await client(functions.auth.SignInRequest(phone, sent.phone_code_hash, code))
        answer = await client(functions.auth.SignUpRequest(phone, sent.phone_code_hash, name, ""))
        await client._on_login(answer.user)
        return cls(client, answer.user.id)
