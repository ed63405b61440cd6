"""Files that vanish or change hands under the running bot: it stops and says so."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.audit import audit_answers, audit_files, quiet
from tests.scenarios.crash import Site, open_site
from tests.scenarios.load import Load


def directory(home: Path) -> None:
    shutil.rmtree(home)


def lock(home: Path) -> None:
    (home / "bot.lock").unlink()


def session(home: Path) -> None:
    (home / "bot.session").unlink()


def users_replaced(home: Path) -> None:
    copy = home / "copy"
    shutil.copy(home / "users.sqlite", copy)
    copy.replace(home / "users.sqlite")


@pytest.mark.parametrize("gone", [directory, lock, session, users_replaced])
async def test_the_bot_stops_by_itself_and_says_which_file(
    tmp_path: Path, gone: Callable[[Path], None]
) -> None:
    async with open_site(tmp_path, 1) as site:
        process = await site.spawn()
        await process.up()
        site.said(site.world.new_user("Ann").id, "hello")
        gone(site.session.parent)
        assert await process.ended() == 1
        last = process.log[-1]
        assert "was deleted or replaced while the bot ran" in last
        assert str(site.session.parent) in last
        assert not any("everything is on disk" in line for line in process.log)
        assert not any("Traceback" in line for line in process.log)


async def test_a_stop_right_after_the_directory_went_is_no_clean_stop(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        process = await site.spawn()
        await process.up()
        shutil.rmtree(site.session.parent)
        assert await process.end(signal.SIGTERM) == 1
        assert "was deleted or replaced" in process.log[-1]
        assert not any("everything is on disk" in line for line in process.log)


async def test_after_the_files_are_put_back_nobody_is_left_without_an_answer(tmp_path: Path) -> None:
    async with open_site(tmp_path, 1) as site:
        load = Load(site, 50.0)
        await (await site.spawn()).up()
        with load.going_on():
            await load.more(20)
            away = tmp_path / "away"
            site.session.parent.rename(away)
            assert site.process is not None
            assert await site.process.ended() == 1
            await site.unplugged()
            await load.more(20)
            away.rename(site.session.parent)
            await (await site.spawn()).up()
            await load.more(20)
        await served(site, load)


async def served(site: Site, load: Load) -> None:
    await quiet(site, load.blocked_at)
    assert await site.end() == 0
    audit = audit_answers(site, load.blocked_at)
    audit_files(site, audit)
    assert audit.clean, str(audit)
