"""`tgbot store copy` as it is typed, and the other commands on a bot that keeps everything in a database."""

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
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from telethon.crypto import AuthKey

from tests.postgres import PostgresServer
from tests.store.broadcasting import DRAFT
from tgbot import cli
from tgbot.cli.invocation import event_loop
from tgbot.config.settings import Storage
from tgbot.core.access import Evidence, Kind
from tgbot.core.users import Profile, Way
from tgbot.operate.control import Command, Say, listening
from tgbot.store.base import Parked, Planned, Reason, UpdateState
from tgbot.store.lock import instance_lock
from tgbot.store.opening import kept_at
from tgbot.store.sqlite.store import SqliteStore
from tgbot.store.tables import Table

BOT, ANNA, BORIS = 42, 5_000_000_001, 5_000_000_002


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TGBOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TGBOT_BOT_TOKEN", f"{BOT}:secret")


@pytest.fixture
async def files(tmp_path: Path) -> Path:
    """Return the directory of a bot that has met two users."""
    directory = tmp_path / "sessions"
    store = SqliteStore(directory / "bot.session", directory / "users.sqlite", clock=time.time)
    with closing(store):
        store.session.set_bot_id(BOT)
        for user_id, name in ((ANNA, "Anna"), (BORIS, "Boris")):
            store.users.seen(Profile(user_id, name, "", (name.lower(),), "ru"), 50, Way.MESSAGE)
        store.users.record(BORIS, Evidence(Kind.BOT_STOPPED, 95, 3))
        now = int(time.time())
        store.parked.park(Parked("m1:7", 1, ANNA, Reason.FAILED, "a.b", "X", "", now, None, 1, b"update"))
        store.planned.plan(Planned("shop:1", 2_000, "shop", ANNA))
        await store.broadcasts.create(DRAFT)
        await store.checkpoint(UpdateState(7, 8, 9, 10))
    return directory


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.bot_database()


