"""Commands that write, on a disk without room: one line that says so, and no half file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from tgbot.core.users import Profile, Way
from tgbot.store.peers import Peer
from tgbot.store.sqlite.userfile import SqliteRegistry
from tgbot.store.transfer.sessions import make_session

COMMANDS = [
    ["users", "export", "full/out.json"],
    ["users", "export", "full/out.csv"],
    ["users", "export", "full/out.session"],
    ["backup", "full/copies"],
    ["link", "start", "a", "--bot", "the_bot", "--qr-file", "full/code.png"],
    ["users", "import", "ids.txt"],
]
RUN = """
    import json, os, subprocess, sys
    from tgbot import cli
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "full"], capture_output=True)
    if made.returncode:
        sys.exit("no mount: " + made.stderr.decode())
    with open("full/ballast", "wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                pass
    if "import" in sys.argv:
        os.environ["TGBOT_STORAGE_DIRECTORY"] = "full/bot"
    status = cli.status(sys.argv[1:])
    print(json.dumps([status, os.listdir("full")]))
"""


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """A bot that has met 2,000 users."""
    (tmp_path / "sessions").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "ids.txt").write_text("1\n2\n3\n")
    peers = [(number, Peer(number, (), None, "somebody", 50)) for number in range(1, 2_001)]
    make_session(tmp_path / "sessions" / "bot.session", 42, peers)
    users = SqliteRegistry(tmp_path / "sessions" / "users.sqlite", clock=time.time)
    for number in range(1, 2_001):
        users.seen(Profile(number, "somebody" * 4), 50, Way.MESSAGE)
    await users.flush()
    users.close()
    return tmp_path


def run(home: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
    environment |= {"TGBOT_BOT_TOKEN": "42:secret", "PYTHONPATH": os.getcwd()}
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.run(
        command, cwd=home, env=environment, stderr=subprocess.PIPE, text=True, check=False, **options
    )


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(arguments[:3]))
def test_a_full_disk_is_one_line_and_nothing_is_left(home: Path, arguments: list[str]) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare, to mount a small disk")
    inside = (unshare, "--map-root-user", "--mount", sys.executable, "-c", textwrap.dedent(RUN))
    ran = run(home, *inside, *arguments)
    if "no mount" in ran.stderr or "unshare:" in ran.stderr:
        pytest.skip("may not mount a small disk here: " + ran.stderr.strip())
    status, left = json.loads(ran.stdout.splitlines()[-1])
    assert ran.stderr.count("\n") == 1, ran.stderr
    line = ran.stderr
    assert line.startswith("tgbot: No room left to write full/"), line
    assert status == 1
    assert {name for name in left if name != "bot"} == {"ballast"}


@pytest.mark.parametrize(
    "arguments", [["users", "export"], ["users", "list"], ["users", "list", "--json"]], ids=" ".join
)
def test_output_that_finds_no_room_is_one_line(home: Path, arguments: list[str]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        ran = run(home, sys.executable, "-m", "tgbot.cli", *arguments, stdout=full)
    assert ran.returncode == 1
    assert ran.stderr == "tgbot: standard output: No space left on device\n"


def test_a_place_that_cannot_be_written_to_is_one_line(home: Path) -> None:
    for arguments in COMMANDS[:5]:
        elsewhere = [argument.replace("full/", "ids.txt/") for argument in arguments]
        ran = run(home, sys.executable, "-m", "tgbot.cli", *elsewhere)
        assert ran.returncode in (1, 2), elsewhere  # a file that is no directory is a wrong argument
        assert ran.stderr.count("\n") == 1, ran.stderr
        line = ran.stderr
        assert "ids.txt" in line
        assert "unexpected" not in line
