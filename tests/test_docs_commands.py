"""The commands that the documents show can be typed as they stand there."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.commandlines import COMMAND, parses
from tests.test_docs import PAGES, ROOT
from tgbot.cli.usage import subcommands
from tgbot.core.users import Profile, Way
from tgbot.store.sqlite.userfile import SqliteRegistry

#: The last line of what the sandbox says at its start.
LAST = 'Type "help" for commands that cause faults. Ctrl-C stops the server.\n'
#: What a reader puts in the place of a word in capitals.
MEANT = {
    "FILE": "all.json",
    "OLD.session": "old.session",
    "DIR": "copies",
    "ID": "5000000001",
    "KEY": "m5000000001:7",
    "N": "14",
    "NAME": "@anna",
    "URL": "postgresql://tgbot@db.example.com/shop",
    "PAYLOAD": "summer",
}


def lines() -> Iterator[tuple[str, str]]:
    """Yield (page, line) for each line of a code block."""
    for page in PAGES:
        for line in re.findall(r"^ {4,}(\S.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            yield page.name, line.strip()


def typed(line: str) -> list[str] | None:
    """Return the words of a line that runs tgbot, as a reader types them; None for any other line."""
    line = re.sub(r"^sudo (-u \w+ )?", "", line)
    if not re.match(r"(TGBOT_\w+=\S+ )*(\S*/)?tgbot ", line):
        return None
    words = shlex.split(line, comments=True)
    while "=" in words[0]:
        del words[0]
    return [MEANT.get(word, word) for word in words]


BLOCKS = [(page, line) for page, line in lines() if typed(line) is not None]
INLINE = [
    (page.name, code)
    for page in PAGES
    for code in re.findall(r"`((?:\S*/)?tgbot [^`…]+)`", page.read_text(encoding="utf-8"))
    if not code.endswith(".")
]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with what the commands of the documents read."""
    for name in ("all.json", "old.session"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("page", "line"), BLOCKS)
def test_each_command_in_a_block_parses(page: str, line: str) -> None:
    words = typed(line)
    assert words is not None
    assert parses(words)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("page", "code"), INLINE)
def test_each_command_in_a_sentence_exists(page: str, code: str) -> None:
    """A sentence may name a command without its arguments, or with one option alone."""
    words = [MEANT.get(word, word) for word in code.split()]
    command = COMMAND
    for number, word in enumerate(words[1:], 1):
        if word not in subcommands(command):
            named = [name for option in command.params for name in option.opts]
            assert (number == len(words) - 1 and word in named) or parses(words)
            return
        command = subcommands(command)[word]


def test_the_documents_show_commands_at_all() -> None:
    assert len(BLOCKS) > 15
    assert len(INLINE) > 15


def test_each_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"(?:`|^ {4})make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert named
    assert not [each for each in named if each[1] not in targets]


def test_each_module_that_a_page_runs_exists() -> None:
    named = [
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"python -m ([\w.]+)", page.read_text(encoding="utf-8"))
    ]
    assert named
    assert not [each for each in named if importlib.util.find_spec(each[1]) is None]


@pytest.fixture
def shell(elsewhere: Path) -> dict[str, str]:
    """Return an environment in which the shell finds `tgbot`, as after `. .venv/bin/activate`."""
    script = elsewhere / "bin" / "tgbot"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nfrom tgbot.cli import main\n\nmain()\n")
    script.chmod(0o755)
    own = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
    return own | {"PATH": f"{script.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


async def test_the_commands_of_the_readme_that_need_no_login_run(
    elsewhere: Path, shell: dict[str, str]
) -> None:
    (elsewhere / "sessions").mkdir()
    users = SqliteRegistry(elsewhere / "sessions" / "users.sqlite", clock=time.time)
    users.seen(Profile(5_000_000_001, "Anna"), 50, Way.MESSAGE)
    await users.flush()
    users.close()
    (elsewhere / "all.json").unlink()
    ran = []
    for page, line in BLOCKS:
        words = typed(line) or []
        if page != "README.md" or words[1] not in ("users", "backup", "parked", "link", "broadcast"):
            continue
        if words[1:3] in (["users", "check"], ["users", "rebuild"]):
            continue  # they need a running bot
        ran.append(words[1:3])
        given = shell | {"TGBOT_BOT_TOKEN": "42:secret"}
        more = ["--bot", "the_bot"] if words[1] == "link" else []  # the bot has not logged in here
        ended = await asyncio.to_thread(
            subprocess.run, [*words, *more], env=given, capture_output=True, text=True, timeout=60
        )
        assert ended.returncode == 0, f"{line}: {ended.stderr}"
    assert len(ran) >= 8


def told(stream: IO[str] | None, words: str) -> None:
    """Read what a process says up to the line with these words; fail if it ends before."""
    said = ""
    for line in stream or ():
        said += line
        if words in line:
            return
    raise AssertionError(f"{words!r} never came:\n{said}")


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


@pytest.fixture
def started(shell: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that runs a line in a shell; what still runs at the end of the test is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(line: str, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["sh", "-c", re.sub(r"(?<!\S)(\S*tgbot) ", r"exec \1 ", line, count=1)],
            env=shell | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    return process.returncode


def test_the_readme_s_sandbox_gets_the_readme_s_bot(started: Callable[..., subprocess.Popen[str]]) -> None:
    """Both lines run as they are printed, but for the port, which may be taken."""
    port = free_port()
    server, bot = (
        line.replace("4430", port) for page, line in BLOCKS if page == "README.md" and "4430" in line
    )
    sandbox = started(server)
    told(sandbox.stdout, LAST)
    running = started(bot)
    told(running.stderr, "running as @")
    assert ended(running) == 0
    assert ended(sandbox) == 0


@pytest.mark.parametrize(("typed", "path"), [("tgbot", {}), ("bin/tgbot", {"PATH": os.defpath})])
def test_the_command_that_the_sandbox_prints_runs(
    typed: str, path: dict[str, str], started: Callable[..., subprocess.Popen[str]]
) -> None:
    """It names the program as it can be typed here: by its name, or by the path of its file."""
    sandbox = started(f"{typed} sandbox --directory 'a directory' --port {free_port()}", **path)
    assert sandbox.stdout is not None
    (command,) = re.findall(r"^  (TGBOT_.*)$", "".join(iter(sandbox.stdout.readline, LAST)), re.MULTILINE)
    assert command.endswith(f" {typed} run")
    running = started(command, **path)
    told(running.stderr, "running as @sandbox_bot")
    assert ended(running) == 0
