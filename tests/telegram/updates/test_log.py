from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import types

from tests.telegram.updates.updatelog import FIRST, THEN, Entry, number_of
from tests.telegram.updates.updatelog import Log as Telegram
from tgbot.store.base import UpdateState
from tgbot.telegram.updates import numbers
from tgbot.telegram.updates.contents import unexplained
from tgbot.telegram.updates.log import Log
from tgbot.telegram.updates.numbers import FILL_SECONDS, LATE_SECONDS
from tgbot.telegram.updates.place import channels_of
from tgbot.telegram.updates.portions import Hole, Portion

#: Long enough for what is behind a hole to be handed out.
PATIENCE = LATE_SECONDS + FILL_SECONDS


def of(portions: list[Portion]) -> list[int]:
    """The numbers of the entries in portions, without the bot's own messages."""
    return [
        number_of(update)
        for portion in portions
        for update in portion.updates
        if not isinstance(update, types.UpdateMessageID) and getattr(update, "message", FIRST) is not None
        if not getattr(getattr(update, "message", None), "out", False)
    ]


class Follower:
    """Take what is pushed and what differences bring, at a time that the test sets."""

    def __init__(self, state: UpdateState = FIRST) -> None:
        self.log = Log(lambda: THEN.timestamp())
        self.log.load(state, 0.0)
        self.now = 0.0
        #: Whether each entry that was handed out came ahead of a hole.
        self.ahead: dict[int, bool] = {}

    def take(self, container: Any) -> list[int]:
        """What is handed out of a container."""
        if isinstance(container, types.Updates) and not getattr(container, "_self_outgoing", False):
            if self.log.take_one(container, self.now) is not None:
                return [number_of(one) for one in container.updates]
        elif isinstance(container, types.UpdateShortSentMessage) and self.log.take_next(
            container, container.date
        ):
            return []
        return self._note(self.log.take(container, self.now))

    def pass_time(self, seconds: float) -> list[int]:
        """What is handed out because it was held for long enough."""
        self.now += seconds
        return self._note(self.log.expire(self.now))

    def request(self) -> Any:
        """Begin a request for the difference."""
        self.log.account.begin()
        self.log.qts.begin()
        return self.log.mark()

    def receive(self, answer: Any, asked: Any, *, believed: bool = True) -> list[int]:
        """What is handed out of the answer."""
        portions, _ = self.log.apply_difference(answer, asked, self.now, believed=believed)
        self.log.account.end()
        self.log.qts.end()
        return self._note(portions)

    def catch_up(self, telegram: Telegram) -> list[int]:
        """What a whole difference, in its slices, brings."""
        brought: list[int] = []
        self.log.begin_difference()
        while self.log.due:
            asked = self.request()
            brought += self.receive(telegram.difference(asked), asked)
        return brought

    @property
    def mark(self) -> UpdateState:
        return self.log.mark()

    def _note(self, portions: list[Portion]) -> list[int]:
        for portion in portions:
            self.ahead.update(dict.fromkeys(of([portion]), portion.ahead))
        return of(portions)


# ---- what is next, known, or missing ---------------------------------------------------------------


def test_stops_edits_and_deletions_come_out_of_a_difference() -> None:
    telegram, follower = Telegram(), Follower()
    for kind in ("message", "edit", "deletion", "stop", "message"):
        telegram.add(kind)
    assert sorted(follower.catch_up(telegram)) == [1, 2, 3, 4, 5]
    assert follower.mark == UpdateState(telegram.pts, telegram.qts, FIRST.date, 1)
    assert follower.catch_up(telegram) == []


def test_a_stop_that_was_taken_live_is_not_taken_again_out_of_a_difference() -> None:
    telegram, follower = Telegram(), Follower()
    first, lost, later = telegram.add("stop"), telegram.add("message"), telegram.add("stop")
    assert follower.take(telegram.push(first)) == [1]
    assert follower.take(telegram.push(later)) == [3]
    assert follower.catch_up(telegram) == [lost.number]


def test_a_repeated_update_is_taken_once() -> None:
    telegram, follower = Telegram(), Follower()
    message, deletion = telegram.add("message"), telegram.add("deletion", 3)
    pushed = [
        follower.take(telegram.push(entry)) for entry in (message, message, deletion, deletion, message)
    ]
    assert pushed == [[1], [], [2], [], []]


