"""`tgbot run --sandbox` and `--reload`: the real command, with a person at its standard input."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.pictures import jpeg
from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.crash import Site, heard, until
from tests.scenarios.test_standby import Rival
from tgbot.sandbox.server import Sandbox

ROOT = Path(__file__).parents[1]
PLUGIN = """
import os
from pathlib import Path
from telethon import Button, events

def register(client, *, admins):
    @client.on(events.NewMessage(pattern="size", incoming=True))
    async def size(event):
        await event.respond("Which size?", buttons=[[Button.inline("S", b"S"), Button.inline("M", b"M")]])
        raise events.StopPropagation

    @client.on(events.CallbackQuery(data=b"M"))
    async def medium(event):
        await event.respond("version 1: medium, please")

    @client.on(events.NewMessage(pattern="phone", incoming=True))
    async def phone(event):
        await event.respond("Which number?", buttons=[[Button.text("None"), Button.request_phone("Mine")]])
        raise events.StopPropagation

    @client.on(events.NewMessage(incoming=True, func=lambda event: event.contact or event.photo))
    async def media(event):
        await event.respond("a number" if event.contact else "a photo")
        raise events.StopPropagation

    @client.on(events.NewMessage(pattern="die", incoming=True))
    async def die(event):
        os._exit(5)

    @client.on(events.NewMessage(pattern="hang", incoming=True))
    async def hang(event):
        import asyncio
        Path("hanging").touch()
        await asyncio.Event().wait()
"""
#: What the name of its file says is a picture.


class Command:
    """A running `tgbot run` with options; `screen` and `log` are what it wrote."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.screen: list[str] = []
        self.log: list[str] = []
        self._place = 0
        self._readers = [
            asyncio.create_task(_read(process.stdout, self.screen)),
            asyncio.create_task(_read(process.stderr, self.log)),
        ]

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def shows(self, words: str) -> None:
        """Return once a line with these words is on the screen, below what was waited for before."""
        await until(
            lambda: any(words in line for line in self.screen[self._place :]), f"{words}: {self.screen}"
        )
        self._place += next(at for at, line in enumerate(self.screen[self._place :], 1) if words in line)

    async def logs(self, words: str, times: int = 1) -> None:
        """Return once this many lines of the log have these words."""
        await until(
            lambda: sum(words in line for line in self.log) >= times, f"{words}:\n" + "\n".join(self.log)
        )

    async def ended(self, number: int = 0) -> int:
        """Return the exit status, after a signal if one is given."""
        if number:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            status = await self.process.wait()
            await asyncio.gather(*self._readers)
        return status


async def _read(stream: asyncio.StreamReader | None, lines: list[str]) -> None:
    assert stream is not None
    while line := await stream.readline():
        lines.append(line.decode().rstrip())


def write(file: Path, text: str) -> None:
    """Change a file."""
    file.write_text(text)


Run = Callable[..., Awaitable[Command]]


@pytest.fixture
async def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """Start `tgbot run` with options in the test's directory; TMPDIR is below it."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    started: list[Command] = []

    async def run(*options: str, **environ: str) -> Command:
        own = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
        given = {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp"), "PYTHONDONTWRITEBYTECODE": ""}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tgbot.cli", "run", *options),
            # A group of its own, as a shell gives it; and Python may keep bytecode, as it does by default.
            start_new_session=True,
            env=own | given | environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(Command(process))
        return started[-1]

    yield run
    for command in started:
        if command.process.returncode is None:
            await command.ended(signal.SIGKILL)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The file of a plugin, beside settings with credentials and admins that belong elsewhere."""
    (tmp_path / "config.toml").touch(0o600)
    (tmp_path / "config.toml").write_text(
        '[telegram]\nbot_token = "42:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"\n'
        '[bot]\nplugins = ["dev_shop"]\nadmins = [7]\ngrace_seconds = 60.0\n'
    )
    (tmp_path / "dev_shop.py").write_text(PLUGIN)
    return tmp_path / "dev_shop.py"


async def test_a_person_talks_to_the_bot_on_a_sandbox_of_its_own_while_its_code_changes(
    run: Run, shop: Path, tmp_path: Path
) -> None:
    os.utime(shop, (1, 1))
    command = await run("--sandbox", "--reload")
    await command.shows("as a message from Anna")
    for typed, shown in (
        ("/stats", "Users: 1"),  # she is an admin
        ("size", "[1 S] [2 M]"),
        ("!press 3", "Anna has no button “3”. Buttons: S, M"),
        ("!press 2", "version 1: medium, please"),
        ("phone", "[1 None] [2 Mine]"),
        ("!press mine", "Anna has no button “mine”. Buttons: None, Mine"),
        ("!press Mine", "bot → Anna    a number"),
        ("!press 1", "Anna → bot    None"),
        ("!send nothing.png", "nothing.png cannot be read (No such file or directory)."),
        ("!send dot.jpg", "bot → Anna    a photo"),
        ("!as Boris ru", "You write as Boris now."),
        ("/start", "bot → Boris   Здравствуйте, Boris!"),
        ("!as", "!as NAME: write as this person."),
        ("!as anna", "You write as Anna now."),
        ("!server help", "list all commands"),
    ):
        (tmp_path / "dot.jpg").write_bytes(jpeg())
        command.type(typed)
        await command.shows(shown)
    write(shop, PLUGIN.replace("version 1", "version 2"))  # as long as it was, and in the same second
    os.utime(shop, (1, 1))
    await command.logs("running as @", times=2)
    command.type("!press 2")  # of the latest message with buttons
    command.type("size")
    await command.shows("[1 S] [2 M]")
    command.type("!press 2")
    await command.shows("version 2: medium, please")
    command.type("!quit")
    assert await command.ended() == 0
    assert sum("running as @" in line for line in command.log) == 2
    said = [line for line in command.log if line.startswith("tgbot: ")]
    assert said == [
        "tgbot: on the sandbox these do not count: [telegram] bot_token, [bot] admins",
        "tgbot: dev_shop.py changed: the bot starts again",
    ]
    assert not any("AAHdqTcvCH" in line for line in (*command.log, *command.screen))
    assert not list((tmp_path / "tmp").iterdir())
    assert not (tmp_path / "sessions").exists()


