"""What every store must do with broadcasts: one suite, run against each of them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from msgspec.structs import replace

from tests.store.contracts import Clock, Contract, Home, OpenStore
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.broadcasts import NEWS, NO_NEWS, Audience, Broadcast, Content, Part, State
from tgbot.core.deliveries import CHUNK, ERRORS, Chunk, Correction, Outcome, Tally, Wanted, tally_of
from tgbot.core.errors import StorageError
from tgbot.core.users import Profile, UserFields, Way
from tgbot.store.base import Broadcasts
from tgbot.store.registry import Registry

DRAFT = Broadcast(
    id=0,
    salt=5,
    created=900,
    contents={
        "": Content((Part("Hello", b"entities"), Part("", b"", b"\x00medium\xff"))),
        "ru": Content((Part("Привет"),)),
    },
    name="news of May",
)
#: As many recipients as make two chunks and a part of one.
MANY = 2 * CHUNK + 300


class BroadcastContract(Contract):
    """Test the broadcasts of a store."""

    # ---- definitions ---------------------------------------------------------------------------

    async def test_a_new_broadcast_is_on_disk_under_a_number_without_a_checkpoint(
        self, store: OpenStore
    ) -> None:
        first = await store.broadcasts.create(DRAFT)
        second = await store.broadcasts.create(replace(DRAFT, name="another"))
        assert (first.id, second.id) == (1, 2)
        assert first == replace(DRAFT, id=1)
        again = self.crashed().broadcasts
        assert again.all() == [first, second]
        assert again.get(1) == first
        assert again.get(3) is None
        assert again.tally(1) == Tally()
        assert not again.changed

    async def test_no_number_is_given_twice(self, store: OpenStore) -> None:
        first, *_ = [await store.broadcasts.create(DRAFT) for _ in range(3)]
        assert await store.broadcasts.remove(3)
        assert not await store.broadcasts.remove(3)
        await store.broadcasts.change(replace(first, name="another"))
        store = self.crashed()
        assert (await store.broadcasts.create(DRAFT)).id == 4
        for number in (1, 2, 4):
            await store.broadcasts.remove(number)
        assert store.broadcasts.all() == []
        assert (await self.crashed().broadcasts.create(DRAFT)).id == 5

    async def test_a_changed_definition_is_on_disk_without_a_checkpoint(self, store: OpenStore) -> None:
        broadcast = await store.broadcasts.create(DRAFT)
        audience = Audience(languages=("ru",), premium=False, ids=(3, 4))
        changed = replace(broadcast, state=State.SCHEDULED, at=5_000, audience=audience, rate=2.5)
        await store.broadcasts.change(changed)
        assert store.broadcasts.get(1) == changed
        assert self.crashed().broadcasts.all() == [changed]
        with pytest.raises(KeyError):
            await store.broadcasts.change(replace(changed, id=2))

    async def test_the_last_of_many_changes_at_once_stands(self, store: OpenStore) -> None:
        broadcast = await store.broadcasts.create(DRAFT)
        changes = [replace(broadcast, tests=number) for number in range(1, 20)]
        await asyncio.gather(*map(store.broadcasts.change, changes), store.checkpoint(None))
        assert store.broadcasts.get(1) == changes[-1]
        assert self.crashed().broadcasts.get(1) == changes[-1]

    async def test_what_cannot_be_written_did_not_happen(self, store: OpenStore, home: Home) -> None:
        await met(store, 10)
        broadcast = await store.broadcasts.create(DRAFT)
        await store.checkpoint(None)
        with home.broken():
            for change in (
                store.broadcasts.create(DRAFT),
                store.broadcasts.change(replace(broadcast, state=State.CANCELLED)),
                store.broadcasts.freeze(replace(broadcast, state=State.RUNNING), 1_000),
                store.broadcasts.remove(1),
            ):
                with pytest.raises(StorageError):
                    await change
        assert store.broadcasts.all() == [broadcast]
        assert not store.broadcasts.changed
        again = await self.restarted()
        assert again.broadcasts.all() == [broadcast]
        assert await again.broadcasts.chunk(1, 0) is None

    # ---- recipients ----------------------------------------------------------------------------

    async def test_recipients_are_whom_the_bot_may_write_to_in_chunks(self, store: OpenStore) -> None:
        people = await met(store, MANY)
        block(store.users, people[5], people[CHUNK])
        forget = people[7]
        await store.forget(forget)
        store.users.seen(Profile(1, "a stranger"), 900, Way.GROUP)
        broadcast = await started(store)
        wanted = [one for one in people if one not in (people[5], people[CHUNK], forget)]
        assert (broadcast.size, broadcast.state) == (len(wanted), State.RUNNING)
        assert broadcast.languages == ("", "ru")
        again = self.crashed()
        assert again.broadcasts.get(1) == broadcast
        chunks = await all_chunks(again.broadcasts)
        assert [chunk.number for chunk in chunks] == [0, 1, 2]
        assert [len(chunk.ids) for chunk in chunks] == [CHUNK, CHUNK, len(wanted) - 2 * CHUNK]
        assert [user_id for chunk in chunks for user_id in chunk.ids] == wanted
        assert all(chunk.parts == 2 for chunk in chunks)
        assert again.broadcasts.tally(1) == Tally.of(len(wanted))

    async def test_who_may_be_written_to_for_a_while_is_a_recipient_until_then(
        self, store: OpenStore, clock: Clock
    ) -> None:
        await met(store, 3)
        for user_id, until in ((5, 1_100), (500_000, 1_200), (999_999_999, 1_300)):
            store.users.record(user_id, Evidence(Kind.JOIN_REQUEST, 900, until=until))
        times = (1_099.5, 1_100, 1_200, 1_300)
        chosen = Audience(ids=(1_000, 5, 500_000))
        for audience, expected in ((Audience(), [6, 5, 4, 3]), (chosen, [3, 2, 1, 1])):
            surveys = [await store.broadcasts.survey(audience, now) for now in times]
            assert [survey.size for survey in surveys] == expected
        sizes = []
        for now in times:
            clock.now = now
            sizes.append((await started(store)).size)
        assert sizes == [6, 5, 4, 3]
        chunk = await store.broadcasts.chunk(1, 0)
        assert chunk is not None
        assert list(chunk.ids) == sorted(chunk.ids)

    async def test_who_wants_no_broadcasts_is_no_recipient(self, store: OpenStore) -> None:
        one, two, three, four = await met(store, 4)
        store.users.prefer(one, NEWS, NO_NEWS)
        store.users.prefer(two, NEWS, NO_NEWS)
        store.users.prefer(three, NEWS, "on")
        assert (await started(store)).size == 2
        store.users.prefer(two, NEWS, None)
        store.users.choose_language(one, "ru")
        assert await self.recipients(store) == [two, three, four]
        store = await self.restarted()
        assert await self.recipients(store) == [two, three, four]
        await store.forget(one)
        store.users.wrote(one, 1_000, 50)
        assert await self.recipients(store) == [one, two, three, four]

    async def test_what_is_known_when_the_recipients_are_chosen_counts(self, store: OpenStore) -> None:
        one, two, _ = await met(store, 3)
        broadcast = await store.broadcasts.create(DRAFT)
        block(store.users, one)
        store.users.prefer(two, NEWS, NO_NEWS)
        store.users.wrote(77, 900, 10)
        frozen = await store.broadcasts.freeze(broadcast, 1_000)
        assert frozen.size == 2
        assert await store.broadcasts.find(1, 77) is not None

    async def test_who_is_imported_without_a_wish_for_broadcasts_is_no_recipient(
        self, store: OpenStore
    ) -> None:
        people = await met(store, 2)
        wish = UserFields(people[0], Profile(people[0]), preferences={NEWS: NO_NEWS})
        store.users.merge(wish, now=1_000)
        assert await self.recipients(store) == [people[1]]

    async def test_a_wish_outlives_a_write_that_failed(self, store: OpenStore, home: Home) -> None:
        one, two = await met(store, 2)
        await store.checkpoint(None)
        store.users.prefer(one, NEWS, NO_NEWS)
        block(store.users, two)
        with home.broken(), pytest.raises(StorageError):
            await store.checkpoint(None)
        assert await self.recipients(store) == []

    async def test_each_condition_narrows_the_audience(self, store: OpenStore) -> None:
        people = await met(store, 6)
        for number, user_id in enumerate(people):
            language = ("en", "ru", "pt-BR", None, "ru", "ru")[number]
            profile = Profile(
                user_id, "\ud800" if number == 2 else "x", language=language, premium=number % 2 == 0
            )
            store.users.seen(profile, 200 + number, Way.MESSAGE)
            store.users.wrote(user_id, 200 + number, 20, ("", "ad-1", "ad-2", "other", "", "ad-9")[number])
        store.users.choose_language(people[4], "pt")
        found = {
            "languages": await self.recipients(store, Audience(languages=("ru", "pt"))),
            "premium": await self.recipients(store, Audience(premium=True)),
            "payload": await self.recipients(store, Audience(payload="ad-")),
            "seen": await self.recipients(store, Audience(last_seen_after=202, last_seen_before=204)),
            "first": await self.recipients(store, Audience(first_seen_after=101)),
            "ids": await self.recipients(store, Audience(ids=(people[3], people[0], people[0], 4_711))),
            "both": await self.recipients(store, Audience(languages=("ru",), ids=tuple(people[:5]))),
        }
        assert {name: [people.index(one) for one in ids] for name, ids in found.items()} == {
            "languages": [1, 2, 4, 5],
            "premium": [0, 2, 4],
            "payload": [1, 2, 5],
            "seen": [2, 3],
            "first": [],
            "ids": [0, 3],
            "both": [1],
        }

    async def test_a_survey_counts_by_language_and_freezes_nothing(self, store: OpenStore) -> None:
        people = await met(store, 5)
        for user_id, language in zip(people, ("ru", "ru", "en", None, "ru"), strict=True):
            store.users.seen(Profile(user_id, "x", language=language), 200, Way.MESSAGE)
        store.users.prefer(people[4], NEWS, NO_NEWS)
        survey = await store.broadcasts.survey(Audience(), 1_000)
        assert (survey.languages, survey.size, survey.declining) == (
            Counter({"ru": 2, "en": 1, "": 1}),
            4,
            1,
        )
        some = await store.broadcasts.survey(Audience(languages=("en",), ids=(people[2], people[4])), 1_000)
        assert (some.languages, some.declining) == (Counter({"en": 1}), 1)
        assert store.broadcasts.all() == []

    async def test_an_audience_may_be_empty(self, store: OpenStore) -> None:
        broadcast = await started(store)
        assert broadcast.size == 0
        assert await store.broadcasts.next_chunk(1, -1, wanted=Wanted.WAITING) is None

    async def test_recipients_are_chosen_once_and_after_the_contents(self, store: OpenStore) -> None:
        broadcast = await started(store)
        with pytest.raises(ValueError, match="already"):
            await store.broadcasts.freeze(broadcast, 1_000)
        empty = await store.broadcasts.create(replace(DRAFT, contents={"": Content()}))
        with pytest.raises(ValueError, match="parts"):
            await store.broadcasts.freeze(empty, 1_000)

    async def test_a_kill_before_the_first_result_leaves_all_waiting(self, store: OpenStore) -> None:
        await met(store, 10)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        store.broadcasts.settle(1, chunk, 0, Outcome.SENT, 1_000, messages=(7,))
        assert store.changed
        again = self.crashed().broadcasts
        assert again.tally(1) == Tally.of(10)
        assert (await first_waiting(again)).find(Wanted.WAITING) == 0

    # ---- deliveries ----------------------------------------------------------------------------

    async def test_results_are_there_after_a_checkpoint_as_they_were(self, store: OpenStore) -> None:
        await met(store, 5)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        settle = store.broadcasts.settle
        settle(1, chunk, 0, Outcome.SENT, 1_700_000_001, language=2, messages=(2**31 - 1, 8))
        settle(1, chunk, 1, Outcome.BLOCKED, 1_700_000_002)
        settle(1, chunk, 2, Outcome.FAILED, 1_700_000_003, error="CHAT_RESTRICTED")
        settle(1, chunk, 4, Outcome.SENT, 4_000_000_000, language=1, messages=(9,))
        store.broadcasts.correct(1, chunk, 4, Correction.DONE)
        assert store.broadcasts.click(1, chunk, 0, 2)
        assert not store.broadcasts.click(1, chunk, 0, 2)
        assert store.broadcasts.click(1, chunk, 0, 7)
        again = await self.restarted()
        assert not again.changed
        found = await again.broadcasts.chunk(1, 0)
        assert found is not None
        assert found is not chunk
        assert list(found.outcomes) == [1, 2, 5, 0, 1]
        assert list(found.at) == [1_700_000_001, 1_700_000_002, 1_700_000_003, 0, 4_000_000_000]
        assert list(found.languages) == [2, 0, 0, 0, 1]
        assert [list(found.messages_of(index)) for index in (0, 1, 4)] == [[2**31 - 1, 8], [0, 0], [9, 0]]
        assert [found.error_of(index) for index in (0, 2)] == ["", "CHAT_RESTRICTED"]
        assert list(found.corrections) == [0, 0, 0, 0, 1]
        assert list(found.clicks) == [0b10000100, 0, 0, 0, 0]
        tally = again.broadcasts.tally(1)
        assert (tally.labels["sent"], tally.labels["waiting"], tally.total) == (2, 1, 5)
        assert tally == Tally(
            outcomes=[1, 2, 1, 0, 0, 1, 0, 0, 0],
            errors={"CHAT_RESTRICTED": 1},
            clicks=[0, 0, 1, 0, 0, 0, 0, 1],
            corrected=1,
        )

    async def test_results_are_on_disk_with_the_evidence_that_came_with_them(self, store: OpenStore) -> None:
        people = await met(store, 3)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        for number in range(2):
            block(store.users, people[number])
            store.broadcasts.settle(1, chunk, number, Outcome.BLOCKED, 1_000)
            if not number:
                await store.checkpoint(None)
        again = self.crashed()
        assert again.broadcasts.tally(1).count(Outcome.BLOCKED) == 1
        assert again.users.count().by[Access.BLOCKED] == 1

    async def test_a_failed_checkpoint_loses_no_result(self, store: OpenStore, home: Home) -> None:
        await met(store, 3)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        store.broadcasts.settle(1, chunk, 0, Outcome.SENT, 1_000)
        with home.broken():
            for _ in range(2):
                with pytest.raises(StorageError):
                    await store.checkpoint(None)
        assert store.changed
        store.broadcasts.settle(1, chunk, 2, Outcome.SENT, 1_000)
        again = (await self.restarted()).broadcasts
        assert again.tally(1).count(Outcome.SENT) == 2
        assert list((await first_waiting(again)).outcomes) == [1, 0, 1]

    async def test_results_that_come_while_a_checkpoint_writes_are_kept(self, store: OpenStore) -> None:
        await met(store, MANY)
        await started(store)
        chunks = await all_chunks(store.broadcasts)
        for index in range(CHUNK):
            store.broadcasts.settle(1, chunks[0], index, Outcome.SENT, 1_000)
        writing = asyncio.ensure_future(store.checkpoint(None))
        for index in range(250):
            await asyncio.sleep(0)
            store.broadcasts.settle(1, chunks[0], index, Outcome.FAILED, 1_000, error="X")
            store.broadcasts.settle(1, chunks[1], index, Outcome.SENT, 1_000)
        await writing
        again = (await self.restarted()).broadcasts
        assert again.tally(1).labels["sent"] == CHUNK
        assert again.tally(1).errors == {"X": 250}
        assert again.tally(1) == tally_of(await all_chunks(again), 0)

    async def test_an_outcome_replaces_the_one_before(self, store: OpenStore) -> None:
        await met(store, 2)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        settle = store.broadcasts.settle
        settle(1, chunk, 0, Outcome.FAILED, 1_000, error="A")
        settle(1, chunk, 0, Outcome.FAILED, 1_001, error="B")
        assert store.broadcasts.tally(1).errors == {"B": 1}
        settle(1, chunk, 0, Outcome.SENT, 1_002, language=1, messages=(5, 6))
        settle(1, chunk, 0, Outcome.SENT, 1_003, language=1, messages=(5, 6))
        assert store.broadcasts.tally(1) == tally_of([chunk], 0)
        assert store.broadcasts.tally(1).errors == {}
        assert (chunk.error_of(0), list(chunk.messages_of(0))) == ("", [5, 6])

    async def test_any_number_of_errors_is_kept(self, store: OpenStore) -> None:
        await met(store, 400)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        for index in range(400):
            store.broadcasts.settle(1, chunk, index, Outcome.FAILED, 1_000, error=f"E{index % 300}")
        again = (await self.restarted()).broadcasts
        (chunk,) = await all_chunks(again)
        assert [chunk.error_of(index) for index in (0, ERRORS - 2, ERRORS - 1, 299, 300)] == [
            *("E0", f"E{ERRORS - 2}", "OTHER", "OTHER", "E0")
        ]
        assert again.tally(1) == tally_of([chunk], 0)
        assert sum(again.tally(1).errors.values()) == 400

    async def test_one_outcome_takes_the_place_of_another_in_a_whole_chunk(self, store: OpenStore) -> None:
        await met(store, 10)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        store.broadcasts.settle(1, chunk, 3, Outcome.SENT, 999)
        assert store.broadcasts.settle_all(1, chunk, Outcome.WAITING, Outcome.LATE, 1_000) == 9
        assert store.broadcasts.settle_all(1, chunk, Outcome.WAITING, Outcome.LATE, 1_000) == 0
        again = (await self.restarted()).broadcasts
        assert again.tally(1).labels["not_in_time"] == 9
        assert await again.next_chunk(1, -1, wanted=Wanted.WAITING) is None
        late = await again.next_chunk(1, -1, wanted=Wanted.LATE)
        assert late is not None
        assert again.settle_all(1, late, Outcome.LATE, Outcome.WAITING, 0) == 9
        assert (await first_waiting(again)) is late

    async def test_a_chunk_in_use_is_one_object(self, store: OpenStore) -> None:
        people = await met(store, MANY)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        found = await store.broadcasts.find(1, people[0])
        assert found == (chunk, 0)
        store.broadcasts.settle(1, chunk, 0, Outcome.SENT, 1_000)
        await store.checkpoint(None)
        assert await store.broadcasts.chunk(1, 0) is chunk
        assert await store.broadcasts.chunk(1, 3) is None
        assert await store.broadcasts.chunk(2, 0) is None

    async def test_the_next_chunk_has_what_is_wanted_now_written_or_not(self, store: OpenStore) -> None:
        await met(store, MANY)
        await started(store)
        chunks = await all_chunks(store.broadcasts)

        async def numbers(wanted: Wanted) -> list[int]:
            found, after = [], -1
            while (chunk := await store.broadcasts.next_chunk(1, after, wanted=wanted)) is not None:
                found.append(chunk.number)
                after = chunk.number
            return found

        assert await numbers(Wanted.WAITING) == [0, 1, 2]
        for chunk, outcome in ((chunks[0], Outcome.SENT), (chunks[1], Outcome.LATE)):
            store.broadcasts.settle_all(1, chunk, Outcome.WAITING, outcome, 1_000)
        for written in (False, True):
            if written:
                await store.checkpoint(None)
            assert await numbers(Wanted.WAITING) == [2]
            assert await numbers(Wanted.LATE) == [1]
            assert await numbers(Wanted.UNCORRECTED) == [0]
        store.broadcasts.settle_all(1, chunks[1], Outcome.LATE, Outcome.WAITING, 0)
        assert await numbers(Wanted.WAITING) == [1, 2]
        writing = asyncio.ensure_future(store.checkpoint(None))
        while not writing.done():
            await asyncio.sleep(0)
            assert await numbers(Wanted.WAITING) == [1, 2]
        assert await store.broadcasts.next_chunk(2, -1, wanted=Wanted.WAITING) is None

    async def test_a_recipient_is_found_by_id(self, store: OpenStore) -> None:
        people = await met(store, MANY)
        await started(store)
        for place in (0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 5, MANY - 1):
            found = await store.broadcasts.find(1, people[place])
            assert found is not None
            assert (found[0].number, found[1]) == divmod(place, CHUNK)
        for nobody in (1, people[0] - 1, people[CHUNK] - 1, people[-1] + 1, 2**63 - 1):
            assert await store.broadcasts.find(1, nobody) is None
        assert await store.broadcasts.find(2, people[0]) is None

    # ---- corrections ---------------------------------------------------------------------------

    async def test_a_new_round_corrects_everybody_anew(self, store: OpenStore) -> None:
        await met(store, CHUNK + 2)
        broadcast = await started(store)
        first, second = await all_chunks(store.broadcasts)
        for chunk in (first, second):
            store.broadcasts.settle_all(1, chunk, Outcome.WAITING, Outcome.SENT, 1_000)
        for index in range(CHUNK):
            store.broadcasts.correct(1, first, index, Correction.DONE)
        store.broadcasts.correct(1, second, 1, Correction.REFUSED)
        store.broadcasts.correct(1, second, 1, Correction.REFUSED)
        tally = store.broadcasts.tally(1)
        assert (tally.corrected, tally.refused) == (CHUNK, 1)
        assert await store.broadcasts.next_chunk(1, -1, wanted=Wanted.UNCORRECTED) is second
        assert second.find(Wanted.UNCORRECTED) == 0
        assert second.find(Wanted.UNCORRECTED, 1) == -1
        await store.checkpoint(None)
        store.broadcasts.correct(1, second, 0, Correction.DONE)
        await store.broadcasts.change(replace(broadcast, round=1))
        assert (tally.corrected, tally.refused) == (0, 0)
        assert await store.broadcasts.next_chunk(1, -1, wanted=Wanted.UNCORRECTED) is first
        again = self.crashed().broadcasts
        assert (again.tally(1).corrected, again.tally(1).refused) == (0, 0)
        assert again.tally(1).count(Outcome.SENT) == CHUNK + 2
        for number in range(2):
            found = await again.next_chunk(1, number - 1, wanted=Wanted.UNCORRECTED)
            assert found is not None
            assert (found.number, found.find(Wanted.UNCORRECTED)) == (number, 0)
            again.correct(1, found, 0, Correction.DONE)
        again = (await self.restarted()).broadcasts
        assert again.tally(1).corrected == 2
        assert again.tally(1) == tally_of(await all_chunks(again), 1)

    async def test_refused_corrections_are_counted_by_name(self, store: OpenStore) -> None:
        await met(store, 5)
        broadcast = await started(store)
        (chunk,) = await all_chunks(store.broadcasts)
        store.broadcasts.settle_all(1, chunk, Outcome.WAITING, Outcome.SENT, 1_000)
        correct, tally = store.broadcasts.correct, store.broadcasts.tally(1)
        for index, error in enumerate(("GONE", "OLD", "GONE")):
            correct(1, chunk, index, Correction.REFUSED, error=error)
        correct(1, chunk, 0, Correction.REFUSED, error="OLD")
        correct(1, chunk, 3, Correction.UNTOUCHED)
        correct(1, chunk, 2, Correction.DONE)
        store.broadcasts.removed(1, 7)
        assert (tally.corrected, tally.refused, tally.untouched, tally.uncorrected) == (1, 2, 1, 1)
        assert (tally.refusals, tally.errors, tally.removed) == ({"OLD": 2}, {}, 7)
        again = (await self.restarted()).broadcasts
        (found,) = await all_chunks(again)
        assert again.tally(1) == tally
        assert [found.refusal_of(index) for index in range(5)] == ["OLD", "OLD", "", "", ""]
        assert [found.error_of(index) for index in range(5)] == [""] * 5
        await again.change(replace(broadcast, round=1))
        assert (again.tally(1).refusals, again.tally(1).removed, again.tally(1).uncorrected) == ({}, 0, 5)
        assert found.refusal_of(0) == ""
        again = self.crashed().broadcasts
        assert again.tally(1) == tally_of(await all_chunks(again), 1)

    # ---- removal and /forget -------------------------------------------------------------------

    async def test_a_removed_broadcast_is_gone_with_its_deliveries(self, store: OpenStore) -> None:
        await met(store, MANY)
        await started(store)
        await started(store)
        chunk = await first_waiting(store.broadcasts)
        store.broadcasts.settle(1, chunk, 0, Outcome.SENT, 1_000)
        assert await store.broadcasts.remove(1)
        for is_restarted in (False, True):
            found = (await self.restarted() if is_restarted else store).broadcasts
            assert [one.id for one in found.all()] == [2]
            assert await found.chunk(1, 0) is None
            with pytest.raises(KeyError):
                found.tally(1)
            assert len(await all_chunks(found, 2)) == 3
            assert not await found.remove(1)

    async def test_a_forgotten_user_is_in_no_delivery(self, store: OpenStore) -> None:
        people = await met(store, MANY)
        for _ in range(2):
            await started(store)
        draft = await store.broadcasts.create(replace(DRAFT, audience=Audience(ids=(people[0], people[1]))))
        chunks = await all_chunks(store.broadcasts)
        settle = store.broadcasts.settle
        settle(1, chunks[0], 0, Outcome.SENT, 1_000, language=1, messages=(7, 8))
        settle(1, chunks[0], 1, Outcome.SENT, 1_000, language=1, messages=(9, 10))
        settle(1, chunks[1], 0, Outcome.FAILED, 1_000, error="X")
        store.broadcasts.correct(1, chunks[0], 0, Correction.DONE)
        store.broadcasts.click(1, chunks[0], 0, 0)
        for place in (0, CHUNK, MANY - 1):
            await store.forget(people[place])
            assert await store.broadcasts.find(1, people[place]) is None
        settle(1, chunks[0], 0, Outcome.SENT, 1_001, messages=(7, 8))  # it was under way
        store.broadcasts.correct(1, chunks[0], 0, Correction.DONE)
        assert not store.broadcasts.click(1, chunks[0], 0, 0)
        await store.broadcasts.change(replace(draft, name="changed", audience=draft.audience))
        changed = store.broadcasts.get(draft.id)
        assert changed is not None
        assert changed.audience.ids == (people[1],)
        again = self.crashed().broadcasts
        for number in (1, 2):
            found = await all_chunks(again, number)
            assert [chunk.ids[0] for chunk in found[:2]] == [0, 0]
            assert found[2].ids[-1] == 0
            assert found[0].outcomes[0] == Outcome.FORGOTTEN
            assert (found[0].at[0], found[0].languages[0], *found[0].messages_of(0)) == (0, 0, 0, 0)
            assert again.tally(number) == tally_of(found, 0)
            assert again.tally(number).count(Outcome.FORGOTTEN) == 3
            position = await again.find(number, people[1])
            assert position is not None
            assert (position[0].number, position[1]) == (0, 1)
        assert again.tally(1).errors == {}
        kept = again.get(draft.id)
        assert kept is not None
        assert (kept.name, kept.audience.ids) == ("changed", (people[1],))

    async def test_who_could_not_be_forgotten_is_at_the_next_checkpoint(
        self, store: OpenStore, home: Home
    ) -> None:
        people = await met(store, 3)
        await started(store, Audience(ids=tuple(people)))
        with home.broken(), pytest.raises(StorageError):
            await store.forget(people[0])
        again = (await self.restarted()).broadcasts
        broadcast = again.get(1)
        assert broadcast is not None
        assert broadcast.audience.ids == tuple(people[1:])
        assert [list(chunk.ids) for chunk in await all_chunks(again)] == [[0, *people[1:]]]
        assert again.tally(1).labels["forgotten"] == 1

    async def test_a_user_forgotten_while_recipients_are_chosen_is_none(self, store: OpenStore) -> None:
        people = await met(store, MANY)
        broadcast = await store.broadcasts.create(DRAFT)
        freezing = asyncio.ensure_future(store.broadcasts.freeze(broadcast, 1_000))
        for _ in range(3):
            await asyncio.sleep(0)
        await store.forget(people[3])
        await freezing
        again = self.crashed().broadcasts
        chunk = await again.chunk(1, 0)
        assert chunk is not None
        assert people[3] not in chunk.ids
        assert again.tally(1) == tally_of(await all_chunks(again), 0)

    async def test_the_tally_is_what_a_count_gives_whatever_happens(
        self, store: OpenStore, home: Home
    ) -> None:
        source = random.Random(11)
        people = await met(store, 60)
        broadcast = await started(store)
        for step in range(600):
            found = await store.broadcasts.find(1, source.choice(people))
            if found is not None:
                outcome = source.choice(list(Outcome)[:-1])
                error = source.choice(("A", "B")) if outcome is Outcome.FAILED else ""
                store.broadcasts.settle(1, *found, outcome, step, messages=(step,), error=error)
                correction = source.choice(list(Correction))
                refusal = source.choice(("A", "C")) if correction is Correction.REFUSED else ""
                store.broadcasts.correct(1, *found, correction, error=refusal)
                store.broadcasts.click(1, *found, source.randrange(8))
            if step % 50 == 0:
                await store.forget(source.choice(people))
            if step % 70 == 0:
                await store.checkpoint(None)
            if step % 90 == 0:
                with home.broken(), pytest.raises(StorageError):
                    await store.broadcasts.remove(1)
            if step % 110 == 0:
                broadcast = replace(broadcast, round=broadcast.round + 1)
                await store.broadcasts.change(broadcast)
            if step % 130 == 0:
                store = self.crashed()
            tally = store.broadcasts.tally(1)
            assert tally == tally_of(await all_chunks(store.broadcasts), broadcast.round)
            assert tally.total == 60

    async def recipients(self, store: OpenStore, audience: Audience | None = None) -> list[int]:
        """Return who would get a broadcast now."""
        broadcast = await started(store, Audience() if audience is None else audience)
        chunks = await all_chunks(store.broadcasts, broadcast.id)
        return [user_id for chunk in chunks for user_id in chunk.ids]


async def met(store: OpenStore, number: int) -> list[int]:
    """Let so many people write to the bot, and return their ids in order."""
    people = [1_000 + 7 * one for one in range(number)]
    for user_id in people:
        store.users.seen(Profile(user_id, "x"), 100, Way.MESSAGE)
        store.users.wrote(user_id, 100, 10)
    return people


def block(users: Registry, *user_ids: int) -> None:
    for user_id in user_ids:
        users.record(user_id, Evidence(Kind.BOT_STOPPED, 500, qts=1))


async def started(store: OpenStore, audience: Audience | None = None) -> Broadcast:
    """Begin a broadcast and return it."""
    audience = Audience() if audience is None else audience
    broadcast = await store.broadcasts.create(replace(DRAFT, audience=audience))
    clock = store.users._clock()
    return await store.broadcasts.freeze(replace(broadcast, state=State.RUNNING), clock)


async def first_waiting(broadcasts: Broadcasts) -> Chunk:
    chunk = await broadcasts.next_chunk(1, -1, wanted=Wanted.WAITING)
    assert chunk is not None
    return chunk


async def all_chunks(broadcasts: Broadcasts, broadcast_id: int = 1) -> list[Chunk]:
    chunks: list[Chunk] = []
    while (chunk := await broadcasts.chunk(broadcast_id, len(chunks))) is not None:
        chunks.append(chunk)
    return chunks