def test_updates_out_of_order_are_taken_when_the_hole_is_filled() -> None:
    telegram, follower = Telegram(), Follower()
    first, second, third = (telegram.add("message") for _ in range(3))
    assert follower.take(telegram.push(third)) == []
    assert follower.take(telegram.push(second)) == []
    assert follower.mark.pts == FIRST.pts
    assert follower.take(telegram.push(first)) == [1, 2, 3]
    assert follower.mark.pts == telegram.pts
    assert not any(follower.ahead.values())
    assert not follower.log.holes


def test_updates_of_one_container_and_held_ones_are_handed_out_in_the_order_of_the_log() -> None:
    telegram, follower = Telegram(), Follower()
    first, second, third = (telegram.add("message") for _ in range(3))
    assert follower.take(telegram.push(second)) == []
    assert follower.take(telegram.push(third, first)) == [1, 2, 3]


def test_the_answer_to_a_send_moves_the_state_and_is_no_update() -> None:
    telegram, follower = Telegram(), Follower()
    _, answer = telegram.sent()
    assert follower.take(answer) == []
    assert follower.take(telegram.push(telegram.add("message"))) == [2]
    assert follower.mark.pts == telegram.pts


def test_the_answer_to_a_send_that_comes_before_an_earlier_message_waits_for_it() -> None:
    telegram, follower = Telegram(), Follower()
    message = telegram.add("message")
    _, answer = telegram.sent()
    later = telegram.add("message")
    assert follower.take(answer) == []
    assert follower.take(telegram.push(later)) == []
    assert follower.take(telegram.push(message)) == [1, 3]
    assert follower.mark.pts == telegram.pts


def test_the_fast_path_takes_only_one_new_message_that_is_next_in_the_log() -> None:
    telegram, log = Telegram(), Follower().log
    message, second = telegram.add("message"), telegram.add("message")
    refused = [
        telegram.push(second),
        telegram.push(message, second),
        types.Updates([message.update()], [], [], THEN, 7),
        types.Updates([telegram.add("edit").update()], [], [], THEN, 0),
    ]
    assert [log.take_one(container, 0.0) for container in refused] == [None] * 4
    assert log.mark() == FIRST
    log.take(telegram.push(second), 0.0)
    assert log.take_one(telegram.push(message), 0.0) is None  # it fills a hole


def test_the_fast_path_returns_the_state_before_the_message() -> None:
    telegram, log = Telegram(), Follower().log
    before = log.mark()
    assert log.take_one(telegram.push(telegram.add("message")), 0.0) == before
    assert log.mark() == before._replace(pts=before.pts + 1, date=log.date)


# ---- behind a hole ---------------------------------------------------------------------------------


def test_a_fresh_link_has_its_own_time_to_fill_a_hole() -> None:
    telegram, follower = Telegram(), Follower()
    telegram.add("message")
    assert follower.take(telegram.push(telegram.add("message"))) == []
    assert follower.pass_time(PATIENCE - 0.25) == []
    follower.log.account.moved = follower.now
    assert follower.pass_time(PATIENCE - 0.25) == []
    assert follower.pass_time(0.25) == [2]


def test_what_is_behind_a_hole_is_handed_out_in_time_and_once_and_the_mark_stays_before_the_hole() -> None:
    telegram, follower = Telegram(), Follower()
    missing = telegram.add("message")
    late = [telegram.add(kind) for kind in ("message", "edit", "message")]
    for entry in late:
        assert follower.take(telegram.push(entry)) == []
    assert follower.pass_time(LATE_SECONDS) == []
    assert follower.log.due
    assert follower.pass_time(FILL_SECONDS) == [2, 3, 4]
    assert follower.ahead == {2: True, 3: True, 4: True}
    assert follower.mark.pts == FIRST.pts
    # What follows does not wait again.
    late.append(telegram.add("message"))
    assert follower.take(telegram.push(late[-1])) == [5]
    assert follower.ahead[5]
    assert follower.take(telegram.push(*late)) == []
    assert follower.catch_up(telegram) == [missing.number]
    assert follower.mark.pts == telegram.pts
    assert not follower.log.holes


