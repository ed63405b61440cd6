"""What every store must do with what plugins keep of a user: one suite, run against each of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store.contracts import ANN, Contract, Home, OpenStore, counted, ids_of
from tgbot.core.access import Evidence, Kind
from tgbot.core.errors import StorageError
from tgbot.core.talks import TALK_BYTES, KeptTalk, Step
from tgbot.core.users import DATA_BYTES, User, Way
from tgbot.store.base import UpdateState
from tgbot.store.registry import Registry

#: What JSON can hold, at the edges of it.
DATA: dict[str, Any] = {  # Any: JSON
    "text": "\0 \ud83d \"'\\ ж \U0001f95b",
    "": None,
    "key \ud800": True,
    "numbers": [0, -1, 2**63, -(2**64), 2**1000, 0.1, 1e300, -0.0, 1.0],
    "empty": [{}, [], ""],
    "nested": {"a": [{"b": [[]]}]},
}
TALK = KeptTalk(
    "order",
    "m1:5",
    900,
    "/order \ud83d",
    "ru",
    7,
    (
        Step("choose", "size", 6, 8, True, "M \ud800"),
        Step("once", "price", done=True, value={"rub": [1, 2**70], "off": 0.5}),
        Step("ask", "street", 9),
    ),
    2_000,
)


class Size(StrEnum):
    LARGE = "L"


class Level(IntEnum):
    HIGH = 3


def nested(depth: int) -> dict[str, Any]:
    value: list[Any] = []
    for _ in range(depth - 2):
        value = [value]
    return {"deep": value}


class KeepContract(Contract):
    """Test the data of plugins and the talks of a store."""

    # ---- data ----------------------------------------------------------------------------------

    async def test_what_plugins_keep_of_a_user_comes_back_as_it_was(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        assert registry.data(1, "shop") == {}
        registry.keep_data(1, "shop", DATA)
        registry.keep_data(1, "quiz", {"points": 5})
        registry.keep_data(2, "quiz", {"points": 6})
        for _ in range(2):
            assert repr(registry.data(1, "shop")) == repr(DATA)  # as texts, because 1 equals 1.0 and True
            assert registry.data(1, "quiz") == {"points": 5}
            assert registry.data(2, "quiz") == {"points": 6}
            assert registry.data(1, "other") == registry.data(3, "quiz") == {}
            registry = await self.reopened(registry)
        assert met(registry, 1).data == {"shop": DATA, "quiz": {"points": 5}}

    async def test_a_new_record_replaces_the_old_one_and_an_empty_one_deletes_it(
        self, registry: Registry
    ) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.keep_data(1, "shop", {"a": 1, "b": 2})
        registry.keep_data(1, "quiz", {"points": 5})
        registry = await self.reopened(registry)
        registry.keep_data(1, "shop", {"c": 3})
        registry = await self.reopened(registry)
        assert met(registry, 1).data == {"shop": {"c": 3}, "quiz": {"points": 5}}
        registry.keep_data(1, "shop", {})
        registry.keep_data(1, "never there", {})
        assert met(registry, 1).data == {"quiz": {"points": 5}}
        assert met(await self.reopened(registry), 1).data == {"quiz": {"points": 5}}

    async def test_nobody_else_s_change_of_an_object_changes_what_is_kept(self, registry: Registry) -> None:
        given: dict[str, Any] = {"list": [1]}
        registry.keep_data(1, "shop", given)
        given["list"].append(2)
        registry.data(1, "shop")["list"].append(3)
        assert registry.data(1, "shop") == {"list": [1]}
        step = Step("once", value=given["list"], done=True)
        registry.keep_talk(1, 1, replace(TALK, steps=(step,)))
        given["list"].append(4)
        kept = registry.talk(1, 1)
        assert kept is not None
        assert kept.steps[0].value == [1, 2]

    async def test_what_json_has_another_name_for_is_kept_under_that(self, registry: Registry) -> None:
        registry.keep_data(1, "shop", {"size": Size.LARGE, "level": Level.HIGH, "pair": (1, (2,))})
        for _ in range(2):
            kept = registry.data(1, "shop")
            assert kept == {"size": "L", "level": 3, "pair": [1, [2]]}
            assert [type(value) for value in kept.values()] == [str, int, list]
            registry = await self.reopened(registry)

    @pytest.mark.parametrize(
        "data",
        [
            {"secret": float("nan")},
            {"secret": [float("-inf")]},
            {"secret": datetime(2026, 1, 2, tzinfo=UTC)},
            {"secret": Decimal("1.5")},
            {"secret": b"bytes"},
            {"secret": {1, 2}},
            {"secret": {1: "a key"}},
            {"secret": {None: "a key"}},
            {"secret": 2**2000},
            {"secret": TALK},
            nested(40),
            nested(100_000),
            ["secret"],
        ],
    )
    async def test_what_is_not_json_is_refused_and_not_shown(self, registry: Registry, data: Any) -> None:
        registry.keep_data(1, "shop", {"kept": "before"})
        with pytest.raises(ValueError, match="shop keeps of a user is not") as caught:
            registry.keep_data(1, "shop", data)
        steps = (Step("once", value=data),)
        if isinstance(data, dict):
            with pytest.raises(ValueError, match="talk order is not JSON"):
                registry.keep_talk(1, 1, replace(TALK, steps=steps))
        assert "secret" not in str(caught.value)
        assert "1.5" not in str(caught.value)
        registry = await self.reopened(registry)
        assert registry.data(1, "shop") == {"kept": "before"}
        assert registry.talk(1, 1) is None

    async def test_lists_in_lists_are_kept_up_to_a_depth(self, registry: Registry) -> None:
        registry.keep_data(1, "shop", nested(32))
        with pytest.raises(ValueError, match="32"):
            registry.keep_data(1, "shop", nested(34))
        assert (await self.reopened(registry)).data(1, "shop") == nested(32)

    @pytest.mark.parametrize("letter", ["x", "ж", "\U0001f95b", "\ud800"])
    async def test_the_limit_counts_bytes(self, registry: Registry, letter: str) -> None:
        weight = 6 if letter == "\ud800" else len(letter.encode())
        most = (DATA_BYTES - len('{"t":""}')) // weight
        registry.keep_data(1, "shop", {"t": letter * most})
        with pytest.raises(ValueError, match=str(DATA_BYTES)) as caught:
            registry.keep_data(1, "shop", {"t": letter * (most + 1)})
        assert letter * 2 not in str(caught.value)
        registry.keep_data(1, "quiz", {"t": letter * most})  # each plugin has its own room
        talk = KeptTalk("order", "k", 1)
        most_said = (TALK_BYTES - len('{"name":"order","key":"k","at":1,"text":""}')) // weight
        registry.keep_talk(1, 1, replace(talk, text=letter * most_said))
        with pytest.raises(ValueError, match=str(TALK_BYTES)) as caught:
            registry.keep_talk(1, 1, replace(talk, text=letter * (most_said + 1)))
        assert letter * 2 not in str(caught.value)
        registry = await self.reopened(registry)
        assert registry.data(1, "shop") == registry.data(1, "quiz") == {"t": letter * most}
        assert registry.talk(1, 1) == replace(talk, text=letter * most_said)

    # ---- talks ---------------------------------------------------------------------------------

    async def test_a_talk_comes_back_as_it_was_in_its_chat(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        another = KeptTalk("feedback", "m-1001:7", 950)
        registry.keep_talk(1, 1, TALK)
        registry.keep_talk(1, -1_001_234, another)
        registry.keep_talk(2, 2, another)
        for _ in range(2):
            assert registry.talk(1, 1) == TALK
            assert registry.talk(1, -1_001_234) == another
            assert registry.talk(2, 2) == another
            assert registry.talk(2, 1) is registry.talk(3, 3) is None
            assert met(registry, 1).talks == {1: TALK, -1_001_234: another}
            registry = await self.reopened(registry)

    @pytest.mark.parametrize("at", [-1, 253_402_300_800, 2**70])
    async def test_a_talk_that_began_at_no_moment_is_refused(self, registry: Registry, at: int) -> None:
        with pytest.raises(ValueError, match="order"):
            registry.keep_talk(1, 1, replace(TALK, at=at))

    async def test_a_talk_is_replaced_and_ends(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.keep_talk(1, 1, TALK)
        registry.keep_talk(1, -5, TALK)
        registry = await self.reopened(registry)
        registry.keep_talk(1, 1, replace(TALK, steps=TALK.steps[:1], until=0))
        registry = await self.reopened(registry)
        assert registry.talk(1, 1) == replace(TALK, steps=TALK.steps[:1], until=0)
        registry.keep_talk(1, 1, None)
        registry.keep_talk(1, 77, None)
        assert registry.talk(1, 1) is None
        assert met(await self.reopened(registry), 1).talks == {-5: TALK}

    # ---- both ----------------------------------------------------------------------------------

    async def test_a_failed_checkpoint_loses_nothing_of_it(self, store: OpenStore, home: Home) -> None:
        store.users.keep_data(1, "shop", {"cart": 1})
        store.users.keep_talk(1, 1, TALK)
        await store.checkpoint(UpdateState(1, 1, 1, 1))
        store.users.keep_data(1, "shop", {"cart": 2})
        store.users.keep_talk(1, 1, None)
        with home.broken(), pytest.raises(StorageError):
            await store.checkpoint(UpdateState(2, 1, 1, 1))
        assert store.users.data(1, "shop") == {"cart": 2}
        assert store.users.talk(1, 1) is None
        again = self.crashed()  # before the write could be repeated
        assert again.update_state() == UpdateState(1, 1, 1, 1)
        assert again.users.data(1, "shop") == {"cart": 1}
        assert again.users.talk(1, 1) == TALK

    async def test_what_no_checkpoint_wrote_is_as_it_was_before(self, store: OpenStore) -> None:
        store.users.keep_data(1, "shop", {"cart": 1})
        await store.checkpoint(None)
        store.users.keep_data(1, "shop", {})
        store.users.keep_talk(1, 1, TALK)
        again = self.crashed()
        assert again.users.data(1, "shop") == {"cart": 1}
        assert again.users.talk(1, 1) is None

    async def test_somebody_of_whom_only_this_is_kept_is_not_met(self, store: OpenStore) -> None:
        store.users.keep_data(1, "shop", {"cart": 1})
        store.users.keep_talk(2, -1_001, TALK)
        for _ in range(2):
            assert store.users.get(1) is store.users.get(2) is None
            assert ids_of(store.users) == []
            assert store.users.count().total == 0
            assert store.users.data(1, "shop") == {"cart": 1}
            assert store.users.talk(2, -1_001) == TALK
            store = await self.restarted()
        await store.load([1, 2])
        assert store.users.talk(2, -1_001) == TALK
        store.users.keep_data(1, "shop", {})
        store.users.keep_talk(2, -1_001, None)
        store = await self.restarted()
        assert [text for _, text in store.users._rows.after(0, None)] == []
        store.users.record(1, Evidence(Kind.MESSAGE, 100))
        assert counted(store.users) == {"reachable": 1}

    async def test_forgetting_a_user_deletes_it_from_the_disk(self, store: OpenStore) -> None:
        store.users.seen(ANN, 100, Way.MESSAGE)
        store.users.finished(1, 5)
        for user_id in (1, 2):
            store.users.keep_data(user_id, "shop", {"cart": "SECRET"})
            store.users.keep_talk(user_id, user_id, TALK)
        await store.checkpoint(None)
        store.users.keep_talk(1, -1_001, TALK)
        await store.forget(1)
        for _ in range(2):
            assert store.users.data(1, "shop") == {}
            assert store.users.talk(1, 1) is store.users.talk(1, -1_001) is None
            assert store.users.last_finished(1) == 5
            assert store.users.talk(2, 2) == TALK
            store = self.crashed()
        texts = await store.users.texts([1, 2])
        assert "SECRET" not in texts[1]
        assert "SECRET" in texts[2]

    @pytest.mark.parametrize("shown", [lambda user: user, lambda user: user._fields, lambda user: user.talks])
    async def test_a_repr_shows_nothing_of_it(
        self, registry: Registry, shown: Callable[[User], object]
    ) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.keep_data(1, "shop", {"cart": "SECRET"})
        registry.keep_talk(1, 1, replace(TALK, text="SECRET", steps=(Step("ask", value="SECRET"),)))
        assert "SECRET" not in repr(shown(met(registry, 1)))
        assert "SECRET" not in repr(TALK.steps)


def met(registry: Registry, user_id: int) -> User:
    user = registry.get(user_id)
    assert user is not None
    return user
