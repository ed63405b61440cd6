"""Counts of permissions that end by themselves: the work is in proportion to what changed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.store.contracts import Clock, counted, recounted
from tests.store.memory import MemoryRows
from tgbot.core.access import Evidence, Kind
from tgbot.core.errors import StorageFailedError
from tgbot.store.registry import Registry
from tgbot.store.stored import Changes

WINDOW = 300


class Rows(MemoryRows):
    """Rows that remember the notes of the last write."""

    written: Mapping[str, str | None]

    async def write(self, changes: Changes) -> None:
        self.written = changes.notes
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