def test_a_late_push_fills_the_hole_behind_which_updates_were_handed_out() -> None:
    telegram, follower = Telegram(), Follower()
    missing, later = telegram.add("message"), telegram.add("message")
    follower.take(telegram.push(later))
    assert follower.pass_time(PATIENCE) == [2]
    assert follower.take(telegram.push(missing)) == [1]
    assert not follower.ahead[1]
    assert follower.mark.pts == telegram.pts
    assert follower.log.account.plain


def test_what_is_taken_while_the_difference_is_requested_is_not_brought_by_it_again() -> None:
    telegram, follower = Telegram(), Follower()
    telegram.add("message")
    asked = follower.request()
    pushed = [telegram.add(kind) for kind in ("message", "edit", "stop", "deletion")]
    answer = telegram.difference(asked)
    assert follower.take(telegram.push(telegram.entries[0])) == [1]
    assert follower.take(telegram.push(*pushed)) == [4, 2, 3, 5]
    assert follower.receive(answer, asked) == []
    assert follower.mark.pts == telegram.pts
    assert follower.log.account.plain


def test_while_differences_make_progress_what_is_behind_waits_longer_but_not_for_ever() -> None:
    telegram, follower = Telegram(slice_at=1), Follower()
    for _ in range(100):
        telegram.add("message")
    follower.take(telegram.push(telegram.add("message")))
    waited = 0.0
    while not follower.ahead.get(101):
        asked = follower.request()
        follower.receive(telegram.difference(asked), asked)
        follower.pass_time(1.0)
        waited += 1.0
    assert waited == numbers.LONGEST_HOLD
    assert follower.catch_up(telegram) == list(range(int(waited) + 1, 101))


def test_a_hole_is_given_up_up_to_the_first_update_behind_it() -> None:
    telegram, follower = Telegram(), Follower()
    for _ in range(3):
        telegram.add("message")
    follower.take(telegram.push(telegram.entries[2]))
    assert follower.pass_time(PATIENCE) == [3]
    portions, lost = follower.log.close_holes(follower.log.account, telegram.pts, 2**31)
    assert portions == []
    assert lost == [Hole("pts", FIRST.pts + 1, FIRST.pts + 2)]
    assert follower.mark.pts == telegram.pts
    assert not follower.log.holes


@pytest.mark.parametrize("patience", [0.0, PATIENCE])
def test_an_update_that_is_above_telegrams_log_is_handed_out_and_moves_nothing(patience: float) -> None:
    telegram, follower = Telegram(), Follower()
    nonsense = types.UpdateDeleteMessages([77], FIRST.pts + 1_000_000, 1)
    assert follower.take(types.Updates([nonsense], [], [], THEN, 0)) == []
    taken = follower.pass_time(patience)
    assert follower.take(telegram.push(telegram.add("message"))) == [1]
    portions, lost = follower.log.close_holes(follower.log.account, telegram.pts, 2**31)
    assert lost == []
    assert taken + of(portions) == [77]
    assert follower.mark.pts == telegram.pts
    assert follower.take(telegram.push(telegram.add("message"))) == [2]


def test_more_than_the_limit_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "HELD_LIMIT", 2)
    telegram, follower = Telegram(), Follower()
    telegram.add("message")
    for _ in range(5):
        follower.take(telegram.push(telegram.add("message")))
    assert follower.pass_time(PATIENCE) == [2, 3]
    assert sorted(follower.catch_up(telegram)) == [1, 4, 5, 6]


def test_beyond_the_limit_of_what_is_remembered_updates_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "AHEAD_LIMIT", 2)
    telegram, follower = Telegram(), Follower()
    telegram.add("message")
    for _ in range(4):
        follower.take(telegram.push(telegram.add("message")))
    assert follower.pass_time(PATIENCE) == [2, 3]
    assert follower.pass_time(3600) == []
    assert follower.catch_up(telegram) == [1, 4, 5]


def test_the_users_of_what_is_held_come_with_it() -> None:
    telegram, follower = Telegram(), Follower()
    missing, held = telegram.add("message"), telegram.push(telegram.add("message"))
    held.users = [types.User(5)]
    (with_users,) = follower.log.take(held, 0.0)
    assert (with_users.updates, with_users.users) == ([], held.users)
    first, second = follower.log.take(telegram.push(missing), 0.0)
    assert (of([first]), of([second])) == ([1], [2])
    assert second.users == held.users


