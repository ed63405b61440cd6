"""The demo as `make demo` runs it: the story over the wire, the prompt, the messages when it fails."""

from __future__ import annotations

import itertools
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs import picture
from tgbot import demo
from tgbot.demo import sums
from tgbot.demo.story import SUMS

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
DEMO = [sys.executable, "-m", "tgbot.cli", "demo"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the output of `tgbot demo` without a terminal, in a directory whose settings must be ignored."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "config.toml").write_text("[bot]\nadmins = [1]")
    played = subprocess.run(
        DEMO,
        cwd=elsewhere,
        env=ENVIRONMENT | {"TGBOT_PLUGINS": "no.such.module", "TMPDIR": str(elsewhere)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stderr == ""
    assert not list(elsewhere.glob("tgbot-demo-*"))
    return played.stdout


def test_each_step_of_the_story_is_told_in_order(told: str) -> None:
    steps = [
        "Anna → bot    /start spring",
        "bot → Anna    Hello, Anna!",
        "Boris → bot   Привет!",
        "bot → Boris   Здравствуйте! Я бот",
        "Boris blocks the bot",
        "Anna → bot    /check @boris_demo",
        "no, they blocked me",
        "Boris unblocks the bot",
        "may I write: yes",
        "Boris → bot   /start",
        "bot → Boris   Здравствуйте, Boris!",
        "Anna → bot    /resolve @boris_by_the_sea",
        "usernames: @boris_by_the_sea",
        "Anna → bot    /resolve @boris_demo",
        "Boris → bot   /language",
        "bot → Boris   На каком языке",
        "Boris presses [English].",
        "Boris → bot   /start",
        "bot → Boris   Welcome back, Boris!",
        "Daria asks to join.",
        "bot → Daria   Здравствуйте, Daria! Вы подали заявку на вступление в «Chess Club».",
        "Daria → bot   /start",
        "bot → Daria   Вы приняты",
        "the bot's login page.",
        "page → Clara  Log in with Storyteller",
        "Clara presses the button",
        "You have just logged in on 127.0.0.1.",
        "Anna → bot    1 + 1",
        "kill -9",
        "Boris → bot   16 + 16",
        "The bot starts again.",
        "8 questions, 8 answers",
        "The bot is stopped.",
    ]
    place = 0
    for step in steps:
        place = told.find(step, place)
        assert place >= 0, f"{step!r} is missing or out of order in:\n{told}"


def test_the_page_greets_who_logged_in(told: str) -> None:
    assert "page → Clara  Hello, Clara!" in told
    assert "Storyteller has just written to you" in told


def test_each_question_around_the_crash_is_answered_once(told: str) -> None:
    for person, questions in SUMS.items():
        for question in questions:
            (asked, *more) = [line for line in told.splitlines() if line.endswith(question)]
            assert asked.split() == [person, "→", "bot", *question.split()]
            assert not more
        answers = [f"{question} = {eval(question)}" for question in questions]
        heard = [line[16:] for line in told.splitlines() if f"→ {person} " in line and " = " in line]
        assert heard == answers


def test_a_bot_that_answers_twice_fails_the_demo(tmp_path: Path) -> None:
    twice = tmp_path / "sums.py"
    once = Path(sums.__file__).read_text()
    line = next(line for line in once.splitlines(keepends=True) if "event.respond" in line)
    twice.write_text(once.replace(line, line * 2))
    played = told_with(f"from tgbot.demo import sums; sums.__file__ = {str(twice)!r}")
    assert played.returncode == 1
    assert played.stderr.startswith("tgbot: demo: the bot's answer to Anna does not contain: 2 + 3 = 5\n")


def test_without_a_terminal_nothing_is_coloured(told: str) -> None:
    assert "\x1b" not in told


def texts_of(svg: str) -> list[str]:
    """Return the texts of a picture in order; raise an error if it is not well-formed."""
    return [each.text or "" for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_of_the_demo_has_its_scenes_and_needs_nothing_else(told: str) -> None:
    svg = picture.draw(told)
    texts = texts_of(svg)
    assert any(text.startswith("Hello, Anna!") for text in texts)
    assert texts[-1].startswith("8 questions, 8 answers")
    assert len(picture.excerpt(told)) <= 42
    assert len(svg.encode()) < 60_000
    assert svg.count("http") == 1  # the name of SVG itself
    assert all(len(line) <= 98 for line in picture.excerpt(told))


def test_the_picture_in_docs_shows_the_scenes_of_today(told: str) -> None:
    def scenes(svg: str) -> list[str]:
        return [text for text in texts_of(svg) if text.startswith(tuple(picture.SCENES))]

    assert scenes(picture.PICTURE.read_text()) == scenes(picture.draw(told)), "run: python docs/picture.py"
    assert len(scenes(picture.PICTURE.read_text())) == len(picture.SCENES)


def told_with(change: str) -> subprocess.CompletedProcess[str]:
    """Run the demo in a process in which a line of Python has changed something before."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; from tgbot.cli import main; {change}; main()", "demo"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_a_step_that_does_not_happen_is_told_and_the_status_is_1(tmp_path: Path) -> None:
    # The story cannot fail by itself; here the bot's interpreter exits at once.
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no bot today >&2\nexit 5\n")
    broken.chmod(0o755)
    played = told_with(f"sys.executable = {str(broken)!r}")
    assert played.returncode == 1
    assert played.stderr.splitlines() == [
        "tgbot: demo: the bot did not start: it exited with status 5",
        "  the bot's log: no bot today",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_output_device_is_reported_and_ends_the_demo() -> None:
    with open("/dev/full", "w") as full:
        played = subprocess.run(
            DEMO,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert played.returncode == 1
    assert played.stderr == ("tgbot: demo: cannot write to standard output (No space left on device)\n")


class Terminal:
    """A terminal that runs the demo."""

    def __init__(self, directory: Path) -> None:
        self.screen = ""
        self._master, slave = pty.openpty()
        environment = ENVIRONMENT | {"TMPDIR": str(directory)}
        self.process = subprocess.Popen(DEMO, env=environment, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)

    def shows(self, words: str) -> None:
        """Wait until the words are on the screen; forget everything up to them."""
        end = time.monotonic() + 60
        while words not in self.screen:
            ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{words!r} did not come:\n{self.screen}"
            self.screen += os.read(self._master, 65536).decode(errors="replace")
        self.screen = self.screen.partition(words)[2]

    def type(self, words: str) -> None:
        os.write(self._master, words.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def test_on_a_terminal_a_person_can_type_as_any_character(terminal: Terminal) -> None:
    terminal.shows("Your turn")
    terminal.type("/stats\n")
    terminal.shows("Users: ")
    terminal.type("\u00a0!Boris \n")
    terminal.shows("You write as Boris now.")
    terminal.type("!block\n")
    terminal.shows("Boris has blocked the bot.")
    terminal.type("!unblock\n")
    terminal.shows("Boris has unblocked the bot.")
    terminal.type("/start\n")
    terminal.shows("Welcome back, Boris!")
    terminal.type("!dasha\n")
    terminal.shows("Unknown command !dasha. Commands: !anna !boris !clara !daria !press")
    terminal.type("!daria\n")
    terminal.shows("You write as Daria now.")
    terminal.type("!press Delete it\n")
    terminal.shows("Daria has no button “Delete it”. Buttons: none")
    terminal.type("/forget\n")
    terminal.shows("[Удалить]")
    terminal.type("!Press\u00a0 Удалить\u200b\n")
    terminal.shows("(changed) Всё удалено.")
    terminal.type("20 + 22\n")
    terminal.shows("20 + 22 = 42")
    terminal.type("\x04")
    terminal.shows("The bot is stopped.")
    assert terminal.process.wait(20) == 0


@pytest.mark.long
def test_typed_commands_in_any_order_end_nothing(terminal: Terminal) -> None:
    """Each command comes after each other one."""
    commands = [
        "!block",
        "!unblock",
        "hello",
        "/start",
        "/language",
        "!press English",
        "!press",
        "!boris",
        "!",
    ]
    terminal.shows("Your turn")
    for number, (one, other) in enumerate(itertools.permutations(commands, 2)):
        # The name that nobody has is answered once everything before it was carried out.
        terminal.type(f"{one}\n  {other}  \n!anna\n!nobody{number}\n")
        terminal.shows(f"Unknown command !nobody{number}.")
    terminal.type("!anna\n!block\nhello\n")
    terminal.shows("Anna has blocked the bot and cannot write to it. First type: !unblock")
    terminal.type("!unblock\n20 + 22\n")
    terminal.shows("20 + 22 = 42")
    terminal.type("!quit\n")
    terminal.shows("The bot is stopped.")
    assert terminal.process.wait(20) == 0


def bot_of(terminal: Terminal) -> Path:
    """Return the /proc directory of the bot's process."""
    terminal.shows("Your turn")
    children = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children")
    (bot,) = children.read_text().split()
    return Path(f"/proc/{bot}")


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_leaves_nothing_behind(
    terminal: Terminal, number: signal.Signals, tmp_path: Path
) -> None:
    bot = bot_of(terminal)
    terminal.process.send_signal(number)
    terminal.shows("Interrupted.")
    assert terminal.process.wait(20) == demo.INTERRUPTED
    assert not bot.exists()
    assert not list(tmp_path.glob("tgbot-demo-*"))


@linux_only
def test_a_killed_demo_takes_its_bot_with_it(terminal: Terminal) -> None:
    bot = bot_of(terminal)
    handle = os.pidfd_open(int(bot.name))
    terminal.process.kill()
    ended, _, _ = select.select([handle], [], [], 30)
    os.close(handle)
    assert ended, "the bot goes on without its demo"
