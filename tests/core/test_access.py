from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import evidence
from tgbot.core.access import AFTER_REFUSAL, JOIN_REQUEST_SECONDS, Access, Evidence, Kind, Record, Verdict
from tgbot.core.verdicts import LASTING, blocked_last, finally_judged, from_rpc_error, judge

some = st.lists(evidence, max_size=12)
times = st.integers(0, 20)


def verdict(*found: Evidence, now: float = 1_000) -> Verdict:
    return judge(Record.of(found), now)


def message(at: int) -> Evidence:
    return Evidence(Kind.MESSAGE, at)


@given(some, st.randoms(use_true_random=False), times)
def test_evidence_in_any_order_and_repetition_gives_the_same_access(
    found: list[Evidence], random: st.DataObject, now: int
) -> None:
    told = found * 2
    random.shuffle(told)  # type: ignore[attr-defined]  # it is a random.Random
    assert Record.of(told) == Record.of(found)
    assert judge(Record.of(told), now) == judge(Record.of(found), now)


@given(some, some, some)
def test_merging_is_a_join(a: list[Evidence], b: list[Evidence], c: list[Evidence]) -> None:
    def join(*parts: list[Evidence]) -> Record:
        whole = Record()
        for part in parts:
            whole.merge(Record.of(part))
        return whole

    assert join(a, b) == join(b, a) == Record.of(a + b)
    assert join(a, a) == Record.of(a)
    left = join(a, b)
    left.merge(Record.of(c))
    right = join(b, c)
    right.merge(Record.of(a))
    assert left == right


@given(some, evidence)
def test_adding_tells_whether_anything_was_new(found: list[Evidence], one: Evidence) -> None:
    record, before = Record.of(found), Record.of(found)
    assert record.add(one) is (record != before)
    assert record.add(one) is False


@given(
    st.lists(
        st.builds(Evidence, st.sampled_from([Kind.BOT_STOPPED, *sorted(LASTING)]), st.integers(1, 3)),
        max_size=4,
    )
)
@example([Evidence(Kind.BOT_STOPPED, 5), Evidence(Kind.MESSAGE, 5)])
def test_who_stopped_the_bot_last_has_blocked_it(found: list[Evidence]) -> None:
    record = Record.of(found)
    stops = [one.at for one in found if one.kind is Kind.BOT_STOPPED]
    others = [one.at for one in found if one.kind is not Kind.BOT_STOPPED]
    assert blocked_last(record) is (max(stops, default=-1) > max(others, default=-1))
    if blocked_last(record):
        assert finally_judged(record).access is Access.BLOCKED


@given(evidence.filter(lambda one: one.kind not in LASTING | {Kind.BOT_STOPPED}))
def test_beside_other_evidence_a_stop_decides_nothing_alone(other: Evidence) -> None:
    assert not blocked_last(Record.of([other, Evidence(Kind.BOT_STOPPED, other.at + 1)]))


@given(st.lists(evidence, max_size=200))
def test_a_record_is_bounded(found: list[Evidence]) -> None:
    assert sum(1 for _ in Record.of(found)) <= 2 * len(Kind)


@given(some, evidence.filter(lambda one: one.kind in LASTING), times)
def test_more_of_what_makes_reachable_never_makes_unreachable(
    found: list[Evidence], more: Evidence, now: int
) -> None:
    record = Record.of(found)
    before = finally_judged(record), judge(record, now)
    record.add(more)
    after = finally_judged(record), judge(record, now)
    for was, became in zip(before, after, strict=True):
        if was.access is Access.REACHABLE:
            assert became.access is Access.REACHABLE


@given(some, times)
@example([Evidence(Kind.JOIN_REQUEST, 5, until=9), Evidence(Kind.PEER_ID_INVALID, 5)], 6)
def test_a_verdict_names_its_evidence_and_a_time_not_after_it_ends(found: list[Evidence], now: int) -> None:
    said = verdict(*found, now=now)
    assert (said.access is Access.UNKNOWN) == (said.evidence is None) == (said.since is None)
    if said.evidence is not None:
        assert said.evidence in Record.of(found)
    if said.until is not None:
        assert said.access is Access.REACHABLE
        assert now < said.until
        assert verdict(*found, now=said.until).access is not Access.REACHABLE
        assert said.evidence is not None
        assert said.evidence.kind is Kind.JOIN_REQUEST


@given(some, times, times)
def test_only_what_runs_out_changes_by_itself(found: list[Evidence], now: int, later: int) -> None:
    said = verdict(*found, now=now)
    if said.until is None:
        assert verdict(*found, now=max(now, later)) == said


def test_without_evidence_nothing_is_known() -> None:
    assert verdict() == Verdict(Access.UNKNOWN)
    assert verdict(Evidence(Kind.JOIN_REQUEST_CLOSED, 5)) == Verdict(Access.UNKNOWN)


