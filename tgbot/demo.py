"""The story: a server, the bot and two people on this machine, each line printed as it happens.

The server runs in this process, and the two people are plain Telethon clients on its wire. The bot is a
process of its own, `tgbot run` with nothing but environment variables: what is seen here is what runs
elsewhere, its start, its files and its stop included.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from telethon import TelegramClient, events
from telethon.crypto import rsa
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tgbot.keyboard import typed_lines
from tgbot.locales import Texts
from tgbot.sandbox.server import Sandbox

#: How long anything in the story may take; each takes a fraction of a second.
LIMIT = 20.0
#: What a log line of the bot holds once it takes updates.
READY = "running as @"
API_ID, API_HASH = 1, "0" * 32
#: From <linux/prctl.h>.
PR_SET_PDEATHSIG = 1
#: Exit status of a story that somebody ended.
INTERRUPTED = 130
COLOURS = {"Anna": "cyan", "Boris": "magenta", "bot": "green"}


class StoryError(Exception):
    """Something that should have happened did not."""


class Stage:
    """Where lines are shown: who said what to whom, and what happens between."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def says(self, speaker: str, listener: str, words: str) -> None:
        """A message, as the one who sends or receives it on the wire has it."""
        first, *more = words.splitlines() or [""]
        head = f"{speaker} → {listener}"
        self._console.print(Text(f"  {head:<13} ", COLOURS[speaker]) + Text(first))
        for line in more:
            self._console.print(Text(" " * 16 + line if line else ""))

    def tells(self, words: str) -> None:
        """What happens, in the words of nobody on the stage."""
        self._console.print(Text(words, "dim"))


class Person:
    """Somebody with an account and a client, who writes to the bot and reads what it answers."""

    def __init__(self, name: str, client: Any, bot: str, stage: Stage) -> None:
        self.name = name
        self.client = client
        self.id = 0
        self._bot = bot
        self._stage = stage
        self._inbox: asyncio.Queue[str] = asyncio.Queue()
        client.add_event_handler(self._read, events.NewMessage(incoming=True))

    async def sign_up(self, phone: str, code: str, username: str) -> None:
        """Makes the account as an app does: phone number, code, name; then takes a username."""
        sent = await self.client(
            functions.auth.SendCodeRequest(phone, API_ID, API_HASH, types.CodeSettings())
        )
        await self.client(functions.auth.SignInRequest(phone, sent.phone_code_hash, code))
        made = await self.client(functions.auth.SignUpRequest(phone, sent.phone_code_hash, self.name, ""))
        self.id = made.user.id
        await self.client.is_user_authorized()  # Telethon takes updates only once it knows that it may
        await self.rename(username)

    async def rename(self, username: str) -> None:
        """Takes another username."""
        await self.client(functions.account.UpdateUsernameRequest(username))

    async def start(self, payload: str) -> None:
        """Presses Start in a chat that a link with a payload opened."""
        self._stage.says(self.name, "bot", f"/start {payload}")
        bot = await self.client.get_input_entity(self._bot)
        await self.client(functions.messages.StartBotRequest(bot, bot, payload))

    async def say(self, words: str) -> None:
        """Writes to the bot."""
        self._stage.says(self.name, "bot", words)
        await self.client.send_message(self._bot, words)

    async def block(self) -> None:
        """Stops the bot."""
        await self.client(functions.contacts.BlockRequest(await self.client.get_input_entity(self._bot)))

    async def unblock(self) -> None:
        """Lifts the block."""
        await self.client(functions.contacts.UnblockRequest(await self.client.get_input_entity(self._bot)))

    async def hears(self, words: str) -> str:
        """Waits for the bot's next message and makes sure that it has these words."""
        try:
            heard = await asyncio.wait_for(self._inbox.get(), LIMIT)
        except TimeoutError:
            raise StoryError(f"{self.name} got no answer within {LIMIT:.0f} s") from None
        if words not in heard:
            raise StoryError(f"the bot's answer to {self.name} should have in it: {words}")
        return heard

    async def _read(self, event: Any) -> None:
        self._stage.says("bot", self.name, event.raw_text)
        self._inbox.put_nowait(event.raw_text)


class BotProcess:
    """`tgbot run` in a directory of its own, with the settings in its environment and its log read here."""

    def __init__(self, directory: Path, settings: dict[str, str], log: deque[str]) -> None:
        self._directory = directory
        self._log = log
        own = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
        self._environment = own | settings
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Returns once the bot takes updates."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tgbot.cli", "run"),
            cwd=self._directory,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the story, which stops the bot in order
            preexec_fn=_ends_with_its_parent(),
        )
        self._reading = asyncio.create_task(self._read())
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait((ready, self._reading), timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._ready.is_set():
            return
        if self._reading.done():
            raise StoryError(f"the bot did not come up; it ended with status {await self._process.wait()}")
        raise StoryError(f"the bot did not come up within {LIMIT:.0f} s")

    async def stop(self) -> int:
        """Stops it as a system does, if it runs, and returns its exit status."""
        if self._process is None or self._reading is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), LIMIT)
        except TimeoutError:
            self._process.kill()
        status = await self._process.wait()
        await self._reading
        return status

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._log.append(line.decode(errors="replace").rstrip())
            if READY in self._log[-1]:
                self._ready.set()


