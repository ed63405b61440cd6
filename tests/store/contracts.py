"""What every store must do: one suite, run against each of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from typing import Protocol

import pytest
from msgspec import structs

from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.errors import StorageError
from tgbot.core.users import HISTORY_LENGTH, JOIN_REQUESTS_KEPT, Profile, User, UserReader, Way
from tgbot.store.base import Broadcasts, Parked, ParkedUpdates, PlannedRuns, Reason, Store, UpdateState
from tgbot.store.parked import KEPT_SECONDS, PARKED_UPDATES, TRIED_SECONDS
from tgbot.store.registry import Registry

ANN = Profile(1, "Ann", "Lee", ("ann", "annie"), "en", premium=True)
BOB = Profile(7_000_000_000, "Bob")


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class OpenStore(Store, Protocol):
    """A store as a process has it open."""

    parked: ParkedUpdates
    planned: PlannedRuns
    broadcasts: Broadcasts

    @property
    def users(self) -> Registry: ...
    def update_state(self) -> UpdateState | None: ...
    async def forget(self, user_id: int) -> None: ...
    def close(self) -> None: ...


class Home(Protocol):
    """A place where a store can be opened again after it was closed, as the next process does."""

    def open(self, *, parked: int = PARKED_UPDATES) -> OpenStore: ...

    def broken(self) -> AbstractContextManager[None]:
        """Let every write of the store fail within the block."""


class Contract:
    """A store that is closed and opened again; subclasses define the fixture `home`, a place for one test."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def home(self, clock: Clock) -> Home:
        raise NotImplementedError

    @pytest.fixture
    def store(self, home: Home) -> Iterator[OpenStore]:
        self._home = home
        self._open = home.open()
        yield self._open
        self._open.close()

    @pytest.fixture
    def registry(self, store: OpenStore) -> Registry:
        return store.users

    async def restarted(self) -> OpenStore:
        """Return what the next process finds after a checkpoint of this one."""
        await self._open.checkpoint(None)
        return self.crashed()

    def crashed(self) -> OpenStore:
        """Return what the next process finds if this one makes no more checkpoints."""
        self._open.close()
        self._open = self._home.open()
        return self._open

    async def reopened(self, registry: Registry) -> Registry:
        return (await self.restarted()).users


