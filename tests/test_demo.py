"""The demo as `make demo` runs it: the whole story over the wire, the prompt, and the word when it fails."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tgbot import demo

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
DEMO = [sys.executable, "-m", "tgbot.cli", "demo"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `tgbot demo` printed, without a terminal, in a directory whose settings must not count."""
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
        "Boris → bot   Hi!",
        "bot → Boris   Hello! I am a bot",
        "Boris blocks the bot",
        "Anna → bot    /check @boris_demo",
        "no, they blocked me",
        "Boris unblocks it",
        "may I write: yes",
        "Boris → bot   /start",
        "bot → Boris   ",
        "Anna → bot    /resolve @boris_by_the_sea",
        "usernames: @boris_by_the_sea",
        "Anna → bot    /resolve @boris_demo",
        "The bot is stopped.",
    ]
    place = 0
    for step in steps:
        place = told.find(step, place)
        assert place >= 0, f"{step!r} is missing or out of order in:\n{told}"


def test_without_a_terminal_nothing_is_coloured(told: str) -> None:
    assert "\x1b" not in told


def test_a_step_that_does_not_happen_is_told_and_the_status_is_1(tmp_path: Path) -> None:
    # Without a fault in it the story cannot fail; here the bot's interpreter is one that ends at once.
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no bot today >&2\nexit 5\n")
    broken.chmod(0o755)
    code = f"import sys; from tgbot.cli import main; sys.executable = {str(broken)!r}; main()"
    played = subprocess.run(
        [sys.executable, "-c", code, "demo"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert played.returncode == 1
    assert played.stderr.splitlines() == [
        "tgbot: demo: the bot did not come up; it ended with status 5",
        "  the bot's log: no bot today",
    ]


class Terminal:
    """A terminal with the demo in it."""

    def __init__(self) -> None:
        self.screen = ""
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(DEMO, env=ENVIRONMENT, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)

    def shows(self, words: str) -> None:
        """Reads until the words are there, and forgets all up to them."""
        end = time.monotonic() + 40
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
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


def test_on_a_terminal_one_can_type_as_either_of_them(terminal: Terminal) -> None:
    terminal.shows("Your turn")
    terminal.type("/stats\n")
    terminal.shows("Users: ")
    terminal.type("!boris\n")
    terminal.shows("You are Boris.")
    terminal.type("!block\n")
    terminal.shows("Boris has blocked the bot.")
    terminal.type("!unblock\n")
    terminal.shows("Boris has unblocked the bot.")
    terminal.type("/start\n")
    terminal.shows("Welcome back, Boris!")
    terminal.type("\x04")
    terminal.shows("The bot is stopped.")
    assert terminal.process.wait(20) == 0


def bot_of(terminal: Terminal) -> Path:
    """The /proc directory of the process that is the bot."""
    terminal.shows("Your turn")
    children = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children")
    (bot,) = children.read_text().split()
    return Path(f"/proc/{bot}")


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_leaves_no_bot_behind(terminal: Terminal, number: signal.Signals) -> None:
    bot = bot_of(terminal)
    terminal.process.send_signal(number)
    assert terminal.process.wait(20) == demo.INTERRUPTED
    assert not bot.exists()


@linux_only
def test_a_killed_demo_takes_its_bot_with_it(terminal: Terminal) -> None:
    bot = bot_of(terminal)
    handle = os.pidfd_open(int(bot.name))
    terminal.process.kill()
    ended, _, _ = select.select([handle], [], [], 30)
    os.close(handle)
    assert ended, "the bot goes on without its demo"
