"""A backup of the running bot, restored later: no user is lost, and none gets an answer twice."""

from __future__ import annotations

# ruff: noqa: ASYNC110, ASYNC240 - a test's event loop has nothing else to do
import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.scenarios.audit import audit_answers, audit_files, audit_people, quiet
from tests.scenarios.crash import Site, open_site
from tests.scenarios.load import Load

#: Set TGBOT_BACKUP_SEED in the environment for another run.
SEED = int(os.environ.get("TGBOT_BACKUP_SEED", "20"))


async def begun(site: Site, target: Path, command: str = "backup") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli"),
        *("--config", str(site.directory / "config.toml"), command, str(target)),
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def done(site: Site, target: Path, command: str) -> list[str]:
    """Run `tgbot backup` or `restore` as a process of its own; return the lines that it printed."""
    process = await begun(site, target, command)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().splitlines()


async def test_a_backup_taken_under_load_is_put_back_and_the_bot_goes_on(tmp_path: Path) -> None:
    print(f"TGBOT_BACKUP_SEED={SEED}")  # shown by pytest when the test fails
    async with open_site(tmp_path, SEED, people=2) as site:
        load = Load(site, 100.0)
        await (await site.spawn()).up()
        with load.going_on():
            await load.more(200)
            await done(site, tmp_path / "copies", "backup")
            met = len(site.users())
            await load.more(200)
            await site.end(signal.SIGKILL)
        assert len(site.users()) > met, "nobody came after the backup"

        said = await done(site, tmp_path / "copies", "restore")  # over what the kill has left
        assert said[-1].startswith("What was there is in ")

        await (await site.spawn()).up()
        with load.going_on():
            await load.more(100)
        await quiet(site, load.blocked_at)
        assert await site.end() == 0
        audit = audit_answers(site, load.blocked_at)
        audit_files(site, audit)
        audit_people(site, audit)
        assert audit.clean, f"seed {SEED}: {audit}"
        assert audit.answers > 300
        assert not site.faults


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_a_backup_that_is_ended_at_any_instant_leaves_a_whole_one(tmp_path: Path, number: int) -> None:
    target, part = tmp_path / "copies", tmp_path / ".copies.part"
    async with open_site(tmp_path, SEED) as site:
        await (await site.spawn()).up()
        await done(site, target, "backup")
        process = await begun(site, target)
        while not part.exists() and process.returncode is None:
            await asyncio.sleep(0)
        await asyncio.sleep(random.random() / 100)  # at any instant: none is special
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            process.send_signal(number)
        await process.communicate()
        assert sorted(path.name for path in target.iterdir()) == ["bot.session", "users.sqlite"]
        for path in target.iterdir():
            with contextlib.closing(sqlite3.connect(path)) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        await done(site, target, "backup")
        assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
        assert await site.end() == 0