async def play(*, prompt: bool) -> int:
    """Plays the story, then lets somebody type if `prompt`; 0 if all of it happened, 1 if not."""
    stage = Stage()
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):  # Ctrl-C cancels this task anyway
        loop.add_signal_handler(number, task.cancel)
    with tempfile.TemporaryDirectory(prefix="tgbot-demo-") as directory:
        log: deque[str] = deque(maxlen=20)
        try:
            async with _company(stage, Path(directory), log) as (anna, boris, bot, name):
                await _story(stage, anna, boris, name)
                if prompt:
                    await _chat(stage, {"anna": anna, "boris": boris})
                _well(await bot.stop())
                stage.tells("The bot is stopped. That was all of it: make run for your own.")
        except StoryError as error:
            sys.stderr.write(f"tgbot: demo: {error}\n")
            for line in log:
                sys.stderr.write(f"  the bot's log: {line}\n")
            return 1
        except asyncio.CancelledError:
            return INTERRUPTED
    return 0


def _ends_with_its_parent() -> Callable[[], object] | None:
    """What a child process calls so that it is told to stop if this one is killed; only Linux has it."""
    if sys.platform != "linux":
        return None
    control = ctypes.CDLL(None).prctl
    return lambda: control(PR_SET_PDEATHSIG, signal.SIGTERM)


def _well(status: int) -> None:
    if status:
        raise StoryError(f"the bot should have stopped with status 0, not {status}")


@asynccontextmanager
async def _company(
    stage: Stage, directory: Path, log: deque[str]
) -> AsyncIterator[tuple[Person, Person, BotProcess, str]]:
    """Server, people and bot, all there; gone again in reverse."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(Sandbox())
        stage.tells(f"A Telegram of our own is listening on {server.host}:{server.port}.")
        key = directory / "public_key.pem"
        key.write_text(server.public_key)
        rsa.add_key(server.public_key, old=False)
        account = server.new_bot(username="storyteller_bot", name="Storyteller")

        people = []
        for name in ("Anna", "Boris"):
            client = await stack.enter_async_context(_connected(server))
            person = Person(name, client, account.username, stage)
            await person.sign_up(server.new_phone(), str(server.dc_id) * 5, f"{name.lower()}_demo")
            stage.tells(f"{name} has signed up as @{name.lower()}_demo, id {person.id}.")
            people.append(person)
        anna, boris = people

        bot = BotProcess(
            directory,
            {
                "TGBOT_SERVER": f"{server.host}:{server.port}",
                "TGBOT_DC_ID": str(server.dc_id),
                "TGBOT_PUBLIC_KEY": str(key),
                "TGBOT_BOT_TOKEN": account.token,
                "TGBOT_ADMINS": str(anna.id),
                "TGBOT_STORAGE_DIRECTORY": str(directory / "sessions"),
                "TGBOT_LOG_LEVEL": "INFO",
            },
            log,
        )
        stack.push_async_callback(bot.stop)
        await bot.start()
        stage.tells(f"The bot @{account.username} runs; Anna is its admin.\n")
        yield anna, boris, bot, account.username


@asynccontextmanager
async def _connected(server: Sandbox) -> AsyncIterator[Any]:
    session = MemorySession()
    session.set_dc(server.dc_id, server.host, server.port)
    client = TelegramClient(session, API_ID, API_HASH)
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


async def _story(stage: Stage, anna: Person, boris: Person, bot: str) -> None:
    texts = Texts.load()

    def said(text: str, **values: Any) -> str:
        return texts.render("en", text, **values)

    stage.tells(f"Anna opens t.me/{bot}?start=spring and presses Start.")
    await anna.start("spring")
    await anna.hears("Anna")

    stage.tells("\nBoris begins with something else than /start.")
    await boris.say("Hi! Is anybody there?")
    await boris.hears("/help")

    stage.tells("\nBoris blocks the bot, and Anna asks it to check.")
    await boris.block()
    await anna.say("/check @boris_demo")
    await anna.hears(said("access-blocked"))

    stage.tells("\nBoris unblocks it, and Anna asks again.")
    await boris.unblock()
    await anna.say("/check @boris_demo")
    await anna.hears(said("access-reachable"))

    stage.tells("\nBoris is @boris_by_the_sea from now on, and says hello.")
    await boris.rename("boris_by_the_sea")
    await boris.say("/start")
    await boris.hears("Boris")

    stage.tells("\nAnna asks who has the new name, and who the old one.")
    await anna.say("/resolve @boris_by_the_sea")
    await anna.hears(str(boris.id))
    await anna.say("/resolve @boris_demo")
    await anna.hears("@boris_demo")
    stage.tells("")


async def _chat(stage: Stage, people: dict[str, Person]) -> None:
    """Sends what is typed as one of the two, until the end of input."""
    stage.tells("Your turn: what you type goes to the bot, as Anna. !boris and !anna change who you are,")
    stage.tells("!block and !unblock do that, !quit or Ctrl-D ends. Try /help, /start, and as Anna /stats.")
    speaker = people["anna"]
    actions: dict[str, Callable[[], Any]] = {
        "block": lambda: speaker.block(),
        "unblock": lambda: speaker.unblock(),
    }
    async for line in typed_lines():
        word = line.strip().lower().removeprefix("!") if line.startswith("!") else None
        if word == "quit":
            break
        if word in people:
            speaker = people[word]
            stage.tells(f"You are {speaker.name}.")
        elif word in actions:
            await actions[word]()
            stage.tells(f"{speaker.name} has {word}ed the bot.")
        elif line.strip():
            await speaker.say(line)
