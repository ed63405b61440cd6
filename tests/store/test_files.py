"""Who may read the bot's files, and that they are still the ones that were opened."""

# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.store.registries import meet, now
from tgbot.core.errors import StorageError, StorageFailedError, StorageGoneError
from tgbot.store.base import UpdateState
from tgbot.store.files import OpenFile, private_directory, whole_file
from tgbot.store.lock import instance_lock
from tgbot.store.opened import IDLE_SECONDS
from tgbot.store.sqlite.logins import UsedLogins
from tgbot.store.sqlite.store import SqliteStore


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


def opened(home: Path) -> SqliteStore:
    return SqliteStore(home / "bot.session", home / "users.sqlite", clock=now)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def stopped(home: Path) -> None:
    """Run a bot that leaves all its files, with the companions of a killed one."""
    with instance_lock(home / "bot.session"):
        store, logins = opened(home), UsedLogins(home / "logins.sqlite")
        meet(store.users, 1)
        await store.checkpoint(UpdateState(1, 1, 1, 1))
        await logins.add(b"one", 1, 1)
        kept = {file.name: file.read_bytes() for file in home.iterdir()}
        store.close()
        logins.close()
    for name, content in kept.items():
        (home / name).write_bytes(content)


# ---- modes ---------------------------------------------------------------------------------------------


def modes(home: Path) -> set[int]:
    return {mode(file) for file in home.iterdir()}


async def test_everything_is_private_from_the_first(home: Path) -> None:
    old = os.umask(0)
    try:
        with instance_lock(home / "bot.session"):
            store, logins = opened(home), UsedLogins(home / "logins.sqlite")
            meet(store.users, 2)
            await store.checkpoint(UpdateState(2, 1, 1, 1))
            await logins.add(b"one", 1, 1)
            assert mode(home) == 0o700
            assert modes(home) == {0o600}
            store.close()
            logins.close()
    finally:
        os.umask(old)


async def test_what_others_could_read_is_private_again_after_a_start(home: Path) -> None:
    await stopped(home)
    names = {file.name for file in home.iterdir()}
    assert names >= {
        "bot.lock",
        *(f"{name}-wal" for name in ("bot.session", "users.sqlite", "logins.sqlite")),
    }
    home.chmod(0o755)
    for file in home.iterdir():
        file.chmod(0o644)
    with instance_lock(home / "bot.session"):
        store, logins = opened(home), UsedLogins(home / "logins.sqlite")
        assert mode(home) == 0o700
        assert modes(home) == {0o600}
        assert store.users.get(1) is not None
        store.close()
        logins.close()


def test_a_directory_with_files_of_others_keeps_its_mode(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "bot.py").write_text("")
    with instance_lock(tmp_path / "bot.session"):
        assert mode(tmp_path) == 0o755
        assert mode(tmp_path / "bot.lock") == 0o600
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(tmp_path) in record.getMessage()


@pytest.mark.parametrize(
    "name", ["bot.lock", "bot.session", "bot.session-wal", "users.sqlite", "users.sqlite-shm"]
)
async def test_a_symbolic_link_is_refused_and_its_target_left_alone(home: Path, name: str) -> None:
    await stopped(home)
    elsewhere = home.parent / "elsewhere"
    elsewhere.write_bytes((home / name).read_bytes())
    elsewhere.chmod(0o644)
    before = elsewhere.read_bytes()
    (home / name).unlink()
    (home / name).symlink_to(elsewhere)
    with pytest.raises(StorageFailedError, match="symbolic link") as refused:
        locked_and_opened(home)
    assert name in str(refused.value)
    assert elsewhere.read_bytes() == before
    assert mode(elsewhere) == 0o644


def locked_and_opened(home: Path) -> None:
    with instance_lock(home / "bot.session"):
        opened(home)


async def test_a_link_to_the_directory_is_followed(home: Path) -> None:
    await stopped(home)
    link = home.parent / "link"
    link.symlink_to(home)
    with instance_lock(link / "bot.session"):
        store = opened(link)
        meet(store.users, 2)
        await store.checkpoint(UpdateState(2, 1, 1, 1))
        store.close()
    assert not (home.parent / "bot.session-wal").exists()


