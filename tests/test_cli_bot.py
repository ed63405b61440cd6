"""Each command of the README with the bot running and stopped: the same results either way."""

# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.store.contracts import parked
from tests.telegram.conftest import PATIENCE, until
from tests.test_docs import ROOT
from tgbot import cli
from tgbot.app import open_bot
from tgbot.core.users import Profile, Way
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.store.base import Reason
from tgbot.store.lock import instance_lock
from tgbot.store.peers import Peer
from tgbot.store.sqlite.peers import Peers
from tgbot.store.sqlite.userfile import SqliteRegistry
from tgbot.store.transfer.sessions import make_session

#: Commands that start something, and are no question to a bot.
STARTS = {"run", "demo", "sandbox", "new", "--config"}
#: Commands about an installation, which have tests of their own; two of them need a bot that is stopped.
INSTALLATION = {"doctor", "restore", "service", "store"}
#: Commands that need a running bot.
LIVE = {("status",), ("log",), ("reload",), ("drain",), ("users", "check"), ("users", "rebuild")}
#: What differs from run to run: times, sizes, ages, and which of two pieces of evidence is the later one.
NUMBERS = re.compile(
    r"(?<=evidence      )\w+|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC|\b\d{10}\b|[\d,]+ bytes|age +\d+"
)
SOCKET = shutil.ignore_patterns("*.control")
ANNA_IMPORTED = 5_999_999_999


def commands() -> Iterator[str]:
    """Yield each command of the README's section, without the program's name and the remark."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Command line")[2]
    for line in section.partition("\n## ")[0].splitlines():
        if line.startswith("    tgbot "):
            yield line.partition("#")[0].strip().removeprefix("tgbot ")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings but the test's own; relative paths are in its directory."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TGBOT_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
async def files(elsewhere: Path, configure: Configure, sandbox: Sandbox, account: Account) -> Path:
    """The files of a bot to which one person has written, and of whom an update is parked."""
    async with open_bot(configure(), serve=True) as bot:
        anna = sandbox.world.new_user("Anna", "Lee", username="annalee")
        sandbox.world.send_as(anna.id, account.id, "/start")
        await until(lambda: bot.users.count().total)
        await until(lambda: bot.users.last_finished(anna.id))
    with closing(SqliteRegistry(elsewhere / "sessions" / "users.sqlite", clock=lambda: 2**31)) as users:
        users.parked.park(parked("m7:1", Reason.POISON, parked_at=2**31))
        await users.flush()
    return elsewhere


async def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command line in a thread; return its status, and what it printed."""
    capsys.readouterr()
    status = await asyncio.to_thread(cli.status, ["--config", "config.toml", *words])
    return (status, *capsys.readouterr())


async def results(capsys: pytest.CaptureFixture[str], anna: int) -> dict[str, tuple[int, str, str]]:
    """Return status and output of each command, without what differs from run to run."""
    Path("in.json").write_text(json.dumps({"id": ANNA_IMPORTED, "first_name": "Zoe", "access_hash": "7"}))
    meant = {"ID": str(anna), "NAME": "@annalee", "PAYLOAD": "summer", "DIR": "copies", "FILE": "out.json"}
    found = {}
    for line in commands():
        words = [meant.get(word, word) for word in line.split()]
        if words[0] in STARTS | INSTALLATION:
            continue
        if words[:2] == ["users", "import"]:
            words[2] = "in.json"
        if words[:2] == ["parked", "retry"]:
            words = ["parked", "drop", "--all"]  # a retry says when: now, or at the next start
        if words[:2] == ["users", "check"]:
            words += ["--older-than", "52w"]  # a probe is evidence, which the next commands would show
        status, out, err = await run(capsys, *words)
        found[line] = status, NUMBERS.sub("#", out), err
    return found