# ---- numbers that cannot be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pts", "count"),
    [
        (-FIRST.pts, 1),
        (FIRST.pts + 1, -1),
        (FIRST.pts + 1, 2**31 - 1),
        (FIRST.pts - 5, 1),
        (FIRST.pts + 1, 0),
        (FIRST.pts - 3, 10),
        (-(2**31), 2**31 - 1),
    ],
)
def test_an_update_with_wrong_numbers_costs_no_other_one(pts: int, count: int) -> None:
    telegram, follower = Telegram(), Follower()
    follower.take(types.Updates([types.UpdateDeleteMessages([77], pts, count)], [], [], THEN, 0))
    assert follower.mark.pts == FIRST.pts
    assert follower.take(telegram.push(telegram.add("message")))[:1] == [1]
    assert follower.catch_up(telegram) == []
    assert follower.mark.pts == telegram.pts
    assert follower.take(telegram.push(telegram.add("message"))) == [2]


@pytest.mark.parametrize("qts", [-FIRST.qts, FIRST.qts + 1_000_000, 1])
def test_a_wrong_qts_costs_no_other_update(qts: int) -> None:
    telegram, follower = Telegram(), Follower()
    follower.take(types.Updates([types.UpdateBotStopped(1077, THEN, True, qts)], [], [], THEN, 0))
    assert follower.mark.qts == FIRST.qts
    assert follower.take(telegram.push(telegram.add("stop"))) == [1]
    assert follower.mark.qts == telegram.qts


def test_a_date_of_the_future_does_not_get_into_the_state() -> None:
    telegram, follower = Telegram(), Follower()
    container = telegram.push(telegram.add("message"))
    container.date = THEN + timedelta(days=3650)
    assert follower.take(container) == [1]
    assert follower.mark.date == FIRST.date
    container = telegram.push(telegram.add("message"))
    container.date = THEN + timedelta(seconds=299)
    assert follower.take(container) == [2]
    assert follower.mark.date == FIRST.date + 299


def test_a_wrong_seq_costs_no_other_update() -> None:
    telegram, follower = Telegram(), Follower()
    press = types.UpdateBotCallbackQuery(1, 2, types.PeerUser(3), 4, 5)

    def pressed(seq: int) -> list[Portion]:
        return follower.log.take(types.Updates([press], [], [], THEN, seq), 0.0)

    assert [portion.updates for portion in pressed(FIRST.seq + 1_000_000)] == [[press]]
    assert follower.log.due
    assert [portion.updates for portion in pressed(FIRST.seq + 1)] == [[press]]
    assert pressed(FIRST.seq + 1) == []  # it is known
    follower.log.seq += 1_000_000  # as a wrong state can set it
    assert [portion.updates for portion in pressed(FIRST.seq + 2)] == [[press]]
    assert follower.take(telegram.push(telegram.add("message"))) == [1]


def test_a_gap_in_the_seq_requests_the_difference_and_nobody_waits_for_it() -> None:
    telegram, follower = Telegram(), Follower()
    container = telegram.push(telegram.add("message"))
    container.seq = FIRST.seq + 5
    assert follower.take(container) == [1]
    assert follower.log.due


def test_a_state_that_is_not_believed_moves_nothing_and_what_came_with_it_is_taken_once() -> None:
    telegram, follower = Telegram(), Follower()
    for kind in ("message", "edit", "message", "stop"):
        telegram.add(kind)
    asked = follower.request()
    answer = telegram.difference(asked)
    answer.state.pts += 1_000_000
    assert unexplained(answer, FIRST.pts) == 1_000_000
    assert sorted(follower.receive(answer, asked, believed=False)) == [1, 2, 3, 4]
    assert follower.mark.pts == FIRST.pts
    assert follower.take(telegram.push(*telegram.entries)) == []
    assert follower.catch_up(telegram) == []
    assert follower.mark.pts == telegram.pts


