"""A store that cannot be reached now and then: what waits, what is said, what gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

import pytest

from tgbot.core.errors import LeaseLostError, StorageError, StorageUnreachableError
from tgbot.store import patient
from tgbot.store.base import UpdateState
from tgbot.store.patient import PatientStore

STATE = UpdateState(3, 2, 1, 0)


class Shelf:
    """A store that raises the errors it is given, one for each call, before it works."""

    def __init__(self, *errors: StorageError) -> None:
        self.errors = list(errors)
        self.changed = True
        self.loads: list[list[int]] = []
        self.states: list[UpdateState | None] = []

    def loaded(self, ids: AbstractSet[int]) -> bool:
        return 7 in ids

    async def load(self, ids: Iterable[int]) -> None:
        wanted = list(ids)
        self._fail()
        self.loads.append(wanted)

    async def checkpoint(self, state: UpdateState | None) -> None:
        self._fail()
        self.states.append(state)

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "PAUSE", 0.0)


async def until(so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if so():
            return
        await asyncio.sleep(0)
    raise AssertionError


def away() -> StorageUnreachableError:
    return StorageUnreachableError("postgresql://db/bot", "it is being restarted")


async def test_loads_and_checkpoints_wait_for_the_database(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(away(), away(), away())
    store = PatientStore(shelf)
    await store.load(iter((7, 8)))
    assert shelf.loads == [[7, 8]]  # also where the ids can be gone through once only
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "cannot be reached now" in caplog.messages[0]
    assert "is reached again" in caplog.messages[1]
    shelf.errors.append(away())
    await store.checkpoint(STATE)
    assert shelf.states == [STATE]
    assert store.errors == 4
    assert store.changed
    assert store.loaded({7})
    assert not store.out_of_reach


async def test_another_error_is_raised_at_once() -> None:
    store = PatientStore(Shelf(away(), LeaseLostError("postgresql://db/bot")))
    with pytest.raises(LeaseLostError):
        await store.checkpoint(STATE)
    assert store.errors == 1


async def test_what_waits_gives_up_when_the_bot_stops() -> None:
    now = 100.0
    shelf = Shelf(*[away() for _ in range(1000)])
    store = PatientStore(shelf, monotonic=lambda: now)
    waiting = asyncio.ensure_future(store.checkpoint(STATE))
    await until(lambda: store.errors >= 3)
    assert store.out_of_reach
    store.end_within(5.0)
    tried = store.errors
    await until(lambda: store.errors >= tried + 3)
    assert not waiting.done()
    now = 105.0
    with pytest.raises(StorageUnreachableError):
        await waiting
    assert not shelf.states
