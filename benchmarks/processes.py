"""The clients as processes of their own: start them, and read what they use. Linux only."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Final

from tests.postgres import binaries
from tests.sandbox.npm import installation
from tgbot.sandbox.accounts import Bot
from tgbot.sandbox.server import Sandbox

#: What the clients answer to a `/start`.
GREETING: Final = "Hello! I am glad you are here."
#: The name of the plugin with the handbook's handler, and what it is.
HANDBOOK: Final = "handbook_plugin"
PLUGIN: Final = f"""
from telethon import events


def register(client):
    @client.on(events.NewMessage(pattern='^/start( .+)?$'))
    async def handle_start(event):
        await event.respond({GREETING!r})
        raise events.StopPropagation
"""
#: Each client by the name that `--clients` takes, as the tables name it.
CLIENTS: Final = {
    "tgbot": "this bot",
    "postgres": "this bot on PostgreSQL",
    "telethon": "Telethon + uvloop",
    "kurigram": "kurigram + uvloop",
    "mtcute": "mtcute (node)",
}
#: Those that are this bot: on files, and with a database that several machines can share.
_OURS: Final = ("tgbot", "postgres")
#: How often a condition is looked at, and how long a process must have used no CPU to be idle, in seconds.
_GLANCE, _STILL = 0.02, 0.2


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that all threads of a process have used together."""
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) returns on Linux


@dataclass(frozen=True)
class Memory:
    """The memory of a process in MiB: resident, and proportional where the system tells it."""

    rss: float
    pss: float | None

    @classmethod
    def of(cls, pid: int) -> Memory:
        try:
            pss = _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss")
        except OSError:
            pss = None
        return cls(_field(Path(f"/proc/{pid}/status"), "VmRSS"), pss)

    @classmethod
    def middle(cls, some: Sequence[Memory]) -> Memory:
        """Return the medians."""
        parts = [each.pss for each in some if each.pss is not None]
        return cls(median(each.rss for each in some), median(parts) if parts else None)

    def __str__(self) -> str:
        return f"{self.rss:.0f} / {'-' if self.pss is None else f'{self.pss:.0f}'}"


def _field(file: Path, name: str) -> float:
    """Return a field of a file of /proc in MiB."""
    lines = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
    return int(lines[name].split()[0]) / 1024


async def still(pid: int, seconds: float = _STILL) -> None:
    """Return once a process has used no CPU worth mentioning for so long."""
    before, since = cpu_seconds(pid), time.monotonic()
    while time.monotonic() - since < seconds:
        await asyncio.sleep(_GLANCE)
        if (now := cpu_seconds(pid)) - before > 0.002:
            before, since = now, time.monotonic()


@dataclass(frozen=True)
class Client:
    """A client that is logged in on a sandbox and answers `/start`."""

    kind: str
    sandbox: Sandbox
    bot_id: int
    directory: Path
    pid: int
    #: Seconds from the start of the process until it was logged in.
    starting: float
    patience: float
    #: The address of the database of the client "postgres".
    database: str = ""

    async def settle(self) -> None:
        """Return once the client has done everything about what was sent to it.

        This bot's last checkpoint is on disk then. The others store their state rarely or never, and need not
        do it now. Raise TimeoutError if it takes longer than `patience`.
        """
        async with asyncio.timeout(self.patience):
            if self.kind in _OURS:
                while self._stored_pts() != self.sandbox.world.state(self.bot_id)[0]:  # noqa: ASYNC110 - a store
                    await asyncio.sleep(_GLANCE)
            await still(self.pid)

    def _stored_pts(self) -> int | None:
        """Return the pts that is kept, behind which everything is on disk."""
        if self.database:
            import psycopg  # late: the other clients do without it

            with psycopg.connect(self.database) as database:
                found = database.execute("SELECT pts FROM tgbot.states WHERE channel = 0").fetchone()
            return None if found is None else int(found[0])
        uri = f"file:{self.directory / 'bot.session'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            row = connection.execute("SELECT pts FROM update_state WHERE id = 0").fetchone()
        return None if row is None else row[0]