def test_what_is_held_and_comes_with_a_state_that_does_not_cover_it_is_taken_once() -> None:
    telegram, follower = Telegram(slice_at=2), Follower()
    for kind in ("message", "edit", "message"):
        telegram.add(kind)
    follower.take(telegram.push(telegram.entries[1]))
    asked = follower.request()
    answer = telegram.difference(asked)
    answer.intermediate_state.pts = FIRST.pts
    assert follower.receive(answer, asked) == [1, 2]
    assert follower.pass_time(PATIENCE) == []
    assert follower.catch_up(telegram) == [3]


@pytest.mark.parametrize("pts", [1, -5, FIRST.pts])
def test_a_state_below_what_came_with_it_is_no_reason_to_take_that_twice(pts: int) -> None:
    telegram, follower = Telegram(), Follower()
    telegram.add("message")
    asked = follower.request()
    answer = telegram.difference(asked)
    answer.state.pts = pts
    follower.log.begin_difference()
    assert follower.receive(answer, asked) == [1]
    assert follower.log.due
    assert follower.take(telegram.push(telegram.entries[0])) == []
    assert follower.take(telegram.push(telegram.add("message"))) == [2]
    assert follower.catch_up(telegram) == []
    assert follower.mark.pts == telegram.pts


def test_a_slice_that_does_not_advance_is_no_progress_and_is_taken_once() -> None:
    telegram, follower = Telegram(slice_at=2), Follower()
    for kind in ("message", "edit", "message"):
        telegram.add(kind)
    progress = []
    for _ in range(2):
        asked = follower.request()
        answer = telegram.difference(asked)
        answer.intermediate_state.pts = FIRST.pts
        follower.log.begin_difference()
        portions, went_on = follower.log.apply_difference(answer, asked, 0.0)
        progress.append((of(portions), went_on))
    assert progress[1] == ([], False)
    assert progress[0][1]
    assert progress[0][0] + follower.catch_up(telegram) == [1, 2, 3]


def test_a_qts_that_is_far_above_what_came_with_it_is_not_taken() -> None:
    telegram, follower = Telegram(), Follower()
    telegram.add("stop")
    asked = follower.request()
    answer = telegram.difference(asked)
    answer.state.qts += 1_000_000
    assert follower.receive(answer, asked) == [1]
    assert follower.mark.qts == telegram.qts


# ---- what is not known -----------------------------------------------------------------------------


def test_a_qts_of_0_in_an_answer_does_not_set_the_log_back() -> None:
    telegram, follower = Telegram(tells_qts=False), Follower()
    first = telegram.add("stop")
    telegram.add("message")
    assert sorted(follower.catch_up(telegram)) == [1, 2]
    assert follower.mark.qts == first.qts
    second = telegram.add("stop")
    assert follower.take(telegram.push(first)) == []
    assert follower.take(telegram.push(second)) == [3]
    assert follower.catch_up(telegram) == []


def test_an_unknown_qts_is_learned_from_the_first_update_that_has_one() -> None:
    telegram, follower = Telegram(tells_qts=False), Follower(UpdateState(10, 0, FIRST.date, 1))
    telegram.add("message")
    assert follower.catch_up(telegram) == [1]
    assert follower.mark.qts == 0
    stop = telegram.add("stop")
    assert follower.take(telegram.push(stop)) == [2]
    assert follower.take(telegram.push(stop)) == []
    assert follower.mark.qts == stop.qts


def test_an_unknown_qts_is_learned_from_a_difference() -> None:
    telegram, follower = Telegram(tells_qts=False), Follower(UpdateState(10, 0, FIRST.date, 1))
    telegram.add("stop")
    assert follower.catch_up(telegram) == [1]
    assert follower.catch_up(telegram) == []


def test_what_was_learned_from_an_update_only_does_not_hide_earlier_ones() -> None:
    telegram, follower = Telegram(), Follower(UpdateState(10, 0, FIRST.date, 1))
    stops = [telegram.add("stop") for _ in range(4)]
    assert [follower.take(telegram.push(stops[number])) for number in (3, 2, 0, 1)] == [[4], [3], [1], [2]]
    assert follower.mark.qts == telegram.qts
    assert follower.take(telegram.push(telegram.add("stop"))) == [5]


