"""Commands over the socket: who is heard, and that no client can disturb the bot or another client."""

# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.telegram.conftest import PATIENCE, until
from tgbot.core.errors import BotAnswerError, BotSilentError, NotParkedError
from tgbot.operate.control import MAX_CLIENTS, REQUEST_BYTES, Say, ask, listening


async def echo(say: Say, text: str = "", n: object = None) -> object:
    return {"text": text, "n": n}


async def refuse(say: Say) -> object:
    raise NotParkedError("m1:5")


async def fail(say: Say, x: str = "") -> object:
    raise ValueError("the text of a message")


COMMANDS = {"echo": echo, "refuse": refuse, "fail": fail}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.control"


async def asked(path: Path, command: str = "echo", /, **arguments: Any) -> Any:
    return await asyncio.to_thread(ask, path, command, arguments)


async def test_a_command_gets_its_answer(path: Path) -> None:
    async with listening(path, COMMANDS):
        assert await asked(path, text="é\n\ud800", n=[1, None]) == {"text": "é\n\ud800", "n": [1, None]}
        with pytest.raises(BotAnswerError, match="No parked update has the key m1:5") as refused:
            await asked(path, "refuse")
        assert refused.value.exit_status == 3
        with pytest.raises(BotAnswerError, match="does not know the command"):
            await asked(path, "unknown")


async def test_a_command_that_fails_is_an_error_whose_words_are_nowhere(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(path, COMMANDS):
        with pytest.raises(BotAnswerError, match=r"failed in the bot \(ValueError\)") as failed:
            await asked(path, "fail")
        assert await asked(path, n=1) == {"text": "", "n": 1}
    assert "text of a message" not in str(failed.value)
    (record,) = caplog.records
    assert "in fail" in record.getMessage()
    assert record.exc_info is None


async def test_the_socket_is_private_and_is_gone_afterwards(path: Path) -> None:
    async with listening(path, COMMANDS):
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        await asked(path)


async def test_a_socket_left_by_a_killed_bot_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(ConnectionRefusedError):
        await asked(path)
    async with listening(path, COMMANDS):
        assert await asked(path, n=1) == {"text": "", "n": 1}


async def test_a_path_longer_than_the_system_takes(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 50)
    directory.mkdir()
    async with listening(directory / "bot.control", COMMANDS):
        assert await asked(directory / "bot.control", n=1) == {"text": "", "n": 1}


async def test_where_no_socket_can_be_made_the_bot_runs_without(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("mine")
    async with listening(path, COMMANDS):
        pass
    assert path.read_text() == "mine"
    async with listening(path.parent / "missing" / "bot.control", COMMANDS):
        pass
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "there is something else than a socket" in caplog.text


async def raw(path: Path, request: bytes) -> bytes:
    """Return what the bot answers to these bytes; it may hang up at any time."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(request)
        writer.write_eof()
        return await reader.read()
    except OSError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "request_line",
    [
        b"",
        b"\n",
        b"{\n",
        b"[]\n",
        b"null\n",
        b'"echo"\n',
        b'{"command": "echo"}\n',
        b'{"command": [], "arguments": {}}\n',
        b'{"command": "echo", "arguments": 5}\n',
        b'{"command": "echo", "arguments": {}',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b"x" * (3 * REQUEST_BYTES),
        b'{"command": "fail", "arguments": {"x": "' + b"y" * 3 * REQUEST_BYTES + b'"}}\n',
    ],
    ids=lambda line: repr(line[:20]),
)
async def test_a_broken_request_is_refused_or_cut_off_and_nobody_else_notices(
    path: Path, request_line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(path, COMMANDS):
        answer = await raw(path, request_line)
        if answer and request_line != b'{"command": "echo", "arguments": {}':
            assert set(json.loads(answer)) - {"known"} == {"error", "status"}
        assert await asked(path, n=1) == {"text": "", "n": 1}
    assert not caplog.records


async def test_a_client_that_says_nothing_is_cut_off(path: Path) -> None:
    async with listening(path, COMMANDS, client_seconds=0.05):
        reader, writer = await asyncio.open_unix_connection(str(path))
        assert await reader.read() == b""
        writer.close()


async def test_a_client_that_does_not_read_its_answer_is_cut_off(path: Path) -> None:
    finished = asyncio.Event()

    async def much(say: Say) -> object:
        finished.set()
        return "x" * 10_000_000

    async with listening(path, COMMANDS | {"much": much}, client_seconds=1.0):
        reader, writer = await asyncio.open_unix_connection(str(path), limit=10)
        writer.write(b'{"command": "much", "arguments": {}}\n')
        await finished.wait()
        assert await asked(path, n=1) == {"text": "", "n": 1}
        await until(lambda: not serving_tasks())
        with pytest.raises(asyncio.IncompleteReadError):
            await reader.readexactly(10_000_000)
        writer.close()


def serving_tasks() -> list[str]:
    """Return the names of the coroutines that serve a client now."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return [name for one in coroutines if (name := getattr(one, "__qualname__", "")) == "_Clients._serve"]


async def test_many_idle_clients_are_turned_away_and_later_ones_served(path: Path) -> None:
    async with listening(path, COMMANDS, client_seconds=1.0):
        idle = [await asyncio.open_unix_connection(str(path)) for _ in range(MAX_CLIENTS + 4)]
        turned_away = [reader for reader, _ in idle[MAX_CLIENTS:]]
        for reader in turned_away:
            assert await _read(reader) == b""
        for reader, _ in idle:
            assert await _read(reader) == b""
        assert await asked(path, n=1) == {"text": "", "n": 1}
        for _, writer in idle:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_a_bot_that_does_not_answer_is_told(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(BotSilentError, match="timed out"):
            await asyncio.to_thread(ask, path, "echo", {}, seconds=0.1)


async def test_a_command_under_way_does_not_hold_up_a_stop(path: Path) -> None:
    began = asyncio.Event()

    async def hang(say: Say) -> object:
        began.set()
        return await asyncio.Event().wait()

    async with listening(path, {"hang": hang}):
        asking = asyncio.create_task(asked(path, "hang"))
        await began.wait()
    with pytest.raises(BotSilentError):
        await asking


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"x": 5}, "x: "),
        ({"n": 1, "wrong": 2}, "wrong: "),
        ({"text": []}, "text: "),
    ],
)
async def test_wrong_arguments_are_named_and_the_command_does_not_begin(
    path: Path, arguments: dict[str, object], said: str
) -> None:
    command = "fail" if "x" in arguments else "echo"
    async with listening(path, COMMANDS):
        with pytest.raises(BotAnswerError, match=f"^{said}.*control.md") as refused:
            await asked(path, command, **arguments)
        assert refused.value.exit_status == 2


