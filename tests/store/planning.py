"""What every store must do with planned entries: one suite, run against each of them."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace

import pytest

from tests.store.contracts import ANN, Contract, Home, OpenStore
from tgbot.core.errors import StorageError
from tgbot.core.users import DATA_BYTES, Profile, Way
from tgbot.store.base import Planned, UpdateState
from tgbot.store.planned import _LATEST, KEY_BYTES

REMINDER = Planned("shop.remind:1", 2_000, "shop.remind", 1, '{"text":"Milk \U0001f95b"}', 2)


class PlanContract(Contract):
    """Test the planned entries of a store."""

    async def test_a_planned_entry_is_there_after_a_restart_as_it_was(self, store: OpenStore) -> None:
        assert not store.planned.changed
        store.planned.plan(REMINDER)
        assert store.planned.changed
        assert store.changed
        assert await store.planned.get(REMINDER.key) == REMINDER
        store = await self.restarted()
        assert not store.changed
        assert await store.planned.get(REMINDER.key) == REMINDER
        assert await store.planned.get("another") is None
        assert await store.planned.due(2_000) == [REMINDER]

    async def test_what_no_checkpoint_wrote_is_dropped_by_a_crash(self, store: OpenStore) -> None:
        store.planned.plan(REMINDER)
        await store.checkpoint(UpdateState(5, 1, 1, 1))
        store.planned.drop(REMINDER.key)
        store.planned.plan(replace(REMINDER, key="later"))
        again = self.crashed()
        assert again.update_state() == UpdateState(5, 1, 1, 1)
        assert await again.planned.due(9_999) == [REMINDER]

    async def test_due_entries_come_by_time_and_then_by_key(self, store: OpenStore) -> None:
        assert await store.planned.next_due() is None
        assert await store.planned.due(1e12) == []
        for key, at in (("d", 30), ("b", 20), ("c", 10), ("a", 20), ("e", 2**37)):
            store.planned.plan(entry(key, at))
        for _ in range(2):  # in memory, then on disk
            assert await store.planned.next_due() == 10
            assert await due(store, 9.9) == []
            assert await due(store, 20) == ["c", "a", "b"]
            assert await due(store, 20, limit=2) == ["c", "a"]
            assert await due(store, 2**37 - 1) == ["c", "a", "b", "d"]
            assert await due(store, 1e12) == ["c", "a", "b", "d", "e"]
            store = await self.restarted()

    async def test_a_replaced_entry_is_due_at_its_new_time_only(self, store: OpenStore) -> None:
        store.planned.plan(entry("a", 10))
        store.planned.plan(entry("b", 20))
        store = await self.restarted()
        store.planned.plan(replace(entry("a", 30), attempts=1, user=2))
        for _ in range(2):
            assert await store.planned.next_due() == 20
            assert await due(store, 29) == ["b"]
            assert await due(store, 30) == ["b", "a"]
            assert await store.planned.get("a") == replace(entry("a", 30), attempts=1, user=2)
            assert [len(await store.planned.about(user)) for user in (1, 2)] == [1, 1]
            store = await self.restarted()

    async def test_what_was_dropped_hides_what_is_on_disk(self, store: OpenStore) -> None:
        for number in range(10):
            store.planned.plan(entry(f"{number}", number))
        store = await self.restarted()
        for number in (0, 1, 2, 5):
            store.planned.drop(f"{number}")
        store.planned.drop("unknown")
        store.planned.drop("new")
        store.planned.plan(entry("new", 4))
        for _ in range(2):
            assert await store.planned.next_due() == 3
            assert await due(store, 100, limit=3) == ["3", "4", "new"]
            assert await due(store, 100) == ["3", "4", "new", "6", "7", "8", "9"]
            assert await store.planned.get("5") is None
            assert len(await store.planned.about(1)) == 7
            store = await self.restarted()

    async def test_however_many_were_dropped_the_next_one_is_found(self, store: OpenStore) -> None:
        for number in range(600):
            store.planned.plan(entry(f"{number:04}", number))
        store = await self.restarted()
        for number in range(599):
            store.planned.drop(f"{number:04}")
        assert await store.planned.next_due() == 599
        assert await due(store, 1_000, limit=1) == ["0599"]

    async def test_a_failed_checkpoint_loses_nothing_planned(self, store: OpenStore, home: Home) -> None:
        store.planned.plan(entry("kept", 1))
        store.planned.plan(entry("dropped", 2))
        store.planned.plan(entry("moved", 3))
        await store.checkpoint(None)
        store.planned.drop("dropped")
        store.planned.plan(entry("moved", 9))
        store.planned.plan(entry("new", 4))
        with home.broken(), pytest.raises(StorageError):
            await store.checkpoint(UpdateState(2, 1, 1, 1))
        store.planned.plan(entry("after", 5))
        for _ in range(2):
            assert store.update_state() is None
            assert await due(store, 8) == ["kept", "new", "after"]
            assert await due(store, 9) == ["kept", "new", "after", "moved"]
            store = await self.restarted()

    async def test_what_is_planned_and_dropped_while_a_checkpoint_writes_is_kept_so(
        self, store: OpenStore
    ) -> None:
        store.planned.plan(entry("on disk", 5))
        await store.checkpoint(None)
        for number in range(300):
            store.users.seen(Profile(number + 1), 100, Way.MESSAGE)
        store.planned.drop("on disk")
        store.planned.plan(entry("a", 10))
        store.planned.plan(entry("b", 20))
        writing = asyncio.ensure_future(store.checkpoint(None))
        for _ in range(3):
            await asyncio.sleep(0)
        store.planned.drop("a")
        store.planned.plan(entry("b", 40))
        store.planned.plan(entry("c", 30))
        assert await due(store, 100) == ["c", "b"]
        assert [one.key for one in await store.planned.about(1)] == ["c", "b"]
        assert await store.planned.next_due() == 30
        await writing
        assert store.changed
        for _ in range(2):
            assert await due(store, 100) == ["c", "b"]
            assert await store.planned.get("on disk") is None
            store = await self.restarted()

    async def test_what_changed_while_a_checkpoint_failed_is_not_undone(
        self, store: OpenStore, home: Home
    ) -> None:
        for number in range(300):
            store.users.seen(Profile(number + 1), 100, Way.MESSAGE)
        store.planned.plan(entry("a", 10))
        store.planned.plan(entry("b", 20))
        with home.broken():
            writing = asyncio.ensure_future(store.checkpoint(None))
            for _ in range(3):
                await asyncio.sleep(0)
            store.planned.drop("a")
            store.planned.plan(entry("b", 30))
            with pytest.raises(StorageError):
                await writing
        for _ in range(2):
            assert [(one.key, one.at) for one in await store.planned.due(100)] == [("b", 30)]
            store = await self.restarted()

    async def test_a_read_sees_everything_whatever_is_written_meanwhile(self, store: OpenStore) -> None:
        source, expected = random.Random(11), dict[str, Planned]()
        stop = False

        async def write() -> None:
            while not stop:
                await store.checkpoint(None)

        writing = asyncio.ensure_future(write())
        for turn in range(300):
            key = f"{source.randrange(20)}"
            if source.random() < 0.3:
                store.planned.drop(key)
                expected.pop(key, None)
            else:
                expected[key] = entry(key, source.randrange(50), user=source.randrange(1, 4))
                store.planned.plan(expected[key])
            await asyncio.sleep(0)
            order = sorted(expected.values(), key=lambda one: (one.at, one.key))
            match turn % 4:
                case 0:
                    assert await store.planned.due(50) == order
                case 1:
                    assert await store.planned.next_due() == min((one.at for one in order), default=None)
                case 2:
                    assert await store.planned.about(2) == [one for one in order if one.user == 2]
                case _:
                    assert await store.planned.get(key) == expected.get(key)
        stop = True
        await writing
        assert await (await self.restarted()).planned.due(50) == order

    async def test_entries_about_a_user_are_found_and_forgotten(self, store: OpenStore) -> None:
        store.users.seen(ANN, 100, Way.MESSAGE)
        store.planned.plan(entry("written", 20))
        store.planned.plan(entry("of another", 20, user=2))
        store.planned.plan(entry("of nobody", 20, user=0))
        store.planned.plan(entry("given away", 20))
        await store.checkpoint(None)
        store.planned.plan(entry("not yet written", 10))
        store.planned.plan(entry("given away", 20, user=2))
        assert [one.key for one in await store.planned.about(1)] == ["not yet written", "written"]
        assert [one.key for one in await store.planned.about(2)] == ["given away", "of another"]
        assert await store.planned.about(0) == []
        await store.planned.forget(0)
        await store.forget(1)
        for _ in range(2):
            assert await store.planned.about(1) == []
            assert await due(store, 100) == ["given away", "of another", "of nobody"]
            store = self.crashed()

    async def test_what_is_planned_after_forgetting_stays(self, store: OpenStore, home: Home) -> None:
        store.planned.plan(entry("before", 10))
        store.planned.plan(entry("given away", 10))
        await store.checkpoint(None)
        store.planned.plan(entry("given away", 10, user=2))
        await store.planned.forget(1)
        assert store.planned.changed
        store.planned.plan(entry("after", 20))
        with home.broken(), pytest.raises(StorageError):
            await store.checkpoint(None)
        store.planned.plan(entry("later", 30))
        for _ in range(2):
            assert await due(store, 100) == ["given away", "after", "later"]
            store = await self.restarted()
        assert not store.planned.changed

    @pytest.mark.parametrize(
        "entry",
        [
            replace(REMINDER, at=2**63),
            replace(REMINDER, at=-1),
            replace(REMINDER, at=253_402_300_800),
            replace(REMINDER, user=-(2**64)),
            replace(REMINDER, attempts=2**63),
            replace(REMINDER, key="shop\ud800"),
            replace(REMINDER, name="shop\udfff"),
            replace(REMINDER, key="shop\0"),
            replace(REMINDER, name="shop\0"),
            replace(REMINDER, key="я" * (KEY_BYTES // 2) + "!"),
            replace(REMINDER, data=f'"{"я" * (DATA_BYTES // 2)}"'),
        ],
    )
    async def test_what_no_store_can_write_is_refused_and_nothing_waits_for_it(
        self, store: OpenStore, entry: Planned
    ) -> None:
        with pytest.raises(ValueError, match="planned entry") as caught:
            store.planned.plan(entry)
        assert "Milk" not in str(caught.value)
        assert not store.changed
        store.planned.plan(REMINDER)
        assert await (await self.restarted()).planned.due(2_000) == [REMINDER]

    async def test_any_text_of_a_user_comes_back_as_it_was(self, store: OpenStore) -> None:
        text = "\0 \ud83d \"'\\ ж \U0001f95b"
        loose = json.dumps(text, ensure_ascii=False).replace("\\u0000", "\0")  # no JSON, but it is often made
        for key, data in (
            ("raw", json.dumps(text, ensure_ascii=False)),
            ("escaped", json.dumps(text)),
            ("loose", loose),
        ):
            store.planned.plan(replace(REMINDER, key=key, data=data))
        store = await self.restarted()
        assert [json.loads(one.data) for one in await store.planned.due(2_000)] == [text] * 3

    async def test_the_greatest_values_come_back_as_they_were(self, store: OpenStore) -> None:
        greatest = Planned("\uffff" * (KEY_BYTES // 3), _LATEST, "я" * 9_999, 2**63 - 1, "{}", 2**63 - 1)
        least = Planned("", 0, "", -(2**63) + 1, "", -(2**63) + 1)
        for entry in (greatest, least):
            store.planned.plan(entry)
        store = await self.restarted()
        assert await store.planned.due(1e300) == [least, greatest]
        assert await store.planned.due(float("-inf")) == []
        assert [await store.planned.get(one.key) for one in (greatest, least)] == [greatest, least]

    @pytest.mark.parametrize("key", ["shop\ud800", "shop\0", "a" * (KEY_BYTES + 1), "a" * 1_000_000])
    async def test_a_key_that_no_entry_has_is_in_nobodys_way(self, store: OpenStore, key: str) -> None:
        store.planned.plan(REMINDER)
        store.planned.drop(key)
        assert await store.planned.get(key) is None
        store = await self.restarted()
        assert await store.planned.get(key) is None
        assert await store.planned.due(2_000) == [REMINDER]

    async def test_keys_are_in_the_order_of_their_characters(self, store: OpenStore) -> None:
        keys = ["B", "a", "z", "é", "ж", "\uffff", "\U0001f95b"]
        for key in reversed(keys):
            store.planned.plan(entry(key, 10))
        for _ in range(2):
            assert await due(store, 10) == keys
            assert await due(store, 10, limit=3) == keys[:3]
            store = await self.restarted()

    async def test_a_repr_shows_nothing_that_a_user_said(self, store: OpenStore) -> None:
        assert "Milk" not in repr(REMINDER)


def entry(key: str, at: int, *, user: int = 1) -> Planned:
    return Planned(key, at, "shop.remind", user)


async def due(store: OpenStore, now: float, *, limit: int = 100) -> list[str]:
    return [one.key for one in await store.planned.due(now, limit=limit)]
