"""Copies of the bot's files."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.store.registries import told
from tgbot.core.errors import BackupTargetError, StorageFailedError
from tgbot.store.transfer import backup as module
from tgbot.store.transfer.backup import backup, dated_backup


def _quiet(file: Path, share: float) -> None:
    assert 0 <= share <= 1


def _new(path: Path, rows: int) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
    return path


def _count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def test_a_copy_is_whole_and_private(tmp_path: Path) -> None:
    source = _new(tmp_path / "bot.session", 1000)
    (copy,) = backup([source, tmp_path / "missing"], tmp_path / "copies", _quiet)
    assert copy == tmp_path / "copies" / "bot.session"
    assert _count(copy) == 1000
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in copy.parent.iterdir()] == ["bot.session"]


def test_a_copy_taken_while_somebody_writes_holds_whole_transactions(tmp_path: Path) -> None:
    source = _new(tmp_path / "users.sqlite", 0)
    ended = threading.Event()
    written = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(source, timeout=30)) as connection:
            while not ended.is_set():
                with connection:
                    connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(100)])
                written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        written.wait(10)
        counts = [_count(backup([source], tmp_path / f"copy{n}", _quiet)[0]) for n in range(5)]
    finally:
        ended.set()
        writer.join()
    assert all(count and count % 100 == 0 for count in counts)


def test_an_older_copy_is_replaced_and_what_lay_beside_it_goes(tmp_path: Path) -> None:
    target = tmp_path / "copies"
    target.mkdir()
    (target / "bot.session").write_bytes(b"old")
    (target / "bot.session-wal").write_bytes(b"old")
    (copy,) = backup([_new(tmp_path / "bot.session", 3)], target, _quiet)
    assert _count(copy) == 3


def test_a_file_is_never_copied_onto_itself(tmp_path: Path) -> None:
    source = _new(tmp_path / "bot.session", 3)
    with pytest.raises(BackupTargetError, match="own directory"):
        backup([source], tmp_path, _quiet)
    assert _count(source) == 3


def test_a_source_that_is_no_database_says_so_and_leaves_no_copy(tmp_path: Path) -> None:
    source = tmp_path / "bot.session"
    source.write_bytes(b"nonsense" * 100)
    with pytest.raises(StorageFailedError, match=r"bot\.session"):
        backup([source], tmp_path / "copies", _quiet)
    assert [file.name for file in tmp_path.iterdir()] == ["bot.session"]


# ---- a backup is there as a whole ----------------------------------------------------------------------


@pytest.fixture(params=["exchanged", "moved"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace directories with and without the system's help."""
    if request.param == "moved":
        monkeypatch.setattr(module, "_exchanged", lambda one, other: False)


