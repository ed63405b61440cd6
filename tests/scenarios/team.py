"""Several nodes of one bot: `tgbot run` processes on one sandbox and one PostgreSQL, which can be cut off."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.postgres import PostgresServer
from tests.scenarios.crash import PATIENCE, PLUGIN, Ground, Process, until
from tests.scenarios.planted import API_HASH
from tests.scenarios.ways import CableWay, Namespace, Way, relayed
from tgbot.sandbox.server import Sandbox

#: The lines that nodes log.
STANDS_BY: Final = " stands by"
LEADS: Final = " leads (epoch "
LOST: Final = "does not lead any more"


@dataclass(frozen=True)
class Leader:
    """Who has the lease, as the database says it; "" for nobody."""

    node: str
    epoch: int


class Node:
    """One node: its files, its ways, and its process."""

    def __init__(
        self, name: str, directory: Path, telegram: Way, database: Way, before: tuple[str, ...]
    ) -> None:
        self.name = name
        self.directory = directory
        self.telegram, self.database = telegram, database
        self.before = before
        self.process: Process | None = None

    async def start(self) -> Process:
        """Start the process; it stands by as long as another node leads."""
        self.process = await Process.start(self.directory, *self.before)
        return self.process

    def logged(self, words: str) -> int:
        """Return how many lines of the process's log hold these words."""
        return 0 if self.process is None else sum(words in line for line in self.process.log)

    async def ready(self) -> None:
        """Return once the process stands by, or handles updates; raise RuntimeError if it ends."""
        process = self.process
        assert process is not None
        # The last of these lines tells what it does now: a node that lost the lease stands by again.
        await until(
            lambda: not process.running or self.stands_by or self.answers,
            f"{self.name} stands by or leads",
        )
        if not process.running:
            raise RuntimeError(f"{self.name} did not come up:\n" + "\n".join(process.log[-20:]))

    @property
    def stands_by(self) -> bool:
        return self._last() == STANDS_BY

    @property
    def answers(self) -> bool:
        """Whether it leads and handles updates."""
        return self._last() == "running as"

    def _last(self) -> str:
        log = [] if self.process is None else self.process.log
        for line in reversed(log):
            for words in (STANDS_BY, "running as", LOST, LEADS):
                if words in line:
                    return words
        return ""


