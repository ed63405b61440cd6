from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon._updates.entitycache import EntityCache
from telethon._updates.messagebox import GapError
from telethon.tl import types

from tests.telegram.updates.updatelog import FIRST, THEN, Entry, Log, number_of
from tgbot.store.base import UpdateState
from tgbot.telegram.updates.box import UpdateBox, channels_of


def box(state: UpdateState = FIRST) -> UpdateBox:
    made = UpdateBox(EntityCache())
    made.load_state(state)
    return made


def take(taker: UpdateBox, container: Any) -> list[int]:
    """What the box takes of a container."""
    taken: list[Any] = []
    if isinstance(container, types.Updates) and not getattr(container, "_self_outgoing", False):
        one = taker.take_one(container)
        if one is not None:
            return [number_of(one)]
    elif isinstance(container, types.UpdateShortSentMessage) and taker.take_next(container, container.date):
        return []
    try:
        taker.process_updates(container, EntityCache(), taken)
    except GapError:
        assert not taken
    return [number_of(update) for update in taken]


def catch_up(taker: UpdateBox, log: Log) -> list[int]:
    """What a whole difference, in its slices, brings."""
    brought: list[int] = []
    taker.begin_difference()
    while taker.account_difference_due:
        updates, _, _ = taker.apply_difference(log.difference(taker.get_difference()), EntityCache())
        brought += [
            number_of(update)
            for update in updates
            if not isinstance(update, types.UpdateMessageID) and not getattr(update, "out", False)
        ]
    return brought


async def test_stops_edits_and_deletions_come_out_of_a_difference() -> None:
    log = Log()
    for kind in ("message", "edit", "deletion", "stop", "message"):
        log.add(kind)
    taker = box()
    assert sorted(catch_up(taker, log)) == [1, 2, 3, 4, 5]
    assert taker.mark() == UpdateState(log.pts, log.qts, FIRST.date, 1)
    assert catch_up(taker, log) == []


async def test_a_stop_that_was_taken_live_is_not_taken_again_out_of_a_difference() -> None:
    log, taker = Log(), box()
    first, lost, later = log.add("stop"), log.add("message"), log.add("stop")
    assert take(taker, log.push(first)) == [1]
    assert take(taker, log.push(later)) == [3]
    assert catch_up(taker, log) == [lost.number]


async def test_a_repeated_update_is_taken_once() -> None:
    log, taker = Log(), box()
    message, deletion = log.add("message"), log.add("deletion", 3)
    pushed = [take(taker, log.push(entry)) for entry in (message, message, deletion, deletion, message)]
    assert pushed == [[1], [], [2], [], []]


async def test_updates_out_of_order_are_taken_when_the_gap_is_filled() -> None:
    log, taker = Log(), box()
    first, second, third = (log.add("message") for _ in range(3))
    assert take(taker, log.push(third)) == []
    assert take(taker, log.push(second)) == []
    assert taker.mark().pts == FIRST.pts
    assert take(taker, log.push(first)) == [1, 2, 3]
    assert taker.mark().pts == log.pts


async def test_the_answer_to_a_send_moves_the_state_and_is_no_update() -> None:
    log, taker = Log(), box()
    _, answer = log.sent()
    assert take(taker, answer) == []
    assert take(taker, log.push(log.add("message"))) == [2]
    assert taker.mark().pts == log.pts


async def test_the_answer_to_a_send_that_comes_before_an_earlier_message_waits_for_it() -> None:
    log, taker = Log(), box()
    message = log.add("message")
    _, answer = log.sent()
    assert take(taker, answer) == []
    assert take(taker, log.push(message)) == [1]
    assert taker.mark().pts == log.pts


async def test_the_fast_path_takes_only_one_new_message_that_is_next_in_the_log() -> None:
    log, taker = Log(), box()
    message, second = log.add("message"), log.add("message")
    refused = [
        log.push(second),
        log.push(message, second),
        types.Updates([message.update()], [], [], THEN, 7),
        types.Updates([log.add("edit").update()], [], [], THEN, 0),
    ]
    assert [taker.take_one(container) for container in refused] == [None] * 4
    assert taker.mark() == FIRST
    take(taker, log.push(second))
    assert taker.take_one(log.push(message)) is None  # there is a gap that has to be filled with it


async def test_a_qts_of_0_in_an_answer_does_not_set_the_log_back() -> None:
    log, taker = Log(tells_qts=False), box()
    first = log.add("stop")
    log.add("message")
    assert sorted(catch_up(taker, log)) == [1, 2]
    assert taker.mark().qts == first.qts
    second = log.add("stop")
    assert take(taker, log.push(first)) == []
    assert take(taker, log.push(second)) == [3]
    assert catch_up(taker, log) == []


