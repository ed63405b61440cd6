"""The life of a broadcast: by hand, by the clock, and through stops and kills."""

from __future__ import annotations

import asyncio

import pytest

from tests.messaging.broadcast.conftest import SEND, Office
from tests.telegram.conftest import until
from tgbot.core.access import Access
from tgbot.core.broadcasterrors import (
    BroadcastStateError,
    BroadcastUnknownError,
    NobodyToWriteToError,
    ScheduleError,
)
from tgbot.core.broadcasts import Audience, State
from tgbot.core.deliveries import Outcome
from tgbot.messaging.broadcast import passes


async def test_a_pause_stops_what_has_not_gone_out_and_finishes_what_is_under_way(office: Office) -> None:
    people = await office.meet(12)
    number = await office.begin(rate=20.0)
    await office.sent(number, 3)
    await office.broadcasts.pause(number)
    await until(lambda: office.broadcasts._runner.current is None)
    sent = office.status(number)["sent"]
    assert 3 <= sent < 12
    assert sum(len(office.heard(person)) for person in people) == sent
    assert office.status(number)["state"] == "paused"
    await office.broadcasts.resume(number)
    assert (await office.ends(number))["sent"] == 12
    assert [office.heard(person) for person in people] == [["news"]] * 12


async def test_what_waits_for_its_turn_for_hours_pauses_at_once(office: Office) -> None:
    await office.meet(3)
    office.leftover.slow_down(10_000.0)
    number = await office.begin()
    await until(lambda: office.broadcasts._runner.current == number)
    await office.broadcasts.pause(number)
    await until(lambda: office.broadcasts._runner.current is None)
    assert office.status(number)["waiting"] == 3


async def test_what_never_ends_is_cut_off_by_a_pause_and_sent_once_all_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "GRACE_SECONDS", 0.05)
    people = await office.meet(10)
    office.faults.silence(SEND, times=4, after=True)
    number = await office.begin()
    await office.sent(number, 6)
    await office.broadcasts.pause(number)
    await until(lambda: office.broadcasts._runner.current is None)
    assert office.status(number)["waiting"] == 4
    await office.broadcasts.resume(number)
    assert (await office.ends(number))["sent"] == 10
    assert [office.heard(person) for person in people] == [["news"]] * 10


@pytest.mark.parametrize("act", ["pause", "cancel", "deadline"])
async def test_what_was_under_way_at_a_stop_is_on_disk_with_the_new_state(
    office: Office, no_checkpoints: None, act: str
) -> None:
    people = await office.meet(12)
    office.faults.delay(0.3, SEND)
    number = await office.begin(rate=20.0, until=int(office.clock()) + 3600)
    await until(lambda: sum(len(office.heard(person)) for person in people) >= 2)
    if act == "deadline":
        office.ahead += 3601
        office.broadcasts.look()
        await office.ends(number)
    else:
        await getattr(office.broadcasts, act)(number)
    await office.kill()
    heard = sum(len(office.heard(person)) for person in people)
    await office.open(run=False)
    assert office.status(number)["sent"] == heard < 12


async def test_nothing_of_a_broadcast_begins_while_its_state_changes(office: Office) -> None:
    await office.meet(3)
    office.leftover.slow_down(10_000.0)
    number = await office.begin()
    runner = office.broadcasts._runner
    await until(lambda: runner._working)
    async with runner._halt(number):
        await until(lambda: runner.current is None)
        for _ in range(20):
            office.broadcasts.look()
            await asyncio.sleep(0)
            assert runner.current is None
    await until(lambda: runner._working)  # its state was not changed after all


