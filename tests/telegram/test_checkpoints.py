from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.store.sqlite.session import DurableSession, UpdateState
from tgbot.telegram import BotClient, checkpoints
from tgbot.telegram.checkpoints import LOOK_BACK, Checkpoints


class Desk:
    """A Checkpoints on a session file, with everything it asks for settable."""

    def __init__(self, path: Path) -> None:
        self.session = DurableSession(path)
        self.events: list[str] = []
        self.count = 0
        self.state = UpdateState(1, 1, 1, 1)
        self.busy = False
        self.flush: Callable[[], Any] = self._flush
        self.checkpoints = Checkpoints(
            self.session,
            flush=lambda: self.flush(),
            mark=self._mark,
            busy=lambda: self.busy,
            made=lambda: self.events.append("made"),
            server_time=lambda: 1_000,
        )

    def _mark(self) -> tuple[int, UpdateState]:
        self.events.append("mark")
        return self.count, self.state

    async def _flush(self) -> None:
        self.events.append("flush")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "bot.session")


async def test_the_state_is_taken_then_the_registry_flushed_then_the_state_written(desk: Desk) -> None:
    taken = desk.state

    async def flush() -> None:
        desk.events.append("flush")
        assert desk.session.update_state() is None
        desk.state = UpdateState(2, 2, 2, 2)  # finished while the registry was being flushed

    desk.flush = flush
    await desk.checkpoints.make()
    assert desk.events == ["mark", "flush", "made"]
    assert desk.session.update_state() == taken
    assert desk.session.value("checkpoint_at") == 1_000


async def test_a_flush_that_fails_leaves_the_state_on_disk_where_it_was(desk: Desk) -> None:
    await desk.checkpoints.make()
    before, desk.state = desk.state, UpdateState(9, 9, 9, 9)

    async def fail() -> None:
        raise OSError("disk gone")

    desk.flush = fail
    with pytest.raises(OSError, match="disk gone"):
        await desk.checkpoints.make()
    assert desk.session.update_state() == before
    desk.count += 1
    with pytest.raises(OSError, match="disk gone"):
        async with asyncio.timeout(PATIENCE):
            await desk.checkpoints.keep()


async def test_checkpoints_are_made_while_something_changes_and_only_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 0.01)
    keeping = asyncio.create_task(desk.checkpoints.keep())
    await until(lambda: desk.events.count("made") == 1)
    made = desk.events.count("made")
    await until(lambda: desk.events.count("mark") > 10)
    assert desk.events.count("made") == made
    desk.count += 1
    await until(lambda: desk.events.count("made") == made + 1)
    desk.session.remember([types.User(5, access_hash=1, first_name="Ann")])
    await until(lambda: desk.events.count("made") == made + 2)
    keeping.cancel()


async def test_while_requests_are_under_way_its_time_is_kept_fresh(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 0.01)
    monkeypatch.setattr(checkpoints, "LOOK_BACK", 0.05)
    desk.busy = True
    keeping = asyncio.create_task(desk.checkpoints.keep())
    await until(lambda: desk.events.count("made") >= 5)
    keeping.cancel()


async def test_a_send_waits_for_a_checkpoint_when_the_last_one_is_too_old(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = asyncio.create_task(desk.checkpoints.keep())
    async with asyncio.timeout(PATIENCE):
        began = time.monotonic()
        await desk.checkpoints.fresh()
        assert time.monotonic() - began < 0.9  # it is made when it is wanted, not at its time
        assert desk.events.count("made") == 1
        await desk.checkpoints.fresh()
        assert desk.events.count("made") == 1
    keeping.cancel()


async def test_a_start_looks_back_unless_the_last_run_ended_cleanly(desk: Desk) -> None:
    assert await desk.checkpoints.begin() is None  # there was none
    await desk.checkpoints.make()
    until_when = await desk.checkpoints.begin()
    assert until_when is not None
    assert until_when >= 1_000 + LOOK_BACK
    await desk.checkpoints.end(clean=False)
    assert await desk.checkpoints.begin() is not None
    await desk.checkpoints.end(clean=True)
    assert await desk.checkpoints.begin() is None
    assert await desk.checkpoints.begin() is not None  # that one did not end


# ---- on the wire --------------------------------------------------------------------------------


def disk(stage: Stage) -> UpdateState:
    """The update state in the file, read as another process would."""
    session = DurableSession(stage.path)
    try:
        state = session.update_state()
        assert state is not None
        return state
    finally:
        session.close()


async def test_the_first_state_is_on_disk_before_the_first_update_is_taken(stage: Stage) -> None:
    client = await stage.open()
    state = disk(stage)
    assert (state.pts, state.qts) == stage.world.state(stage.account.id)[:2]
    await stage.kill(client)
    ann = stage.meet()
    stage.write(ann, "hello")
    await stage.open(echo)
    await until(lambda: stage.heard(ann) == ["you said hello"])


async def test_the_state_on_disk_is_never_past_an_update_that_is_not_finished(stage: Stage) -> None:
    gate = asyncio.Event()

    def slow(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            if event.raw_text == "slow":
                await gate.wait()
            await event.respond("done")

    client = await stage.open(slow)
    await client.checkpoint()
    before = disk(stage)
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    stage.write(ann, "slow")
    stage.write(bob, "quick")
    await until(lambda: stage.heard(bob) == ["done"])
    await client.checkpoint()
    assert disk(stage).pts == before.pts
    gate.set()
    await until(lambda: stage.heard(ann) == ["done"])
    await until(lambda: len(stage.finished) == 2)
    await client.checkpoint()
    assert disk(stage).pts == stage.world.state(stage.account.id)[0]


async def test_users_of_a_downtime_and_their_hashes_are_on_disk_with_the_state(stage: Stage) -> None:
    await stage.close(await stage.open(echo))
    ann = stage.meet()
    stage.write(ann, "hello")
    client = await stage.open(echo)
    await until(lambda: stage.finished)
    await client.checkpoint()
    await stage.kill(client)
    session = DurableSession(stage.path)
    assert session.access_hash(ann) == stage.world.accounts.access_hash(stage.account.id, ann)
    session.close()


async def test_a_registry_that_cannot_be_flushed_ends_the_bot_and_the_state_stays(stage: Stage) -> None:
    failing = False

    async def flush() -> None:
        if failing:
            raise OSError("disk gone")

    client = await stage.open(echo, hooks=stage.hooks(flush=flush))
    await client.checkpoint()
    before, failing = disk(stage), True
    stage.write(stage.meet(), "hello")
    async with asyncio.timeout(PATIENCE):
        error = await client.failed
    assert str(error) == "disk gone"
    await stage.close(client)
    assert disk(stage) == before