@pytest.fixture
def tgbot(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line; return its status and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.status(list(arguments))
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


Tgbot = Callable[..., tuple[int, str, str]]


@pytest.fixture
def moved(files: Path, url: str, tgbot: Tgbot, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the database to which the bot has moved; the configuration names it."""
    assert tgbot("store", "copy", "--to", url)[0] == 0
    monkeypatch.setenv("TGBOT_STORAGE_URL", url)
    files.rename(files.with_name("old"))
    return url


def test_a_copy_says_what_it_copied_and_what_becomes_of_the_login(
    files: Path, url: str, tgbot: Tgbot, tmp_path: Path
) -> None:
    status, out, err = tgbot("store", "copy", "--to", url)
    assert status == 0, err
    lines = dict(line.rsplit(maxsplit=1) for line in out.splitlines() if line.split()[-1].isdigit())
    assert lines["users"] == "2"
    assert lines["parked updates"] == "1"
    assert "Both places are equal" in out
    assert "logs in anew" in out
    status, out, _ = tgbot("store", "copy", "--from", url, "--to", str(tmp_path / "back"), "--json")
    assert status == 0
    told: dict[str, Any] = json.loads(out)
    assert told["to"] == str(tmp_path / "back")
    assert (told["rows"]["users"], told["rows"]["broadcasts"], told["login"]) == (2, 1, False)


def test_a_place_that_is_not_named_is_the_configured_one_in_both_directions(
    files: Path, url: str, tgbot: Tgbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteStore(files / "bot.session", files / "users.sqlite", clock=time.time)) as store:
        store.session.set_dc(2, "149.154.167.51", 443)
        store.session.auth_key = AuthKey(bytes(range(256)))
    monkeypatch.setenv("TGBOT_STORAGE_URL", url.replace("tgbot@", "tgbot:pa55word@"))
    monkeypatch.setenv("TGBOT_STORAGE_NODE", "left")
    status, out, err = tgbot("store", "copy", "--from", str(files))
    assert status == 0, err
    assert "now, for the node left alone: never start the bot on" in err
    status, back, err = tgbot("store", "copy", "--to", str(tmp_path / "back"))
    assert status == 0, err
    assert "the auth key is in" in err
    assert [line.split()[-1] for line in back.splitlines()[:6]] == [
        line.split()[-1] for line in out.splitlines()[:6]
    ]
    assert "pa55word" not in out + back + err


def test_a_copy_tells_what_is_damaged_and_left_out(files: Path, url: str, tgbot: Tgbot) -> None:
    with closing(sqlite3.connect(files / "users.sqlite")) as users, users:
        users.execute("INSERT INTO planned VALUES ('a', 1, 'shop', 0, CAST(? AS TEXT), 0)", (b"\xff",))
    status, out, err = tgbot("store", "copy", "--to", url)
    assert status == 0, err
    assert "1 planned entry is damaged, and left out of the copy" in err
    assert re.search(r"^planned entries +1$", out, re.MULTILINE)


def test_a_copy_that_cannot_be_made_is_refused_in_words(files: Path, url: str, tgbot: Tgbot) -> None:
    for arguments, status, said in (
        (["--to", str(files)], 2, "is where the bot keeps everything already"),
        (["--to", "postgresql://tgbot@127.0.0.1/"], 2, "--to"),
        (["--to", "postgresql://tgbot:secret@127.0.0.1:1/none"], 1, "cannot be reached"),
        (["--from", "nowhere", "--to", url], 1, "nowhere"),
        ([], 2, "name the directory or the database of the other place"),
    ):
        found, out, err = tgbot("store", "copy", *arguments)
        assert (found, out) == (status, ""), err
        assert said in err
        assert "secret" not in err
    assert tgbot("store", "copy", "--to", url)[0] == 0
    status, _, err = tgbot("store", "copy", "--to", url)
    assert status == 1
    assert "is not empty (2 users)" in err
    with instance_lock(files / "bot.session"):
        status, _, err = tgbot("store", "copy", "--to", url)
    assert status == 1
    assert "stop it first" in err


def test_the_auth_key_is_warned_of(files: Path, url: str, tgbot: Tgbot) -> None:
    with event_loop() as run:

        async def keep() -> None:
            async with kept_at(Storage(directory=files)).tables("test", make=True) as tables:
                tables.replace(Table.KEYS, [("", 2, "host", 443, bytes(256), "{}")])

        run(keep())
    status, _, err = tgbot("store", "copy", "--to", url)
    assert status == 0
    assert "never start the bot on sessions again" in err.replace("\n", " ")


def test_every_look_at_a_bot_is_the_same_on_files_and_on_a_database(
    files: Path, url: str, tgbot: Tgbot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks = (
        ("users", "list", "--json"),
        ("users", "show", str(ANNA), "--json"),
        ("users", "show", "7"),
        ("users", "count", "--json"),
        ("users", "export", "--format", "json"),
        ("users", "export", "--format", "csv"),
        ("users", "check", "--status"),
        ("parked", "list"),
        ("parked", "show", "m1:7", "--json"),
        ("jobs", "list", "--json"),
        ("broadcast", "list", "--json"),
        ("broadcast", "status", "1", "--json"),
        ("broadcast", "plan", "1"),
        ("broadcast", "report", "1", "--json"),
        ("status",),
    )
    before = [tgbot(*look)[:2] for look in looks]
    assert [status for status, _ in before].count(0) == len(looks) - 3
    assert tgbot("store", "copy", "--to", url)[0] == 0
    monkeypatch.setenv("TGBOT_STORAGE_URL", url)
    files.rename(files.with_name("old"))
    for look, was in zip(looks, before, strict=True):
        assert tgbot(*look)[:2] == was, look


def test_changes_are_made_in_the_database(moved: str, tgbot: Tgbot, tmp_path: Path) -> None:
    assert tgbot("parked", "drop", "m1:7")[:2] == (0, "1 deleted\n")
    assert tgbot("parked", "list")[1] == ""
    assert tgbot("broadcast", "remove", "1", "--yes")[0] == 0
    assert tgbot("broadcast", "list")[1] == ""
    (tmp_path / "more.json").write_text('{"id": 7, "access_hash": 5, "usernames": ["seven"]}\n8\n')
    status, out, _ = tgbot("users", "import", "more.json", "--dry-run", "--json")
    assert (status, json.loads(out)["new"]) == (0, 2)
    assert json.loads(tgbot("users", "count", "--json")[1])["total"] == 2
    for new in (2, 0):
        status, out, err = tgbot("users", "import", "more.json", "--json")
        assert (status, json.loads(out)["new"]) == (0, new), err
    assert json.loads(tgbot("users", "count", "--json")[1])["total"] == 4
    assert tgbot("users", "export", "all.session")[:2] == (0, "all.session  1 user\n")


def test_a_change_is_refused_while_a_node_leads_and_a_look_is_not(moved: str, tgbot: Tgbot) -> None:
    with event_loop() as run:
        leader = kept_at(Storage(directory=Path("other"), url=moved, node="beta")).tables("run", make=True)  # type: ignore[arg-type]  # checked by the model
        run(leader.__aenter__())
        for change in (["parked", "drop", "m1:7"], ["broadcast", "remove", "1"], ["resolve", "@anna"]):
            status, _, err = tgbot(*change)
            assert status == 3, err
            assert "beta" in err
        assert tgbot("users", "list")[0] == 0
        run(leader.__aexit__(None, None, None))
    assert tgbot("parked", "drop", "m1:7")[0] == 0


def test_a_node_that_stands_by_leaves_questions_to_the_database(
    moved: str, tgbot: Tgbot, tmp_path: Path
) -> None:
    async def status(say: Say) -> str:
        return "standby"

    control = tmp_path / "sessions" / "bot.control"
    control.parent.mkdir()
    (tmp_path / "more").write_text("9")
    with instance_lock(control.with_name("bot.session")), served(control, {"status": status}):
        assert json.loads(tgbot("users", "count", "--json")[1])["total"] == 2
        assert tgbot("parked", "drop", "m1:7")[0] == 0
        assert tgbot("users", "import", "more")[0] == 0
        assert tgbot("users", "export", "all.json")[1] == "all.json  3 users\n"
        status_code, _, err = tgbot("drain")
        assert status_code == 1
        assert "does not know the command now" in err


@contextmanager
def served(control: Path, commands: Mapping[str, Command]) -> Iterator[None]:
    """Carry out commands in a thread, as the process of a bot does."""
    ready, end = Event(), Event()

    async def serve() -> None:
        async with listening(control, commands):
            ready.set()
            await asyncio.to_thread(end.wait)

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(60)
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_backups_of_a_database_are_postgresqls(moved: str, tgbot: Tgbot) -> None:
    for command, program in (("backup", "pg_dump"), ("restore", "pg_restore")):
        status, _, err = tgbot(command, "copies")
        assert status == 2
        assert program in err


def test_the_doctor_looks_at_the_database(
    moved: str, tgbot: Tgbot, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer
) -> None:
    def said() -> dict[str, list[tuple[str, str]]]:
        findings: dict[str, list[tuple[str, str]]] = {}
        for line in tgbot("doctor", "--json")[1].splitlines():
            one = json.loads(line)
            findings.setdefault(one["check"], []).append((one["level"], one["said"]))
        return findings

    monkeypatch.setenv("TGBOT_TELEGRAM_SERVER", "127.0.0.1:1")
    found = said()
    assert found.keys().isdisjoint({"session", "users"})
    levels = [level for level, _ in found["database"]]
    assert set(levels) == {"ok"}, found["database"]
    assert any("no node leads" in text for _, text in found["database"])
    monkeypatch.setenv("TGBOT_BOT_TOKEN", "43:secret")
    assert any("belongs to bot 42" in text for _, text in said()["database"])
    monkeypatch.setenv("TGBOT_STORAGE_URL", "postgresql://tgbot:hidden@127.0.0.1:1/none")
    ((level, text),) = said()["database"]
    assert level == "failure"
    assert "hidden" not in text


def test_ctrl_c_stops_a_copy_which_goes_on_with_the_same_command(files: Path, url: str, tgbot: Tgbot) -> None:
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tgbot.store.transfer import copying; copying.PORTION = 1\n"
        "from tgbot.store.postgres.tables import PostgresTables; add = PostgresTables.add\n"
        "def slow(self, table, rows):\n"
        "    add(self, table, rows); print('one', flush=True); sys.stdin.readline()\n"
        "PostgresTables.add = slow\n"
        f"from tgbot import cli; sys.exit(cli.status(['store', 'copy', '--to', {url!r}]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"one\n"
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(b"\n", timeout=60)
    assert child.returncode == 130, err
    assert b"goes on where it stopped" in err
    status, out, _ = tgbot("store", "copy", "--to", url, "--json")
    assert status == 0
    assert json.loads(out)["earlier"] >= 1