def test_a_log_that_began_anew_is_gone_on_with_from_what_it_sent_meanwhile() -> None:
    telegram, follower = Telegram(), Follower(UpdateState(1000, 500, FIRST.date, 1))
    follower.log.begin_difference()
    first, second = telegram.add("message"), telegram.add("message")
    assert follower.take(telegram.push(first)) == []
    assert follower.take(telegram.push(second)) == []
    follower.log.account.forget()
    assert follower.log.due
    assert follower.catch_up(telegram) == [1, 2]


def test_the_next_update_tells_where_a_log_is_that_began_anew() -> None:
    telegram, follower = Telegram(), Follower(UpdateState(1000, 500, FIRST.date, 1))
    follower.log.account.forget()
    assert follower.log.is_empty()
    assert follower.take(telegram.push(telegram.add("message"))) == [1]
    assert not follower.log.is_empty()
    assert follower.take(telegram.push(telegram.add("message"))) == [2]


def test_a_number_that_telegram_refuses_gives_way_to_a_lower_one() -> None:
    telegram, follower = Telegram(), Follower(UpdateState(1_000_000, 5, FIRST.date, 1))
    follower.log.account.doubt()
    assert follower.take(telegram.push(telegram.add("message"))) == [1]
    assert follower.take(telegram.push(telegram.add("message"))) == [2]
    assert follower.mark.pts == telegram.pts


def test_updates_too_long_requests_the_difference() -> None:
    follower = Follower()
    assert follower.take(types.UpdatesTooLong()) == []
    assert follower.log.due


def test_fifteen_minutes_without_an_update_request_the_difference() -> None:
    follower = Follower(UpdateState(10, 5, FIRST.date, 1, {7: 100, 8: 100}))
    follower.now = 600.0
    follower.take(types.Updates([post(1)], [], [], THEN, 0))
    follower.log.sweep(899.0)
    assert not follower.log.due
    assert not follower.log.channels_due
    follower.log.sweep(900.0)
    assert follower.log.due
    assert list(follower.log.channels_due) == [8]


# ---- channels --------------------------------------------------------------------------------------


def post(number: int, channel: int = 7) -> Any:
    """The post with this number of a channel whose pts was 100."""
    message = types.Message(id=number, peer_id=types.PeerChannel(channel), date=THEN, message="x")
    return types.UpdateNewChannelMessage(message, 100 + number, 1)


def test_the_state_of_channels_is_kept_beside_the_accounts() -> None:
    follower = Follower(UpdateState(10, 5, FIRST.date, 1, {7: 100}))
    assert follower.log.mark(channels_of([post(1)])).channels == {7: 100}
    assert follower.take(types.Updates([post(1)], [], [], THEN, 0)) == [1]
    assert follower.log.mark(follower.log.channels).channels == {7: 101}
    assert follower.mark == FIRST


def test_channel_messages_in_the_accounts_difference_are_held_against_the_channels_state() -> None:
    follower = Follower(UpdateState(10, 5, FIRST.date, 1, {7: 100}))
    asked = follower.request()
    state = types.updates.State(11, 5, THEN, 1, 0)
    answer = types.updates.Difference([], [], [post(0), post(1)], [], [], state)
    assert follower.receive(answer, asked) == [1]
    assert follower.log.mark(follower.log.channels).channels == {7: 101}


def test_a_hole_of_a_channel_holds_nothing_else() -> None:
    telegram, follower = Telegram(), Follower(UpdateState(10, 5, FIRST.date, 1, {7: 100}))
    assert follower.take(types.Updates([post(2)], [], [], THEN, 0)) == []
    assert follower.take(telegram.push(telegram.add("message"))) == [1]
    assert follower.take(types.Updates([post(1, channel=8)], [], [], THEN, 0)) == [1]
    assert follower.pass_time(LATE_SECONDS) == []
    assert list(follower.log.channels_due) == [7]
    assert not follower.log.due
    assert follower.pass_time(FILL_SECONDS) == [2]
    answer = types.updates.ChannelDifference(102, [post(1).message, post(2).message], [], [], [], final=True)
    portions, progress = follower.log.apply_channel_difference(7, answer, follower.now)
    assert (of(portions), progress) == ([1], True)
    assert follower.log.mark(follower.log.channels).channels == {7: 102, 8: 101}
    assert not follower.log.channels_due


