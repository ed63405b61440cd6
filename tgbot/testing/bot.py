"""The bot under test."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tgbot.config import loading as config
from tgbot.operate import control
from tgbot.plugins.parts import Parts
from tgbot.sandbox.server import Sandbox
from tgbot.testing.bell import Bell
from tgbot.testing.command import CommandProcess, environment
from tgbot.testing.configuration import Sections, as_toml
from tgbot.testing.failures import BotDiedError, Failure, hidden
from tgbot.testing.group import Group
from tgbot.testing.inprocess import BotInProcess
from tgbot.testing.process import LIMIT, BotProcess, ending
from tgbot.testing.time import BotTime
from tgbot.testing.transcript import Transcript

__tracebackhide__ = hidden  # pytest shows the line of the test, and not what is in here
#: The plugin that a bot under test has besides its own.
INSIDE: Final = "tgbot.testing.inside"
#: Seconds for which a bot that is a command says nothing when it is taken to be finished.
QUIET: Final = 0.5
#: Seconds between two looks at what the sandbox has read.
_LOOK_SECONDS: Final = 0.005


class Bot:
    """The bot under test, on a sandbox of its own; it runs when the test begins.

    A bot that ends by itself fails the test, with the last lines of its log.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        sections: Sections,
        *,
        directory: Path,
        project: Path,
        username: str,
        name: str,
        in_process: bool,
        command: Sequence[str] = (),
        quiet: float = QUIET,
    ) -> None:
        self.sandbox = sandbox
        account = sandbox.new_bot(username, name)
        self.id = account.id
        self.username = account.username
        #: The directory of its files; plugins are found in that of the project.
        self.directory = directory
        #: The lines of its log, of all its runs.
        self.logs: list[str] = []
        #: What was said in all dialogs.
        self.transcript = Transcript()
        self.bell = Bell()
        #: Telegram's time, which can be set forward.
        self.time = BotTime(self, settable=not command)
        #: The people who talk to it, by their order.
        self.people: list[Any] = []  # Any: of Person, whose module imports this one
        self._token = account.token
        self._project = project
        self._file = directory / "config.toml"
        self._sections = sections
        self._in_process = in_process
        self._command = command
        self._quiet = quiet
        #: Whether it ends because the test wants it to.
        self._leaving = False
        #: Whether the test was told that the bot died.
        self._told = False
        self._run: BotProcess | BotInProcess | CommandProcess | None = None
        (directory / "sandbox.pem").write_text(sandbox.public_key)

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._run is not None and self._run.status is None

    @property
    def crashed(self) -> int | None:
        """The exit status of a bot that ended by itself, negative for a signal; else None."""
        return self._run.status if self._run is not None and not self._leaving else None

    @property
    def parts(self) -> Parts:
        """The parts of a bot that runs in the test's process."""
        if not isinstance(self._run, BotInProcess):
            raise TypeError("bot.parts needs @pytest.mark.tgbot(in_process=True), and a bot that runs")
        return self._run.parts

    async def start(self) -> None:
        """Start the bot and return once it runs; do nothing if it does."""
        if self.running:
            return
        self._write_configuration()
        run, environ = self._new_run(), {} if self._in_process else dict(os.environ)
        try:
            problem = await run.start(self._file, self._project, self._environment(environ))
        except BaseException:
            await run.end(signal.SIGKILL)
            raise
        if problem is not None:
            raise BotDiedError(f"the bot did not start: {problem}", log=self.logs)
        self._run, self._told = run, False

    def _new_run(self) -> BotProcess | BotInProcess | CommandProcess:
        log, ended = self.logs.append, self.bell.ring
        if self._command:
            sandbox = self.sandbox
            connected, calls = (lambda: sandbox.sessions_of(self.id)), (lambda: sandbox.calls.total())
            return CommandProcess(self._command, log, ended, connected, calls)
        return BotInProcess(log, ended) if self._in_process else BotProcess(log, ended)

    async def stop(self) -> None:
        """Stop the bot as SIGTERM does; return once everything is on disk. Do nothing if it does not run."""
        if self._run is None:
            return
        self.check()
        if status := await self._end(signal.SIGTERM):
            raise BotDiedError(f"the bot stopped with status {status}", log=self.logs)

    async def kill(self, *, start: bool = True) -> None:
        """Kill the bot at once, with SIGKILL, and start it again, unless `start` is False.

        Return once the new bot has finished what the killed one had begun.
        """
        if self._in_process:
            raise TypeError(
                "only a bot that is a process can be killed: remove in_process=True from the marker"
            )
        self.check()
        await self._end(signal.SIGKILL)
        self.transcript.noted("the bot is killed")
        if start:
            await self.start()
            await self.finished()

    async def restart(self) -> None:
        """Stop the bot in order and start it again."""
        await self.stop()
        await self.start()

    async def finished(self, within: float = LIMIT) -> None:
        """Return once the bot has finished everything that it was sent, and people have seen what it said.

        What is due by the clock, such as a job, counts; tasks of a plugin's own do not.
        """
        try:
            async with asyncio.timeout(within):
                await self._finished()
        except TimeoutError:
            raise self.failure(f"the bot did not finish what it was sent within {within:g} s") from None

    async def _finished(self) -> None:
        if self._command:
            await self._silent()
            return
        world = self.sandbox.world
        while True:
            before = world.state(self.id)[:2]
            await self.ask("caught_up", pts=before[0], qts=before[1], channels=self._channels())
            for person in self.people:
                await self.bell.until(person.has_seen_all, LIMIT)
            if world.state(self.id)[:2] == before:
                return

    async def _silent(self) -> None:
        """Return once a bot that cannot be asked has said nothing for a while, and people have seen all."""
        while True:
            self.check()
            before = self.sandbox.world.state(self.id)[:2]
            await asyncio.sleep(self._quiet)
            for person in self.people:
                await self.bell.until(person.has_seen_all, LIMIT)
            if self.sandbox.world.state(self.id)[:2] == before:
                return

    def _channels(self) -> dict[str, int]:
        """Return the last pts that the bot gets of the channels that it is in, by their bare ids."""
        world, ends = self.sandbox.world, {}
        for chat in world.chats.values():
            if chat.channel and self.id in chat.members:
                # Without the messages in a group that are not for the bot.
                seen = world.posts.seen(chat, world.accounts[self.id], chat.log.above(0, 0))
                ends[str(chat.id)] = max((entry.pts or 0 for entry in seen), default=0)
        return ends

    async def group(self, title: str, *people: Any, admin: bool = False) -> Group:  # Any: of Person
        """Open a supergroup of these people and the bot, which the first of them creates.

        An `admin` may add users, so it hears of requests to join.
        """
        return Group.open(self.sandbox.world, self.id, title, people, admin=admin)

    # ---- for people and time -----------------------------------------------------------------------

    async def ask(self, do: str, **arguments: object) -> None:
        """Have the running bot carry out a method of `Inside`."""
        self.check()
        if self._run is None:
            raise self.failure("the bot does not run: await bot.start()")
        try:
            await self._run.ask(do, **arguments)
        except ConnectionError:
            await self.bell.until(lambda: self.crashed is not None, LIMIT)
            self.check()
            raise

    async def follow_time(self) -> None:
        """Have the clock of the running bot take Telegram's time."""
        await self.ask("follow_time")

    async def add_admin(self, user_id: int) -> None:
        """Make a user an admin, also of a bot that runs."""
        if self._command:
            raise TypeError("person(admin=True) is for tgbot: another bot has its own admins")
        admins = self._sections.setdefault("bot", {}).setdefault("admins", [])
        self._sections["bot"]["admins"] = [*admins, user_id]
        self._write_configuration()
        if self.running:
            socket = config.load(self._file, self._environment({})).storage.control
            try:
                await asyncio.to_thread(control.ask, socket, "reload", {})
            except FileNotFoundError:  # the path is too long for a socket on this system
                await self.restart()

    def check(self) -> None:
        """Raise BotDiedError if the bot ended by itself."""
        if self.crashed is not None:
            self._told = True
            raise BotDiedError(f"the bot died: {ending(self.crashed)}", self.transcript.lines, self.logs)

    def failure(self, problem: str) -> Failure:
        """Return the error of a test whose bot did not do what was expected."""
        return Failure(problem, self.transcript.lines, self.logs)

    async def close(self) -> None:
        """Stop the bot at the end of a test; raise BotDiedError if it died and the test was not told."""
        try:
            if self.crashed is None or not self._told:
                await self.stop()
        finally:
            if self._run is not None:
                await self._run.end(signal.SIGKILL)

    async def _end(self, number: int) -> int:
        """Send the signal to a bot that runs, and return its exit status once the sandbox saw it go."""
        if self._run is None:
            return 0
        self._leaving = True
        try:
            status = await self._run.end(number)
        finally:
            self._leaving = False
        self._run = None
        await self._unplugged()
        return status

    async def _unplugged(self) -> None:
        """Return once the sandbox has read the last byte that the ended bot had sent."""
        async with asyncio.timeout(LIMIT):
            while self.sandbox.connections_of(self.id):  # noqa: ASYNC110 - nothing tells of their end
                await asyncio.sleep(_LOOK_SECONDS)

    def _write_configuration(self) -> None:
        sandbox, sections = self.sandbox, {name: dict(keys) for name, keys in self._sections.items()}
        sections["telegram"] = {
            "server": f"{sandbox.host}:{sandbox.port}",
            "dc_id": sandbox.dc_id,
            "public_key": str(self.directory / "sandbox.pem"),
            "api_id": 1,
        }
        sections["storage"] = {"directory": str(self.directory)}
        plugins = sections.setdefault("bot", {}).get("plugins", ())
        sections["bot"]["plugins"] = [INSIDE, *plugins]
        self._file.write_text(as_toml(sections), encoding="utf-8")

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment without settings of the project's own bot; the secrets are here."""
        own = {name: value for name, value in environ.items() if not name.startswith("TGBOT_")}
        if self._command:
            return environment(own, self._stage())
        return {**own, "TGBOT_BOT_TOKEN": self._token, "TGBOT_API_HASH": "0" * 32}

    def _stage(self) -> dict[str, object]:
        """Return what a bot of any library needs to find the sandbox."""
        sandbox = self.sandbox
        return {
            "host": sandbox.host,
            "port": sandbox.port,
            "dc": sandbox.dc_id,
            "key": self.directory / "sandbox.pem",
            "secret": sandbox.secret.hex,
            "token": self._token,
            "directory": self.directory,
        }