async def test_what_is_about_to_begin_waits_for_a_change_of_its_state(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins, goes_on = asyncio.Event(), asyncio.Event()

    async def reopen(number: int) -> None:
        begins.set()
        await goes_on.wait()

    monkeypatch.setattr(office.broadcasts._states, "reopen", reopen)
    await office.meet(3)
    number = await office.begin()
    await begins.wait()
    runner = office.broadcasts._runner
    async with runner._halt(number):
        goes_on.set()
        await until(lambda: runner.current is None)
    assert office.status(number)["sent"] == 0
    assert (await office.ends(number))["sent"] == 3


async def test_a_cancelled_broadcast_never_goes_on(office: Office) -> None:
    people = await office.meet(12)
    number = await office.begin(rate=20.0)
    await office.sent(number, 1)
    await office.broadcasts.cancel(number)
    await until(lambda: office.broadcasts._runner.current is None)
    sent = office.status(number)["sent"]
    for act in (office.broadcasts.resume, office.broadcasts.pause, office.broadcasts.cancel):
        with pytest.raises(BroadcastStateError):
            await act(number)
    assert sum(len(office.heard(person)) for person in people) == sent < 12
    assert office.status(number)["ended"] is not None


async def test_broadcasts_go_out_one_after_another_in_the_order_of_their_starts(office: Office) -> None:
    people = await office.meet(5)
    first = await office.begin("first", rate=20.0)
    await until(lambda: office.broadcasts._runner.current == first)
    second, third = await office.begin("second"), await office.begin("third")
    assert [office.status(number)["behind"] for number in (first, second, third)] == [None, first, first]
    assert office.status(third)["state"] == "running"
    await office.ends(third)
    assert [office.heard(person) for person in people] == [["first", "second", "third"]] * 5
    assert office.status(third)["behind"] is None


async def test_a_broadcast_begins_at_its_time(office: Office) -> None:
    people = await office.meet(3)
    number = await office.begin(at=int(office.clock()) + 3600)
    assert office.status(number)["state"] == "scheduled"
    assert office.status(number)["audience"] is None
    later = await office.meet(1)  # the audience is that of the beginning
    office.ahead += 3601
    office.broadcasts.look()
    assert (await office.ends(number))["sent"] == 4
    assert [office.heard(person) for person in people + later] == [["news"]] * 4


async def test_a_scheduled_broadcast_begins_at_once_when_it_is_told_to(office: Office) -> None:
    await office.meet(1)
    number = await office.begin(at=int(office.clock()) + 3600)
    assert office.broadcasts.get(number).state is State.SCHEDULED
    with pytest.raises(BroadcastStateError, match="is scheduled"):
        await office.broadcasts.start(number)
    await office.broadcasts.start(number, now=True)
    assert (await office.ends(number))["sent"] == 1


async def test_a_broadcast_ends_at_its_deadline_and_goes_on_with_those_who_were_late(office: Office) -> None:
    people = await office.meet(12)
    number = await office.begin(rate=20.0, until=int(office.clock()) + 3600)
    await office.sent(number, 2)
    office.ahead += 3601
    status = await office.ends(number)
    await until(lambda: office.broadcasts._runner.current is None)
    status = office.status(number)
    assert status["not_in_time"] + status["sent"] == 12
    assert status["not_in_time"] > 0
    assert status["waiting"] == 0
    with pytest.raises(ScheduleError):
        await office.broadcasts.resume(number, until=int(office.clock()) - 1)
    await office.broadcasts.resume(number)
    status = await office.ends(number)
    assert (status["sent"], status["not_in_time"], status["until"]) == (12, 0, None)
    assert [office.heard(person) for person in people] == [["news"]] * 12
    with pytest.raises(BroadcastStateError, match="everybody"):
        await office.broadcasts.resume(number)


async def test_a_deadline_ends_a_paused_broadcast_too(office: Office) -> None:
    await office.meet(3)
    office.leftover.slow_down(10_000.0)
    number = await office.begin(until=int(office.clock()) + 60)
    await office.broadcasts.pause(number)
    office.ahead += 61
    office.broadcasts.look()
    assert (await office.ends(number))["not_in_time"] == 3


async def test_times_that_passed_while_the_bot_was_off_hold_when_it_is_back(office: Office) -> None:
    people = await office.meet(3)
    begins = await office.begin("begins", at=int(office.clock()) + 100)
    ends = await office.begin("ends", at=int(office.clock()) + 100, until=int(office.clock()) + 200)
    await office.stop()
    office.ahead += 300
    await office.open()
    assert (await office.ends(begins))["sent"] == 3
    status = await office.ends(ends)
    assert (status["not_in_time"], status["sent"]) == (3, 0)
    assert [office.heard(person) for person in people] == [["begins"]] * 3


async def test_times_that_make_no_sense_are_refused(office: Office) -> None:
    now = int(office.clock())
    for at, end in ((now - 5, None), (None, now - 5), (now + 100, now + 50)):
        with pytest.raises(ScheduleError):
            await office.draft(at=at, until=end)
    draft = await office.draft(until=now + 100)
    await office.meet(1)
    office.ahead += 200
    with pytest.raises(ScheduleError):
        await office.broadcasts.start(draft.id)


async def test_a_broadcast_to_nobody_stays_a_draft(office: Office) -> None:
    await office.meet(1)
    draft = await office.draft(audience=Audience(languages=("de",)), contents=None)
    with pytest.raises(NobodyToWriteToError):
        await office.broadcasts.start(draft.id)
    assert office.status(draft.id)["state"] == "draft"
    scheduled = await office.begin(audience=Audience(languages=("de",)), at=int(office.clock()) + 100)
    office.ahead += 101
    office.broadcasts.look()
    status = await office.ends(scheduled, "draft")
    assert "no recipients" in status["reason"]
    await office.broadcasts.change(scheduled, audience=Audience(), at=None)
    await office.broadcasts.start(scheduled)
    assert (await office.ends(scheduled))["sent"] == 1


async def test_a_number_that_there_is_not_is_named(office: Office) -> None:
    with pytest.raises(BroadcastUnknownError, match="no broadcast 77"):
        await office.broadcasts.start(77)


@pytest.mark.usefixtures("no_checkpoints")
async def test_a_kill_in_the_middle_costs_and_doubles_nothing(office: Office) -> None:
    people = await office.meet(60)
    number = await office.begin(rate=100.0)
    await office.sent(number, 20)
    known = office.status(number)["sent"]
    await office.kill()
    await office.open()
    # What the last checkpoint did not have is sent again, under the same random_ids.
    assert office.status(number)["sent"] == 0 < known
    status = await office.ends(number)
    assert (status["sent"], status["waiting"]) == (60, 0)
    assert [office.heard(person) for person in people] == [["news"]] * 60
    chunk = await office.store.broadcasts.chunk(number, 0)
    assert all(office.world.accounts[office.bot_id].box.get(message) for message in chunk.messages)


@pytest.mark.usefixtures("no_checkpoints")
async def test_who_blocks_the_bot_with_the_message_in_hand_has_got_it_also_if_a_kill_came_first(
    office: Office,
) -> None:
    got, never, *others = await office.meet(8)
    office.faults.fail(SEND, 500, "INTERNAL", times=1000, peer=never)
    number = await office.begin(rate=100.0)
    await office.sent(number, 1)
    await office.kill()
    for person in (got, never):
        office.world.block(person, office.bot_id)
    await office.open(run=False)
    users = office.store.users
    for person in (got, never):
        await until(lambda: users.get(person).verdict(0).access is Access.BLOCKED)  # noqa: B023
    office.faults.clear()
    office.run()
    await office.ends(number)
    outcomes = await office.outcomes(number)
    assert outcomes == {got: Outcome.SENT, never: Outcome.BLOCKED} | dict.fromkeys(others, Outcome.SENT)
    assert (office.heard(got), office.heard(never)) == (["news"], [])
    assert users.get(got).verdict(0).access is Access.BLOCKED


async def test_a_stop_waits_for_what_is_under_way_and_loses_no_result(office: Office) -> None:
    people = await office.meet(12)
    office.faults.delay(0.2, SEND)
    number = await office.begin(rate=20.0)
    await until(lambda: sum(len(office.heard(person)) for person in people) >= 4)
    await office.stop()
    heard = sum(len(office.heard(person)) for person in people)
    await office.open(run=False)
    assert office.status(number)["sent"] == heard < 12
    assert office.status(number)["state"] == "running"
    office.run()
    assert (await office.ends(number))["sent"] == 12


async def test_an_error_of_ours_pauses_a_broadcast_and_ends_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from tgbot.messaging.broadcast.content import Contents

    def broken(*args: object) -> None:
        raise ZeroDivisionError("secret words")

    await office.meet(3)
    with monkeypatch.context() as patch:
        patch.setattr(Contents, "to", broken)
        number = await office.begin()
        status = await office.ends(number, "paused")
    assert "ZeroDivisionError" in status["reason"]
    assert "secret words" not in caplog.text + str(status)
    assert caplog.text.count("ZeroDivisionError") == 2  # the error once, and why it pauses
    await office.broadcasts.resume(number)

    assert (await office.ends(number))["sent"] == 3


@pytest.mark.usefixtures("no_checkpoints")
async def test_the_outcomes_are_on_disk_before_a_broadcast_is_done(office: Office) -> None:
    await office.meet(3)
    number = await office.begin()
    await until(lambda: '"state":"done"' in office.rows.broadcasts.definitions()[number][0])
    await office.kill()
    await office.open(run=False)
    assert set((await office.outcomes(number)).values()) == {Outcome.SENT}
    assert office.broadcasts.get(number).state is State.DONE