def test_a_channels_difference_that_is_too_long_brings_its_latest_messages() -> None:
    follower = Follower(UpdateState(10, 5, FIRST.date, 1, {7: 100}))
    follower.log.request_channel(7)
    dialog = types.Dialog(types.PeerChannel(7), 9, 0, 0, 0, 0, 0, 0, types.PeerNotifySettings(), pts=109)
    answer = types.updates.ChannelDifferenceTooLong(dialog, [post(9).message], [], [], final=True, timeout=70)
    portions, progress = follower.log.apply_channel_difference(7, answer, 0.0)
    assert (of(portions), progress) == ([9], True)
    assert follower.log.mark(follower.log.channels).channels == {7: 109}
    assert not follower.log.channels_due
    follower.log.sweep(70.0)
    assert follower.log.channels_due


# ---- everything together ---------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["message", "own", "edit", "deletion", "stop"]),
        st.integers(1, 3),
        st.sampled_from(
            [
                "push",
                "push",
                "lose",
                "repeat",
                "late",
                "catch up",
                "wait",
                "ask",
                "answer",
                "stuck",
                "refused",
            ]
        ),
    ),
    max_size=30,
)


@given(steps=STEPS, slice_at=st.integers(1, 4), tells_qts=st.booleans(), together=st.integers(1, 3))
def test_whatever_is_lost_repeated_late_or_stuck_every_update_is_handed_out_exactly_once(
    steps: list[tuple[str, int, str]], slice_at: int, tells_qts: bool, together: int
) -> None:
    telegram, follower = Telegram(slice_at=slice_at, tells_qts=tells_qts), Follower()
    taken: list[int] = []
    late: list[Callable[[], Any]] = []
    pending: list[Entry] = []
    flying: list[tuple[Any, Any]] = []

    def check() -> None:
        """The mark is not past an update that was not handed out."""
        done = set(taken)
        for entry in telegram.entries:
            below = entry.qts <= follower.mark.qts if entry.qts else entry.pts <= follower.mark.pts
            if entry.kind != "own" and below:
                assert entry.number in done

    for kind, count, fate in steps:
        if kind == "own":
            _, answer = telegram.sent()
            taken += follower.take(answer)
            continue
        entry = telegram.add(kind, count if kind == "deletion" else 1)
        if fate in ("push", "repeat"):
            pending.append(entry)
            if len(pending) >= together or fate == "repeat":
                for _ in range(1 + (fate == "repeat")):
                    taken += follower.take(telegram.push(*pending))
                pending.clear()
        elif fate == "late":
            late.append(lambda entry=entry: telegram.push(entry))  # type: ignore[misc] # bound early on purpose
        elif fate == "wait":
            taken += follower.pass_time(PATIENCE)
        elif fate == "catch up" and not flying:
            taken += follower.catch_up(telegram)
        elif fate == "ask" and not flying:
            asked = follower.request()
            flying.append((telegram.difference(asked), asked))
        elif fate == "answer" and flying:
            taken += follower.receive(*flying.pop())
        elif fate in ("stuck", "refused") and not flying:
            asked = follower.request()
            answer = telegram.difference(asked)
            if hasattr(answer, "intermediate_state") and fate == "stuck":
                answer.intermediate_state.pts, answer.intermediate_state.qts = asked.pts, asked.qts
            taken += follower.receive(answer, asked, believed=fate == "stuck")
        check()
    for container in reversed(late):
        taken += follower.take(container())
    if flying:
        taken += follower.receive(*flying.pop())
    taken += follower.pass_time(PATIENCE)
    check()
    taken += follower.catch_up(telegram)
    told = [entry.number for entry in telegram.entries if entry.kind != "own"]
    assert sorted(number for number in taken if telegram.entries[number - 1].kind != "own") == told
    assert (follower.mark.pts, follower.mark.qts) == (telegram.pts, telegram.qts)
    assert not follower.log.holes


def test_a_difference_that_is_wanted_while_one_is_under_way_is_requested_after_it() -> None:
    log = Follower().log
    log.begin_difference()
    log.account.begin()
    log.begin_difference()
    log.account.complete(0.0)
    assert log.due
    log.account.begin()
    log.account.complete(0.0)
    assert not log.due
