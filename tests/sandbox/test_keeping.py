"""A world that outlasts the sandbox: in a file, with the auth keys and their logins."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.sandbox.conftest import plain_client, server_key
from tgbot.sandbox.keeping import NAME, Keeper, KeptError, load, write
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.world import World


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / NAME


async def test_after_a_restart_sessions_messages_and_logs_go_on_without_a_login(file: Path) -> None:
    async with Sandbox(key=server_key()) as first, Keeper(first, file):
        account = first.new_bot("kept_bot")
        anna = first.world.new_user("Anna", username="anna_kept")
        bot = plain_client(first)
        await bot.connect()
        await bot.sign_in(bot_token=account.token)
        first.world.send_as(anna.id, account.id, "before")
        await bot.disconnect()
    state: Any = load(file)
    async with Sandbox(key=server_key(), **state) as second:
        known = second.world.accounts[account.id]
        assert (known.token, known.usernames) == (account.token, ["kept_bot"])
        assert second.world.accounts[anna.id].phone == anna.phone
        second.world.send_as(anna.id, account.id, "after")
        bot.session.set_dc(second.dc_id, second.host, second.port)
        await bot.connect()
        assert await bot.is_user_authorized()
        assert [message.text for message in await bot.get_messages(None, ids=[1, 2])] == ["before", "after"]
        assert "auth.importBotAuthorization" not in second.calls
        await bot.disconnect()


async def test_it_is_written_while_anything_changes_and_not_otherwise(file: Path) -> None:
    async with Sandbox(key=server_key()) as server:
        keeper = Keeper(server, file, seconds=0.01)
        async with keeper:
            await until(lambda: keeper.written == 1)
            anna = server.world.new_user("Anna")
            await until(lambda: keeper.written == 2)
            server.world.send_as(anna.id, server.new_bot("kept_bot").id, "a message")
            await until(lambda: keeper.written >= 3)
            await until(lambda: has(file, "a message"))
            for _ in range(3):
                written = keeper.written
                await asyncio.sleep(0.05)
            assert keeper.written == written
    assert file_names(file.parent) == {NAME: 0o600}


def has(file: Path, text: str) -> bool:
    found: Any = load(file)
    world: World = found["world"]
    return any(copy.post.text == text for each in world.accounts.people() for copy in each.box)


def file_names(directory: Path) -> dict[str, int]:
    return {each.name: each.stat().st_mode & 0o777 for each in directory.iterdir()}


async def until(so: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not so():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


def until_it_is_there(file: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_missing_file_is_a_new_world(file: Path) -> None:
    assert load(file) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data[:-100], "is damaged"),
        (lambda data: data[:-1] + b"\0", "is damaged"),
        (lambda data: data.replace(b"format 1", b"format 0", 1), "is of another version"),
        (lambda data: data.replace(b"Telethon ", b"Telethon 0.", 1), "is of another version"),
        (lambda data: b"holiday pictures", "holds no world"),
        (lambda data: b"", "holds no world"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words_and_left_alone(
    file: Path, change: Any, told: str
) -> None:
    write(Sandbox(key=server_key()), file)
    changed = change(file.read_bytes())
    file.write_bytes(changed)
    with pytest.raises(KeptError, match=told) as refused:
        load(file)
    assert str(file) in str(refused.value)
    assert file.read_bytes() == changed


def test_a_class_that_is_gone_is_another_version(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Sandbox(key=server_key()), file)
    monkeypatch.delattr("tgbot.sandbox.world.World")
    with pytest.raises(KeptError, match="another version of the sandbox"):
        load(file)


def test_a_file_that_others_can_write_is_refused(file: Path) -> None:
    write(Sandbox(key=server_key()), file)
    file.chmod(0o620)
    with pytest.raises(KeptError, match="can be written by others"):
        load(file)
    file.chmod(0o600)
    file.parent.chmod(0o777)
    with pytest.raises(KeptError, match="directory that others can write"):
        load(file)
    file.parent.chmod(0o700)
    assert load(file)


def test_a_write_that_fails_leaves_the_file_before(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Sandbox(key=server_key()), file)
    before = file.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(Sandbox(key=server_key()), file)
    assert file.read_bytes() == before


def test_the_command_goes_on_after_a_kill_with_the_same_people_and_bots(tmp_path: Path) -> None:
    def started() -> tuple[subprocess.Popen[str], dict[str, Any]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tgbot.cli", "sandbox", "--json", "--page", "--directory", "here"],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    process, first = started()
    try:
        assert first["page"].startswith("http://127.0.0.1:8")
        file = tmp_path / "here" / NAME
        until_it_is_there(file)
    finally:
        process.kill()
        process.communicate()
    process, second = started()
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 0
    assert (second["bots"], second["users"]) == (first["bots"], first["users"])
    assert second["page"] != first["page"]
