"""Crashes on purpose: `tgbot run` as a process under load, killed at random instants, and an auditor.

A `Site` is one sandbox, one bot and its people. A `Load` makes the people write. `audit` compares what the
sandbox saw with what was promised, once the bot has caught up and stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from telethon import events
from telethon.tl import functions, types

from tests.sandbox.conftest import plain_client
from tgbot.access import Access
from tgbot.sandbox.dialogs import Copy
from tgbot.sandbox.server import Sandbox
from tgbot.storage.sqlite import open_readonly

#: What the bot answers texts with, as anybody would write it: plain Telethon, no thought of crashes.
PLUGIN = """
import asyncio
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

#: The longest that anything is waited for, in seconds: a machine may be busy, nothing takes as long.
PATIENCE = 60.0


async def until(so: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Returns as soon as it is so; TimeoutError, with `what` was waited for, if that takes too long."""
    try:
        async with asyncio.timeout(seconds):
            while not so():  # noqa: ASYNC110 - a world, a file and a process have no event to wait for
                await asyncio.sleep(0.02)
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

    async def _read(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while line := await stderr.readline():
            self.log.append(line.decode(errors="replace").rstrip())
            if "running as" in self.log[-1]:
                self.ready.set()
        self.ready.set()  # it ended: nobody need wait

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def faults(self) -> list[str]:
        """The lines that tell of an error."""
        return [line for line in self.log if "ERROR" in line or "Traceback" in line or "CRITICAL" in line]

    async def up(self) -> None:
        """Returns once it says that it is running; RuntimeError with its last words if it ended before."""
        async with asyncio.timeout(PATIENCE):
            await self.ready.wait()
        if not any("running as" in line for line in self.log):
            raise RuntimeError("tgbot run did not come up:\n" + "\n".join(self.log[-20:]))

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def end(self, number: int) -> int:
        """Sends a signal, waits for the end and returns the exit status (negative: killed by that signal)."""
        self.signal(number)
        return await self.ended()

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            status = await self._process.wait()
            await self._reader
        return status


class Site:
    """A sandbox in this process, one bot of it, and what the bot's processes leave on disk."""

    def __init__(self, directory: Path, sandbox: Sandbox, seed: int, settings: dict[str, Any]) -> None:
        self.directory = directory
        self.sandbox = sandbox
        self.world = sandbox.world
        self.random = random.Random(seed)
        self.bot = sandbox.new_bot("the_bot")
        self.account = self.world.accounts[self.bot.id]
        self.session = directory / "sessions" / "bot.session"
        self.registry = directory / "sessions" / "users.sqlite"
        self.process: Process | None = None
        self.people: list[Person] = []
        #: Lines that told of an error, of all processes.
        self.faults: list[str] = []
        self._write_configuration(settings)

    def _write_configuration(self, settings: dict[str, Any]) -> None:
        (self.directory / "crash_plugin.py").write_text(PLUGIN)
        (self.directory / "sandbox.pem").write_text(self.sandbox.public_key)
        lines = [
            "[telegram]",
            f'server = "{self.sandbox.host}:{self.sandbox.port}"',
            f"dc_id = {self.sandbox.dc_id}",
            f'public_key = "{self.directory / "sandbox.pem"}"',
            f'bot_token = "{self.bot.token}"',
            "[bot]",
            'plugins = ["crash_plugin"]',
            *(f"{name} = {value!r}" for name, value in settings.items()),
            "[storage]",
            f'directory = "{self.session.parent}"',
        ]
        (self.directory / "config.toml").write_text("\n".join(lines) + "\n")

    async def spawn(self, *before: str) -> Process:
        """Starts `tgbot run`, `before` standing before it on the command line (strace, say)."""
        command = Path(sys.executable).with_name("tgbot")
        process = await asyncio.create_subprocess_exec(
            *before,
            *([str(command)] if command.exists() else [sys.executable, "-m", "tgbot.cli"]),
            "--config",
            str(self.directory / "config.toml"),
            "run",
            env=os.environ | {"PYTHONPATH": f"{self.directory}{os.pathsep}{os.getcwd()}"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self.process = Process(process)
        return self.process

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Ends the process and returns its status, when the sandbox has done all it had been sent."""
        assert self.process is not None
        status = await self.process.end(number)
        self.faults += self.process.faults
        if status not in (0, -number):
            self.faults += [f"ended by itself with status {status}:", *self.process.log[-15:]]
        await self.unplugged()
        return status

    async def unplugged(self) -> None:
        """Returns once the sandbox has read the last byte that the ended process had sent."""
        await until(lambda: self.sandbox.connections <= len(self.people), "the sandbox sees the bot go")

    # ---- what happened -------------------------------------------------------------------------

    def said(self, user_id: int, text: str) -> Copy:
        """Lets a user write to the bot, past the wire; returns the user's copy."""
        return self.world.send_as(user_id, self.bot.id, text)

    def dialog(self, user_id: int) -> Iterator[Copy]:
        """The bot's side of a dialog, in order."""
        for number in self.account.box.history(user_id):
            copy = self.account.box.get(number)
            if copy is not None:
                yield copy

    def users(self) -> list[int]:
        """Everybody who has written to the bot."""
        return [peer for peer in self.account.box.dialogs if peer > 0]


@asynccontextmanager
async def open_site(directory: Path, seed: int, *, people: int = 0, **settings: Any) -> AsyncIterator[Site]:
    """Opens a sandbox with a bot that does not run yet, and people who talk to it over the wire."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(seed=seed))
        site = Site(directory, sandbox, seed, settings)
        stack.push_async_callback(_end_whatever_runs, site)
        for number in range(people):
            person = await Person.sign_up(sandbox, f"Person{number}")
            stack.push_async_callback(person.client.disconnect)
            site.people.append(person)
        yield site


async def _end_whatever_runs(site: Site) -> None:
    if site.process is not None and site.process.running:
        site.process.signal(signal.SIGCONT)
        await site.process.end(signal.SIGKILL)


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


class Load:
    """People who write, new ones and known ones, some of whom block the bot and come back.

    `rate` messages a second; all that is random comes from the site's generator.
    """

    #: What a text begins with, for the plugin to know what to do.
    WORDS = ("say", "say", "say", "slow", "twice", "reply")

    def __init__(self, site: Site, rate: float = 120.0) -> None:
        self.site = site
        self.rate = rate
        self.sent = 0
        self.blocks = 0
        #: For each user the greatest message id that the bot had when they blocked it, the last time.
        self.blocked_at: dict[int, int] = {}
        self._known: list[int] = []
        self._blocked: list[int] = []
        self._ticked = asyncio.Event()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """People write for as long as the block lasts."""
        tasks = [asyncio.create_task(self._go_on())]
        tasks += [asyncio.create_task(self._talk(person)) for person in self.site.people]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()

    async def more(self, count: int) -> None:
        """Returns when that many more messages have been written."""
        target = self.sent + count
        while self.sent < target:
            self._ticked.clear()
            async with asyncio.timeout(PATIENCE):
                await self._ticked.wait()

    async def _go_on(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            before = self.sent
            self.step()
            self._ticked.set()
            due = max(due + max(1, self.sent - before) / self.rate, clock() - 1.0)
            await asyncio.sleep(max(0.0, due - clock()))

    async def _talk(self, person: Person) -> None:
        await person.say("/start")
        number = 0
        while True:
            number += 1
            self.sent += 1
            await person.say(self._text(f"wire {number}"))
            await asyncio.sleep(0.3)

    def step(self) -> None:
        """Lets somebody do something: most times write."""
        chance = self.site.random
        what = chance.random()
        if what < 0.25 or len(self._known) < 10:
            self._meet()
        elif what < 0.30:
            self.block(self._known[chance.randrange(len(self._known))])
        elif what < 0.35 and self._blocked:
            self.unblock(self._blocked[chance.randrange(len(self._blocked))])
        else:
            recent = chance.random() < 0.5
            user_id = chance.choice(self._known[-50:]) if recent else chance.choice(self._known)
            # Several at once: the later ones wait for the first.
            for _ in range(chance.choice((1, 1, 1, 1, 3))):
                self.say(user_id)

    def say(self, user_id: int) -> None:
        chance = self.site.random
        self.sent += 1
        text = "/start" if chance.random() < 0.15 else self._text(str(self.sent))
        self.site.said(user_id, text)

    def block(self, user_id: int) -> None:
        self._known.remove(user_id)
        self._blocked.append(user_id)
        self.blocks += 1
        self.blocked_at[user_id] = len(self.site.account.box)
        self.site.world.block(user_id, self.site.bot.id)

    def unblock(self, user_id: int) -> None:
        self._blocked.remove(user_id)
        self._known.append(user_id)
        self.site.world.block(user_id, self.site.bot.id, blocked=False)
        if self.site.random.random() < 0.7:  # the others only unblock: the difference has to tell
            self.say(user_id)

    def _meet(self) -> None:
        user = self.site.world.new_user(f"User{len(self._known) + len(self._blocked)}")
        self._known.append(user.id)
        self.sent += 1
        first = "/start" if self.site.random.random() < 0.8 else self._text(str(self.sent))
        self.site.said(user.id, first)

    def _text(self, number: str) -> str:
        chance = self.site.random
        # Now and then the same words again: answers that only their place tells apart.
        return "say the same" if chance.random() < 0.1 else f"{chance.choice(self.WORDS)} {number}"


# ---- the audit -----------------------------------------------------------------------------------


@dataclass
class Audit:
    """What came of it: all but the first three numbers have to be 0."""

    messages: int = 0
    answers: int = 0
    #: Without an answer, from users who blocked the bot after writing.
    excused: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    unheard: int = 0
    users_missing: int = 0
    hashes_missing: int = 0
    access_wrong: int = 0
    #: Some of what was found, in words.
    found: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (
            self.lost
            or self.doubled
            or self.disordered
            or self.unheard
            or self.users_missing
            or self.hashes_missing
            or self.access_wrong
        )

    def note(self, text: str) -> None:
        if len(self.found) < 20:
            self.found.append(text)

    def __str__(self) -> str:
        numbers = (
            f"{self.messages} messages, {self.answers} answers, {self.excused} excused: "
            f"{self.lost} lost, {self.doubled} doubled, {self.disordered} out of order, "
            f"{self.unheard} unheard, {self.users_missing} users and {self.hashes_missing} access hashes "
            f"missing, {self.access_wrong} wrong access states"
        )
        return "\n    ".join((numbers, *self.found))


def audit_answers(site: Site, blocked_at: dict[int, int]) -> Audit:
    """Compares all dialogs with what the bot should have said in them so far."""
    result = Audit()
    for user_id in site.users():
        _audit_dialog(site, user_id, blocked_at.get(user_id, 0), result)
    return result


def _audit_dialog(site: Site, user_id: int, blocked_at: int, result: Audit) -> None:
    #: (message id, the beginning of the answer), of what is not answered yet.
    due: list[tuple[int, str]] = []
    started = False
    for copy in site.dialog(user_id):
        text = copy.post.text
        if not copy.out:
            result.messages += 1
            if text.startswith("/start"):
                due.append((copy.id, "Welcome back," if started else "Hello,"))
                started = True
            else:
                due += [(copy.id, f"echo {text}")] * (2 if text.startswith("twice") else 1)
            continue
        result.answers += 1
        fits = [place for place, (_, answer) in enumerate(due) if _is_answer(text, answer)]
        # Of equal ones the first that is owed: what was asked before a block may well stay unanswered.
        place = next((place for place in fits if due[place][0] > blocked_at), fits[0] if fits else None)
        if place is None:
            result.doubled += 1
            result.note(f"user {user_id}: message {copy.id} says once more {text[:20]!r}; due {due[:3]}")
            continue
        if any(blocked_at < earlier < due[fits[0]][0] for earlier, _ in due[: fits[0]]):
            result.disordered += 1
            result.note(f"user {user_id}: message {due[place][0]} was answered before {due[0]}")
        del due[place]
    for number, answer in due:
        if number <= blocked_at:
            result.excused += 1
        else:
            result.lost += 1
            result.note(f"user {user_id}: message {number} has no answer {answer[:20]!r}")


def _is_answer(text: str, answer: str) -> bool:
    """Whether a text of the bot is this answer; of a greeting only the beginning is known."""
    return text == answer or (answer.endswith(",") and text.startswith(answer))


def audit_files(site: Site, result: Audit) -> None:
    """Compares what lies on disk with the sandbox's truth; the bot has stopped, nothing waits for it."""
    with contextlib.closing(sqlite3.connect(f"file:{site.session}?mode=ro", uri=True)) as session:
        hashes = dict(session.execute("SELECT id, hash FROM entities").fetchall())
    registry = open_readonly(site.registry)
    try:
        now = site.world.date()
        for user_id in site.users():
            if hashes.get(user_id) != site.world.accounts.access_hash(site.bot.id, user_id):
                result.hashes_missing += 1
                result.note(f"user {user_id}: no access hash in the session")
            user = registry.get(user_id)
            if user is None:
                result.users_missing += 1
                result.note(f"user {user_id} is not in the registry")
                continue
            blocked = site.bot.id in site.world.accounts[user_id].blocked
            access = user.verdict(now).access
            if access is not (Access.BLOCKED if blocked else Access.REACHABLE):
                result.access_wrong += 1
                result.note(f"user {user_id} is {access}, has it blocked: {blocked}; {user.record!r}")
    finally:
        registry.close()


def audit_people(site: Site, result: Audit) -> None:
    """Compares what came over the wire with what the sandbox had for each person."""
    for person in site.people:
        box = site.world.accounts[person.id].box
        copies = (box.get(number) for number in box.history(site.bot.id))
        sent = Counter(copy.post.text for copy in copies if copy is not None and not copy.out)
        missing = sent - Counter(person.heard)
        result.unheard += missing.total()
        for text in missing:
            result.note(f"{person.id} never heard {text[:20]!r}")


async def quiet(site: Site, blocked_at: dict[int, int], seconds: float = PATIENCE) -> None:
    """Returns when everything is answered, or nothing more has been for `seconds`: the audit tells then."""
    clock = asyncio.get_running_loop().time
    size, since = -1, clock()
    while clock() - since < seconds:
        if len(site.account.box) != size:
            size, since = len(site.account.box), clock()
            if not audit_answers(site, blocked_at).lost:
                return
        await asyncio.sleep(0.1)


# ---- rounds --------------------------------------------------------------------------------------


@dataclass
class Variant:
    """One way to be interrupted. `between` is done to the site after each kill, before the next start."""

    name: str
    how: str = "kill"
    between: Callable[[Site], Awaitable[None]] | None = None
    message_ids: bool = True


async def forget(site: Site) -> None:
    """The server forgets the random_ids of all sends, those included that came last."""
    site.sandbox.faults.forget_random_ids()


async def delete_last_finished(site: Site) -> None:
    """What the registry knows of finished messages is deleted."""
    if not site.registry.exists():
        return
    with contextlib.closing(sqlite3.connect(site.registry, isolation_level=None)) as registry:
        tables = {name for (name,) in registry.execute("SELECT name FROM sqlite_master")}
        if "users" in tables:
            registry.execute("UPDATE users SET value = json_remove(value, '$.last_finished_id')")


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("kill"),
        Variant("forgetful", between=forget),
        Variant("forgetful-nameless", between=forget, message_ids=False),
        Variant("unfinished", between=delete_last_finished),
        Variant("term", how="term"),
        Variant("drop", how="drop"),
    )
}


@dataclass
class Outcome:
    """What a run of rounds came to."""

    variant: str
    rounds: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest_stop: float = 0.0
    faults: list[str] = field(default_factory=list)
    audit: Audit = field(default_factory=Audit)

    def __str__(self) -> str:
        text = f"{self.variant}: {self.rounds} rounds, {self.audit}"
        for fault in self.faults[:5]:
            text += f"\n    log: {fault}"
        return text


async def run_rounds(
    site: Site,
    variant: Variant,
    rounds: int,
    *,
    rate: float = 120.0,
    progress: Callable[[Outcome, Load], None] = lambda outcome, load: None,
) -> Outcome:
    """Interrupts the bot that many times under load, lets it catch up, stops it and audits."""
    outcome = Outcome(variant.name)
    load = Load(site, rate)
    chance = site.random
    clock = asyncio.get_running_loop().time
    site.sandbox.faults.tell_message_ids(variant.message_ids)
    process = await site.spawn()
    await process.up()  # what came before a bot's first login is not its to answer
    with load.going_on():
        for _ in range(rounds):
            # Also while it starts, which takes about a second.
            if chance.random() < 0.75:
                await process.up()
            await load.more(1 + int(chance.random() * chance.choice((0.3, 1, 2, 4)) * rate))
            if variant.how == "drop":
                site.sandbox.drop(site.bot.id)
                outcome.rounds += 1
                progress(outcome, load)
                continue
            if variant.how == "term":
                await process.up()
            began = clock()
            status = await site.end(signal.SIGTERM if variant.how == "term" else signal.SIGKILL)
            outcome.slowest_stop = max(outcome.slowest_stop, clock() - began)
            outcome.statuses[status] += 1
            outcome.rounds += 1
            if variant.between is not None:
                await variant.between(site)
            progress(outcome, load)
            process = await site.spawn()
        await process.up()
    await quiet(site, load.blocked_at)
    outcome.statuses[await site.end(signal.SIGTERM)] += variant.how != "kill"
    outcome.audit = audit_answers(site, load.blocked_at)
    audit_files(site, outcome.audit)
    audit_people(site, outcome.audit)
    outcome.faults = site.faults
    return outcome
