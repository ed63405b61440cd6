from __future__ import annotations

import asyncio
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from telethon import events

from tests.telegram.conftest import PATIENCE, MemoryStore, Stage, echo, until
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram import BotClient, checkpoints
from tgbot.telegram.checkpoints import Checkpoints


class Shelf:
    """A store that writes down the states it was given; `gate` holds the writing up."""

    def __init__(self) -> None:
        self.changed = False
        self.written: list[UpdateState | None] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return True

    async def load(self, ids: Iterable[int]) -> None: ...

    async def checkpoint(self, state: UpdateState | None) -> None:
        self.changed = False
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.written.append(state)


class Desk:
    """Checkpoints of a state that can be set, in a store that can fail."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.state: UpdateState | None = state(1)
        self.asked = 0
        self.checkpoints = Checkpoints(self.shelf, self._state)

    def _state(self) -> UpdateState | None:
        self.asked += 1
        return self.state


def state(pts: int) -> UpdateState:
    return UpdateState(pts, 1, 1, 1)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.001)
    return Desk()


async def test_the_state_is_the_one_before_the_store_begins_to_write(desk: Desk) -> None:
    desk.shelf.gate.clear()
    making = asyncio.create_task(desk.checkpoints.make())
    await until(lambda: desk.asked)
    desk.state = state(2)  # finished while the store was writing
    desk.shelf.gate.set()
    await making
    assert desk.shelf.written == [state(1)]


async def test_two_checkpoints_are_made_one_after_another(desk: Desk) -> None:
    desk.shelf.gate.clear()
    first, second = (asyncio.create_task(desk.checkpoints.make()) for _ in range(2))
    await until(lambda: desk.asked)
    for _ in range(5):
        await asyncio.sleep(0)
    assert desk.asked == 1
    desk.state = state(2)
    desk.shelf.gate.set()
    await asyncio.gather(first, second)
    assert desk.shelf.written == [state(1), state(2)]


async def test_checkpoints_are_made_while_something_changes_and_only_then(desk: Desk) -> None:
    keeping = asyncio.create_task(desk.checkpoints.keep())
    await until(lambda: desk.shelf.written == [state(1)])
    asked = desk.asked
    await until(lambda: desk.asked > asked + 10)
    assert len(desk.shelf.written) == 1
    desk.state = state(2)
    await until(lambda: desk.shelf.written == [state(1), state(2)])
    desk.shelf.changed = True  # users, without any update
    await until(lambda: len(desk.shelf.written) == 3)
    keeping.cancel()


async def test_a_checkpoint_that_fails_ends_the_keeping_of_them(desk: Desk) -> None:
    desk.shelf.error = OSError("disk gone")
    with pytest.raises(OSError, match="disk gone"):
        async with asyncio.timeout(PATIENCE):
            await desk.checkpoints.keep()


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


class FailingStore(MemoryStore):
    """A store whose disk can go away."""

    failing = False

    async def checkpoint(self, state: UpdateState | None) -> None:
        if self.failing:
            raise OSError("disk gone")
        await super().checkpoint(state)


async def test_a_store_that_cannot_be_written_ends_the_bot_and_the_state_stays(stage: Stage) -> None:
    store = FailingStore(DurableSession(stage.path))
    client = await stage.open(echo, store=store)
    await client.checkpoint()
    before, store.failing = disk(stage), True
    stage.write(stage.meet(), "hello")
    async with asyncio.timeout(PATIENCE):
        error = await client.failed
    assert str(error) == "disk gone"
    await stage.close(client)
    assert disk(stage) == before
