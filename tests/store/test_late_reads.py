"""Users that are read while others write: the answer may be older than what holds by then."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from tests.store.contracts import ANN, Clock
from tests.store.memory import MemoryRows
from tgbot.core.access import Access
from tgbot.core.users import Profile, UserFields, Way
from tgbot.store.registry import Registry
from tgbot.store.user_json import pack


class LateRows(MemoryRows):
    """Rows that find their answer at once, and give it once `arrives` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.arrives = asyncio.Event()

    async def many(self, user_ids: Collection[int]) -> Mapping[int, str]:
        found = await super().many(user_ids)
        await self.arrives.wait()
        return found


async def test_somebody_imported_while_they_were_read_is_not_absent() -> None:
    rows = LateRows()
    registry = Registry(rows, Clock())
    loading = asyncio.ensure_future(registry.load([1]))
    await asyncio.sleep(0)
    imported = UserFields(1, Profile(1, "Ann"), known_by={Way.IMPORT: 5})
    await registry.add({1: pack(imported, Access.UNKNOWN)}, {1: Access.UNKNOWN})
    rows.arrives.set()
    await loading
    user = registry.get(1)
    assert user is not None
    assert user.first_name == "Ann"


async def test_somebody_who_came_and_left_memory_while_they_were_read_is_as_they_were_written() -> None:
    rows = LateRows()
    registry = Registry(rows, Clock(), cached_users=0)
    registry.seen(ANN, 100, Way.MESSAGE)
    await registry.flush()
    assert not registry.loaded({1})
    loading = asyncio.ensure_future(registry.load([1]))
    await asyncio.sleep(0)
    registry.seen(ANN._replace(first_name="Anna"), 200, Way.MESSAGE)
    registry.finished(1, 7)
    await registry.flush()
    assert not registry.loaded({1})
    rows.arrives.set()
    await loading
    assert registry.last_finished(1) == 7