class Team(Ground):
    """A sandbox in this process, a database, and the nodes of one bot."""

    def __init__(
        self, directory: Path, sandbox: Sandbox, server: PostgresServer, seed: int, plugin: str
    ) -> None:
        super().__init__(sandbox, seed)
        self.directory = directory
        self.server = server
        self.plugin = plugin
        self.url = server.new_database()
        self.nodes: dict[str, Node] = {}
        self._connection: psycopg.Connection[Any] | None = None

    def add(
        self, name: str, telegram: Way, database: Way, lease: str, before: tuple[str, ...], **settings: Any
    ) -> Node:
        """Add a node, which does not run yet; `settings` are `[bot]` keys."""
        directory = self.directory / name
        directory.mkdir()
        (directory / "crash_plugin.py").write_text(self.plugin)
        (directory / "sandbox.pem").write_text(self.sandbox.public_key)
        database_name = self.url.rpartition("/")[2]
        lines = [
            "[telegram]",
            f'server = "{telegram.host}:{telegram.port}"',
            f"dc_id = {self.sandbox.dc_id}",
            f'public_key = "{directory / "sandbox.pem"}"',
            f'bot_token = "{self.bot.token}"',
            "api_id = 1",
            f'api_hash = "{API_HASH}"',
            "[bot]",
            'plugins = ["crash_plugin"]',
            *(f"{key} = {value!r}" for key, value in settings.items()),
            "[storage]",
            f'directory = "{directory / "sessions"}"',
            f'url = "postgresql://tgbot@{database.host}:{database.port}/{database_name}?application_name={name}"',
            f'node = "{name}"',
            f'lease = "{lease}"',
        ]
        (directory / "config.toml").touch(0o600)  # it holds the token
        (directory / "config.toml").write_text("\n".join(lines) + "\n")
        node = self.nodes[name] = Node(name, directory, telegram, database, before)
        return node

    def other(self, node: Node) -> Node:
        """Return the node that is not this one, of two."""
        (other,) = (each for each in self.nodes.values() if each is not node)
        return other

    async def end(self, node: Node, number: int = signal.SIGTERM) -> int:
        """End a node's process and return its status, with what is wrong with its log noted."""
        assert node.process is not None
        status = await node.process.end(number)
        self.judge(node.process, status, number)
        return status

    # ---- what the database says ----------------------------------------------------------------------

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, by a connection of its own straight to the server."""
        for attempt in range(2):
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self.url, autocommit=True, connect_timeout=10)
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(query.encode(), values or None)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:  # the server was restarted
                self._connection.close()
                if attempt:
                    raise
        raise AssertionError("unreachable")

    def leader(self) -> Leader:
        """Return who has the lease now; the last epoch with nobody if it is over, or the server is gone."""
        with suppress(psycopg.Error):
            for node, epoch in self.rows(
                "SELECT CASE WHEN until > clock_timestamp() THEN node ELSE '' END, epoch FROM tgbot.lease"
            ):
                return Leader(node, epoch)
        return Leader("", 0)

    def key_owners(self) -> dict[bytes, str]:
        """Return the id of each auth key in the database → its node."""
        rows = self.rows("SELECT name, auth_key FROM tgbot.nodes WHERE auth_key IS NOT NULL")
        return {sha1(bytes(key)).digest()[-8:]: name for name, key in rows}

    async def settled(self) -> Node:
        """Return the node that leads, once it answers and the other one stands by."""
        for node in self.nodes.values():
            await node.ready()
        await until(
            lambda: (
                {(one.answers, one.stands_by) for one in self.nodes.values()}
                == {(True, False), (False, True)}
                and (name := self.leader().node) in self.nodes
                and self.nodes[name].answers
            ),
            "one node leads, and the other stands by",
        )
        return self.nodes[self.leader().node]

    async def command(self, node: Node, *words: str) -> tuple[int, list[Any], str]:
        """Return the status of a `tgbot` command on a node, the objects that it prints, and its complaint."""
        process = await asyncio.create_subprocess_exec(
            *node.before,
            *(sys.executable, "-m", "tgbot.cli", "--config", str(node.directory / "config.toml"), *words),
            env=os.environ | {"PYTHONPATH": f"{node.directory}{os.pathsep}{os.getcwd()}"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE):
            said, complaint = await process.communicate()
        assert process.returncode is not None
        found = [json.loads(line) for line in said.splitlines() if line.startswith((b"{", b"["))]
        return process.returncode, found, complaint.decode()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


@asynccontextmanager
async def open_team(
    directory: Path,
    server: PostgresServer,
    seed: int,
    *,
    names: tuple[str, ...] = ("a", "b"),
    lease: str = "2.5s",
    namespaces: bool = False,
    plugin: str = PLUGIN,
    **settings: Any,
) -> AsyncIterator[Team]:
    """Open a sandbox, a database, and nodes that do not run yet, with networks of their own if asked."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(seed=seed))
        team = Team(directory, sandbox, server, seed, plugin)
        stack.callback(team.close)
        stack.push_async_callback(_end_whatever_runs, team)
        for number, name in enumerate(names):
            ways: list[Way] = []
            namespace: Namespace | None = None
            if namespaces:
                namespace = Namespace(f"tgbot-{os.getpid()}-{name}")
                stack.callback(namespace.remove)
            for which, port in enumerate((sandbox.port, server.port)):
                if namespace is None:
                    ways.append(await stack.enter_async_context(relayed(port)))
                    continue
                cable = namespace.cable(f"10.213.{(4 * os.getpid() + 2 * number + which) % 250}.")
                ways.append(CableWay(cable, await stack.enter_async_context(relayed(port, cable.address))))
            team.add(name, ways[0], ways[1], lease, namespace.before if namespace else (), **settings)
        yield team


async def _end_whatever_runs(team: Team) -> None:
    for node in team.nodes.values():
        if node.process is not None and node.process.running:
            node.process.signal(signal.SIGCONT)
            await node.process.end(signal.SIGKILL)
