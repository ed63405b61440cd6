"""The guide on plugins: each program on the page is run, and the conversation below it takes place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import server_key
from tgbot.sandbox.server import Sandbox
from tgbot.testing.bot import Bot
from tgbot.testing.fixtures import person as person  # as the plugin of pytest has it
from tgbot.testing.person import NewPerson, Person

PAGE = Path(__file__).parents[1] / "docs/plugins.md"
#: What begins a fenced block: its language.
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: A plugin that a test on the page is about, by the name of the test's file.
TESTED = {"test_when.py": "when.py"}


@dataclass(frozen=True)
class Program:
    """A plugin of the page, with the files and the conversation that go with it."""

    name: str
    files: dict[str, str]
    lines: tuple[str, ...]
    test: str = ""

    @property
    def sections(self) -> dict[str, Any]:
        """The configuration."""
        given = tomllib.loads(self.files.get("config.toml", ""))
        given.setdefault("bot", {})["plugins"] = [self.name.removesuffix(".py")]
        return given


def programs() -> list[Program]:
    """Return all programs of the page; a block that belongs to none fails."""
    found: dict[str, Program] = {}
    waiting: dict[str, str] = {}
    last = ""
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        head = re.match(r"# ([\w.]+)\n", text)
        if language == "text":
            found[last] = Program(last, found[last].files, (*found[last].lines, *text.splitlines()))
        elif head is None:
            raise AssertionError(f"a block of {language or 'no language'} does not name its file: {text!r}")
        elif head[1] in TESTED:
            of = found[TESTED[head[1]]]
            found[head[1]] = Program(of.name, of.files, (), text)
        elif head[1].endswith(".py"):
            last = head[1]
            found[last] = Program(last, {last: text, **waiting}, ())
            waiting = {}
        elif language == "toml":
            found[last].files[head[1]] = text
        else:
            waiting[head[1]] = text
    assert not waiting
    return list(found.values())


class Scene:
    """A bot with one program, and the people of its conversation."""

    def __init__(self, bot: Bot, person: NewPerson) -> None:
        self._bot = bot
        self._person = person
        self._people: dict[str, Person] = {}
        self._last = ""

    async def person(self, name: str) -> Person:
        """Return a person, who comes if they were not there yet; "Boss" is an admin."""
        if name not in self._people:
            self._people[name] = await self._person(name, admin=name == "Boss")
        self._last = name
        return self._people[name]

    async def play(self, line: str) -> None:
        """Do what a line of the conversation says, or expect it."""
        if heard := re.fullmatch(r"bot(?: to (\w+))?: (.*)", line):
            pattern = ".*".join(map(re.escape, heard[2].split("…")))
            who = await self.person(heard[1] or self._last)
            await who.hears(re.compile(f"^{pattern}$", re.DOTALL))
        elif said := re.fullmatch(r"(\w+): (.*)", line):
            await (await self.person(said[1])).says(said[2])
        elif pressed := re.fullmatch(r"(\w+) presses (.*)", line):
            await (await self.person(pressed[1])).presses(pressed[2])
        elif passed := re.fullmatch(r"\((\d+) (minutes|hours) pass\)", line):
            await self._bot.time.forward(**{passed[2]: int(passed[1])})
        else:
            assert line == "(the bot is killed)", f"nobody knows what this means: {line}"
            await self._bot.kill()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(key=server_key()) as server:
        yield server


@pytest.fixture(
    params=programs(), ids=lambda program: (program.test and f"test_{program.name}") or program.name
)
def program(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """One of the programs, whose files are in the current directory."""
    found: Program = request.param
    for name, text in found.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
async def bot(program: Program, sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot with this program."""
    (directory := tmp_path / "bot").mkdir()
    bot = Bot(
        sandbox,
        program.sections,
        directory=directory,
        project=tmp_path,
        username="the_bot",
        name="The Bot",
        in_process=False,
    )
    try:
        await bot.start()
        yield bot
    finally:
        await bot.close()


async def test_a_program_of_the_guide_does_what_its_conversation_says(
    program: Program, bot: Bot, person: NewPerson
) -> None:
    assert program.lines or program.test, "a program without a conversation shows nothing"
    if program.test:
        made: dict[str, Any] = {}
        exec(program.test, made)  # the page's own code
        (test,) = [each for name, each in made.items() if name.startswith("test_")]
        await test(bot, person)
    scene = Scene(bot, person)
    for line in program.lines:
        await scene.play(line)