class StoreContract(Contract):
    """Test users, update state and parked updates."""

    # ---- requests to join that the bot gave up ----------------------------------------------------

    async def test_a_dropped_request_is_no_evidence_and_stays_away(self, registry: Registry) -> None:
        registry.record(1, Evidence(Kind.JOIN_REQUEST, 1_000, until=1_300))
        registry.join_requested(1, -7, 1_000)
        registry.join_requested(1, -8, 1_000)
        assert registry.join_request_dropped(1, -7, 999) is None  # one of before
        assert registry.join_request_dropped(1, -9, 1_001) is None
        assert registry.join_request_dropped(2, -7, 1_001) is None
        assert registry.get(2) is None
        user = registry.join_request_dropped(1, -7, 1_001)
        assert user is not None
        assert list(user.join_requests) == [-8]
        assert user.last_evidence(Kind.JOIN_REQUEST_CLOSED) is None
        again = (await self.reopened(registry)).get(1)
        assert again is not None
        assert list(again.join_requests) == [-8]
        assert again.verdict(1_100).access is Access.REACHABLE

    # ---- checkpoints ---------------------------------------------------------------------------

    async def test_a_checkpoint_brings_users_and_state_to_the_next_process(self, store: OpenStore) -> None:
        assert store.update_state() is None
        assert not store.changed
        store.users.seen(ANN, 100, Way.MESSAGE)
        assert store.changed
        await store.checkpoint(UpdateState(1, 2, 3, 4, {9: 8}))
        assert not store.changed
        again = self.crashed()
        assert again.update_state() == UpdateState(1, 2, 3, 4, {9: 8})
        assert ids_of(again.users) == [1]

    async def test_a_checkpoint_without_a_state_leaves_the_last_one(self, store: OpenStore) -> None:
        await store.checkpoint(UpdateState(1, 2, 3, 4))
        store.users.seen(ANN, 100, Way.MESSAGE)
        again = await self.restarted()
        assert again.update_state() == UpdateState(1, 2, 3, 4)

    async def test_changes_after_the_last_checkpoint_are_dropped_by_a_crash(self, store: OpenStore) -> None:
        store.users.seen(ANN, 100, Way.MESSAGE)
        await store.checkpoint(UpdateState(1, 1, 1, 1))
        store.users.seen(BOB, 100, Way.MESSAGE)
        again = self.crashed()
        assert ids_of(again.users) == [1]
        assert again.users.count().total == 1

    async def test_a_failed_checkpoint_loses_nothing_and_writes_no_state(
        self, store: OpenStore, home: Home
    ) -> None:
        store.users.seen(ANN, 100, Way.MESSAGE)
        await store.checkpoint(UpdateState(1, 1, 1, 1))
        store.users.seen(BOB, 100, Way.MESSAGE)
        with home.broken():
            for _ in range(2):
                with pytest.raises(StorageError):
                    await store.checkpoint(UpdateState(2, 2, 2, 2))
        assert store.update_state() == UpdateState(1, 1, 1, 1)
        assert store.changed
        assert ids_of(store.users) == [1, BOB.id]
        await store.checkpoint(UpdateState(3, 3, 3, 3))
        again = self.crashed()
        assert again.update_state() == UpdateState(3, 3, 3, 3)
        assert ids_of(again.users) == [1, BOB.id]
        assert counted(again.users) == {"unknown": 2}

    async def test_checkpoints_run_one_after_another(self, store: OpenStore) -> None:
        running = []
        for number in range(1, 20):
            store.users.seen(Profile(number), 100, Way.MESSAGE)
            running.append(asyncio.ensure_future(store.checkpoint(UpdateState(number, 1, 1, 1))))
        await asyncio.gather(*running)
        again = self.crashed()
        assert again.update_state() == UpdateState(19, 1, 1, 1)
        assert ids_of(again.users) == list(range(1, 20))

    async def test_a_cancelled_checkpoint_loses_nothing(self, store: OpenStore) -> None:
        for turn in range(1, 20):
            store.users.seen(Profile(turn), 100, Way.MESSAGE)
            running = asyncio.ensure_future(store.checkpoint(UpdateState(turn, 1, 1, 1)))
            for _ in range(turn % 5):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait([running])
        await store.checkpoint(UpdateState(20, 1, 1, 1))
        again = self.crashed()
        assert again.update_state() == UpdateState(20, 1, 1, 1)
        assert ids_of(again.users) == list(range(1, 20))
        assert counted(again.users) == recounted(again.users, 1_000)

    # ---- loading -------------------------------------------------------------------------------

    async def test_what_was_loaded_is_read_from_memory(self, store: OpenStore) -> None:
        for user_id in range(1, 1_500):
            store.users.seen(Profile(user_id, f"n{user_id}"), 100, Way.MESSAGE)
        store = await self.restarted()
        wanted = [*range(1, 1_500, 2), 7_777_777, -1_000_000_000_123]
        assert not store.loaded({*wanted})
        await store.load(wanted)
        assert store.loaded({*wanted})
        assert not store.loaded({2})
        user = store.users.get(1_001)
        assert user is not None
        assert user.first_name == "n1001"
        assert store.users.get(7_777_777) is None

    async def test_somebody_known_as_absent_is_there_once_they_are_met(self, store: OpenStore) -> None:
        await store.load([1])
        assert store.loaded({1})
        store.users.seen(ANN, 100, Way.MESSAGE)
        assert store.loaded({1})
        store = await self.restarted()
        assert not store.loaded({1})
        await store.load([1])
        assert store.users.get(1) is not None

    async def test_loading_does_not_undo_a_change_that_waits(self, store: OpenStore) -> None:
        store.users.seen(ANN, 100, Way.MESSAGE)
        store = await self.restarted()
        store.users.seen(ANN._replace(first_name="Anna"), 200, Way.MESSAGE)
        await store.load([1, 2])
        user = store.users.get(1)
        assert user is not None
        assert user.first_name == "Anna"

    async def test_a_forgotten_user_is_off_the_disk_without_a_checkpoint(self, store: OpenStore) -> None:
        store.users.seen(ANN, 100, Way.MESSAGE)
        store.users.finished(1, 5)
        await store.checkpoint(UpdateState(1, 1, 1, 1))
        await store.forget(1)
        again = self.crashed()
        assert again.users.get(1) is None
        assert again.users.last_finished(1) == 5
        assert again.update_state() == UpdateState(1, 1, 1, 1)

    # ---- parked updates ------------------------------------------------------------------------

    async def test_a_parked_update_is_there_after_a_restart_as_it_was(self, store: OpenStore) -> None:
        entry = parked("m1:5", trace="line 1\nline 2 \U0001f600", update=bytes(range(256)), retry_at=1_060)
        store.parked.park(entry)
        assert store.changed
        assert store.parked.get("m1:5") == entry
        store = await self.restarted()
        assert not store.changed
        assert store.parked.get("m1:5") == entry
        assert list(store.parked.entries()) == [entry]
        assert store.parked.get("m1:6") is None

    async def test_a_parked_update_is_on_disk_with_the_state_that_is_past_it(self, store: OpenStore) -> None:
        store.parked.park(parked("m1:5"))
        store.users.finished(1, 5)
        await store.checkpoint(UpdateState(6, 1, 1, 1))
        store.parked.park(parked("m1:6"))  # which no checkpoint writes
        again = self.crashed()
        assert again.update_state() == UpdateState(6, 1, 1, 1)
        assert again.users.last_finished(1) == 5
        assert keys_of(again) == ["m1:5"]

    async def test_a_note_is_kept_through_a_failed_checkpoint_and_a_restart(
        self, store: OpenStore, home: Home
    ) -> None:
        assert store.users.note("colour") is None
        store.users.seen(ANN, 100, Way.MESSAGE)
        store.users.keep_note("colour", "red")
        with home.broken(), pytest.raises(StorageError):
            await store.checkpoint(None)
        assert store.users.note("colour") == "red"
        found = (await self.restarted()).users
        assert found.note("colour") == "red"
        found.keep_note("colour", "green")
        assert found.note("colour") == "green"
        assert found.changed
        await found.flush()
        assert not found.changed
        assert (found.note("colour"), found.note("shape"), found.count().total) == ("green", None, 1)

    async def test_a_failed_checkpoint_loses_no_parked_update(self, store: OpenStore, home: Home) -> None:
        store.parked.park(parked("m1:1"))
        await store.checkpoint(None)
        store.parked.drop("m1:1")
        store.parked.park(parked("m1:2"))
        store.users.finished(1, 2)
        with home.broken(), pytest.raises(StorageError):
            await store.checkpoint(UpdateState(2, 1, 1, 1))
        assert keys_of(store) == ["m1:2"]
        assert store.changed
        assert keys_of(await self.restarted()) == ["m1:2"]

    async def test_an_update_that_is_dropped_and_parked_again_is_there_once(self, store: OpenStore) -> None:
        store.parked.park(parked("m1:1"))
        assert store.parked.drop("m1:1")
        assert not store.parked.drop("m1:1")
        store.parked.park(parked("m1:1", attempts=2))
        store.parked.park(parked("m1:2"))
        store = await self.restarted()
        store.parked.drop("m1:1")
        store.parked.park(parked("m1:1", attempts=3))
        store.parked.park(parked("m1:2", attempts=3))
        store.parked.drop("m1:2")
        assert [entry.attempts for entry in store.parked.entries()] == [3]
        assert store.parked.by_reason.total() == 1
        store = await self.restarted()
        assert store.parked.by_reason[parked("m1:1").reason] == 1
        assert [(entry.key, entry.attempts) for entry in store.parked.entries()] == [("m1:1", 3)]

    async def test_what_is_parked_and_dropped_while_a_checkpoint_writes_is_kept_so(
        self, store: OpenStore
    ) -> None:
        for number in range(300):
            store.users.seen(Profile(number + 1), 100, Way.MESSAGE)
        store.parked.park(parked("m1:1"))
        store.parked.park(parked("m1:2"))
        writing = asyncio.ensure_future(store.checkpoint(None))
        for _ in range(3):
            await asyncio.sleep(0)
        store.parked.drop("m1:1")
        store.parked.park(parked("m1:3"))
        assert keys_of(store) == ["m1:2", "m1:3"]
        await writing
        assert keys_of(store) == ["m1:2", "m1:3"]
        assert store.changed
        assert keys_of(await self.restarted()) == ["m1:2", "m1:3"]

    async def test_due_entries_come_the_earliest_first(self, store: OpenStore) -> None:
        assert store.parked.next_due() is None
        for key, at in (("m1:1", 30), ("m1:2", None), ("m1:3", 10), ("m1:4", 20)):
            store.parked.park(parked(key, retry_at=at))
        assert store.parked.next_due() == 10
        assert store.parked.due(9) == []
        assert store.parked.due(20) == store.parked.due(20) == ["m1:3", "m1:4"]
        store.parked.park(parked("m1:3", retry_at=40))
        store.parked.drop("m1:4")
        assert store.parked.next_due() == 30
        store.parked.park(parked("m1:3", retry_at=10))
        assert store.parked.due(100) == ["m1:3", "m1:1"]
        store = await self.restarted()
        assert store.parked.due(100) == ["m1:3", "m1:1"]

    async def test_beyond_the_limit_the_oldest_that_handlers_failed_on_are_dropped(self, home: Home) -> None:
        store = home.open(parked=2)
        for number in range(1, 5):
            store.parked.park(parked(f"later:{number}", Reason.LATER, retry_at=50, parked_at=number))
            store.parked.park(parked(f"poison:{number}", Reason.POISON, parked_at=number))
            store.parked.park(parked(f"failed:{number}", parked_at=number))
        kept = [key for key in keys_of(store) if key.startswith("failed")]
        assert kept == ["failed:3", "failed:4"]
        assert len(keys_of(store)) == 10
        store.close()

    async def test_with_a_limit_of_0_nothing_is_kept_that_handlers_failed_on(self, home: Home) -> None:
        store = home.open(parked=0)
        store.parked.park(parked("m1:1"))
        store.parked.park(parked("m1:2", Reason.LATER, retry_at=50))
        assert keys_of(store) == ["m1:2"]
        store.close()

    async def test_what_waits_for_a_hand_is_dropped_after_a_month(
        self, store: OpenStore, clock: Clock
    ) -> None:
        store.parked.park(parked("m1:1", parked_at=1_000))
        store.parked.park(parked("m1:2", Reason.POISON, parked_at=1_001))
        store.parked.park(parked("m1:3", Reason.LATER, retry_at=2_000, parked_at=1_000))
        store = await self.restarted()
        clock.now = 1_000 + KEPT_SECONDS - 1
        assert not store.changed
        clock.now += 1
        assert store.changed
        store = await self.restarted()
        assert keys_of(store) == ["m1:3", "m1:2"]
        assert not store.changed

    async def test_what_is_put_off_for_a_week_waits_for_a_hand(self, store: OpenStore, clock: Clock) -> None:
        put_off = parked("m1:1", Reason.LATER, retry_at=2_000_000, parked_at=1_000)
        clock.now = 1_000 + TRIED_SECONDS - 1
        store.parked.park(put_off)
        assert store.parked.get("m1:1") == put_off
        clock.now += 1
        store.parked.park(put_off)
        assert store.parked.get("m1:1") == replace(put_off, reason=Reason.FAILED, retry_at=None)
        assert store.parked.next_due() is None

    async def test_forgetting_a_user_deletes_their_parked_updates(self, store: OpenStore) -> None:
        store.users.seen(ANN, 100, Way.MESSAGE)
        store.parked.park(parked("private", dialog=1, user=1))
        store.parked.park(parked("in a group", dialog=-100, user=1))
        store.parked.park(parked("by nobody", dialog=1, user=0))
        await store.checkpoint(None)
        store.parked.park(parked("not yet written", dialog=1, user=1))
        store.parked.park(parked("another", dialog=2, user=2))
        assert [store.parked.count(user) for user in (1, 2, 3)] == [4, 1, 0]
        await store.forget(1)
        assert keys_of(store) == ["another"]
        assert [store.parked.count(user) for user in (1, 2, 3)] == [0, 1, 0]
        assert keys_of(self.crashed()) == ["another"]

    async def test_entries_may_change_while_they_are_looked_at(self, store: OpenStore) -> None:
        for number in range(250):
            store.parked.park(parked(f"m1:{number}", parked_at=number))
        await store.checkpoint(None)
        seen = []
        for number, entry in enumerate(store.parked.entries()):
            seen.append(entry.key)
            store.parked.drop(entry.key)
            store.parked.drop("m1:240")
            if number == 120:
                await store.checkpoint(None)
        assert seen == [f"m1:{number}" for number in range(250) if number != 240]
        assert keys_of(await self.restarted()) == []

    async def test_entries_can_be_looked_at_page_by_page(self, store: OpenStore) -> None:
        for number in range(20):
            store.parked.park(parked(f"m1:{number}", parked_at=number // 5))
        found: list[Parked] = []
        after = None
        while page := list(islice(store.parked.entries(after), 3)):
            found += page
            after = (page[-1].parked_at, page[-1].key)
        assert found == list(store.parked.entries())
        assert len(found) == 20

    async def test_any_text_of_an_error_is_kept_and_a_long_one_cut(self, store: OpenStore) -> None:
        store.parked.park(parked("m1:1", trace="a\ud800b\0c"))
        store.parked.park(parked("m1:2", trace="x" * 1_000_000 + "the end"))
        store = await self.restarted()
        first, second = store.parked.entries()
        assert first.trace == "a\\ud800b\0c"
        assert len(second.trace) < 50_000
        assert second.trace.endswith("the end")

    # ---- the clock -----------------------------------------------------------------------------

    async def test_counts_and_verdicts_agree_by_telegram_s_clock(
        self, store: OpenStore, clock: Clock
    ) -> None:
        asked = int(clock.now) - 10
        store.users.record(1, Evidence(Kind.JOIN_REQUEST, asked, until=asked + 300))
        store = await self.restarted()
        for now in (asked + 299, asked + 300):
            clock.now = now
            user = store.users.get(1)
            assert user is not None
            assert counted(store.users) == {str(user.verdict(now).access): 1}

    # ---- users ---------------------------------------------------------------------------------

    async def test_nobody_is_known_at_first(self, registry: Registry) -> None:
        assert registry.get(1) is None
        assert registry.last_finished(1) == 0
        assert registry.get(1) is None
        assert list(registry.iterate()) == []
        assert registry.count().total == 0
        assert set(registry.count().by) == set(Access)

    async def test_a_seen_user_is_kept_with_all_of_the_profile(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.seen(BOB, 101, Way.USERNAME)
        kept = await self.reopened(registry)
        ann, bob = kept.get(1), kept.get(7_000_000_000)
        assert ann is not None
        assert bob is not None
        assert ann.profile == ANN
        assert (ann.first_name, ann.last_name, ann.usernames) == ("Ann", "Lee", ("ann", "annie"))
        assert (ann.language, ann.premium, ann.bot, ann.deleted) == ("en", True, False, False)
        assert (ann.first_seen, ann.last_seen, ann.known_by) == (100, 100, {"message": 100})
        assert bob.known_by == {"username": 101}

    async def test_ids_are_64_bit_numbers(self, registry: Registry) -> None:
        for user_id in (1, 2**31, 2**52, 2**63 - 1):
            registry.seen(Profile(user_id, "x"), 1, Way.MESSAGE)
        kept = await self.reopened(registry)
        assert [user.id for user in kept.iterate()] == [1, 2**31, 2**52, 2**63 - 1]

    @pytest.mark.parametrize("text", ["", "عربى", "👩‍👩‍👧", "a\0b", "\ud800", '"\\\n', "x" * 4096, "[]"])
    async def test_any_text_comes_back_as_it_was(self, registry: Registry, text: str) -> None:
        registry.seen(Profile(1, text, text, (text,)), 1, Way.MESSAGE)
        registry.seen(Profile(2, "next"), 1, Way.MESSAGE)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert (user.first_name, user.last_name, user.usernames) == (text, text, (text,))

    async def test_changes_of_a_profile_are_kept_with_their_dates(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.seen(ANN._replace(first_name="Anna", usernames=("anna",), language="ru"), 200, Way.MESSAGE)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert user.first_name == "Anna"
        assert set(user.history) == {
            (200, "first_name", "Ann"),
            (200, "usernames", "ann annie"),
            (200, "language", "en"),
        }

    async def test_the_history_is_short(self, registry: Registry) -> None:
        for at in range(1, 100):
            registry.seen(Profile(1, f"name {at}"), at, Way.MESSAGE)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert len(user.history) == HISTORY_LENGTH
        assert user.history[-1] == (99, "first_name", "name 98")

    async def test_an_update_without_language_leaves_the_last_known_one(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.seen(ANN._replace(language=None), 200, Way.MESSAGE)
        registry.seen(ANN._replace(language=""), 300, Way.MESSAGE)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert user.language == "en"
        assert user.history == ()

    async def test_a_replayed_update_does_not_undo_a_newer_one(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.seen(ANN._replace(first_name="Anna", language="ru"), 200, Way.MESSAGE)
        registry.seen(ANN, 100, Way.MESSAGE)
        user = registry.get(1)
        assert user is not None
        assert (user.first_name, user.language, user.last_seen, user.first_seen) == ("Anna", "ru", 200, 100)

    async def test_a_profile_seen_in_the_future_is_replaced_by_one_of_now(
        self, registry: Registry, clock: Clock
    ) -> None:
        registry.seen(ANN, int(clock.now) + 40 * 86_400, Way.MESSAGE)
        kept = await self.reopened(registry)
        new = ANN._replace(first_name="Anna", usernames=("anna",), language="ru")
        kept.seen(new, int(clock.now), Way.MESSAGE)
        user = (await self.reopened(kept)).get(1)
        assert user is not None
        assert (user.profile, user.language, user.last_seen) == (new, "ru", int(clock.now))

    async def test_seeing_the_same_again_makes_a_profile_newer(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.seen(ANN, 300, Way.MESSAGE)
        registry.seen(ANN._replace(first_name="Anna", language="ru"), 200, Way.MESSAGE)
        user = registry.get(1)
        assert user is not None
        assert (user.first_name, user.language, user.last_seen) == ("Ann", "en", 300)

    async def test_each_way_of_becoming_known_keeps_its_first_time(self, registry: Registry) -> None:
        for at, via in ((300, Way.MESSAGE), (200, Way.MESSAGE), (250, Way.USERNAME), (400, Way.MESSAGE)):
            registry.seen(ANN, at, via)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert user.known_by == {"message": 200, "username": 250}
        assert (user.first_seen, user.last_seen) == (200, 400)

    async def test_evidence_alone_makes_a_user_known(self, registry: Registry) -> None:
        registry.record(5, Evidence(Kind.JOIN_REQUEST, 900, qts=3, until=1200))
        user = (await self.reopened(registry)).get(5)
        assert user is not None
        assert user.known_by == {"join_request": 900}
        assert user.verdict(1_000).access is Access.REACHABLE
        assert user.verdict(1_000).until == 1200
        assert user.verdict(1_200).access is Access.NOT_ALLOWED

    async def test_profile_flags_are_evidence(self, registry: Registry) -> None:
        registry.record(1, Evidence(Kind.MESSAGE, 50))
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.seen(ANN._replace(first_name="", deleted=True), 200, Way.MESSAGE)
        registry.seen(Profile(2, "Robot", bot=True), 100, Way.MESSAGE)
        kept = await self.reopened(registry)
        ann, robot = kept.get(1), kept.get(2)
        assert ann is not None
        assert robot is not None
        assert ann.verdict(300).access is Access.DEACTIVATED
        assert ann.verdict(300).since == 200
        assert robot.verdict(300).access is Access.BOT

    async def test_a_deleted_account_seen_again_after_a_late_message_is_still_gone(
        self, registry: Registry
    ) -> None:
        gone = Profile(1, deleted=True)
        registry.seen(gone, 100, Way.MESSAGE)
        registry.record(1, Evidence(Kind.MESSAGE, 150))
        user = registry.seen(gone, 200, Way.MESSAGE)
        assert user.verdict(300).access is Access.DEACTIVATED

    async def test_payloads_are_the_first_and_the_last_by_message(self, registry: Registry) -> None:
        for message_id, payload in ((20, "b"), (10, ""), (30, ""), (12, "a"), (20, "b")):
            registry.wrote(1, 100 + message_id, message_id, payload)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert (user.first_payload, user.last_payload, user.first_start_id) == ("a", "b", 10)
        assert user.verdict(200).access is Access.REACHABLE

    async def test_a_first_start_is_first_again_when_it_is_replayed(self, registry: Registry) -> None:
        assert registry.seen(ANN, 100, Way.MESSAGE).is_first_start(10)
        registry.wrote(1, 100, 10, "")
        registry.finished(1, 10)
        registry.wrote(1, 200, 20, "")
        registry.finished(1, 20)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert user.is_first_start(10)
        assert not user.is_first_start(20)

    async def test_a_first_message_is_first_again_when_it_is_replayed(self, registry: Registry) -> None:
        assert registry.seen(ANN, 100, Way.MESSAGE).is_first_message(10)
        registry.wrote(1, 100, 10)
        registry.wrote(1, 200, 20)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert user.is_first_message(10)
        assert not user.is_first_message(20)

    async def test_an_answer_about_a_stranger_is_kept_only_if_strangers_are(self, registry: Registry) -> None:
        registry.finished(1, 10)
        for strangers in (False, True):
            registry.answered(1, Kind.SENT, 100, strangers=strangers)
            registry.answered(2, Kind.SENT, 100, strangers=strangers)
            assert [registry.get(user_id) is not None for user_id in (1, 2)] == [strangers, strangers]

    async def test_finished_ids_only_go_up(self, registry: Registry) -> None:
        for message_id in (5, 9, 7):
            registry.finished(1, message_id)
        assert registry.last_finished(1) == 9
        assert (await self.reopened(registry)).last_finished(1) == 9

    async def test_a_finished_message_alone_makes_nobody_known(self, registry: Registry) -> None:
        registry.finished(1, 5)
        registry.finished(-1_000_000_000_123, 8)
        kept = await self.reopened(registry)
        assert kept.get(1) is None
        assert list(kept.iterate()) == []
        assert list(kept.iterate(-(2**62))) == []
        assert kept.count().total == 0
        assert kept.last_finished(-1_000_000_000_123) == 8

    async def test_a_chosen_language_is_kept_until_taken_back(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.choose_language(1, "ru")
        registry.seen(ANN, 200, Way.MESSAGE)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert (user.chosen_language, user.language) == ("ru", "en")
        assert user.preferences == {"language": "ru"}

    async def test_a_language_taken_back_is_gone(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.choose_language(1, "ru")
        kept = await self.reopened(registry)
        kept.choose_language(1, None)
        user = (await self.reopened(kept)).get(1)
        assert user is not None
        assert user.chosen_language is None

    async def test_a_chosen_language_is_spoken_before_the_one_of_the_app(self, registry: Registry) -> None:
        assert registry.seen(ANN._replace(language=None), 100, Way.MESSAGE).spoken is None
        assert registry.seen(ANN, 100, Way.MESSAGE).spoken == "en"
        assert registry.choose_language(1, "ru").spoken == "ru"
        assert registry.choose_language(1, None).spoken == "en"

    async def test_open_join_requests_are_kept_by_chat_the_oldest_first(self, registry: Registry) -> None:
        for chat, at in ((-1002, 200), (-1001, 190), (-1001, 180)):
            registry.record(1, Evidence(Kind.JOIN_REQUEST, at, until=at + 300))
            registry.join_requested(1, chat, at)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert list(user.join_requests.items()) == [(-1001, 190), (-1002, 200)]
        assert user.preferences == {}

    async def test_the_last_open_request_to_be_closed_is_evidence(self, registry: Registry) -> None:
        for chat, at in ((-1001, 990), (-1002, 995)):
            registry.record(1, Evidence(Kind.JOIN_REQUEST, at, until=at + 300))
            registry.join_requested(1, chat, at)
        assert registry.join_request_closed(1, -1001, 998) is not None
        assert counted(registry) == {"reachable": 1}
        registry = await self.reopened(registry)
        user = registry.join_request_closed(1, -1002, 999)
        assert user is not None
        assert user.verdict(1_000).access is Access.NOT_ALLOWED
        registry = await self.reopened(registry)
        user = registry.get(1)
        assert user is not None
        assert (user.join_requests, user.last_evidence(Kind.JOIN_REQUEST_CLOSED)) == (
            {},
            Evidence(Kind.JOIN_REQUEST_CLOSED, 999),
        )
        assert counted(registry) == {"not_allowed": 1}

    async def test_closing_a_request_that_is_not_open_does_nothing(self, registry: Registry) -> None:
        assert registry.join_request_closed(1, -1001, 100) is None
        assert registry.get(1) is None
        registry.join_requested(1, -1001, 200)
        assert registry.join_request_closed(1, -1001, 199) is None  # an earlier request was closed
        assert registry.join_request_closed(1, -1002, 300) is None

    async def test_only_the_latest_join_requests_are_kept(self, registry: Registry) -> None:
        registry.seen(ANN, 1, Way.MESSAGE)
        for number in range(100):
            registry.join_requested(1, -1000 - number, 100 + number)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert len(user.join_requests) == JOIN_REQUESTS_KEPT
        assert -1099 in user.join_requests

    async def test_the_first_greeted_message_about_access_is_kept(self, registry: Registry) -> None:
        registry.seen(ANN, 1, Way.MESSAGE)
        for message_id in (7, 5, 9):
            registry.access_greeted(1, message_id)
        user = (await self.reopened(registry)).get(1)
        assert user is not None
        assert user.greeted_access_id == 5

    async def test_a_forgotten_user_is_gone_but_for_what_was_answered(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.wrote(1, 100, 10, "secret")
        registry.choose_language(1, "ru")
        registry.finished(1, 10)
        registry = await self.reopened(registry)
        registry.forget(1)
        registry.finished(1, 11)
        assert registry.get(1) is None
        kept = await self.reopened(registry)
        assert kept.get(1) is None
        assert kept.count().total == 0
        assert list(kept.iterate()) == []
        assert kept.last_finished(1) == 11
        again = kept.seen(ANN, 500, Way.MESSAGE)
        assert (again.first_payload, again.chosen_language, again.first_seen) == ("", None, 500)
        assert again.is_first_message(12)
        assert again.is_first_start(12)

    async def test_a_block_is_respected_after_forgetting(self, registry: Registry) -> None:
        registry.seen(ANN, 100, Way.MESSAGE)
        registry.record(1, Evidence(Kind.MESSAGE, 100))
        registry.record(1, Evidence(Kind.BOT_STOPPED, 150, qts=2))
        registry.forget(1)
        kept = await self.reopened(registry)
        user = kept.get(1)
        assert user is not None
        assert user.verdict(500).access is Access.BLOCKED
        assert (user.first_name, user.known_by, user.history) == ("", {}, ())
        assert kept.count().by[Access.BLOCKED] == 1

    async def test_forgetting_somebody_unknown_does_nothing(self, registry: Registry) -> None:
        registry.forget(1)
        kept = await self.reopened(registry)
        assert kept.get(1) is None
        assert kept.count().total == 0

    async def test_counts_follow_the_evidence(self, registry: Registry) -> None:
        for user_id in range(1, 7):
            registry.seen(Profile(user_id, "x"), 100, Way.GROUP)
        assert registry.count().by[Access.UNKNOWN] == 6
        for user_id in (1, 2, 3):
            registry.record(user_id, Evidence(Kind.MESSAGE, 100))
        registry.record(2, Evidence(Kind.BOT_STOPPED, 110, qts=1))
        registry.record(3, Evidence(Kind.INPUT_USER_DEACTIVATED, 110))
        registry = await self.reopened(registry)
        registry.record(2, Evidence(Kind.BOT_UNBLOCKED, 120, qts=2))
        registry.record(4, Evidence(Kind.PEER_ID_INVALID, 110))
        assert counted(registry) == {"unknown": 2, "reachable": 2, "deactivated": 1, "not_allowed": 1}
        registry = await self.reopened(registry)
        assert counted(registry) == {"unknown": 2, "reachable": 2, "deactivated": 1, "not_allowed": 1}
        assert registry.count().total == 6

    async def test_a_window_that_runs_out_is_counted_so(self, registry: Registry, clock: Clock) -> None:
        registry.record(1, Evidence(Kind.JOIN_REQUEST, 900, until=1_200))
        registry.record(2, Evidence(Kind.JOIN_REQUEST, 900, until=1_100))
        assert counted(registry) == {"reachable": 2}
        registry = await self.reopened(registry)
        assert counted(registry) == {"reachable": 2}
        clock.now = 1_100
        assert counted(registry) == {"reachable": 1, "not_allowed": 1}
        registry.record(1, Evidence(Kind.MESSAGE, 1_100))
        clock.now = 1_300
        assert counted(registry) == {"reachable": 1, "not_allowed": 1}
        registry = await self.reopened(registry)
        assert counted(registry) == {"reachable": 1, "not_allowed": 1}

    async def test_users_come_in_order_of_ids_from_anywhere(self, registry: Registry) -> None:
        ids = [9, 10, 100, 99, 1_000, 2, 555_555, 11]
        for user_id in ids[:4]:
            registry.seen(Profile(user_id, "x"), 100, Way.MESSAGE)
        registry = await self.reopened(registry)
        for user_id in ids[2:]:  # some are on disk, some in memory, some both
            registry.seen(Profile(user_id, "y"), 200, Way.MESSAGE)
        assert [user.id for user in registry.iterate()] == sorted(ids)
        assert [user.id for user in registry.iterate(10)] == [11, 99, 100, 1_000, 555_555]
        assert {user.id: user.first_name for user in registry.iterate(10)}[100] == "y"

    async def test_users_of_one_access_are_found_as_they_are_now(
        self, registry: Registry, clock: Clock
    ) -> None:
        for user_id in range(1, 9):
            registry.seen(Profile(user_id, "x"), 100, Way.MESSAGE)
            registry.record(user_id, Evidence(Kind.MESSAGE, 100))
        registry.record(3, Evidence(Kind.BOT_STOPPED, 110))
        registry.record(9, Evidence(Kind.JOIN_REQUEST, 900, until=1_200))
        registry = await self.reopened(registry)
        registry.record(4, Evidence(Kind.USER_IS_BLOCKED, 110))
        assert ids(registry, Access.BLOCKED) == [3, 4]
        assert ids(registry, Access.REACHABLE) == [1, 2, 5, 6, 7, 8, 9]
        clock.now = 1_200
        assert ids(registry, Access.REACHABLE) == [1, 2, 5, 6, 7, 8]
        assert ids(registry, Access.NOT_ALLOWED) == [9]

    async def test_the_registry_may_change_while_it_is_iterated(self, registry: Registry) -> None:
        for user_id in range(1, 1_000):
            registry.seen(Profile(user_id, "x"), 100, Way.MESSAGE)
        registry = await self.reopened(registry)
        seen = []
        for user in registry.iterate():
            seen.append(user.id)
            registry.seen(Profile(user.id, "y"), 200, Way.MESSAGE)
            if user.id < 1_000:
                registry.seen(Profile(user.id + 5_000, "new"), 200, Way.MESSAGE)
            if user.id % 100 == 0:
                await registry.flush()
        assert [user_id for user_id in seen if user_id < 1_000] == list(range(1, 1_000))
        assert len(seen) == len(set(seen))

    async def test_what_is_told_during_a_flush_is_not_lost(self, registry: Registry) -> None:
        for user_id in range(1, 2_000):
            registry.seen(Profile(user_id, "x"), 100, Way.MESSAGE)
        flush = asyncio.ensure_future(registry.flush())
        for user_id in range(1, 2_000, 7):
            await asyncio.sleep(0)
            registry.record(user_id, Evidence(Kind.MESSAGE, 150))
            registry.finished(user_id, 5)
            if user_id % 3 == 0:
                registry.forget(user_id)
        await flush
        registry = await self.reopened(registry)
        for user_id in range(1, 2_000, 7):
            user = registry.get(user_id)
            assert registry.last_finished(user_id) == 5
            if user_id % 3 == 0:
                assert user is None
            else:
                assert user is not None
                assert user.verdict(200).access is Access.REACHABLE
        assert sum(1 for _ in registry.iterate()) == registry.count().total
        assert counted(registry) == recounted(registry, 1_000)

    async def test_told_in_any_order_a_user_is_the_same(
        self, registry: Registry, shuffled: Callable[[list[int]], list[int]]
    ) -> None:
        def tell(user_id: int, step: int) -> None:
            if step % 3 == 0:
                registry.record(user_id, Evidence(Kind.MESSAGE, step))
            elif step % 3 == 1:
                registry.wrote(user_id, step, step, f"p{step}")
            else:
                registry.seen(Profile(user_id, f"n{step}", language=f"l{step}"), step, Way.MESSAGE)
            registry.finished(user_id, step)

        for user_id in range(1, 20):
            for step in shuffled(list(range(1, 20)) * 2):
                tell(user_id, step)
            tell(user_id, 0)
        kept = await self.reopened(registry)
        first, *others = [
            User(structs.replace(user._fields, id=0, profile=user.profile._replace(id=0), history=[]))
            for user in kept.iterate()
        ]
        assert all(other == first for other in others)
        assert first.first_payload == "p1"
        assert first.first_name == "n17"

    @pytest.fixture
    def shuffled(self) -> Callable[[list[int]], list[int]]:
        source = random.Random(7)
        return lambda items: source.sample(items, len(items))


def counted(registry: UserReader) -> dict[str, int]:
    """Return the counts that are not 0."""
    counts = registry.count()
    assert sum(counts.by.values()) == counts.total
    return {str(access): number for access, number in counts.by.items() if number}


def recounted(registry: UserReader, now: float) -> dict[str, int]:
    """Return the same counts, computed from every user."""
    found: dict[str, int] = {}
    for user in registry.iterate():
        access = str(user.verdict(now).access)
        found[access] = found.get(access, 0) + 1
    return found


def ids_of(registry: UserReader) -> list[int]:
    return [user.id for user in registry.iterate()]


def ids(registry: UserReader, access: Access) -> list[int]:
    return [user.id for user in registry.iterate(access=access)]


def parked(
    key: str,
    reason: Reason = Reason.FAILED,
    *,
    dialog: int = 1,
    user: int = 1,
    retry_at: int | None = None,
    parked_at: int = 900,
    attempts: int = 1,
    trace: str = "",
    update: bytes = b"update",
) -> Parked:
    return Parked(
        *(key, dialog, user, reason, "plugin.handler", "ValueError"),
        trace=trace,
        parked_at=parked_at,
        retry_at=retry_at,
        attempts=attempts,
        update=update,
    )


def keys_of(store: OpenStore) -> list[str]:
    return [entry.key for entry in store.parked.entries()]