async def test_the_end_of_the_bot_is_the_end_of_its_sandbox_with_the_same_status(
    run: Run, shop: Path, tmp_path: Path
) -> None:
    write(shop, "def register(")
    command = await run("--sandbox")
    assert await command.ended() == 2
    assert sum("The plugin dev_shop cannot be used" in line for line in command.log) == 1
    assert not list((tmp_path / "tmp").iterdir())


async def test_lines_that_are_piped_are_messages_and_only_a_second_ctrl_c_cuts_off_what_hangs(
    run: Run, shop: Path, tmp_path: Path
) -> None:
    command = await run("--sandbox")
    for line in ("hang", "!as Boris", "size"):
        command.type(line)
    assert command.process.stdin is not None
    command.process.stdin.write_eof()
    await command.shows("Which size?")
    await until((tmp_path / "hanging").exists, "it hangs")
    assert not any("stopping" in line for line in command.log)
    os.killpg(command.process.pid, signal.SIGINT)  # as a terminal does
    await command.logs("stopping (SIGTERM); a second signal ends the process at once")
    assert await command.ended(signal.SIGINT) == 130  # which is once the bot has closed its standard error


# ---- starting again ------------------------------------------------------------------------------


@pytest.fixture
async def site(sandbox: Sandbox, run: Run, tmp_path: Path) -> Site:
    """A bot of the sandbox, whose plugin answers each text; nothing of it runs yet."""
    return Site(tmp_path, sandbox, 1, {})


async def test_what_people_write_while_the_bot_starts_again_and_again_is_answered_once(
    site: Site, run: Run
) -> None:
    command = await run("--reload")
    await command.logs("running as @")
    ann = site.world.new_user("Ann").id
    written: list[str] = []

    async def write() -> None:
        while True:
            written.append(f"message {len(written)}")
            site.said(ann, written[-1])
            await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    for number in (2, 3):
        (site.directory / "crash_plugin.py").write_text(f"{site.plugin}\n# version {number}\n")
        await command.logs("running as @", times=number)
    writing.cancel()
    await until(lambda: len(heard(site, ann)) >= len(written), "all are answered")
    assert await command.ended(signal.SIGKILL) == -signal.SIGKILL
    assert command.log[-1].endswith("stopped; everything is on disk")  # the bot stops when its parent is gone
    assert heard(site, ann) == [f"echo {text}" for text in written]
    restarts = [line for line in command.log if line.endswith("changed: the bot starts again")]
    assert restarts == ["tgbot: crash_plugin.py changed: the bot starts again"] * 2


async def test_a_bot_runs_whenever_its_files_can_be_used_and_goes_on_while_they_cannot(
    site: Site, run: Run
) -> None:
    plugin, settings = site.directory / "crash_plugin.py", site.directory / "config.toml"
    right = settings.read_text()
    write(settings, re.sub("bot_token.*", "", right))
    command = await run("--reload")
    await command.logs("tgbot: the bot starts when that is mended")
    assert sum("TGBOT_BOT_TOKEN" in line for line in command.log) == 1
    (site.directory / "secrets.toml").touch(0o600)
    write(site.directory / "secrets.toml", f'[telegram]\nbot_token = "{site.bot.token}"\n')
    await command.logs("running as @")
    ann = site.world.new_user("Ann").id

    async def answers(text: str) -> None:
        site.said(ann, text)
        await until(lambda: f"echo {text}" in heard(site, ann), f"it answers {text}")

    plugin.write_text(f"import crash_helper\n{site.plugin}")
    await command.logs("No module named 'crash_helper'")
    await command.logs("tgbot: the bot runs on as it was, and starts again when that is mended")
    await answers("one")
    (site.directory / "crash_helper.py").write_text("")
    await command.logs("tgbot: crash_helper.py changed: the bot starts again")
    await command.logs("running as @", times=2)
    settings.write_text(right.replace("plugins", "plugin"))
    await command.logs("did you mean plugins?")
    site.said(ann, "poison")
    await command.logs("tgbot: the bot ended with status 137, and starts again after a change")
    plugin.write_text(site.plugin.replace('word == "poison"', "False"))
    write(settings, right)
    await command.logs("running as @", times=3)
    await answers("two")
    assert await command.ended(signal.SIGINT) == 0


async def test_a_bot_on_a_database_stands_by_when_another_node_leads_and_leads_after_it(
    site: Site, run: Run, bot_url: str
) -> None:
    rival = Rival(bot_url)
    command = await run("--reload", TGBOT_STORAGE_URL=bot_url, TGBOT_STORAGE_NODE="left")
    await command.logs("running as @")
    rival.leads()
    await command.logs("does not lead any more")
    await command.logs("the node left stands by: right leads")
    rival.is_silent()
    await command.logs("running as @", times=2)
    ann = site.world.new_user("Ann").id
    site.said(ann, "one")
    await until(lambda: heard(site, ann) == ["echo one"], "it answers")
    (site.directory / "crash_plugin.py").write_text(f"{site.plugin}\n# version 2\n")
    await command.logs("running as @", times=3)
    rival.leads()
    await command.logs("the node left stands by: right leads", times=2)
    assert await command.ended(signal.SIGINT) == 0
    assert not [line for line in command.log if "ended with status" in line or "Traceback" in line]