@pytest.mark.parametrize(
    "kind",
    sorted(LASTING),
)
def test_what_lets_the_bot_write(kind: Kind) -> None:
    assert verdict(Evidence(kind, 10)) == Verdict(Access.REACHABLE, 10, None, Evidence(kind, 10))


@pytest.mark.parametrize(
    ("kind", "access"),
    [
        (Kind.BOT_STOPPED, Access.BLOCKED),
        (Kind.USER_IS_BLOCKED, Access.BLOCKED),
        (Kind.INPUT_USER_DEACTIVATED, Access.DEACTIVATED),
        (Kind.DELETED, Access.DEACTIVATED),
        (Kind.USER_IS_BOT, Access.BOT),
        (Kind.IS_BOT, Access.BOT),
        (Kind.PEER_ID_INVALID, Access.NOT_ALLOWED),
        (Kind.CHAT_WRITE_FORBIDDEN, Access.NOT_ALLOWED),
        (Kind.PRIVACY_PREMIUM_REQUIRED, Access.NOT_ALLOWED),
        (Kind.ALLOW_PAYMENT_REQUIRED, Access.NOT_ALLOWED),
        (Kind.YOU_BLOCKED_USER, Access.NOT_ALLOWED),
    ],
)
def test_what_stops_the_bot_from_writing(kind: Kind, access: Access) -> None:
    assert verdict(message(10), Evidence(kind, 20)) == Verdict(access, 20, None, Evidence(kind, 20))
    assert verdict(Evidence(kind, 20)).access is access


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_evidence_means_something(kind: Kind) -> None:
    # Closing a request means something only after one.
    before = [Evidence(Kind.JOIN_REQUEST, 900)] if kind is Kind.JOIN_REQUEST_CLOSED else []
    assert verdict(*before, now=950) != verdict(*before, Evidence(kind, 920), now=950)


def test_a_block_stands_until_the_user_comes_back() -> None:
    block = Evidence(Kind.BOT_STOPPED, 20, qts=1)
    assert verdict(message(10), block).access is Access.BLOCKED
    for back in (message(30), Evidence(Kind.BOT_UNBLOCKED, 30, qts=2), Evidence(Kind.ACTION_ACCEPTED, 30)):
        assert verdict(message(10), block, back) == Verdict(Access.REACHABLE, 30, None, back)


def test_since_is_the_earliest_time_without_contradiction() -> None:
    assert verdict(message(10), message(20), Evidence(Kind.SENT, 30)).since == 10
    assert (
        verdict(message(10), Evidence(Kind.BOT_STOPPED, 15), message(20), Evidence(Kind.SENT, 30)).since == 20
    )
    assert (
        verdict(message(10), Evidence(Kind.BOT_STOPPED, 15), Evidence(Kind.USER_IS_BLOCKED, 99)).since == 15
    )
    again = [Evidence(Kind.BOT_STOPPED, 15), message(20), Evidence(Kind.BOT_STOPPED, 25)]
    assert verdict(*again, Evidence(Kind.USER_IS_BLOCKED, 99)).since == 25


def test_of_what_lets_the_bot_write_the_latest_is_the_evidence_also_where_some_of_it_would_end() -> None:
    ends = Evidence(Kind.WRITE_ACCESS, 5, 0, 8)
    for others in ([Evidence(Kind.LOGIN, 5, 0, None, "a.example"), message(4)], [message(5)]):
        assert (
            verdict(ends, *others) == verdict(*others, ends) == (Access.REACHABLE, others[-1].at, None, ends)
        )
    assert verdict(message(5), Evidence(Kind.START, 5, 2)).evidence == Evidence(Kind.START, 5, 2)
    assert verdict(message(5), Evidence(Kind.START, 3), message(4)) == (Access.REACHABLE, 3, None, message(5))


def test_within_a_second_qts_decides() -> None:
    stopped, unblocked = Evidence(Kind.BOT_STOPPED, 20, qts=7), Evidence(Kind.BOT_UNBLOCKED, 20, qts=8)
    assert verdict(stopped, unblocked).access is Access.REACHABLE
    assert verdict(stopped._replace(qts=9), unblocked).access is Access.BLOCKED


def test_within_a_second_a_call_counts_before_what_was_numbered_after_it() -> None:
    unblocked, stopped = Evidence(Kind.BOT_UNBLOCKED, 20, qts=8), Evidence(Kind.BOT_STOPPED, 20, qts=9)
    assert verdict(Evidence(Kind.USER_IS_BLOCKED, 20), unblocked).access is Access.REACHABLE
    assert verdict(Evidence(Kind.USER_IS_BLOCKED, 20, qts=9), unblocked).access is Access.BLOCKED
    assert verdict(Evidence(Kind.SENT, 20, qts=8), unblocked, stopped).access is Access.BLOCKED
    assert verdict(Evidence(Kind.SENT, 20, qts=9), unblocked, stopped).access is Access.BLOCKED
    assert verdict(Evidence(Kind.SENT, 20, qts=10), unblocked, stopped).access is Access.REACHABLE


