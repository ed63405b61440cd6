"""What a file says of a user, and how it joins what is known."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.access import Access, Evidence, Kind, Record, judge
from tgbot.core.users import Change, Profile, User
from tgbot.store.sqlite.rows import pack
from tgbot.store.sqlite.sessionfile import Peer
from tgbot.store.transfer.entries import (
    COLUMNS,
    EntryError,
    from_cells,
    from_fields,
    from_id,
    from_peer,
    joined,
    newer,
    to_cells,
    to_json,
)

BOT, NOW = 42, 1_000_000
TEXT = st.text(max_size=6)
TIMES = st.integers(1, NOW)
IDS = st.integers(0, 2**31)

EVIDENCE = st.builds(
    Evidence,
    kind=st.sampled_from(Kind),
    at=st.integers(1, 12),
    qts=st.integers(0, 3),
    until=st.none() | st.integers(1, 15),
    detail=st.sampled_from(["", "app"]),
)


@st.composite
def users(draw: st.DrawFn) -> User:
    """A user as a registry holds them."""
    at = draw(TIMES)
    names = draw(st.lists(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), max_size=2, unique=True))
    profile = Profile(7, draw(TEXT), draw(TEXT), tuple(names), draw(st.none() | st.just("ru")))
    user = User(7, profile, first_seen=at, last_seen=at, known_by={draw(TEXT): at})
    if draw(st.booleans()):
        user.language, user.language_at = "en", at
        user.preferences = draw(st.dictionaries(TEXT, TEXT, max_size=2))
    if draw(st.booleans()):
        user.history = [Change(at, "first_name", draw(TEXT))]
        user.first_payload, user.first_payload_id = "one", draw(st.integers(1, 9))
        user.last_payload, user.last_payload_id = "two", draw(st.integers(10, 19))
    user.first_start_id, user.last_finished_id, user.last_own_id = draw(IDS), draw(IDS), draw(IDS)
    user.record = Record(draw(st.lists(EVIDENCE, max_size=4)))
    user.counted = judge(user.record, NOW).access
    return user


PEER = Peer(-(2**62), ("anna", "bella"), None, "Anna B", 900)


@given(users())
def test_a_user_comes_back_from_json_and_from_csv_as_they_were(user: User) -> None:
    for entry in (
        from_fields(json.loads(to_json(user, PEER, BOT)), NOW, BOT),
        from_cells(dict(zip(COLUMNS, to_cells(user, PEER, BOT), strict=True)), NOW, BOT),
    ):
        assert entry.peer == PEER
        back = joined(None, entry, NOW)
        back.counted = user.counted
        assert pack(back) == pack(user)


@given(users())
def test_what_is_known_already_changes_nothing(user: User) -> None:
    entry = from_fields(json.loads(to_json(user, None, BOT)), NOW, BOT)
    before = pack(user)
    assert pack(joined(user, entry, NOW + 5)) == before


@given(users(), users())
def test_once_joined_is_as_good_as_twice(mine: User, theirs: User) -> None:
    text = to_json(theirs, None, BOT)
    once = joined(mine, from_fields(json.loads(text), NOW, BOT), NOW)
    first = pack(once)
    assert pack(joined(once, from_fields(json.loads(text), NOW, BOT), NOW + 9)) == first


def test_an_id_alone_is_somebody_of_whom_nothing_is_known_but_when_they_were_imported() -> None:
    user = joined(None, from_id(7), NOW)
    assert (user.met, user.known_by, user.first_seen) == (True, {"import": NOW}, NOW)
    assert judge(user.record, NOW).access is Access.UNKNOWN
    assert joined(user, from_id(7), NOW + 5).known_by == {"import": NOW}


def test_the_later_profile_holds_whichever_comes_first() -> None:
    def met(name: str, at: int) -> dict[str, Any]:
        return {"id": 7, "first_name": name, "last_seen": at, "known_by": {"message": at}}

    for order in ((("Old", 5), ("New", 9)), (("New", 9), ("Old", 5))):
        user = None
        for name, at in order:
            user = joined(user, from_fields(met(name, at), NOW, BOT), NOW)
        assert user is not None
        assert (user.first_name, user.last_seen, user.known_by) == ("New", 9, {"message": 5})


def test_evidence_merges_so_that_an_older_block_undoes_no_newer_message() -> None:
    user = User(7, Profile(7), record=Record([Evidence(Kind.MESSAGE, 50)]))
    older = {"id": 7, "evidence": {"bot_stopped": [[40, 3]]}}
    assert judge(joined(user, from_fields(older, NOW, BOT), NOW).record, NOW).access is Access.REACHABLE
    later = {"id": 7, "evidence": {"bot_stopped": [[60, 4]]}}
    assert judge(joined(user, from_fields(later, NOW, BOT), NOW).record, NOW).access is Access.BLOCKED


def test_what_the_user_chose_here_stays() -> None:
    user = User(7, Profile(7), preferences={"language": "ru"})
    entry = from_fields({"id": 7, "preferences": {"language": "en", "else": "x"}}, NOW, BOT)
    assert joined(user, entry, NOW).preferences == {"language": "ru", "else": "x"}


def test_the_names_of_other_programs_are_understood() -> None:
    entry = from_cells(
        {"user_id": "7", "username": "@Anna", "language_code": "ru", "is_premium": "yes"}, NOW, BOT
    )
    assert entry.user is not None
    assert (entry.id, entry.user.usernames, entry.user.language) == (7, ("Anna",), "ru")
    assert entry.user.premium


def test_a_bot_and_a_deleted_account_are_evidence() -> None:
    for flag, access in (("bot", Access.BOT), ("deleted", Access.DEACTIVATED)):
        user = joined(None, from_fields({"id": 7, flag: True}, NOW, BOT), NOW)
        assert judge(user.record, NOW).access is access


def test_a_session_s_row_adds_a_user_but_replaces_no_profile() -> None:
    peer = Peer(5, ("anna",), None, "Anna Bell", NOW - 10)
    new = joined(None, from_peer(7, peer, BOT, NOW), NOW)
    assert (new.first_name, new.usernames, new.known_by) == ("Anna Bell", ("anna",), {"import": NOW - 10})
    known = User(7, Profile(7, "Anna", "Bell", ("anna", "annie")), last_seen=50, known_by={"message": 50})
    before = pack(known)
    assert pack(joined(known, from_peer(7, peer, BOT, NOW), NOW)) == before


def test_chats_and_the_bot_itself_are_no_users() -> None:
    assert from_peer(-100, PEER, BOT, NOW).user is None
    assert from_peer(BOT, PEER, BOT, NOW).user is None


def test_an_older_access_hash_replaces_none_and_a_name_stays_with_who_had_it_last() -> None:
    mine = Peer(1, ("anna",), "7", "Anna", 100)
    assert newer(mine, Peer(2, (), None, None, 99), 7, {}) is None
    assert newer(mine, Peer(2, (), None, None, 100), 7, {}) is None
    theirs = Peer(2, ("anna", "moved"), None, None, 101)
    assert newer(mine, theirs, 7, {"moved": (8, 200)}) == Peer(2, ("anna",), "7", "Anna", 101)
    assert newer(None, theirs, 7, {"moved": (8, 50)}) == theirs


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no id"),
        ({"id": None}, "no id"),
        ({"id": True}, "not a number"),
        ({"id": 1.5}, "not a number"),
        ({"id": "seven"}, "not a number"),
        ({"id": 0}, "above 0"),
        ({"id": -5}, "above 0"),
        ({"id": 2**63}, "above 0"),
        ({"id": 7, "bot_id": 43}, "another bot's"),
        ({"id": 7, "first_name": 5}, "first_name is not text"),
        ({"id": 7, "usernames": [5]}, "usernames is not a list"),
        ({"id": 7, "premium": "maybe"}, "neither true nor false"),
        ({"id": 7, "last_seen": NOW + 2 * 86400}, "last_seen has a time in the future"),
        ({"id": 7, "access_hash": "x"}, "not a whole number"),
        ({"id": 7, "access_hash": 2**63}, "out of range"),
        ({"id": 7, "evidence": []}, None),
        ({"id": 7, "evidence": [1]}, "not an object"),
        ({"id": 7, "evidence": {"rumour": [[5]]}}, "not known"),
        ({"id": 7, "evidence": {"sent": [[NOW + 2 * 86400]]}}, "in the future"),
        ({"id": 7, "evidence": {"sent": [5]}}, "one or two"),
        ({"id": 7, "evidence": {"sent": [[5, "x"]]}}, "one or two"),
        ({"id": 7, "known_by": {"message": "x"}}, "not a whole number"),
        ({"id": 7, "history": [[5, "first_name"]]}, "history is not"),
        ({"id": 7, "preferences": {"language": 5}}, "other than text"),
    ],
)
def test_what_cannot_be_understood_is_told_by_name(fields: dict[str, Any], reason: str | None) -> None:
    if reason is None:
        from_fields(fields, NOW, BOT)
        return
    with pytest.raises(EntryError, match=reason):
        from_fields(fields, NOW, BOT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*COLUMNS, "username", "user_id"]), JSON, max_size=8))
def test_whatever_an_object_holds_it_is_an_entry_or_refused_as_one(fields: dict[str, Any]) -> None:
    try:
        entry = from_fields({"id": 7, **fields}, NOW, BOT)
    except EntryError:
        return
    pack(joined(None, entry, NOW))
    judge(entry.user.record, NOW)  # type: ignore[union-attr]  # an object's entry is a user