@pytest.mark.usefixtures("levels")
async def test_each_command_of_the_readme_has_the_same_result_with_the_bot_running_and_stopped(
    files: Path, configure: Configure, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    anna = sandbox.world.accounts.resolve("annalee")
    shutil.copytree(files / "sessions", files / "kept")
    stopped = await results(capsys, anna)
    exported = (files / "out.json").read_text()
    shutil.rmtree(files / "sessions")
    (files / "kept").rename(files / "sessions")
    (files / "out.json").unlink()
    async with open_bot(configure(), serve=True, read=lambda warn: configure()):
        async with asyncio.timeout(PATIENCE):
            while (await run(capsys, "status"))[0]:
                pass  # it has just started, and is not ready yet
        running = await results(capsys, anna)
    assert (files / "out.json").read_text() == exported
    print("\n| command | running | stopped | |\n|---|---|---|---|")
    for line, (status, out, err) in running.items():
        words = tuple(line.split()[:2])
        live = words in LIVE or words[:1] in LIVE
        same = (status, out, err) == stopped[line]
        print(f"| tgbot {line} | {status} | {stopped[line][0]} | {'same' if same else '-'} |")
        if live:
            assert (status, stopped[line][0]) == (0, 3), (line, out, err)
            assert "No bot runs with the files in" in stopped[line][2]
        else:
            assert (status, out, err) == stopped[line], line
            assert status in (0, 2), (line, err)  # 2: a command that the configuration here does not allow
    assert len(running) > 15


async def test_what_the_running_bot_knows_is_shown_before_any_checkpoint_has_it(
    elsewhere: Path, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_bot(configure(), serve=True) as bot:
        for number in range(1, 402):
            bot.users.seen(Profile(number, f"P{number}"), 5, Way.MESSAGE)
        status, out, err = await run(capsys, "users", "show", "7", "--json")
        assert (status, json.loads(out)["first_name"], err) == (0, "P7", "")
        status, out, _ = await run(capsys, "users", "list", "--after", "100", "--limit", "300")
        assert (status, [int(line.split()[0]) for line in out.splitlines()]) == (0, list(range(101, 401)))
        assert (await run(capsys, "users", "list", "--access", "blocked"))[1] == ""
        assert json.loads((await run(capsys, "users", "count", "--json"))[1])["total"] == 401
        assert (await run(capsys, "users", "show", "999"))[::2] == (3, "tgbot: the bot never met 999\n")


IMPORTS = {
    "users.json": '{{"id": {0}, "first_name": "Zoe", "access_hash": "7", "hash_usernames": ["zoe"], '
    '"evidence": {{"start": [[50]]}}, "preferences": {{"language": "ru"}}, "last_seen": 60, '
    '"data": {{"shop": {{"cart": [0.5]}}}}, "talks": {{"-100": {{"name": "order", "key": "k", "at": 5}}}}}}\n'
    '{0}1\n{{"id": "?"}}\n',
    "users.csv": "id,first_name,access_hash,hash_seen,deleted\r\n{0},Zoe,7,60,\r\n{0}1,Bo,,,1\r\n"
    "{0}2,,?,,\r\n",
    "old.session": "",
}


@pytest.mark.parametrize("name", IMPORTS)
async def test_an_import_into_the_running_bot_comes_out_as_one_into_its_files(
    name: str, elsewhere: Path, configure: Configure, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "old.session":
        peers = [
            (ANNA_IMPORTED, Peer(7, ("zoe",), "49", "Zoe", 60)),
            (-1_000_000_000_007, Peer(8, (), None, "Chat", 60)),
        ]
        make_session(elsewhere / name, account.id, peers)
    else:
        (elsewhere / name).write_text(IMPORTS[name].format(ANNA_IMPORTED), newline="")
    said, exported, chats = [], [], []
    for running in (False, True):
        shutil.rmtree(elsewhere / "sessions", ignore_errors=True)
        async with open_bot(configure(), serve=True):
            if running:
                dry = await run(capsys, "users", "import", name, "--dry-run", "--json")
                said += [await run(capsys, "users", "import", name, "--json") for _ in range(2)]
                # On disk on return: as good as a kill.
                shutil.copytree(elsewhere / "sessions", elsewhere / "killed", ignore=SOCKET)
        if not running:
            said += [await run(capsys, "users", "import", name, "--json") for _ in range(2)]
        else:
            shutil.rmtree(elsewhere / "sessions")
            (elsewhere / "killed").rename(elsewhere / "sessions")
        exported.append(NUMBERS.sub("#", (await run(capsys, "users", "export"))[1]))
        with Peers(elsewhere / "sessions" / "bot.session") as peers_on_disk:
            chats.append(dict(peers_on_disk.iterate(above=-(2**62))).get(-1_000_000_000_007))
    assert said[:2] == said[2:]
    assert json.loads(dry[1]) == json.loads(said[2][1]) | {"dry_run": True}
    assert exported[0] == exported[1]
    assert "Zoe" in exported[0]
    assert name != "users.json" or '"cart":[0.5]' in exported[0]
    assert chats[0] == chats[1]
    assert (chats[0] is None) is (name != "old.session")


async def test_an_import_does_not_replace_what_the_running_bot_learned_later(
    elsewhere: Path, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    old: dict[str, Any] = {"id": 7, "first_name": "Old", "last_seen": 50, "access_hash": "1", "hash_seen": 50}
    old["data"] = {"shop": {"cart": "old"}, "quiz": {"points": 1}}
    (elsewhere / "old.json").write_text(
        json.dumps(old | {"usernames": ["seven"], "hash_usernames": ["seven"]})
    )
    async with open_bot(configure(), serve=True) as bot:
        bot.users.seen(Profile(7, "New"), 90, Way.MESSAGE)
        bot.users.keep_data(7, "shop", {"cart": "new"})
        await bot.client.session.merge({7: Peer(2, ("eight",), None, "New", 90)})
        assert (await run(capsys, "users", "import", "old.json", "--json"))[0] == 0
        user = bot.users.get(7)
        assert user is not None
        assert user.first_name == "New"
        assert user.data == {"shop": {"cart": "new"}, "quiz": {"points": 1}}
        assert bot.client.session.access_hash(7) == 2
        assert bot.client.session.username("seven") is None


async def test_a_bot_that_cannot_reach_telegram_yet_says_so(
    elsewhere: Path, configure: Configure, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure(proxy="socks5://127.0.0.1:1")
    starting = asyncio.create_task(open_bot(config, serve=True).__aenter__())
    try:
        await until(config.storage.control.exists)
        status, out, _ = await run(capsys, "status", "--json")
        found = json.loads(out)
        assert (status, found["ready"], found["trouble"]) == (1, False, "not connected to Telegram")
        assert (found["id"], found["logged_in"]) == (None, False)
        assert (await run(capsys, "users", "count"))[0] == 0
        status, _, err = await run(capsys, "resolve", "@annalee")
        assert (status, "has not logged in yet" in err) == (1, True)
    finally:
        starting.cancel()
        await asyncio.wait((starting,))


async def test_a_bot_that_runs_and_takes_no_commands_is_told_from_none(
    elsewhere: Path, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure()
    assert (await run(capsys, "status"))[0] == 3
    assert not config.storage.directory.exists()
    with instance_lock(config.storage.session):
        for words in (["status"], ["resolve", "@annalee"], ["drain"]):
            status, _, err = await run(capsys, *words)
            assert (status, f"(pid {os.getpid()}) has the session" in err) == (1, True), words


async def test_a_watch_shows_the_bot_every_second_until_ctrl_c(elsewhere: Path, configure: Configure) -> None:
    async with open_bot(configure(), serve=True):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tgbot.cli", "--config", "config.toml", "status", "--watch", "--json"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        uptimes = [json.loads(await process.stdout.readline())["uptime"] for _ in range(2)]
        assert uptimes[1] - uptimes[0] >= 1
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
