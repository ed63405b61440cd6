"""The copies that are kept before a file is upgraded."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.sqlite.test_sessionfile import version_7
from tests.store.sqlite.test_userschema import set_schema
from tgbot.core.errors import RegistryTooOldError, StorageError
from tgbot.store.sqlite import userschema
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.sqlite.userfile import SqliteRegistry


def opened(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "bot.session", tmp_path / "users.sqlite", clock=lambda: 1000.0).close()


def version(file: Path, query: str) -> object:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchone()[0]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A directory with a session and a registry, both of an older version, and a third file."""
    SqliteRegistry(tmp_path / "users.sqlite", clock=lambda: 1000.0).close()
    set_schema(tmp_path / "users.sqlite", 1)
    version_7(tmp_path / "bot.session")
    with closing(sqlite3.connect(tmp_path / "logins.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE used (login TEXT)")
    return tmp_path


def test_a_start_that_upgrades_two_files_keeps_one_copy_of_all_and_says_so(
    old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened(old)
    (kept,) = old.glob("before-upgrade-*")
    assert sorted(path.name for path in kept.iterdir()) == ["bot.session", "logins.sqlite", "users.sqlite"]
    assert version(kept / "bot.session", "SELECT version FROM version") == 7
    assert version(kept / "users.sqlite", "SELECT value FROM meta WHERE key = 'schema'") == "1"
    assert {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}
    assert kept.stat().st_mode & 0o777 == 0o700
    (said,) = caplog.messages
    assert said.startswith(f"{old}/bot.session has version 7, and this program writes 8: it is upgraded")
    assert str(kept) in said


def test_a_later_upgrade_keeps_a_copy_of_its_own(old: Path) -> None:
    opened(old)
    (kept,) = old.glob("before-upgrade-*")
    os.utime(kept, (1, 1))
    kept.rename(old / "before-upgrade-earlier")
    set_schema(old / "users.sqlite", 1)
    opened(old)
    assert len(list(old.glob("before-upgrade-*"))) == 2


def test_an_upgrade_that_fails_again_and_again_is_preceded_by_one_copy(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(userschema, "MIGRATIONS", {1: ("SELECT * FROM nowhere",)})
    for _ in range(3):
        with pytest.raises(StorageError):
            opened(old)
    assert len(list(old.glob("before-upgrade-*"))) == 1
    monkeypatch.setattr(userschema, "MIGRATIONS", {})
    with pytest.raises(RegistryTooOldError):
        opened(old)


def test_what_cannot_be_copied_is_not_upgraded(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(StorageError):
            opened(old)
    assert version(old / "bot.session", "SELECT version FROM version") == 7
    opened(old)
    assert len(list(old.glob("before-upgrade-*"))) == 1
