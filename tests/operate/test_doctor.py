"""What the doctor finds, one check after another: first that all is well, then what is not."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.sandbox.conftest import *  # noqa: F403 - the fixtures of the sandbox
from tests.scenarios.crash import until
from tgbot.config.loading import load
from tgbot.operate import doctor
from tgbot.operate.control import listening
from tgbot.operate.doctor import CHECKS, examine
from tgbot.operate.findings import Finding, Level, Subject
from tgbot.sandbox.server import Sandbox
from tgbot.store.base import Account
from tgbot.store.lock import instance_lock
from tgbot.store.sqlite.store import SqliteStore
from tgbot.telegram import Server

BOT = 4242


@pytest.fixture
async def subject(tmp_path: Path) -> Subject:
    """A bot that has logged in once, and is stopped."""
    files = tmp_path / "sessions"
    store = SqliteStore(files / "bot.session", files / "users.sqlite", clock=time.time)
    store.session.set_bot_id(BOT)
    store.belongs_to(Account(BOT, joins_groups=True, reads_groups=False, inline=False))
    store.session.count_resolve()
    await store.checkpoint(None)
    store.close()
    return Subject(files / "bot.session", files / "users.sqlite", files / "bot.control", BOT)


async def found(of: Subject, name: str) -> list[Finding]:
    """Return what one check finds."""
    return [finding async for finding in dict(CHECKS)[name](of)]


async def only(of: Subject, name: str) -> tuple[Level, str]:
    """Return level and words of the only finding of a check."""
    (finding,) = await found(of, name)
    return finding.level, f"{finding.said}: {finding.advice}"


async def test_a_bot_that_is_well_has_no_finding_but_ok(subject: Subject) -> None:
    findings = [(name, finding) async for name, finding in examine(subject, offline=True)]
    assert [(name, finding) for name, finding in findings if finding.level is not Level.OK] == []
    assert {name for name, _ in CHECKS} - {name for name, _ in findings} == {
        "login page",
        "telegram",
        "database",
    }


async def test_a_place_where_no_bot_was_is_no_failure(subject: Subject, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "sessions")
    assert {finding.level async for _, finding in examine(subject, offline=True)} == {Level.OK}
    assert os.listdir(tmp_path) == []


async def test_a_check_that_fails_itself_keeps_no_other_from_its_work(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(of: Subject) -> AsyncIterator[Finding]:
        raise ZeroDivisionError("secret")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (("one", broken), ("disk", dict(CHECKS)["disk"])))
    (name, wrong), (_, disk) = [pair async for pair in examine(subject, offline=False)]
    assert (name, wrong.level, disk.level) == ("one", Level.FAILURE, Level.OK)
    assert "secret" not in wrong.said


async def test_a_file_that_may_not_be_read_is_told_once(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed(of: Subject) -> AsyncIterator[Finding]:
        raise PermissionError(13, "Permission denied", "/nowhere/bot.session")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (("one", closed), ("two", closed)))
    ((name, finding),) = [pair async for pair in examine(subject, offline=True)]
    assert (name, finding.level) == ("one", Level.FAILURE)
    assert finding.said == "/nowhere/bot.session may not be read: Permission denied"


# ---- files -----------------------------------------------------------------------------------------


async def test_the_token_of_another_bot_is_a_failure(subject: Subject) -> None:
    other = replace(subject, bot_id=77)
    level, said = await only(other, "session")
    assert level is Level.FAILURE
    assert "belongs to bot 4242, the token to bot 77" in said
    level, said = await only(other, "users")
    assert level is Level.FAILURE
    assert "are those of bot 4242, and the token is of bot 77" in said
    assert (await only(replace(subject, bot_id=None), "session"))[0] is Level.OK


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(statement)


@pytest.mark.parametrize(
    ("version", "level", "part"),
    [(7, Level.WARNING, "the next start upgrades it"), (99, Level.FAILURE, "update the program")],
)
async def test_another_version_of_the_session_is_told(
    subject: Subject, version: int, level: Level, part: str
) -> None:
    execute(subject.session, f"UPDATE version SET version = {version}")
    assert (await only(subject, "session"))[0] is level
    assert part in (await only(subject, "session"))[1]


@pytest.mark.parametrize(
    ("schema", "level", "part"),
    [(1, Level.WARNING, "the next start upgrades it"), (99, Level.FAILURE, "update the program")],
)
async def test_another_schema_of_the_users_is_told(
    subject: Subject, schema: int, level: Level, part: str
) -> None:
    execute(subject.registry, f"UPDATE meta SET value = '{schema}' WHERE key = 'schema'")
    assert (await only(subject, "users"))[0] is level
    assert part in (await only(subject, "users"))[1]


async def test_a_damaged_file_is_a_failure(subject: Subject) -> None:
    for file, name in ((subject.session, "session"), (subject.registry, "users")):
        file.write_bytes(b"no database")
        level, said = await only(subject, name)
        assert level is Level.FAILURE
        assert "is damaged" in said


async def test_missing_users_of_a_known_session_are_warned_of(subject: Subject) -> None:
    subject.registry.unlink()
    assert (await only(subject, "users"))[0] is Level.WARNING


async def test_modes_and_links_are_told(subject: Subject) -> None:
    subject.session.chmod(0o644)
    level, said = await only(subject, "owner")
    assert level is Level.WARNING
    assert f"others may open {subject.session} (mode 0644): chmod go=" in said
    moved = subject.session.rename(subject.session.with_name("elsewhere"))
    subject.session.symlink_to(moved)
    level, said = await only(subject, "owner")
    assert level is Level.FAILURE
    assert "is a symbolic link" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
async def test_a_file_of_somebody_else_is_a_failure(subject: Subject) -> None:
    os.chown(subject.registry, 1, 1)
    level, said = await only(subject, "owner")
    assert level is Level.FAILURE
    assert f"users.sqlite belongs to uid 1, and its directory to uid 0: chown 0 {subject.registry}" in said


async def test_who_does_not_own_the_files_is_told(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = subject.session.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    level, said = await only(subject, "owner")
    assert level is Level.FAILURE
    assert f"belongs to uid {owner}, and this is uid 12345" in said


@pytest.mark.parametrize(("free", "level"), [(10 * 2**20, Level.FAILURE), (500 * 2**20, Level.WARNING)])
async def test_little_room_is_told(
    subject: Subject, free: int, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free, total=2**40))
    assert (await only(subject, "disk"))[0] is level


async def test_a_slow_disk_is_warned_of(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SLOW_WRITE", 0.0)
    assert (await only(subject, "writes"))[0] is Level.WARNING


async def test_a_disk_that_takes_nothing_is_a_failure(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    level, said = await only(subject, "writes")
    assert level is Level.FAILURE
    assert "No space left on device" in said


async def test_many_look_ups_are_warned_of(subject: Subject) -> None:
    assert (await only(subject, "look-ups"))[1].startswith("1 of 200 look-ups of usernames in the last day")
    execute(
        subject.session,
        "INSERT INTO tgbot_resolves SELECT unixepoch() - value FROM json_each('["
        + ",".join(map(str, range(180)))
        + "]')",
    )
    assert (await only(subject, "look-ups"))[0] is Level.WARNING


async def test_what_is_set_at_botfather_is_known_from_the_last_login(subject: Subject) -> None:
    _, said = await only(subject, "account")
    assert "may be added to groups, gets messages of groups that are meant for it, gets no inline" in said
    execute(
        subject.registry,
        """UPDATE meta SET value = replace(value, '"joins_groups": true', '"joins_groups": false')""",
    )
    assert (await only(subject, "account"))[0] is Level.OK
    level, said = await only(replace(subject, approves=True), "account")
    assert level is Level.WARNING
    assert "/setjoingroups" in said


# ---- the running bot -------------------------------------------------------------------------------


async def test_a_running_bot_is_asked_and_keeps_its_lock(subject: Subject) -> None:
    answer: dict[str, object] = {"trouble": None}

    async def status(*_: object, **__: object) -> object:
        return answer

    with instance_lock(subject.session):
        assert f"(pid {os.getpid()}) and cannot be asked" in (await only(subject, "bot"))[1]
        async with listening(subject.control, {"status": status}):
            assert await only(subject, "bot") == (
                Level.OK,
                f"the bot runs (pid {os.getpid()}) and is ready: ",
            )
            answer["trouble"] = "not connected to Telegram"
            level, said = await only(subject, "bot")
            assert level is Level.WARNING
            assert "is not ready: not connected to Telegram" in said
        async with listening(subject.control, {}):
            assert (await only(subject, "bot"))[0] is Level.OK
    assert (await only(subject, "bot"))[1] == "no bot runs with these files: "


# ---- settings --------------------------------------------------------------------------------------


async def test_texts_that_cannot_be_used_are_told(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    of = replace(subject, texts=tmp_path / "texts")
    (tmp_path / "texts" / "en.ftl").write_text("start-hello = { $nothing }\n")
    level, said = await only(of, "texts")
    assert level is Level.WARNING
    assert "tgbot texts check" in said
    (tmp_path / "texts" / "en.ftl").write_text("= = =\n")
    assert (await only(of, "texts"))[0] is Level.FAILURE


async def test_a_plugin_that_cannot_be_imported_is_a_failure(subject: Subject) -> None:
    assert (await only(replace(subject, plugins=("examples.echo",)), "plugins"))[1] == "examples.echo: "
    level, said = await only(replace(subject, plugins=("no_such_plugin",)), "plugins")
    assert level is Level.FAILURE
    assert "no_such_plugin" in said


async def test_settings_that_a_plugin_does_not_take_are_a_failure(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[bot]\nplugins = ["examples.echo"]\n[plugins.echo]\nloud = true\n')
    config = load(tmp_path / "c.toml", {})
    of = replace(subject, plugins=config.bot.plugins, settings=config.plugins.read)
    level, said = await only(of, "plugins")
    assert level is Level.FAILURE
    assert "[plugins.echo]: the plugin examples.echo takes no settings" in said


async def test_the_domain_of_the_login_page_is_told_and_looked_up(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await found(subject, "login page") == []
    level, said = await only(replace(subject, site="http://localhost:8080"), "login page")
    assert level is Level.OK
    assert "/setdomain localhost" in said

    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    level, said = await only(replace(subject, site="https://login.example.com"), "login page")
    assert level is Level.WARNING
    assert "Name or service not known" in said


# ---- Telegram --------------------------------------------------------------------------------------


@pytest.fixture
def reachable(subject: Subject, sandbox: Sandbox) -> Subject:
    return replace(subject, server=Server(sandbox.host, sandbox.port, sandbox.dc_id, sandbox.public_key))


async def test_telegram_is_reached_without_a_login(reachable: Subject, sandbox: Sandbox) -> None:
    reached, clock = await found(reachable, "telegram")
    assert (reached.level, clock) == (Level.OK, Finding(Level.OK, "the clock is right"))
    assert f"{sandbox.host}:{sandbox.port}" in reached.said
    await until(lambda: not sandbox.connections, "the sandbox sees the end")


async def test_a_wrong_clock_is_warned_of(reachable: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CLOCK_SECONDS", -1)
    _, clock = await found(reachable, "telegram")
    assert clock.level is Level.WARNING
    assert "Telegram's: the bot copes with that" in f"{clock.said}: {clock.advice}"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"\x01" * 4096])
async def test_what_answers_and_is_not_telegram_is_a_failure(subject: Subject, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        served.set()

    served = asyncio.Event()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        level, said = await only(replace(subject, server=Server("127.0.0.1", port, 2, None)), "telegram")
        await served.wait()
    assert level is Level.FAILURE
    assert said.startswith(f"What answers at 127.0.0.1:{port} is not Telegram (")
    assert "let this machine through" in said


async def test_a_server_with_another_key_is_a_failure(reachable: Subject, sandbox: Sandbox) -> None:
    async with Sandbox(seed=99) as other:
        assert reachable.server is not None
        wrong = replace(reachable.server, host=other.host, port=other.port)
        level, said = await only(replace(reachable, server=wrong), "telegram")
    assert level is Level.FAILURE
    assert "does not have the configured key" in said


async def test_telegram_that_cannot_be_reached_is_a_failure(reachable: Subject, sandbox: Sandbox) -> None:
    await sandbox.stop()
    level, said = await only(reachable, "telegram")
    assert level is Level.FAILURE
    assert "Telegram cannot be reached: " in said
    assert "[telegram] proxy" in said