async def test_an_unknown_qts_is_learned_from_the_first_update_that_has_one() -> None:
    log, taker = Log(tells_qts=False), box(UpdateState(10, 0, FIRST.date, 1))
    log.add("message")
    assert catch_up(taker, log) == [1]
    assert taker.mark().qts == 0
    taker.check_deadlines()
    stop = log.add("stop")
    assert take(taker, log.push(stop)) == [2]
    assert take(taker, log.push(stop)) == []
    assert taker.mark().qts == stop.qts


async def test_an_unknown_qts_is_learned_from_a_difference() -> None:
    log, taker = Log(tells_qts=False), box(UpdateState(10, 0, FIRST.date, 1))
    log.add("stop")
    assert catch_up(taker, log) == [1]
    assert catch_up(taker, log) == []


async def test_after_a_difference_that_is_too_long_the_rest_is_requested() -> None:
    log, taker = Log(), box()
    taker.begin_difference()
    taker.apply_difference(types.updates.DifferenceTooLong(50), EntityCache())
    assert taker.account_difference_due
    assert taker.get_difference().pts == 50
    # A server that says so of its own state would say it for ever.
    taker.apply_difference(types.updates.DifferenceTooLong(50), EntityCache())
    assert not taker.account_difference_due
    log.pts = 50
    assert take(taker, log.push(log.add("message"))) == [1]


async def test_updates_too_long_asks_for_the_difference() -> None:
    taker = box()
    assert take(taker, types.UpdatesTooLong()) == []
    assert taker.account_difference_due


async def test_the_state_of_channels_is_kept_beside_the_accounts() -> None:
    taker = box(UpdateState(10, 5, FIRST.date, 1, {7: 100}))
    message = types.Message(id=1, peer_id=types.PeerChannel(7), date=THEN, message="x")
    update = types.UpdateNewChannelMessage(message, 101, 1)
    assert taker.mark(channels_of([update])).channels == {7: 100}
    assert take(taker, types.Updates([update], [], [], THEN, 0)) == [1]
    assert taker.mark(taker.channels()).channels == {7: 101}
    assert taker.mark() == FIRST


async def test_channel_messages_in_the_accounts_difference_are_held_against_the_channels_state() -> None:
    taker = box(UpdateState(10, 5, FIRST.date, 1, {7: 100}))

    def post(number: int) -> Any:
        message = types.Message(id=number, peer_id=types.PeerChannel(7), date=THEN, message="x")
        return types.UpdateNewChannelMessage(message, 100 + number, 1)

    taker.begin_difference()
    state = types.updates.State(11, 5, THEN, 1, 0)
    difference = types.updates.Difference([], [], [post(0), post(1)], [], [], state)
    updates, _, _ = taker.apply_difference(difference, EntityCache())
    assert [number_of(update) for update in updates] == [1]
    assert taker.mark(taker.channels()).channels == {7: 101}


async def test_no_update_is_traced_into_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    log, taker = Log(), box()
    log.add("message")
    take(taker, log.push(*log.entries))
    catch_up(taker, log)
    assert caplog.text == ""


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["message", "own", "edit", "deletion", "stop"]),
        st.integers(1, 3),
        st.sampled_from(["push", "push", "push", "lose", "repeat", "hold", "hold and catch up"]),
    ),
    max_size=30,
)


@settings(max_examples=150)
@given(steps=STEPS, slice_at=st.integers(1, 4), tells_qts=st.booleans(), together=st.integers(1, 3))
def test_whatever_is_lost_repeated_or_late_every_update_is_taken_exactly_once(
    steps: list[tuple[str, int, str]], slice_at: int, tells_qts: bool, together: int
) -> None:
    async def run() -> None:
        log, taker = Log(slice_at=slice_at, tells_qts=tells_qts), box()
        taken: list[int] = []
        late: list[Callable[[], Any]] = []
        pending: list[Entry] = []
        for kind, count, fate in steps:
            if kind == "own":
                _, answer = log.sent()
                taken += take(taker, answer)
                continue
            entry = log.add(kind, count if kind == "deletion" else 1)
            if fate in ("push", "repeat"):
                pending.append(entry)
                if len(pending) >= together or fate == "repeat":
                    for _ in range(1 + (fate == "repeat")):
                        taken += take(taker, log.push(*pending))
                    pending.clear()
            elif fate != "lose":
                late.append(lambda entry=entry: log.push(entry))  # type: ignore[misc] # bound early on purpose
                if fate == "hold and catch up":
                    taken += catch_up(taker, log)
        for container in reversed(late):
            taken += take(taker, container())
        taken += catch_up(taker, log)
        told = [entry.number for entry in log.entries if entry.kind != "own"]
        assert sorted(number for number in taken if log.entries[number - 1].kind != "own") == told
        assert taker.mark().pts == log.pts
        assert taker.mark().qts == log.qts

    asyncio.run(run())