OPEN = """
import os, sys
from pathlib import Path
from tgbot.core.errors import StorageError
from tgbot.store.lock import instance_lock
from tgbot.store.sqlite.store import SqliteStore
os.setgroups([]), os.setgid(65534), os.setuid(65534)
home = Path(sys.argv[1])
try:
    with instance_lock(home / "bot.session"):
        SqliteStore(home / "bot.session", home / "users.sqlite", clock=lambda: 1).close()
except StorageError as error:
    print(error)
else:
    print("opened")
"""


def opened_by_nobody(home: Path) -> str:
    command = [sys.executable, "-c", OPEN, str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", ["bot.session", "users.sqlite", "users.sqlite-wal", "bot.lock"])
async def test_a_file_that_cannot_be_read_is_told_with_mode_and_owner_and_put_right_by_the_mode(
    name: str,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a user for whom modes count")
    with TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        home = Path(open_to_all) / "sessions"
        await stopped(home)
        for file in (home, *home.iterdir()):
            os.chown(file, 65_534, 65_534)
        (home / name).chmod(0)
        said = opened_by_nobody(home)
        assert f"{name} has mode 0000 and belongs to uid 65534" in said
        assert "runs as uid 65534" in said
        (home / name).chmod(0o600)
        os.chown(home / name, 0, 0)
        assert f"{name} has mode 0600 and belongs to uid 0" in opened_by_nobody(home)
        os.chown(home / name, 65_534, 65_534)
        assert opened_by_nobody(home) == "opened"


# ---- deleted or replaced -------------------------------------------------------------------------------


def unlink(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


@pytest.mark.parametrize("harm", [unlink, replace, move])
@pytest.mark.parametrize(
    "name",
    [
        *("bot.session", "bot.session-wal", "bot.session-shm", "users.sqlite", "users.sqlite-wal"),
        *("users.sqlite-shm", "bot.lock"),
    ],
)
async def test_a_file_that_goes_away_fails_the_next_checkpoint_for_good(
    home: Path, name: str, harm: Callable[[Path], None]
) -> None:
    with instance_lock(home / "bot.session") as lock:
        store = opened(home)
        store.watch(lock)
        meet(store.users, 1)
        await store.checkpoint(UpdateState(1, 1, 1, 1))
        await store.checkpoint(UpdateState(2, 1, 1, 1))
        harm(home / name)
        meet(store.users, 2)
        for _ in range(2):
            with pytest.raises(StorageGoneError, match=name):
                await store.checkpoint(UpdateState(3, 1, 1, 1))
        store.close()


async def test_no_state_is_written_past_users_that_are_lost(home: Path) -> None:
    store = opened(home)
    meet(store.users, 1)
    await store.checkpoint(UpdateState(1, 1, 1, 1))
    (home / "users.sqlite").unlink()
    meet(store.users, 2)
    with pytest.raises(StorageError):
        await store.checkpoint(UpdateState(2, 1, 1, 1))
    assert store.update_state() == UpdateState(1, 1, 1, 1)
    store.close()


async def test_an_idle_store_wants_to_look_after_its_files(home: Path) -> None:
    home.mkdir()
    time = [0.0]
    files = home / "bot.session", home / "users.sqlite"
    store = SqliteStore(*files, clock=now, monotonic=lambda: time[0])
    time[0] += IDLE_SECONDS - 0.1
    assert not store.changed
    time[0] += 0.1
    assert store.changed
    await store.checkpoint(None)
    assert not store.changed
    store.close()


async def test_a_session_that_is_closed_and_used_again_is_no_other_file(home: Path) -> None:
    store = opened_in_new(home)
    for number in range(1, 4):
        await store.checkpoint(UpdateState(number, 1, 1, 1))
        store.session.close()
    store.close()


def opened_in_new(home: Path) -> SqliteStore:
    private_directory(home)
    return opened(home)


def test_a_file_that_is_not_there_is_not_open(home: Path) -> None:
    with pytest.raises(StorageGoneError):
        OpenFile(home / "missing").check()


# ---- whole files ---------------------------------------------------------------------------------------


def test_a_whole_file_gets_its_name_in_the_end_or_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "code.svg"
    target.write_text("old")

    def fail() -> None:
        with whole_file(target) as part:
            part.write_text("half")
            raise OSError(5, "Input/output error")

    with pytest.raises(StorageFailedError):
        fail()
    assert [file.name for file in tmp_path.iterdir()] == ["code.svg"]
    assert target.read_text() == "old"
    with whole_file(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["code.svg"]
    assert target.read_text() == "new"
