"""A sandbox for one bot: a server, people whom a person plays, and what the bot needs to find it."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from telethon.crypto import rsa

from tgbot.core.projecterrors import DirectoryTakenError
from tgbot.demo.person import Person, sign_up_person
from tgbot.demo.prompt import Prompt
from tgbot.demo.stage import Stage
from tgbot.sandbox.accounts import Bot
from tgbot.sandbox.page.records import Origin
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.stdin import typed_lines
from tgbot.store.files import disk_errors

BOT: Final = "sandbox_bot"
NAME: Final = "Sandbox"
#: Who is there from the start, and is the bot's admin.
FIRST: Final = "Anna"
#: What a directory holds that was made here; git ignores all of it.
MARK: Final = "# Files of a bot on a sandbox: emptied at each start.\n*\n"


class Playground:
    """A running sandbox with a bot's account and people; made by `open_playground`."""

    def __init__(self, server: Sandbox, bot: Bot, directory: Path, stack: AsyncExitStack) -> None:
        self.server = server
        #: The directory of the bot's files.
        self.storage = directory / "bot"
        #: The file with the server's public key.
        self.public_key = directory / "public_key.pem"
        self._bot = bot
        self._stack = stack
        self._stage = Stage()
        #: By names in lower case.
        self._people: dict[str, Person] = {}

    @property
    def bot(self) -> int:
        """The account id of the bot."""
        return self._bot.id

    @property
    def first(self) -> Person:
        """Who is there from the start."""
        return next(iter(self._people.values()))

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment in which the bot runs here, whatever its settings say."""
        ours = {
            "TGBOT_API_ID": "",
            "TGBOT_API_HASH": "",
            "TGBOT_BOT_TOKEN": self._bot.token,
            "TGBOT_SERVER": f"{self.server.host}:{self.server.port}",
            "TGBOT_DC_ID": str(self.server.dc_id),
            "TGBOT_PUBLIC_KEY": str(self.public_key),
            "TGBOT_PROXY": "",
            "TGBOT_ADMINS": str(self.first.id),
            "TGBOT_STORAGE_DIRECTORY": str(self.storage),
            "TGBOT_STORAGE_URL": "",
            # The page would show Telegram's own button, and the ports may be those of the bot at Telegram.
            "TGBOT_LOGIN_LISTEN": "",
            "TGBOT_OPERATE_LISTEN": "",
            "TGBOT_OPERATE_WEBHOOK": "",
        }
        elsewhere = {"CREDENTIALS_DIRECTORY", *(f"{name}_FILE" for name in ours)}
        return {name: value for name, value in environ.items() if name not in elsewhere} | ours

    async def invite(self, name: str, language: str = "en") -> Person:
        """Add a person, whose app has this language."""
        username = f"{name.lower()}_sandbox" if re.fullmatch("[A-Za-z][A-Za-z0-9]{0,20}", name) else ""
        signing_up = sign_up_person(
            name,
            self.server,
            bot=BOT,
            stage=self._stage,
            username=username,
            language=language,
            numbered=True,
        )
        person = self._people[name.lower()] = await self._stack.enter_async_context(signing_up)
        return person

    def introduce(self, program: str) -> None:
        """Print who can write to the bot, and how; `program` is how tgbot is typed here."""
        anna, server, note = self.first, self.server, self._stage.note
        note(f"@{BOT} runs on a Telegram server of its own, {server.host}:{server.port}.")
        note(f"To ask it: TGBOT_STORAGE_DIRECTORY={shlex.quote(str(self.storage))} {program} status")
        note(f"To log in as {FIRST} with a program: data centre {server.dc_id}, {self.public_key},")
        note(f"  phone {anna.phone}, login code {server.world.accounts.code}.")

    def origin(self) -> Origin:
        """Return what a test that the page saves has to know of the bot."""
        marker = {"username": BOT, "name": NAME}
        note = "Run it in the directory of the bot's config.toml."
        return Origin(marker, frozenset(one.id for one in [*self._people.values()][:1]), note)

    def announce(self, page: str) -> None:
        """Print where the page is."""
        self._stage.note(f"To chat in the browser: {page}")

    async def chat(self) -> bool:
        """Carry out lines of standard input until one says !quit, or none is left; return whether one did."""
        note = self._stage.note
        self._stage.scene(f"Type, and the bot gets it as a message from {FIRST}, who is its admin.")
        note("!as NAME: write as somebody else. !press N: press a button. !send FILE: a photo or a file.")
        note("!block, !unblock: block the bot or not. !server: faults of Telegram. !quit: end.")
        prompt = Prompt(self._stage, self._people, invite=self.invite, server=self.server.command)
        return await prompt.chat(typed_lines())


@asynccontextmanager
async def open_playground(directory: Path | None, ports: range) -> AsyncIterator[Playground]:
    """Open a sandbox, with its files in a directory that is emptied first; None: a temporary one.

    Raise DirectoryTakenError if the directory holds files of others, StorageError and SandboxError.
    """
    async with AsyncExitStack() as stack:
        if directory is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tgbot-sandbox-")))
        else:
            with disk_errors(directory):
                place = _empty(directory)
        server = await stack.enter_async_context(Sandbox(ports=ports))
        ground = Playground(server, server.new_bot(BOT, NAME), place, stack)
        ground.public_key.write_text(server.public_key)
        rsa.add_key(server.public_key, old=False)
        await ground.invite(FIRST)
        yield ground


def _empty(directory: Path) -> Path:
    """Make a directory, delete what an earlier sandbox has left in it, and return its path."""
    mark = directory / ".gitignore"
    directory.mkdir(parents=True, exist_ok=True)
    if not mark.exists() and any(directory.iterdir()):
        raise DirectoryTakenError(directory)
    if mark.exists() and mark.read_text() != MARK:
        raise DirectoryTakenError(directory)
    mark.write_text(MARK)
    shutil.rmtree(directory / "bot", ignore_errors=True)
    return directory.absolute()