def _sources(directory: Path, rows: int) -> list[Path]:
    directory.mkdir()
    return [_new(directory / name, rows) for name in ("bot.session", "users.sqlite")]


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.usefixtures("_way")
def test_an_earlier_backup_stays_whole_until_the_new_one_is(tmp_path: Path) -> None:
    target = tmp_path / "copies"
    backup(_sources(tmp_path / "one", 1), target, _quiet)
    newer = _sources(tmp_path / "two", 2)

    def interrupt(file: Path, share: float) -> None:
        if file == newer[1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(newer, target, interrupt)
    assert _names(tmp_path) == ["copies", "one", "two"]
    assert [_count(target / name) for name in _names(target)] == [1, 1]
    backup(newer, target, _quiet)
    assert _names(tmp_path) == ["copies", "one", "two"]
    assert [_count(target / name) for name in _names(target)] == [2, 2]
    assert target.stat().st_mode & 0o777 == 0o700


def test_files_that_are_not_of_a_backup_are_never_deleted(tmp_path: Path) -> None:
    sources, target = _sources(tmp_path / "one", 1), tmp_path / "copies"
    target.mkdir()
    (target / "diary.txt").write_text("dear")
    (target / "bot.session").write_text("old")
    with pytest.raises(BackupTargetError, match=r"other files \(diary\.txt\).*copies/bot"):
        backup(sources, target, _quiet)
    assert _names(target) == ["bot.session", "diary.txt"]
    backup(sources, target / "bot", _quiet)
    assert (target / "diary.txt").read_text() == "dear"
    assert _names(tmp_path) == ["copies", "one"]


def test_a_mounted_disk_is_refused_and_a_directory_on_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, disk = _sources(tmp_path / "one", 1), tmp_path / "disk"
    disk.mkdir()
    monkeypatch.setattr("os.path.ismount", lambda path: path == disk)
    with pytest.raises(BackupTargetError, match=r"mounted disk.*disk/bot"):
        backup(sources, disk, _quiet)
    assert len(backup(sources, disk / "bot", _quiet)) == 2


def test_a_link_to_a_directory_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    copies = backup(_sources(tmp_path / "one", 1), link, _quiet)
    assert copies == [link / "bot.session", link / "users.sqlite"]
    assert link.is_symlink()
    assert _names(tmp_path / "real") == ["bot.session", "users.sqlite"]


def test_two_backups_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    sources, target = _sources(tmp_path / "one", 1), tmp_path / "copies"
    refused = []

    def meanwhile(file: Path, share: float) -> None:
        with pytest.raises(BackupTargetError, match="another backup") as error:
            backup(sources, target, _quiet)
        refused.append(error)

    backup(sources, target, meanwhile)
    assert refused
    assert [_count(target / name) for name in _names(target)] == [1, 1]


def test_what_an_interrupted_exchange_left_is_cleared_or_put_back(tmp_path: Path) -> None:
    sources, target = _sources(tmp_path / "one", 3), tmp_path / "copies"
    backup(sources, target, _quiet)
    target.rename(tmp_path / ".copies.old")  # killed between the two renames
    (tmp_path / ".copies.part").mkdir()
    (tmp_path / ".copies.part" / "bot.session.part").write_text("half")
    with pytest.raises(StorageFailedError):
        backup([_broken(tmp_path / "broken")], target, _quiet)
    assert [_count(target / name) for name in _names(target)] == [3, 3]
    assert _names(tmp_path) == ["broken", "copies", "one"]


def _broken(directory: Path) -> Path:
    directory.mkdir()
    (directory / "bot.session").write_bytes(b"nonsense" * 100)
    return directory / "bot.session"


AGAIN = """
    import itertools, sqlite3, sys
    from pathlib import Path
    from tgbot.store.transfer import backup as module
    one, target = Path(sys.argv[1]), Path(sys.argv[2])
    if sys.argv[3] == "moved":
        module._exchanged = lambda one, other: False
    files = [one / "bot.session", one / "users.sqlite"]
    for version in itertools.count(int(sys.argv[4])):
        for file in files:
            connection = sqlite3.connect(file)
            with connection:
                connection.execute("UPDATE version SET n = ?", (version,))
            connection.close()
        module.backup(files, target, lambda file, share: None)
        print(version, flush=True)
"""


@pytest.mark.parametrize("way", ["exchanged", "moved"])
def test_a_backup_that_is_killed_leaves_the_earlier_one_or_the_new_one(tmp_path: Path, way: str) -> None:
    source, one, target = random.Random(3), tmp_path / "one", tmp_path / "copies"
    files = _sources(one, 2_000)
    for file in files:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE version (n INTEGER)")
            connection.execute("INSERT INTO version VALUES (0)")
    done = 0
    for _ in range(8):
        command = told(AGAIN, one, target, way, done + 1)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(source.randrange(1, 4)):
                done = int(process.stdout.readline())
            threading.Event().wait(source.random() / 50)  # at any instant of the next one
            process.send_signal(signal.SIGKILL)
        found = target if target.exists() else tmp_path / ".copies.old"
        versions = {_version(found / file.name) for file in files}
        assert len(versions) == 1, "the copies are of two backups"
        assert versions.pop() >= done
    backup(files, target, _quiet)
    assert _names(tmp_path) == ["copies", "one"]


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT n FROM version").fetchone()[0])


# ---- dated backups ---------------------------------------------------------------------------------

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def _dated(tmp_path: Path, day: int, keep: int = 2) -> list[str]:
    """Make the backup of a day, and return what is in the directory then."""
    source = tmp_path / "bot.session"
    if not source.exists():
        _new(source, 10)
    (copy,) = dated_backup([source], tmp_path / "kept", keep, AT + timedelta(days=day), _quiet)
    assert _count(copy) == 10
    return sorted(path.name for path in (tmp_path / "kept").iterdir())


def test_of_dated_backups_the_last_ones_stay(tmp_path: Path) -> None:
    assert _dated(tmp_path, 0) == ["2026-03-01T09-00-00Z"]
    assert _dated(tmp_path, 1) == ["2026-03-01T09-00-00Z", "2026-03-02T09-00-00Z"]
    assert _dated(tmp_path, 2) == ["2026-03-02T09-00-00Z", "2026-03-03T09-00-00Z"]
    assert _dated(tmp_path, 3, keep=1) == ["2026-03-04T09-00-00Z"]


def test_a_new_dated_backup_stays_also_where_the_clock_was_set_back(tmp_path: Path) -> None:
    _dated(tmp_path, 5, keep=1)
    assert _dated(tmp_path, 0, keep=1) == ["2026-03-01T09-00-00Z"]


def test_an_old_backup_is_not_deleted_before_the_new_one_is_whole(tmp_path: Path) -> None:
    _dated(tmp_path, 0)
    (tmp_path / "bot.session").write_bytes(b"no database at all, but long enough to be read as a page of one")
    with pytest.raises(StorageFailedError):
        _dated(tmp_path, 1, keep=1)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["2026-03-01T09-00-00Z"]


def test_only_what_dated_backups_have_made_is_deleted_and_counted(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for name in ("2020-01-01", "2020-01-01T00-00-00Z", "2020-01-02T00-00-00Z", ".2020-01-03T00-00-00Z.part"):
        (kept / name).mkdir(parents=True)
    (kept / "2020-01-01T00-00-00Z" / "notes.txt").touch()
    (kept / ".2020-01-03T00-00-00Z.part" / "bot.session.part").touch()
    (kept / "2020-01-04T00-00-00Z").symlink_to(tmp_path)
    assert _dated(tmp_path, 0, keep=1) == [
        "2020-01-01",
        "2020-01-01T00-00-00Z",
        "2020-01-04T00-00-00Z",
        "2026-03-01T09-00-00Z",
    ]