def test_of_two_calls_of_one_second_and_number_the_refusal_wins_unless_it_was_the_first() -> None:
    refused, accepted = Evidence(Kind.PEER_ID_INVALID, 20, qts=3), Evidence(Kind.ACTION_ACCEPTED, 20, qts=3)
    assert verdict(refused, accepted).access is Access.NOT_ALLOWED
    assert verdict(refused, accepted._replace(detail=AFTER_REFUSAL)).access is Access.REACHABLE
    blocked = Evidence(Kind.BOT_STOPPED, 20, qts=4)
    assert verdict(refused, accepted._replace(detail=AFTER_REFUSAL), blocked).access is Access.BLOCKED


def test_within_a_second_without_qts_the_refusal_wins() -> None:
    assert verdict(Evidence(Kind.USER_IS_BLOCKED, 20), message(20)).access is Access.BLOCKED


def test_a_join_request_opens_a_window_that_closes() -> None:
    asked = Evidence(Kind.JOIN_REQUEST, 100, qts=1)
    end = 100 + JOIN_REQUEST_SECONDS
    assert verdict(asked, now=end - 1) == Verdict(Access.REACHABLE, 100, end, asked)
    assert verdict(asked, now=end) == Verdict(Access.NOT_ALLOWED, end, None, asked)
    assert verdict(asked._replace(until=150), now=149).until == 150
    closed = Evidence(Kind.JOIN_REQUEST_CLOSED, 120)
    assert verdict(asked, closed, now=119).until == 120
    assert verdict(asked, closed, now=120) == Verdict(Access.NOT_ALLOWED, 120, None, asked)
    again = asked._replace(at=200, qts=2)
    assert verdict(asked, closed, again, now=250).until == 200 + JOIN_REQUEST_SECONDS


def test_a_message_keeps_the_dialog_open_after_the_window() -> None:
    asked = Evidence(Kind.JOIN_REQUEST, 100, qts=1)
    assert verdict(asked, message(110), now=9_999) == Verdict(Access.REACHABLE, 110, None, message(110))


def test_a_message_sent_within_the_window_proves_nothing_after_it() -> None:
    asked, sent = Evidence(Kind.JOIN_REQUEST, 100, qts=1), Evidence(Kind.SENT, 110)
    assert verdict(asked, sent, now=200).until == 100 + JOIN_REQUEST_SECONDS
    assert verdict(asked, sent, now=9_999).access is Access.NOT_ALLOWED
    assert verdict(asked, sent, Evidence(Kind.SENT, 5_000), now=9_999).access is Access.REACHABLE


def test_a_window_does_not_lift_a_block_but_a_refusal_to_begin() -> None:
    asked = Evidence(Kind.JOIN_REQUEST, 100, qts=5)
    assert verdict(Evidence(Kind.BOT_STOPPED, 50, qts=1), asked, now=150).access is Access.BLOCKED
    assert verdict(Evidence(Kind.PEER_ID_INVALID, 50), asked, now=150).access is Access.REACHABLE
    assert verdict(Evidence(Kind.PEER_ID_INVALID, 120), asked, now=150).access is Access.NOT_ALLOWED
    old = [message(10), Evidence(Kind.PEER_ID_INVALID, 50), asked, Evidence(Kind.SENT, 110)]
    assert verdict(*old, now=150).access is Access.REACHABLE
    assert verdict(*old, now=9_999).access is Access.NOT_ALLOWED


def test_a_login_allows_but_does_not_lift_a_block() -> None:
    login = Evidence(Kind.LOGIN, 100, detail="example.org")
    assert verdict(Evidence(Kind.PEER_ID_INVALID, 50), login).access is Access.REACHABLE
    assert verdict(Evidence(Kind.BOT_STOPPED, 50), login).access is Access.BLOCKED


def test_a_bot_stays_a_bot_unless_telegram_takes_a_message_for_it() -> None:
    flag = Evidence(Kind.IS_BOT, 100)
    assert verdict(flag, message(200)).access is Access.BOT
    assert verdict(flag, Evidence(Kind.USER_IS_BOT, 150), Evidence(Kind.SENT, 120)).access is Access.BOT
    assert verdict(flag, Evidence(Kind.USER_IS_BOT, 110), Evidence(Kind.SENT, 120)).access is Access.REACHABLE
    assert verdict(Evidence(Kind.SENT, 120), flag._replace(at=300)).access is Access.REACHABLE


