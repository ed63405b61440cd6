"""Counts of permissions that end by themselves: the work is in proportion to what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.store.contracts import Clock, counted, recounted
from tests.store.memory import MemoryRows
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.errors import StorageFailedError
from tgbot.store.counts import Moved
from tgbot.store.registry import Registry
from tgbot.store.stored import Changes

WINDOW = 300


class Rows(MemoryRows):
    """Rows that remember the notes of the last write, and who moved in it."""

    written: Mapping[str, str | None]
    moved: Sequence[Moved]

    async def write(self, changes: Changes) -> None:
        self.written, self.moved = changes.notes, changes.moved
        await super().write(changes)


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(registry: Registry, clock: Clock, *users: int) -> None:
    """Let users ask to join a chat, which allows the bot to write to them for five minutes."""
    for user in users:
        registry.record(user, Evidence(Kind.JOIN_REQUEST, int(clock.now), until=int(clock.now) + WINDOW))


async def test_a_flush_writes_the_windows_that_changed_not_all_that_are_open(
    rows: Rows, clock: Clock
) -> None:
    registry = Registry(rows, clock)
    ask(registry, clock, *range(1, 5_001))
    await registry.flush()
    assert len(rows.written) == 5_001
    clock.now += 10
    ask(registry, clock, 7, 9_999)
    registry.record(8, Evidence(Kind.MESSAGE, int(clock.now)))
    await registry.flush()
    assert set(rows.written) == {"counts", "passing/7", "passing/8", "passing/9999"}
    assert rows.written["passing/8"] is None
    assert counted(registry) == {"reachable": 5_001}


async def test_windows_that_ended_are_deleted_from_the_notes_once(rows: Rows, clock: Clock) -> None:
    registry = Registry(rows, clock)
    ask(registry, clock, 1, 2)
    await registry.flush()
    clock.now += 10
    ask(registry, clock, 3)
    await registry.flush()
    clock.now += WINDOW - 10
    registry.finished(1, 1)
    await registry.flush()
    assert {name for name, note in rows.written.items() if note is None} == {"passing/1", "passing/2"}
    assert counted(registry) == recounted(registry, clock.now) == {"not_allowed": 2, "reachable": 1}
    registry.finished(1, 2)
    await registry.flush()
    assert set(rows.written) == {"counts"}
    assert set(rows.notes()) == {"counts", "passing/3"}


async def test_a_failed_write_is_made_up_for_by_the_next(rows: Rows, clock: Clock) -> None:
    registry = Registry(rows, clock)
    ask(registry, clock, 1)
    broken = pytest.MonkeyPatch()

    async def fail(*_: object) -> None:
        raise StorageFailedError("memory", "it is broken")

    broken.setattr(rows, "write", fail)
    with pytest.raises(StorageFailedError):
        await registry.flush()
    broken.undo()
    ask(registry, clock, 2)
    await registry.flush()
    assert set(rows.written) == {"counts", "passing/1", "passing/2"}
    assert counted(Registry(rows, clock)) == {"reachable": 2}


async def test_a_user_whose_access_stays_costs_no_write_of_it(rows: Rows, clock: Clock) -> None:
    registry = Registry(rows, clock)
    for user_id in (1, 2, 3):
        registry.wrote(user_id, 900, 10)
    registry.finished(4, 10)
    await registry.flush()
    reachable = Access.REACHABLE
    assert list(rows.moved) == [(1, None, reachable), (2, None, reachable), (3, None, reachable)]
    registry.wrote(1, 950, 11)
    registry.record(2, Evidence(Kind.BOT_STOPPED, 950))
    registry.forget(3)
    await registry.flush()
    assert list(rows.moved) == [(2, reachable, Access.BLOCKED), (3, reachable, None)]
    registry = Registry(rows, clock)
    registry.wrote(1, 960, 12)
    await registry.flush()
    assert list(rows.moved) == []