async def count_to(say: Say, number: int) -> object:
    for each in range(number):
        await say({"at": each, "text": "x" * 1000})
    return number


async def test_how_far_a_command_is_comes_before_its_result(path: Path) -> None:
    heard: list[int] = []
    async with listening(path, COMMANDS | {"count_to": count_to}):
        work = asyncio.to_thread(
            ask, path, "count_to", {"number": 1000}, heard=lambda progress: heard.append(progress["at"])
        )
        assert await work == 1000
    assert heard == list(range(1000))


async def test_a_client_that_goes_away_ends_its_command(path: Path) -> None:
    ended = asyncio.Event()
    told = asyncio.Event()

    async def forever(say: Say) -> object:
        try:
            while True:
                await say({})
                told.set()
                await asyncio.sleep(0)
        finally:
            ended.set()

    async with listening(path, COMMANDS | {"forever": forever}):
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"command": "forever", "arguments": {}}\n')
        await told.wait()
        writer.close()
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def test_a_client_that_does_not_read_how_far_a_command_is_costs_bounded_memory(path: Path) -> None:
    said = 0

    async def much(say: Say) -> object:
        nonlocal said
        while True:
            await say({"text": "x" * 100_000})
            said += 1

    async with listening(path, COMMANDS | {"much": much}, client_seconds=0.2):
        _, writer = await asyncio.open_unix_connection(str(path), limit=10)
        writer.write(b'{"command": "much", "arguments": {}}\n')
        await until(lambda: said)
        await until(lambda: not serving_tasks())
        writer.close()
    assert said < 50


ASK = """
import os, sys
from pathlib import Path
from tgbot.operate.control import ask
os.setuid(int(sys.argv[2]))
print(ask(Path(sys.argv[1]), "echo", {"n": 1}))
"""


async def test_another_user_is_not_heard_even_where_the_modes_let_them(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with TemporaryDirectory() as open_to_all:
        path = Path(open_to_all) / "bot.control"
        path.parent.chmod(0o755)
        async with listening(path, COMMANDS):
            path.chmod(0o666)
            mine, other = [await asyncio.to_thread(asked_by, user, path) for user in (0, 65_534)]
    assert mine.stdout == "{'text': '', 'n': 1}\n", mine.stderr
    assert other.returncode != 0
    assert "BotSilentError" in other.stderr


SERVE = """
import asyncio, concurrent.futures.thread, os, sys
from pathlib import Path
from pydantic import create_model
from tgbot.operate.control import listening

async def echo(say: object, n: int = 0) -> object:
    return {"n": n}

async def main():
    async with listening(Path(sys.argv[1]), {"echo": echo}):
        print("up", flush=True)
        await asyncio.to_thread(sys.stdin.read)

create_model("Early", n=(object, ...))(n=1)  # what it imports late, another user may not read
os.setuid(65_534)
asyncio.run(main())
"""


def test_root_is_heard_by_a_bot_of_another_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with TemporaryDirectory() as directory:
        os.chown(directory, 65_534, -1)
        path = Path(directory) / "bot.control"
        command = [sys.executable, "-c", SERVE, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bot:
            assert bot.stdin is not None
            assert bot.stdout is not None
            assert bot.stdout.readline() == b"up\n"
            assert ask(path, "echo", {"n": 1}) == {"n": 1}
            bot.stdin.close()
    assert bot.returncode == 0


def asked_by(user: int, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ASK, str(path), str(user)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
