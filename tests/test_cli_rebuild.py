"""`tgbot users rebuild` as it is typed: what is left, what was found, and Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tgbot import cli
from tgbot.app import open_bot
from tgbot.messaging.rebuild import rebuild
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

GET = "messages.getMessages"


@pytest.fixture
async def serving(
    configure: Configure,
    sandbox: Sandbox,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[None]:
    """A bot that knows nobody of the 30 people who wrote 1,500 messages; the commands find it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rebuild, "CALLS_A_SECOND", 1_000.0)
    ids = [sandbox.world.new_user("Anna").id for _ in range(30)]
    for number in range(1_500):
        sandbox.world.send_as(ids[number % 30], account.id, f"message {number}")
    box = sandbox.world.accounts[account.id].box
    sandbox.world.posts.delete([copy for copy in box if copy.peer == ids[0]], revoke=True)
    async with open_bot(configure(), serve=True):
        yield


async def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = await asyncio.to_thread(cli.status, ["--config", "config.toml", "users", "rebuild", *words])
    return (status, *capsys.readouterr())


@pytest.mark.usefixtures("serving")
async def test_it_says_what_is_left_and_what_was_found(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults.delay(0.4, GET)
    status, out, err = await run(capsys)
    assert status == 0
    left = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) messages and other", err)]
    assert left
    assert left == sorted(left, reverse=True)
    assert re.search(r"state +done\n", out)
    assert "1,500 read, 0 left" in out
    assert "50: deleted messages" in out
    assert "29, 0 of them without an access hash" in out
    assert out.endswith("A dialog of which no message is left cannot come back.\n")
    status, out, err = await run(capsys, "--status", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["new"] == 29


async def test_without_a_running_bot_the_answer_is_no(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    configure()
    status, out, err = await run(capsys)
    assert (status, out) == (3, "")
    assert "No bot runs with the files in" in err


@pytest.mark.usefixtures("serving")
async def test_only_one_thing_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--status", "--cancel"), ("--pause", "--status"), ("--probe", "--cancel")):
        status, _, err = await run(capsys, *words)
        assert status == 2
        assert "only one of --probe, --status, --pause and --cancel" in err


@pytest.mark.usefixtures("serving")
async def test_ctrl_c_ends_the_waiting_only_and_a_cancelled_one_is_no_success(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults.delay(5.0, GET)
    words = ("--config", "config.toml", "users", "rebuild")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A test may run in the background, where the shell has SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    assert b"left" in await process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert b"the bot goes on reading: tgbot users rebuild --status" in err
    waiting = asyncio.create_task(run(capsys, "--json"))
    status = json.loads((await run_quietly("--status"))[1])
    assert status["state"] == "running"
    await run_quietly("--cancel")
    assert (await waiting)[0] == 1


async def run_quietly(*words: str) -> tuple[int, str]:
    """Run it in a process of its own, beside another one whose output is captured."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli", "--config", "config.toml", "users", "rebuild", "--json", *words),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()
