"""Another program locks a file of the running bot: people are answered, and the log says who has it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.scenarios.audit import audit_answers, audit_files, quiet
from tests.scenarios.crash import open_site, until
from tests.scenarios.load import Load
from tests.scenarios.scene import open_scene
from tests.store.sqlite.test_locks import held
from tgbot.core.errors import StorageLockedError
from tgbot.store.sqlite import locks


@pytest.mark.parametrize("name", ["bot.session", "users.sqlite"])
async def test_a_lock_is_waited_for_and_then_nothing_is_lost(tmp_path: Path, name: str) -> None:
    async with open_site(tmp_path, 1) as site:
        load = Load(site, 50.0)
        process = await site.spawn()
        await process.up()
        with load.going_on():
            await load.more(20)
            with held(site.session.parent / name) as other:
                await until(lambda: any("is locked by" in line for line in process.log), "it says so")
                await load.more(20)
                await asyncio.to_thread(other.let_go)
            await until(lambda: any("is free again" in line for line in process.log), "it says so")
        await quiet(site, load.blocked_at)
        assert await site.end(signal.SIGTERM) == 0
        (line,) = [line for line in process.log if "is locked by" in line]
        assert f"{name} is locked by pid {other.pid} (" in line
        audit = audit_answers(site, load.blocked_at)
        audit_files(site, audit)
        assert audit.clean, str(audit)
        assert not site.faults


async def test_people_are_answered_under_a_lock_and_one_that_stays_ends_the_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "SAID_AFTER", 0.1)
    monkeypatch.setattr(locks, "LOCK_SECONDS", 1.0)
    async with open_scene(tmp_path) as scene:
        anna = scene.meet()

        async def locked_out() -> None:
            async with scene.serving() as bot:
                with held(scene.registry):
                    for number in range(3):
                        scene.said(anna, f"hello {number}")
                        expected = [f"echo hello {n}" for n in range(number + 1)]
                        await until(lambda: scene.answers(anna) == expected, "she is answered")  # noqa: B023
                    raise await bot.client.failed

        with pytest.raises(StorageLockedError, match=r"users\.sqlite is locked by pid .* end that program"):
            await locked_out()
        async with scene.serving() as bot:
            await scene.settled(bot)
        assert scene.answers(anna) == [f"echo hello {n}" for n in range(3)]