@pytest.mark.parametrize(
    "kind", [Kind.PRIVACY_PREMIUM_REQUIRED, Kind.ALLOW_PAYMENT_REQUIRED, Kind.YOU_BLOCKED_USER]
)
def test_a_chat_action_does_not_prove_that_a_message_would_be_taken(kind: Kind) -> None:
    refused = Evidence(kind, 10)
    assert verdict(refused, Evidence(Kind.ACTION_ACCEPTED, 20)).access is Access.NOT_ALLOWED
    assert verdict(refused, Evidence(Kind.SENT, 20)).access is Access.REACHABLE


def test_of_two_refusals_the_later_is_told_and_in_one_second_the_graver() -> None:
    block, gone = Evidence(Kind.USER_IS_BLOCKED, 20), Evidence(Kind.INPUT_USER_DEACTIVATED, 20)
    assert verdict(block, gone).access is Access.DEACTIVATED
    assert verdict(block._replace(at=21), gone).access is Access.BLOCKED
    assert verdict(block, Evidence(Kind.PEER_ID_INVALID, 30)).access is Access.BLOCKED


def test_the_last_block_tells_what_the_user_may_not_see_any_more() -> None:
    record = Record.of([message(10), Evidence(Kind.BOT_STOPPED, 20), Evidence(Kind.BOT_UNBLOCKED, 30)])
    assert record.last_block == Evidence(Kind.BOT_STOPPED, 20)
    assert Record.of([message(10)]).last_block is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("USER_IS_BLOCKED", Evidence(Kind.USER_IS_BLOCKED, 5)),
        ("INPUT_USER_DEACTIVATED", Evidence(Kind.INPUT_USER_DEACTIVATED, 5)),
        ("PEER_ID_INVALID", Evidence(Kind.PEER_ID_INVALID, 5)),
        ("USER_IS_BOT", Evidence(Kind.USER_IS_BOT, 5)),
        ("USER_BOT_TO_BOT_DISABLED", Evidence(Kind.USER_IS_BOT, 5)),
        ("CHAT_WRITE_FORBIDDEN", Evidence(Kind.CHAT_WRITE_FORBIDDEN, 5)),
        ("PRIVACY_PREMIUM_REQUIRED", Evidence(Kind.PRIVACY_PREMIUM_REQUIRED, 5)),
        ("ALLOW_PAYMENT_REQUIRED", Evidence(Kind.ALLOW_PAYMENT_REQUIRED, 5)),
        ("ALLOW_PAYMENT_REQUIRED_250", Evidence(Kind.ALLOW_PAYMENT_REQUIRED, 5, detail="250")),
        ("ALLOW_PAYMENT_REQUIRED_X", Evidence(Kind.ALLOW_PAYMENT_REQUIRED, 5)),
        ("YOU_BLOCKED_USER", Evidence(Kind.YOU_BLOCKED_USER, 5)),
        ("RANDOM_ID_DUPLICATE", None),
        ("FLOOD_WAIT_30", None),
        ("FLOOD_WAIT", None),
        ("", None),
        ("_", None),
    ],
)
def test_rpc_errors_are_told_by_name(name: str, expected: Evidence | None) -> None:
    assert from_rpc_error(name, 5) == expected


@given(st.text(), st.integers(0))
def test_any_other_error_name_is_no_evidence(name: str, at: int) -> None:
    found = from_rpc_error(name, at)
    assert found is None or found.at == at


def test_once_everything_has_run_out_there_is_no_until() -> None:
    assert finally_judged(Record.of([Evidence(Kind.JOIN_REQUEST, 100)])).until is None
    assert judge(Record.of([Evidence(Kind.JOIN_REQUEST, 100)]), math.inf).access is Access.NOT_ALLOWED


def test_the_last_of_several_kinds_is_the_latest_in_time() -> None:
    stopped, blocked = Evidence(Kind.BOT_STOPPED, 20), Evidence(Kind.USER_IS_BLOCKED, 30)
    for record in (Record.of([stopped, blocked]), Record.of([blocked, stopped])):
        assert record.last(Kind.BOT_STOPPED, Kind.USER_IS_BLOCKED) == blocked
        assert record.last(Kind.USER_IS_BLOCKED, Kind.BOT_STOPPED) == blocked
    earlier = Record.of([stopped._replace(at=40), blocked])
    assert earlier.last(Kind.BOT_STOPPED, Kind.USER_IS_BLOCKED) == stopped._replace(at=40)


def test_a_record_is_true_once_there_is_evidence_and_shows_it_in_order() -> None:
    assert not Record()
    record = Record.of([message(20), Evidence(Kind.BOT_STOPPED, 10)])
    assert record
    assert repr(record) == f"Record.of([{Evidence(Kind.BOT_STOPPED, 10)!r}, {message(20)!r}])"