def chosen(names: str) -> list[str]:
    """Return those of the named clients that can be run here; say on standard error why one is left out.

    `names` are separated by commas. Exit with a sentence if there is no such client.
    """
    kinds = names.split(",")
    if unknown := sorted(set(kinds) - set(CLIENTS)):
        sys.exit(f"there is no client {', '.join(unknown)}; there are {', '.join(CLIENTS)}")
    reasons = {"mtcute": installation.missing("@mtcute/node") if "mtcute" in kinds else None}
    if "postgres" in kinds and binaries() is None:
        reasons["postgres"] = "there is no PostgreSQL: install Debian's postgresql"
    for kind, reason in reasons.items():
        if reason:
            print(f"{kind} is left out: {reason}", file=sys.stderr)
    return [kind for kind in kinds if not reasons.get(kind)]


@asynccontextmanager
async def started(
    sandbox: Sandbox,
    kind: str,
    directory: str,
    *,
    bot: Bot | None = None,
    prefix: Sequence[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    database: str = "",
    patience: float = 60.0,
) -> AsyncIterator[Client]:
    """Run a client until the block ends; yield it once it is logged in, as `bot` or a new one.

    The words of `prefix` stand before its command; `environ` replaces settings of its environment; `database`
    is the address of an empty database, for "postgres".
    Raise RuntimeError if it ends before, TimeoutError if it takes longer than `patience`.
    """
    if (kind == "postgres") != bool(database):
        raise ValueError("a database is for postgres, and for no other client")
    bot = bot or sandbox.new_bot()
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *prefix,
        *_command(kind),
        env=os.environ
        | _settings(kind, sandbox, bot.token, Path(directory))
        | ({"TGBOT_STORAGE_URL": database} if database else {})
        | dict(environ),
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = process.stdout
    passing_on: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(patience):
            await _ready(kind, said)
        starting = time.monotonic() - began
        passing_on = asyncio.create_task(_pass_on(said))
        yield Client(kind, sandbox, bot.id, Path(directory), process.pid, starting, patience, database)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if passing_on is not None:
            await passing_on


def _command(kind: str) -> list[str]:
    if kind in _OURS:
        return [sys.executable, "-m", "tgbot.cli", "run"]
    if kind == "mtcute":
        return ["node", str(installation.HERE / "greeter.mjs")]
    return [sys.executable, "-m", "benchmarks.clients", kind]


def _settings(kind: str, sandbox: Sandbox, token: str, directory: Path) -> dict[str, str]:
    """Return the environment that brings a client to the sandbox, with its files in the directory."""
    key = directory / "key.pem"
    key.write_text(sandbox.public_key)
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(directory)])
    if kind in _OURS:
        (directory / f"{HANDBOOK}.py").write_text(PLUGIN)
        return {
            "PYTHONPATH": path,
            "TGBOT_SERVER": f"{sandbox.host}:{sandbox.port}",
            "TGBOT_DC_ID": str(sandbox.dc_id),
            "TGBOT_PUBLIC_KEY": str(key),
            "TGBOT_BOT_TOKEN": token,
            "TGBOT_STORAGE_DIRECTORY": str(directory),
            "TGBOT_PLUGINS": HANDBOOK,
        }
    stage = {
        "host": sandbox.host,
        "port": sandbox.port,
        "dc_id": sandbox.dc_id,
        "public_key": sandbox.public_key,
        "fingerprint": sandbox.key.fingerprint,
        "token": token,
        "api_id": 1,
        "api_hash": "0" * 32,
        "directory": str(directory),
        "greeting": GREETING,
    }
    return {"PYTHONPATH": path, "STAGE": json.dumps(stage)}


async def _ready(kind: str, said: asyncio.StreamReader) -> None:
    """Return when a client says that it is logged in; raise RuntimeError with what it said if it ends."""
    lines = b""
    async for line in said:
        if b"running as @" in line or b'"ready"' in line:
            return
        lines += line
    raise RuntimeError(f"{kind} did not start:\n{lines.decode(errors='replace')}")


async def _pass_on(said: asyncio.StreamReader) -> None:
    """Show what a client says beside its usual progress."""
    async for line in said:
        if b" INFO " not in line:
            sys.stderr.write(line.decode(errors="replace"))
