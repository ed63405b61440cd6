"""The command line as a person and as a program meet it: statuses, one-line errors, JSON."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from telethon import TelegramClient, errors, events
from telethon.crypto import rsa
from telethon.sessions import MemorySession
from telethon.tl import functions, types

from tgbot import cli
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.talks import KeptTalk, Step
from tgbot.core.users import Profile, Way
from tgbot.store.base import Planned
from tgbot.store.sqlite.userfile import SqliteRegistry

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(ENVIRONMENT):
        monkeypatch.delenv(name)


def tgbot(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tgbot.cli", *arguments],
        env=ENVIRONMENT | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


COMMANDS = [
    [],
    ["run"],
    ["new"],
    ["demo"],
    ["sandbox"],
    ["resolve"],
    ["check"],
    ["users"],
    ["users", "list"],
    ["users", "show"],
    ["users", "count"],
    ["users", "import"],
    ["users", "export"],
    ["parked"],
    ["parked", "list"],
    ["parked", "show"],
    ["parked", "retry"],
    ["parked", "drop"],
    ["backup"],
    ["link"],
    ["login-key"],
    ["texts"],
    ["texts", "check"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_everywhere_and_complete(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status([*command, "--help"]) == 0
    said = capsys.readouterr().out
    assert "Usage: tgbot" in said
    for option in re.findall(r"^│ (--?[a-z-]+|\*?\s+[A-Z]+)(.*)│$", said, re.MULTILINE):
        assert re.search(r"[a-z]{3}.* [a-z]{2}", option[1]), f"{option[0]} is not explained"


def test_help_is_there_at_once_because_nothing_heavy_is_imported() -> None:
    code = "import sys, tgbot.cli; print(*sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"telethon", "cryptography", "sqlite3", "fluent"} & set(asked.stdout.split())


def test_the_key_of_ones_own_site_belongs_to_site_and_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(token: str, then: str) -> str:
        monkeypatch.setenv("TGBOT_BOT_TOKEN", token)
        monkeypatch.setenv("TGBOT_LOGIN_THEN", then)
        assert cli.status(["login-key"]) == 0
        return capsys.readouterr().out

    one = key("42:AAH", "https://shop.example.com/welcome")
    assert re.fullmatch(r"[0-9a-f]{64}\n", one)
    assert key("42:AAH", "https://SHOP.example.com?a=b") == one
    for token, then in (
        ("42:AAJ", "https://shop.example.com/welcome"),
        ("42:AAH", "https://shop.example.com:444/welcome"),
        ("42:AAH", "https://example.com/welcome"),
    ):
        assert key(token, then) != one


def test_a_key_needs_the_token_and_a_site(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.status(["login-key"]) == 2
    assert "TGBOT_BOT_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("TGBOT_BOT_TOKEN", "42:AAH")
    assert cli.status(["login-key"]) == 2
    assert "[login] then = ''" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["--version"]) == 0
    assert re.fullmatch(r"tgbot \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_ctrl_c_while_modules_are_imported_ends_a_command_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    ended = tgbot("users", "list", PYTHONPATH=f"{tmp_path}{os.pathsep}{Path(__file__).parents[1]}")
    assert ended.returncode == 130
    assert ended.stderr == ""


SECRET = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", SECRET],
        [SECRET],
        ["--config", SECRET, "run"],
        ["run", f"--token={SECRET}"],
        ["resolve", SECRET],
    ],
)
def test_a_token_on_the_command_line_is_not_repeated(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.status(arguments)
    (line, *_) = capsys.readouterr().err.splitlines()
    assert SECRET.partition(":")[2] not in line


def test_nothing_asked_is_answered_with_help_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status([]) == 2
    assert "Usage: tgbot" in capsys.readouterr().out


def test_a_run_without_credentials_says_in_three_lines_how_to_get_them() -> None:
    run = tgbot("run")
    assert run.returncode == 2
    lines = run.stderr.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("tgbot: ")
    assert "https://my.telegram.org" in run.stderr
    assert "@BotFather" in run.stderr
    assert "tgbot demo" in lines[2]


def test_a_wrong_setting_is_one_line_and_status_2() -> None:
    run = tgbot("run", TGBOT_DC_ID="two")
    assert run.returncode == 2
    assert run.stderr == (
        "tgbot: TGBOT_DC_ID: [telegram] dc_id = 'two': expected a data centre's number from 1 to 999, or 0"
        " for the server's usual one.\n"
    )


@pytest.mark.parametrize("command", [["resolve", "@anna"], ["check", "@anna"]])
def test_what_needs_the_session_needs_credentials(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.status(command) == 2
    assert "TGBOT_BOT_TOKEN" in capsys.readouterr().err


def test_what_is_neither_name_nor_link_nor_id_is_refused_without_a_login(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.status(["resolve", "what is this?"]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert "'what is this?'" in line
    for address, kind in (
        ("+7 999 123-45-67", "a phone number"),
        ("t.me/+AbCd", "an invitation to a chat"),
    ):
        assert cli.status(["check", address]) == 2
        assert f"'{address}': {kind}" in capsys.readouterr().err


ANNA, BORIS, STRANGER = 5_000_000_001, 5_000_000_002, 5_000_000_003


@pytest.fixture
async def registry(tmp_path: Path) -> SqliteRegistry:
    """Two users, as a running bot has them on disk; the bot still runs."""
    (tmp_path / "sessions").mkdir()
    users = SqliteRegistry(tmp_path / "sessions" / "users.sqlite", clock=time.time)
    now = int(time.time())
    users.seen(
        Profile(ANNA, "Anna\x1b[31m", "", ("anna", "anna_two"), "ru", premium=True), now - 50, Way.MESSAGE
    )
    users.record(ANNA, Evidence(Kind.START, now - 50))
    users.wrote(ANNA, now - 50, 7, "spring")
    users.seen(Profile(BORIS, "Boris", "Bear"), now - 90, Way.MESSAGE)
    users.record(BORIS, Evidence(Kind.MESSAGE, now - 90))
    users.record(BORIS, Evidence(Kind.BOT_STOPPED, now - 40, qts=3))
    await users.flush()
    return users


def results(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_user_is_shown_while_the_bot_runs(
    registry: SqliteRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.status(["users", "show", str(BORIS), "--json"]) == 0
    (boris,) = results(capsys)
    assert boris["access"] == "blocked"
    assert boris["evidence"] == "bot_stopped"
    assert boris["since"] == boris["evidence_at"]
    assert boris["until"] is None
    assert (boris["first_name"], boris["last_name"], boris["usernames"]) == ("Boris", "Bear", [])
    assert boris["known_by"] == ["message"]
    registry.close()


def test_a_user_is_shown_to_a_person(registry: SqliteRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["users", "show", str(ANNA)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^access +reachable$", said, re.MULTILINE)
    assert re.search(r"^usernames +anna, anna_two$", said, re.MULTILINE)
    assert re.search(r"^first payload +spring$", said, re.MULTILINE)
    assert re.search(r"^since +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", said, re.MULTILINE)
    assert "\x1b" not in said
    registry.close()


async def test_what_plugins_keep_and_plan_is_shown_of_a_user(
    registry: SqliteRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.keep_data(ANNA, "shop", {"cart": ["Milk \x1b[31m", 2**70], "who": "\ud800"})
    steps = (Step("ask", done=True, value="M"), Step("say", done=True), Step("once", done=True, value=5))
    registry.keep_talk(ANNA, ANNA, KeptTalk("order", "m1:5", 1_700_000_000, steps=steps))
    registry.keep_talk(ANNA, -1_001, KeptTalk("quiz", "m1:6", 1_700_000_000, over=True))
    for number, name in ((2, "shop.remind"), (1, "talk"), (3, "shop.remind")):
        registry.planned.plan(Planned(f"{number}", 1_800_000_000 + number, name, ANNA, '{"said":"planted"}'))
    await registry.flush()
    assert await asyncio.to_thread(cli.status, ["users", "show", str(ANNA)]) == 0
    out = capsys.readouterr().out
    shown = [line.partition(" ")[::2] for line in out.splitlines()]
    kept = [value.strip() for name, value in shown if name in ("data", "talk", "planned")]
    assert kept == [
        'shop: {"cart":["Milk \\u001b[31m",1180591620717411303424],"who":"\\ud800"}',
        "order in chat 5000000001, since 2023-11-14 22:13:20 UTC, 2 answers",
        "quiz in chat -1001, since 2023-11-14 22:13:20 UTC, it has ended",
        "3 (shop.remind, talk), the next at 2027-01-15 08:00:01 UTC",
    ]
    assert "planted" not in out
    assert await asyncio.to_thread(cli.status, ["users", "show", str(ANNA), "--json"]) == 0
    (anna,) = results(capsys)
    assert anna["data"] == {"shop": {"cart": ["Milk \x1b[31m", 2**70], "who": "\ud800"}}
    assert anna["talks"] == [
        {"chat": ANNA, "name": "order", "since": 1_700_000_000, "answers": 2, "over": False},
        {"chat": -1_001, "name": "quiz", "since": 1_700_000_000, "answers": 0, "over": True},
    ]
    assert anna["planned"] == {"count": 3, "names": ["shop.remind", "talk"], "next": 1_800_000_001}
    assert await asyncio.to_thread(cli.status, ["users", "show", str(BORIS), "--json"]) == 0
    (boris,) = results(capsys)
    assert (boris["data"], boris["talks"], boris["planned"]) == ({}, [], None)
    registry.close()


def test_somebody_never_met_is_a_truthful_no(
    registry: SqliteRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.status(["users", "show", str(STRANGER), "--json"]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"tgbot: the bot never met {STRANGER}\n"
    registry.close()


def test_users_are_counted_in_all_and_by_access(
    registry: SqliteRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.status(["users", "count", "--json"]) == 0
    (counts,) = results(capsys)
    assert counts == {"total": 2} | {access.value: 0 for access in Access} | {"reachable": 1, "blocked": 1}
    assert cli.status(["users", "count"]) == 0
    assert re.search(r"^not allowed +0$", capsys.readouterr().out, re.MULTILINE)
    registry.close()


def test_users_are_listed_by_id_and_can_be_chosen(
    registry: SqliteRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed(*options: str) -> list[int]:
        assert cli.status(["users", "list", "--json", *options]) == 0
        return [user["id"] for user in results(capsys)]

    assert listed() == [ANNA, BORIS]
    assert listed("--limit", "1") == [ANNA]
    assert listed("--after", str(ANNA)) == [BORIS]
    assert listed("--access", "blocked") == [BORIS]
    assert cli.status(["users", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("\x1b" not in line for line in lines)
    registry.close()


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = tgbot(
        "run",
        TGBOT_SERVER="127.0.0.1:9",
        TGBOT_BOT_TOKEN="1:x",
        TGBOT_STORAGE_DIRECTORY=str(tmp_path / "file" / "sessions"),
    )
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"tgbot: {tmp_path}/file/sessions cannot be read or written (Not a directory)")


def test_a_plugin_is_found_beside_the_settings(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "settings.toml").write_text('[bot]\nplugins = ["beside"]')
    (place / "beside.py").write_text("no_register = True")
    run = tgbot(
        "--config", str(place / "settings.toml"), "run", TGBOT_SERVER="127.0.0.1:9", TGBOT_BOT_TOKEN="1:x"
    )
    assert run.returncode == 2
    assert run.stderr.startswith("tgbot: The plugin beside cannot be used: it has no function register, in ")


def test_a_registry_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["users", "count"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "users.sqlite" in line


@pytest.fixture
async def crowd(registry: SqliteRegistry) -> None:
    """More users than a pipe holds."""
    for number in range(5_000):
        registry.seen(Profile(6_000_000_000 + number, "x" * 60), 1, Way.MESSAGE)
    await registry.flush()
    registry.close()


@pytest.mark.usefixtures("crowd")
def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    listing = f"{sys.executable} -m tgbot.cli users list | head -n 1"
    done = subprocess.run(
        ["bash", "-c", listing], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [["users", "list"], ["--version"]], ids=" ".join)
def test_a_reader_that_is_gone_gets_no_traceback(arguments: list[str], registry: SqliteRegistry) -> None:
    registry.close()
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tgbot.cli", *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `tgbot sandbox --json` with more options; ended at the test's end."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tgbot.cli", "sandbox", "--json", *options],
            env=ENVIRONMENT | {"TMPDIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def introduced(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(process.stdout.readline())
    return said


def answered(address: dict[str, Any]) -> bool:
    """Whether the server answers the first step of a key exchange, req_pq_multi."""
    # abridged transport: 40 bytes are 10 words; auth_key_id 0, msg_id, length, constructor, nonce
    message = bytes(8) + (int(time.time()) << 32).to_bytes(8, "little") + (20).to_bytes(4, "little")
    message += 0xBE7E8EF1.to_bytes(4, "little") + b"sixteen bytes!!!"
    with socket.create_connection((address["host"], address["port"]), timeout=20) as connection:
        connection.sendall(b"\xef" + bytes([len(message) // 4]) + message)
        return bool(connection.recv(1))


def test_the_sandbox_says_in_one_line_how_to_reach_it(sandbox: Callable[..., subprocess.Popen[str]]) -> None:
    secret = "dd000102030405060708090a0b0c0d0e0f"
    process = sandbox("--bots", "2", "--dc-id", "3", "--secret", secret)
    said = introduced(process)
    assert set(said) == {"host", "port", "dc_id", "public_key", "proxy", "bots", "users"}
    assert said["proxy"] == f"tg://proxy?server=127.0.0.1&port={said['port']}&secret={secret}"
    assert (said["host"], said["dc_id"]) == ("127.0.0.1", 3)
    assert Path(said["public_key"]).read_text().startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert len({bot["token"] for bot in said["bots"]}) == 2
    assert all(re.fullmatch(r"\d+:[\w-]{35}", bot["token"]) and bot["username"] for bot in said["bots"])
    assert [user["name"] for user in said["users"]] == ["Anna", "Boris", "Clara"]
    assert all(user["phone"].startswith("999663") and user["code"] == "33333" for user in said["users"])
    assert (
        len({user["username"] for user in said["users"]}) == len({user["id"] for user in said["users"]}) == 3
    )
    assert answered(said)
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert rest == ""
    assert not Path(said["public_key"]).exists()


def test_the_end_of_input_does_not_end_the_sandbox_and_ctrl_c_does(
    sandbox: Callable[..., subprocess.Popen[str]],
) -> None:
    process = sandbox()
    said = introduced(process)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("slice 3\nnonsense")
    process.stdin.close()
    process.stdin = None
    assert process.stderr.readline() == "Updates in a difference: at most 3.\n"
    assert "nonsense" in process.stderr.readline()  # the last line before the end of input
    assert answered(said)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_the_sandbox_has_limits_a_small_log_and_one_session_for_updates_where_they_are_asked_for(
    sandbox: Callable[..., subprocess.Popen[str]],
) -> None:
    process = sandbox("--limits", "real", "--box", "7", "--updates-to", "last")
    said = introduced(process)
    rsa.add_key(Path(said["public_key"]).read_text(), old=False)
    session = MemorySession()
    session.set_dc(said["dc_id"], said["host"], said["port"])
    stdin = process.stdin
    assert stdin is not None
    assert process.stderr is not None
    stdin.write("crowd 20 @sandbox_bot\n")
    stdin.flush()
    assert process.stderr.readline() == "People who have started the bot: 20.\n"

    async def use() -> None:
        client = TelegramClient(session, 1, "any", flood_sleep_threshold=0)
        async with await client.start(bot_token=said["bots"][0]["token"]):
            answer = await client(functions.updates.GetDifferenceRequest(1, datetime.now(UTC), 1))
            assert (type(answer), answer.pts) == (types.updates.DifferenceTooLong, 14)
            answer = await client(functions.updates.GetDifferenceRequest(20, datetime.now(UTC), 1))
            to = types.InputPeerUser(answer.new_messages[0].peer_id.user_id, 0)
            for _ in range(5):
                await client(functions.messages.SendMessageRequest(to, "hi"))
            with pytest.raises(errors.FloodWaitError):
                await client(functions.messages.SendMessageRequest(to, "hi"))
            heard: dict[str, asyncio.Event] = {}
            other_session = MemorySession()
            other_session.set_dc(said["dc_id"], said["host"], said["port"])
            other = TelegramClient(other_session, 1, "any")
            async with await other.start(bot_token=said["bots"][0]["token"]):
                for name, node in (("other", other), ("last", client)):
                    heard[name] = asyncio.Event()

                    async def hear(event: object, heard: asyncio.Event = heard[name]) -> None:
                        heard.set()

                    node.add_event_handler(hear, events.NewMessage(incoming=True))
                    await node.get_me()
                stdin.write("crowd 1 @sandbox_bot\n")
                stdin.flush()
                await asyncio.wait_for(heard["last"].wait(), 20)
                for _ in range(5):  # what is pushed comes before an answer, and is dispatched a little later
                    await other.get_me()
                assert not heard["other"].is_set()

    asyncio.run(use())


def test_the_next_free_port_is_taken_and_each_fits_into_a_string_session(
    sandbox: Callable[..., subprocess.Popen[str]],
) -> None:
    """The string sessions of GramJS hold no port above 32767."""
    ports = [introduced(sandbox("--users", "12", "--bots", "0"))["port"] for _ in range(2)]
    assert ports[0] != ports[1]
    assert all(4430 <= port < 32768 for port in ports)


def test_the_program_in_the_help_of_the_sandbox_logs_in_and_writes_to_the_bot(
    sandbox: Callable[..., subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the port is another one, where its own is taken."""
    assert cli.status(["sandbox", "--help"]) == 0
    text = re.search(r"^ +from pathlib.*?(?=\n╭)", capsys.readouterr().out, re.MULTILINE | re.DOTALL)
    assert text is not None
    program = dedent("\n".join(line.rstrip() for line in text[0].splitlines())).strip()
    assert len([line for line in program.splitlines() if line]) == 10
    assert program in (ROOT / "docs/sandbox.md").read_text().replace("\n    ", "\n")
    said = introduced(sandbox("--directory", "here"))
    written = subprocess.run(
        [sys.executable, "-c", program.replace("4430", str(said["port"]))],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert written.stdout.splitlines()[-1:] == ["/start"], written.stderr


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_does_not_see_the_key_of_a_kept_directory(
    sandbox: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    introduced(sandbox("--directory", "here"))
    subprocess.run(["git", "init", "-q", "."], check=True)
    seen = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True
    ).stdout
    assert "here/.gitignore" in seen
    assert "key" not in seen
    assert (tmp_path / "here" / "server_key.pem").exists()


def test_a_gitignore_of_somebody_else_is_left_alone_and_the_key_is_told(
    sandbox: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    process = sandbox("--directory", ".")
    introduced(process)
    assert process.stderr is not None
    assert process.stderr.readline() == "tgbot: server_key.pem is a private key: add it to .gitignore\n"
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_a_kept_directory_keeps_the_key(
    sandbox: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    keys = []
    for _ in range(2):
        process = sandbox("--directory", str(tmp_path / "kept"))
        said = introduced(process)
        process.terminate()
        process.communicate(timeout=20)
        keys.append((Path(said["public_key"]).read_text(), said["proxy"].partition("secret=")[2]))
    assert keys[0] == keys[1]
    assert (tmp_path / "kept" / "server_key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("secret", ["abc", "00", "ee" + "0" * 32 + "612e62"])
def test_a_secret_that_is_none_is_told_in_words(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["sandbox", "--secret", secret]) == 2
    assert "secret" in capsys.readouterr().err


def test_a_sandbox_for_everybody_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["sandbox", "--host", "0.0.0.0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tgbot: ")
    assert "loopback" in line


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.status(["sandbox", "--port", str(taken.getsockname()[1])]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tgbot: ")


@pytest.fixture
def wired(
    sandbox: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> tuple[dict[str, str], subprocess.Popen[str]]:
    """A running sandbox with two bots, and the variables that lead the first there."""
    process = sandbox("--bots", "2")
    said = introduced(process)
    environ = {
        "TGBOT_SERVER": f"{said['host']}:{said['port']}",
        "TGBOT_DC_ID": str(said["dc_id"]),
        "TGBOT_PUBLIC_KEY": said["public_key"],
        "TGBOT_BOT_TOKEN": said["bots"][0]["token"],
        "TGBOT_STORAGE_DIRECTORY": str(tmp_path / "kept"),
    }
    names = [bot["username"] for bot in said["bots"]]
    return environ | {"USERNAME_OF_BOT": names[0], "USERNAME_OF_OTHER_BOT": names[1]}, process


def test_names_are_resolved_and_nobody_is_a_truthful_no(
    wired: tuple[dict[str, str], subprocess.Popen[str]],
) -> None:
    environ, _ = wired
    found = tgbot("resolve", "@" + environ["USERNAME_OF_BOT"], "--json", **environ)
    assert found.returncode == 0, found.stderr
    bot = json.loads(found.stdout)
    assert (bot["kind"], bot["access"]) == ("bot", "bot")
    pasted = tgbot(
        "resolve", f"«https://t.me/{environ['USERNAME_OF_BOT']}?start=a%20b».", "--json", **environ
    )
    assert json.loads(pasted.stdout)["id"] == bot["id"], pasted.stderr
    assert str(bot["id"]) == environ["TGBOT_BOT_TOKEN"].partition(":")[0]
    nobody = tgbot("resolve", "@nobody_of_that_name", **environ)
    assert nobody.returncode == 3
    assert len(nobody.stderr.splitlines()) == 1
    checked = tgbot("check", "@" + environ["USERNAME_OF_BOT"], "--json", **environ)
    assert checked.returncode == 3, checked.stderr


def test_an_answer_that_cannot_be_read_is_one_line_without_its_bytes(
    wired: tuple[dict[str, str], subprocess.Popen[str]],
) -> None:
    environ, process = wired
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("garble-answers contacts.resolveUsername seconds=inf\n")
    process.stdin.flush()
    assert any("cannot be read" in line for line in process.stderr)
    refused = tgbot("resolve", "@" + environ["USERNAME_OF_OTHER_BOT"], **environ)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("tgbot: Telegram refused the request (Unrea")


def test_the_running_bot_answers_for_its_files_and_a_second_one_is_refused(
    wired: tuple[dict[str, str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    environ, _ = wired
    with subprocess.Popen(
        [sys.executable, "-m", "tgbot.cli", "run"],
        env=ENVIRONMENT | environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as bot:
        assert bot.stderr is not None
        try:
            assert any("running as @" in line for line in bot.stderr)
            counted = tgbot("users", "count", "--json", **environ)
            assert counted.returncode == 0, counted.stderr
            assert json.loads(counted.stdout)["total"] == 0
            unknown = tgbot("resolve", "@anna", **environ)
            assert unknown.returncode == 3, unknown.stderr
            ids = tmp_path / "ids.json"
            ids.write_text("[7]")
            imported = tgbot("users", "import", str(ids), "--json", **environ)
            assert json.loads(imported.stdout)["new"] == 1, imported.stderr
            exported = tgbot("users", "export", **environ)
            assert (exported.returncode, json.loads(exported.stdout)["id"]) == (0, 7), exported.stderr
            linked = tgbot("link", "start", "--json", **environ)
            assert json.loads(linked.stdout)["bot"] == environ["USERNAME_OF_BOT"].lower()
            second = tgbot("run", **environ)
            assert second.returncode == 1
            assert len(second.stderr.splitlines()) == 1
        finally:
            bot.send_signal(signal.SIGINT)
        bot.stderr.read()
        assert bot.wait(20) == 0


def test_a_secret_that_others_can_read_is_told_beside_the_answer(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    SqliteRegistry(tmp_path / "sessions" / "users.sqlite", clock=time.time).close()
    (tmp_path / "secrets.toml").write_text('[telegram]\nbot_token = "42:secret"')
    warning = "secrets.toml holds secrets, and others can read it (mode 0644): chmod 600 secrets.toml"
    for mode, said in ((0o644, f"tgbot: {warning}\n"), (0o600, "")):
        (tmp_path / "secrets.toml").chmod(mode)
        answer = tgbot("users", "count", "--json")
        assert (json.loads(answer.stdout)["total"], answer.stderr) == (0, said)


def test_texts_are_checked_and_each_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "de.ftl").write_text(
        "start-hello = Hallo, { $nam }!\nstart-helo = Hallo!\nstart-group = { start-grup }\n"
        "language-name = Deutsch"
    )
    checked = tgbot("texts", "check", TGBOT_TEXTS=str(own))
    assert checked.returncode == 3
    assert checked.stdout.splitlines() == [
        f"{own}/de.ftl:1: start-hello: the bot gives it no $nam; did you mean $name?",
        f"{own}/de.ftl:2: start-helo: the bot has no such text; did you mean start-hello?",
        f"{own}/de.ftl:3: start-group: there is no text start-grup; did you mean start-group?",
        *(line for line in checked.stdout.splitlines()[3:] if line.endswith(" texts")),
    ]
    assert checked.stdout.splitlines()[4].split() == ["de", "2", "texts"]
    assert checked.stderr == ""
    assert json.loads(tgbot("texts", "check", "--json", TGBOT_TEXTS=str(own)).stdout.splitlines()[2]) == {
        "file": f"{own}/de.ftl",
        "line": 3,
        "id": "start-group",
        "what": "there is no text start-grup; did you mean start-group?",
    }
    (own / "de.ftl").write_text("start-hello = Hallo, { $name }!")
    assert tgbot("texts", "check", TGBOT_TEXTS=str(own)).returncode == 0
    (own / "de.ftl").write_text("start-hello = { $")
    broken = tgbot("texts", "check", TGBOT_TEXTS=str(own))
    assert broken.returncode == 2
    assert f"{own}/de.ftl:1" in broken.stderr


def test_the_own_texts_of_the_bot_have_no_mistake() -> None:
    checked = tgbot("texts", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert [line.split()[0] for line in checked.stdout.splitlines()] == ["en", "ru"]
