"""`users import`, `users export` and `backup` as they are typed, beside a running bot and without one."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tgbot import cli
from tgbot.core.access import Evidence, Kind
from tgbot.core.plural import counted
from tgbot.core.users import Profile, Way
from tgbot.store.lock import instance_lock
from tgbot.store.peers import Peer
from tgbot.store.sqlite.peers import Peers
from tgbot.store.sqlite.userfile import SqliteRegistry
from tgbot.store.transfer.sessions import make_session

ANNA, BORIS = 5_000_000_001, 5_000_000_002
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TGBOT_")}
BOT = 42


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(ENVIRONMENT):
        monkeypatch.delenv(name)
    monkeypatch.setenv("TGBOT_BOT_TOKEN", f"{BOT}:secret")


@pytest.fixture
async def registry(tmp_path: Path) -> SqliteRegistry:
    """Two users of a bot that still runs."""
    (tmp_path / "sessions").mkdir()
    make_session(tmp_path / "sessions" / "bot.session", BOT, [(ANNA, Peer(77, ("anna",), None, "Anna", 50))])
    users = SqliteRegistry(tmp_path / "sessions" / "users.sqlite", clock=time.time)
    users.seen(Profile(ANNA, "Anna", "", ("anna",), "ru"), 50, Way.MESSAGE)
    users.seen(Profile(BORIS, "Boris"), 90, Way.MESSAGE)
    users.record(BORIS, Evidence(Kind.BOT_STOPPED, 95, 3))
    await users.flush()
    return users


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    assert cli.status([*arguments, "--json"]) == status
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_an_import_says_what_it_did_and_twice_does_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "ids.csv").write_text("id,first_name\n7,Anna\n8,Boris\n")
    assert asked(capsys, "users", "import", "ids.csv") == {
        "read": 2,
        "new": 2,
        "changed": 0,
        "unchanged": 0,
        "access_hashes": 0,
        "refused": 0,
        "chats": 0,
        "cells_left_out": {},
        "dry_run": False,
    }
    again = asked(capsys, "users", "import", "ids.csv")
    assert (again["new"], again["unchanged"]) == (0, 2)
    assert asked(capsys, "users", "count")["unknown"] == 2


def test_a_dry_run_changes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("[7, 8]")
    assert asked(capsys, "users", "import", "ids", "--dry-run")["new"] == 2
    assert not (tmp_path / "sessions").exists()
    assert cli.status(["users", "import", "ids", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("Nothing was changed. It would be:\n")


def test_lines_that_cannot_be_read_are_told_and_the_rest_is_taken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text("7\nx\n" + "0\n" * 30 + "8\n")
    assert cli.status(["users", "import", "ids"]) == 0
    printed = capsys.readouterr()
    complaints = printed.err.splitlines()
    assert complaints[0] == "tgbot: ids:2: not JSON"
    assert complaints[1] == "tgbot: ids:3: the id is not that of a user: those are above 0"
    assert complaints[-1] == "tgbot: ids: and 11 more like these"
    assert len(complaints) == 21
    assert "new                   2\n" in printed.out


@pytest.mark.parametrize("content", ["[]", "id\n", "1.5\n", "0\n", "[0, -1]"])
def test_nobody_that_can_be_read_is_a_failure(
    content: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text(content)
    assert cli.status(["users", "import", "ids"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("tgbot: ids")


def test_a_file_of_no_known_form_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("hello")
    assert cli.status(["users", "import", "ids"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tgbot: ids is not a file of users: expected a Telethon session, JSON")


def test_a_table_with_row_numbers_of_its_own_is_taken_by_the_ids_of_telegram(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "users.csv").write_text(
        f"id,user_id,username,age\n1,{ANNA},anna,30\n2,-1001234567890,chat,\n"
    )
    said = asked(capsys, "users", "import", "users.csv")
    assert (said["new"], said["refused"], said["chats"]) == (1, 1, 1)
    assert asked(capsys, "users", "show", str(ANNA))["usernames"] == ["anna"]
    assert cli.status(["users", "show", "1"]) == 3


def test_two_columns_that_may_hold_the_ids_are_named_and_one_can_be_chosen(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "users.csv").write_text(f"user_id,chat_id\n1,{ANNA}\n2,{BORIS}\n")
    assert cli.status(["users", "import", "users.csv"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "tgbot: users.csv has several columns that may hold the ids of the users at Telegram:"
        " user_id and chat_id. Name the right one with --id COLUMN."
    )
    assert not (tmp_path / "sessions" / "users.sqlite").exists()
    assert cli.status(["users", "import", "users.csv", "--id", "client"]) == 2
    assert "no column client for --id, only user_id, chat_id" in capsys.readouterr().err
    assert asked(capsys, "users", "import", "users.csv", "--id", "chat_id")["new"] == 2
    assert asked(capsys, "users", "show", str(BORIS))["id"] == BORIS


def test_cells_that_were_not_understood_are_counted_by_column(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "users.csv").write_text(
        "id,premium,last_seen,age\n7,maybe,5,30\n8,perhaps,yesterday,31\n9,yes,2023-11-14,32\n"
    )
    assert cli.status(["users", "import", "users.csv", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "tgbot: users.csv: columns that are not read: age",
        "tgbot: users.csv: 1 cells left out: last_seen is not a time",
        "tgbot: users.csv: 2 cells left out: premium is neither true nor false",
    ]
    said = json.loads(printed.out)
    assert (said["new"], said["cells_left_out"]) == (3, {"last_seen": 1, "premium": 2})
    assert asked(capsys, "users", "show", "9")["premium"] is True


def test_another_bot_s_session_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    make_session(tmp_path / "other.session", 43, [(ANNA, Peer(1, (), None, None, 1))])
    assert cli.status(["users", "import", "other.session"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "belongs to bot 43, the token to bot 42" in line
    assert not (tmp_path / "sessions" / "users.sqlite").exists()


def test_a_session_that_does_not_say_whose_it_is_needs_a_word(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make_session(tmp_path / "old.session", None, [(ANNA, Peer(1, (), None, None, 1))])
    assert cli.status(["users", "import", "old.session"]) == 1
    assert "--same-bot" in capsys.readouterr().err
    assert asked(capsys, "users", "import", "old.session", "--same-bot")["access_hashes"] == 1


def test_an_import_for_nobody_knows_what_bot_asks_for_the_token(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TGBOT_BOT_TOKEN")
    (tmp_path / "ids").write_text("7")
    assert cli.status(["users", "import", "ids"]) == 2
    assert "TGBOT_BOT_TOKEN" in capsys.readouterr().err


def test_beside_a_bot_that_takes_no_commands_an_import_is_refused_and_a_dry_run_is_not(
    registry: SqliteRegistry, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text("7")
    with instance_lock(tmp_path / "sessions" / "bot.session"):
        assert cli.status(["users", "import", "ids"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert f"(pid {os.getpid()}) has the session" in line
        assert "takes no commands at sessions/bot.control" in line
        assert asked(capsys, "users", "import", "ids", "--dry-run")["new"] == 1
    registry.close()


def test_while_the_bot_runs_everybody_is_exported_for_the_owner_s_eyes(
    registry: SqliteRegistry, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.status(["users", "export"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in lines] == [ANNA, BORIS]
    assert (lines[0]["access_hash"], lines[0]["bot_id"]) == ("77", BOT)
    assert lines[1]["evidence"] == {"bot_stopped": [[95, 3]]}
    for name, count in (("out.json", 2), ("out.csv", 2), ("out.session", 1), ("out", 2)):
        assert cli.status(["users", "export", name]) == 0
        assert capsys.readouterr().out == f"{name}  {counted(count, 'user')}\n"
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out").read_bytes() == (tmp_path / "out.json").read_bytes()
    assert (tmp_path / "out.csv").read_text().startswith("id,bot_id,access,first_name,")
    assert cli.status(["users", "export", "out.csv"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tgbot: out.csv already exists")
    registry.close()


def test_an_import_that_is_interrupted_says_so_and_done_again_does_the_rest(tmp_path: Path) -> None:
    with (tmp_path / "ids").open("w") as file:
        file.writelines(f"{number}\n" for number in range(1, 150_001))
    command = [sys.executable, "-m", "tgbot.cli", "users", "import", "ids", "--json"]
    environment = ENVIRONMENT | {"TGBOT_BOT_TOKEN": f"{BOT}:secret"}
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        registry = tmp_path / "sessions" / "users.sqlite-wal"
        deadline = time.monotonic() + 60
        while not (registry.exists() and registry.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    (line,) = err.splitlines()
    assert line.startswith("tgbot: interrupted")
    done = json.loads(out)
    assert 0 < done["new"] < 150_000
    rest = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(rest.stdout)["unchanged"] == done["new"]
    assert json.loads(rest.stdout)["new"] == 150_000 - done["new"]


async def test_a_backup_names_the_copies_and_a_restore_puts_them_back(
    registry: SqliteRegistry, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.status(["backup", "kept here"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("kept here/bot.session  ")
    assert said[1].startswith("kept here/users.sqlite  ")
    assert said[2] == "To restore: stop the bot, tgbot restore 'kept here', and start it."
    registry.seen(Profile(7, "Late"), 99, Way.MESSAGE)
    await registry.flush()
    registry.close()
    (tmp_path / "sessions" / "bot.session").write_bytes(b"lost")
    assert cli.status(["restore", "kept here"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("sessions/bot.session  ")
    assert re.match("What was there is in sessions/before-restore-", said[2])
    assert (await asyncio.to_thread(asked, capsys, "users", "count"))["total"] == 2
    with Peers(tmp_path / "sessions" / "bot.session") as peers:
        assert peers.get([ANNA])[ANNA].access_hash == 77
    assert asked(capsys, "backup", "kept here") == {
        "copies": ["kept here/bot.session", "kept here/users.sqlite"]
    }


def test_backups_with_a_date_are_made_in_the_directory(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "sessions").mkdir()
    make_session(tmp_path / "sessions" / "bot.session", BOT, [])
    (copy,) = asked(capsys, "backup", "kept", "--keep", "3")["copies"]
    assert re.fullmatch(r"kept/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ/bot\.session", copy)


def test_a_restore_is_refused_while_the_bot_runs_and_for_another_bot(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "sessions").mkdir()
    make_session(tmp_path / "sessions" / "bot.session", BOT + 1, [])
    asked(capsys, "backup", "kept")
    assert cli.status(["restore", "nothing"]) == 1
    assert cli.status(["restore", "kept"]) == 1
    with instance_lock(tmp_path / "sessions" / "bot.session"):
        assert cli.status(["restore", "kept", "--force"]) == 1
    nothing, alone, running = capsys.readouterr().err.splitlines()
    assert nothing.startswith("tgbot: nothing cannot be restored: it has no bot.session")
    assert "it has no users.sqlite" in alone
    by = f"(pid {os.getpid()}): stop it first, and do this then."
    assert running == f"tgbot: A bot runs with the files in sessions {by}"


def test_a_backup_holds_the_logins_that_were_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    make_session(tmp_path / "sessions" / "bot.session", BOT, [])
    with closing(sqlite3.connect(tmp_path / "sessions" / "logins.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE used (login TEXT)")
    assert asked(capsys, "backup", "kept") == {"copies": ["kept/bot.session", "kept/logins.sqlite"]}


def test_what_cannot_be_backed_up_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.status(["backup", "there"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "has not run with this configuration yet" in line
    (tmp_path / "sessions").mkdir()
    make_session(tmp_path / "sessions" / "bot.session", BOT, [])
    (tmp_path / "file").touch()
    for target, reason in (("file", "it is a file"), ("sessions", "it is the bot's own directory")):
        assert cli.status(["backup", target]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert reason in line
