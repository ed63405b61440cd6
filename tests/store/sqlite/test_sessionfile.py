from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from telethon.sessions import SQLiteSession

from tgbot.core.errors import SessionDamagedError, SessionTooNewError
from tgbot.store.base import UpdateState
from tgbot.store.files import make_private
from tgbot.store.sqlite.session import DurableSession
from tgbot.store.sqlite.sessionfile import BY_ID, BY_USERNAME, PEER

VERSION_7 = """
CREATE TABLE version (version integer primary key);
CREATE TABLE sessions (dc_id integer primary key, server_address text, port integer, auth_key blob,
    takeout_id integer);
CREATE TABLE entities (id integer primary key, hash integer not null, username text, phone integer,
    name text, date integer);
CREATE TABLE sent_files (md5_digest blob, file_size integer, type integer, id integer, hash integer,
    primary key(md5_digest, file_size, type));
CREATE TABLE update_state (id integer primary key, pts integer, qts integer, date integer, seq integer);
INSERT INTO version VALUES (7);
INSERT INTO entities VALUES (11, 22, 'anna', NULL, 'Anna', 5);
INSERT INTO update_state VALUES (0, 9, 8, 7, 6);
"""


def contents(directory: Path) -> dict[str, bytes]:
    """Return the files of a directory, without the shared memory that SQLite makes for readers."""
    return {
        file.name: file.read_bytes()
        for file in directory.iterdir()
        if not file.name.endswith("-shm") and (file.stat().st_size or not file.name.endswith("-wal"))
    }


def plan(path: Path, query: str) -> str:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {query}", ["x"] * query.count("?")).fetchall()
    connection.close()
    return " ".join(str(row[3]) for row in rows)


def version_7(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_7)
        key = bytes(range(256))
        connection.execute("INSERT INTO sessions VALUES (2, '127.0.0.1', 443, ?, NULL)", (key,))
    connection.close()


@pytest.mark.parametrize("query", [BY_USERNAME, BY_ID, PEER])
def test_every_lookup_searches_an_index(tmp_path: Path, query: str) -> None:
    DurableSession(tmp_path / "bot.session").close()
    steps = plan(tmp_path / "bot.session", query)
    assert "SEARCH" in steps
    assert "SCAN" not in steps


def test_of_an_older_version_a_copy_is_kept_before_it_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "bot.session"
    version_7(path)
    session = DurableSession(path)
    assert session.auth_key.key == bytes(range(256))
    assert session.access_hash(11) == 22
    assert session.update_state() == UpdateState(9, 8, 7, 6)
    session.close()
    (aside,) = tmp_path.glob("before-upgrade-*/bot.session")
    assert aside.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(aside) as connection:
        assert connection.execute("SELECT version FROM version").fetchone() == (7,)
        assert connection.execute("SELECT id, hash FROM entities").fetchall() == [(11, 22)]
    connection.close()
    DurableSession(path).close()
    assert len(list(tmp_path.glob("before-upgrade-*"))) == 1


def test_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bot.session"
    version_7(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE version SET version = 99")
    connection.close()
    before = contents(tmp_path)
    with pytest.raises(SessionTooNewError, match="version 99"):
        DurableSession(path)
    assert contents(tmp_path) == before


def damaged_by(path: Path, kind: str) -> None:
    """Make a session with a few hundred peers, and damage it."""
    session = SQLiteSession(str(path))
    session._conn.executemany(
        "INSERT INTO entities VALUES (?, 1, ?, NULL, ?, 1)",
        [(n, f"name_{n}", "N" * 50) for n in range(1, 500)],
    )
    session.save()
    session.close()
    whole = path.read_bytes()
    if kind == "half of it":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "one byte short":
        path.write_bytes(whole[:-1])
    elif kind == "a few bytes":
        path.write_bytes(whole[:50])
    elif kind == "text":
        path.write_text("this is not a database\n" * 100)
    elif kind == "another database":
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE recipes (name)")
        connection.close()
    elif kind == "noise in the schema":
        path.write_bytes(whole[:100] + os.urandom(3900) + whole[4000:])
    elif kind == "noise in the peers":
        middle = whole.index(b"name_250")
        path.write_bytes(whole[: middle - 1500] + b"\xff" * 3000 + whole[middle + 1500 :])


@pytest.mark.parametrize(
    "kind",
    [
        "half of it",
        "one byte short",
        "a few bytes",
        "text",
        "another database",
        "noise in the schema",
        "noise in the peers",
    ],
)
def test_a_damaged_file_is_refused_by_name_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bot.session"
    damaged_by(path, kind)
    before = contents(tmp_path)
    with pytest.raises(SessionDamagedError, match=r"bot\.session is damaged"):
        DurableSession(path)
    assert contents(tmp_path) == before


def test_an_empty_file_is_a_new_session(tmp_path: Path) -> None:
    path = tmp_path / "bot.session"
    path.touch()
    session = DurableSession(path)
    assert session.update_state() is None
    session.close()


KILLED = """
import os, signal, sys
from telethon.sessions import SQLiteSession
from telethon.crypto import AuthKey
session = SQLiteSession(sys.argv[1])
session.set_dc(2, "127.0.0.1", 443)
session.auth_key = AuthKey(data=bytes(range(256)))
session._conn.execute("INSERT INTO entities VALUES (11, 22, 'anna', NULL, 'Anna', 5)")
session.save()
# A transaction that has spilled to the file, as after many updates: its journal is hot when we die.
session._conn.execute("PRAGMA cache_size=1")
session._conn.executemany(
    "INSERT INTO entities VALUES (?, 1, ?, NULL, 'x', 1)", [(n, f"n{n}" * 20) for n in range(100, 5000)]
)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_that_a_killed_telethon_left_in_the_middle_of_a_transaction_opens(tmp_path: Path) -> None:
    path = tmp_path / "bot.session"
    died = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert (tmp_path / "bot.session-journal").stat().st_size > 0
    session = DurableSession(path)
    assert session.access_hash(11) == 22
    assert session.access_hash(100) is None
    assert session.auth_key.key == bytes(range(256))
    session.close()


def test_what_a_killed_process_had_only_in_its_log_is_in_the_copy_of_an_older_version(tmp_path: Path) -> None:
    live, path = tmp_path / "live.session", tmp_path / "bot.session"
    version_7(live)
    connection = sqlite3.connect(live)
    connection.execute("PRAGMA journal_mode=WAL")
    with connection:
        connection.execute("INSERT INTO entities VALUES (33, 44, NULL, NULL, NULL, 5)")
    for end in ("", "-wal"):
        shutil.copy(f"{live}{end}", f"{path}{end}")
    connection.close()
    DurableSession(path).close()
    (aside,) = tmp_path.glob("before-upgrade-*/bot.session")
    with sqlite3.connect(aside) as copy:
        assert copy.execute("SELECT hash FROM entities WHERE id = 33").fetchone() == (44,)
    copy.close()


def test_an_open_file_was_taken_back_from_all_others(tmp_path: Path) -> None:
    path = tmp_path / "bot.session"
    path.touch()
    path.chmod(0o644)
    make_private(path)
    assert path.stat().st_mode & 0o777 == 0o600
