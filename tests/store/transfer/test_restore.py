"""A backup in the place of the bot's files."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tgbot.core.errors import (
    RegistryDamagedError,
    RegistryTooNewError,
    RestoreError,
    SessionDamagedError,
    SessionInUseError,
    StorageFullError,
)
from tgbot.core.talks import KeptTalk, Step
from tgbot.core.users import Profile, Way
from tgbot.store.base import Account, Planned
from tgbot.store.lock import instance_lock
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.transfer import restore as module
from tgbot.store.transfer.backup import backup
from tgbot.store.transfer.restore import Files, Restored, restore

BOT = 4242
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def files(directory: Path) -> Files:
    return Files(directory / "bot.session", directory / "users.sqlite", directory / "logins.sqlite")


async def met(directory: Path, user: int, bot: int = BOT) -> None:
    """Have a bot, in this directory, meet a user."""
    place = files(directory)
    store = SqliteStore(place.session, place.registry, clock=lambda: 1000.0)
    store.session.set_bot_id(bot)
    store.belongs_to(Account(bot, True, False, False))
    store.users.seen(Profile(user, f"User {user}"), 999, Way.MESSAGE)
    await store.checkpoint(None)
    store.close()


def known(directory: Path) -> list[int]:
    """Return whom the bot of these files knows."""
    place = files(directory)
    store = SqliteStore(place.session, place.registry, clock=lambda: 1000.0)
    found = [user.id for user in store.users.iterate()]
    assert store.session.bot_id() == BOT
    store.close()
    return found


def restored(source: Path, directory: Path, *, bot_id: int | None = BOT, force: bool = False) -> Restored:
    return restore(
        source, files(directory), bot_id=bot_id, force=force, now=AT, progress=lambda file, share: None
    )


@pytest.fixture
async def copies(tmp_path: Path) -> Path:
    """A backup of a bot that had met user 1, and has met user 2 since."""
    await met(tmp_path / "bot", 1)
    backup(list(files(tmp_path / "bot")), tmp_path / "copies", lambda file, share: None)
    await met(tmp_path / "bot", 2)
    return tmp_path / "copies"


async def test_the_files_are_those_of_the_backup_and_the_others_are_kept(
    copies: Path, tmp_path: Path
) -> None:
    done = restored(copies, tmp_path / "bot")
    assert known(tmp_path / "bot") == [1]
    assert done.aside == tmp_path / "bot" / "before-restore-2026-03-01T09-00-00Z"
    assert known(done.aside) == [1, 2]
    assert [path.name for path in done.files] == ["bot.session", "users.sqlite"]
    assert {path.stat().st_mode & 0o777 for path in done.files} == {0o600}
    assert known(copies) == [1]  # and can be restored again


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_what_root_restores_belongs_to_the_owner_of_the_directory(copies: Path, tmp_path: Path) -> None:
    os.chown(tmp_path / "bot", 1, 1)
    (tmp_path / "roots").touch()
    os.link(tmp_path / "roots", tmp_path / "bot" / "bot.session-2")
    (tmp_path / "bot" / "notes").touch()
    done = restored(copies, tmp_path / "bot")
    assert done.aside is not None
    for path in (*done.files, done.aside, *done.aside.iterdir(), tmp_path / "bot" / "bot.lock"):
        assert path.stat().st_uid == 1, path
    assert [(tmp_path / name).stat().st_uid for name in ("roots", "bot/notes")] == [0, 0]


async def test_a_backup_has_what_plugins_keep_and_what_is_planned(tmp_path: Path) -> None:
    place = files(tmp_path / "bot")
    plan = Planned("shop.remind:1", 2_000, "shop.remind", 1, '{"text":"Milk"}')
    talk = KeptTalk("order", "m1:5", 900, steps=(Step("ask", "size", 6),))
    with closing(SqliteStore(place.session, place.registry, clock=lambda: 1000.0)) as store:
        store.session.set_bot_id(BOT)
        store.users.keep_data(1, "shop", {"cart": [1]})
        store.users.keep_talk(1, -1_001, talk)
        store.planned.plan(plan)
        await store.checkpoint(None)
        backup(list(place), tmp_path / "copies", lambda file, share: None)
        await store.forget(1)
    restored(tmp_path / "copies", tmp_path / "bot")
    with closing(SqliteStore(place.session, place.registry, clock=lambda: 1000.0)) as store:
        assert store.users.data(1, "shop") == {"cart": [1]}
        assert store.users.talk(1, -1_001) == talk
        assert await store.planned.due(2_000) == [plan]


async def test_another_machine_gets_its_files_from_a_backup(copies: Path, tmp_path: Path) -> None:
    done = restored(copies, tmp_path / "new" / "bot")
    assert done.aside is None
    assert known(tmp_path / "new" / "bot") == [1]
    assert (tmp_path / "new" / "bot").stat().st_mode & 0o777 == 0o700


def leave_a_log(directory: Path) -> None:
    """Have user 1 be gone, as far as only the log of the registry says."""
    place = files(directory)
    with closing(sqlite3.connect(place.registry)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        with connection:
            connection.execute("DELETE FROM users WHERE key = '1'")
        log = place.registry.with_name("users.sqlite-wal").read_bytes()
        main = place.registry.read_bytes()
    place.registry.write_bytes(main)
    place.registry.with_name("users.sqlite-wal").write_bytes(log)


async def test_what_a_killed_bot_left_in_a_log_is_kept_and_does_not_meet_the_backup(
    copies: Path, tmp_path: Path
) -> None:
    leave_a_log(tmp_path / "bot")
    done = restored(copies, tmp_path / "bot")
    assert known(tmp_path / "bot") == [1]
    assert done.aside is not None
    assert known(done.aside) == [2]


async def test_a_restore_that_is_interrupted_leaves_the_files_with_what_was_in_their_logs(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_a_log(tmp_path / "bot")

    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if target.parent == tmp_path / "bot":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        restored(copies, tmp_path / "bot")
    monkeypatch.undo()
    files(tmp_path / "bot").registry.with_name("users.sqlite-wal").unlink(missing_ok=True)
    assert known(tmp_path / "bot") == [2]


async def test_damaged_files_are_moved_away_as_they_are(copies: Path, tmp_path: Path) -> None:
    place = files(tmp_path / "bot")
    place.session.write_bytes(b"lost")
    done = restored(copies, tmp_path / "bot")
    assert known(tmp_path / "bot") == [1]
    assert done.aside is not None
    assert (done.aside / "bot.session").read_bytes() == b"lost"


async def test_without_room_nothing_is_moved(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise StorageFullError(tmp_path)

    monkeypatch.setattr(module, "backup", full)
    with pytest.raises(StorageFullError):
        restored(copies, tmp_path / "bot")
    assert known(tmp_path / "bot") == [1, 2]


async def test_used_logins_stay_used(copies: Path, tmp_path: Path) -> None:
    for directory, text in ((copies, "older"), (tmp_path / "bot", "newer")):
        with closing(sqlite3.connect(directory / "logins.sqlite")) as connection, connection:
            connection.execute(f"CREATE TABLE {text} (login TEXT)")
    assert len(restored(copies, tmp_path / "bot").files) == 2
    assert len(restored(copies, tmp_path / "elsewhere").files) == 3
    for directory, text in ((tmp_path / "bot", "newer"), (tmp_path / "elsewhere", "older")):
        with closing(sqlite3.connect(directory / "logins.sqlite")) as connection:
            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [(text,)]


async def test_a_running_bot_keeps_its_files(copies: Path, tmp_path: Path) -> None:
    with instance_lock(tmp_path / "bot" / "bot.session"), pytest.raises(SessionInUseError):
        restored(copies, tmp_path / "bot")
    assert known(tmp_path / "bot") == [1, 2]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


async def test_a_damaged_copy_is_not_restored_not_even_by_force(copies: Path, tmp_path: Path) -> None:
    cut(copies / "users.sqlite")
    with pytest.raises(RegistryDamagedError):
        restored(copies, tmp_path / "bot", force=True)
    cut(copies / "bot.session")
    with pytest.raises(SessionDamagedError):
        restored(copies, tmp_path / "bot", force=True)
    assert known(tmp_path / "bot") == [1, 2]


async def test_a_copy_of_a_newer_program_is_not_restored(copies: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(copies / "users.sqlite")) as connection, connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(RegistryTooNewError):
        restored(copies, tmp_path / "bot", force=True)


async def test_files_of_different_bots_do_not_fit_together(copies: Path, tmp_path: Path) -> None:
    await met(tmp_path / "other", 7, bot=77)
    shutil.copy(tmp_path / "other" / "users.sqlite", copies / "users.sqlite")
    with pytest.raises(RestoreError, match="its session is of bot 4242, its registry of bot 77"):
        restored(copies, tmp_path / "bot")
    restored(copies, tmp_path / "bot", force=True)
    assert known(tmp_path / "bot") == [7]


async def test_a_backup_of_another_bot_than_the_tokens_needs_force(copies: Path, tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="it is of bot 4242, and the token of bot 77"):
        restored(copies, tmp_path / "bot", bot_id=77)
    restored(copies, tmp_path / "bot", bot_id=None)


async def test_one_file_alone_needs_force(copies: Path, tmp_path: Path) -> None:
    (copies / "users.sqlite").unlink()
    with pytest.raises(RestoreError, match=r"it has no users\.sqlite"):
        restored(copies, tmp_path / "bot")
    assert [path.name for path in restored(copies, tmp_path / "bot", force=True).files] == ["bot.session"]
    assert known(tmp_path / "bot") == [1, 2]
    with pytest.raises(RestoreError, match=r"it has no bot\.session"):
        restored(tmp_path, tmp_path / "bot", force=True)
