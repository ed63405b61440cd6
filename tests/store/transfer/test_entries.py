"""An entry about a user in a file, and how it merges with the registry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.memory import MemoryRows
from tests.strategies import evidence
from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.talks import KeptTalk, Step
from tgbot.core.users import Change, Profile, User, UserFields, Way
from tgbot.core.verdicts import judge
from tgbot.store.peers import Peer, UsernameRow, newer
from tgbot.store.record import UserRecord
from tgbot.store.registry import Registry
from tgbot.store.transfer.entries import (
    Entry,
    from_cells,
    from_fields,
    from_id,
    from_peer,
    to_json,
)
from tgbot.store.transfer.exportcells import to_cells
from tgbot.store.transfer.fields import COLUMNS, EntryError
from tgbot.store.user_json import PackedUser, pack, refreshed, unpack

BOT, NOW = 42, 1_000_000
TEXT = st.text(max_size=6)
TIMES = st.integers(1, NOW)
IDS = st.integers(0, 2**31)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def users(draw: st.DrawFn) -> UserFields:
    """Draw a user as a registry stores it."""
    at = draw(TIMES)
    names = draw(st.lists(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), max_size=2, unique=True))
    profile = Profile(7, draw(TEXT), draw(TEXT), tuple(names), draw(st.none() | st.just("ru")))
    user = UserFields(7, profile, first_seen=at, last_seen=at, known_by={draw(st.sampled_from(Way)): at})
    if draw(st.booleans()):
        user.language, user.language_at = "en", at
        user.preferences = draw(st.dictionaries(TEXT, TEXT, max_size=2))
        user.join_requests = {-1_000_000_000_001: at}
    if draw(st.booleans()):
        user.history = [Change(at, "first_name", draw(TEXT))]
        user.first_payload, user.first_payload_id = "one", draw(st.integers(1, 9))
        user.last_payload, user.last_payload_id = "two", draw(st.integers(10, 19))
    if draw(st.booleans()):
        user.data = draw(
            st.dictionaries(TEXT, st.dictionaries(TEXT, JSON, min_size=1, max_size=2), max_size=2)
        )
        steps = st.builds(Step, kind=st.just("ask"), label=TEXT, message=IDS, done=st.booleans(), value=JSON)
        talk = st.builds(
            KeptTalk, name=TEXT, key=TEXT, at=TIMES, text=TEXT, steps=st.lists(steps, max_size=2).map(tuple)
        )
        user.talks = draw(st.dictionaries(st.integers(-(2**50), 2**50), talk, max_size=2))
    user.first_start_id, user.last_finished_id, user.greeted_access_id = draw(IDS), draw(IDS), draw(IDS)
    user.evidence = Record.of(draw(st.lists(evidence, max_size=4)))
    return user


PEER = Peer(-(2**62), ("anna", "bella"), None, "Anna B", 900)


class Merged(Registry):
    """A registry in memory, into which entries of user 7 are merged."""

    def __init__(self, mine: UserFields | None = None) -> None:
        super().__init__(MemoryRows(), lambda: NOW)
        if mine is not None:
            self.merge(mine, now=NOW)

    def take(self, entry: Entry, now: int = NOW) -> bool | None:
        assert entry.user is not None
        return self.merge(entry.user, partial=entry.partial, now=now)

    @property
    def user(self) -> User:
        user = self.get(7)
        assert user is not None
        return user

    @property
    def text(self) -> str:
        return pack(self._records[7].fields)


def packed(record: UserRecord) -> PackedUser:
    return refreshed(pack(record.fields, record.counted))


def never_unclear(column: str, why: str) -> None:
    raise AssertionError(f"{column} {why}")


@given(users())
def test_a_user_comes_back_from_json_and_from_csv_as_they_were(user: UserFields) -> None:
    record = UserRecord(user, judge(user.evidence, NOW).access)
    for entry in (
        from_fields(json.loads(to_json(packed(record), PEER, BOT)), NOW, BOT),
        from_cells(
            dict(zip(COLUMNS, map(str, to_cells(packed(record), PEER, BOT)), strict=True)),
            NOW,
            BOT,
            never_unclear,
        ),
    ):
        assert entry.peer == PEER
        users = Merged()
        assert users.take(entry) is None
        assert users.text == pack(user)


@pytest.mark.parametrize("peer", [Peer(5, (), None, "Anna", 0), Peer(-5, ("null", "anna"), "-491", "=A", 7)])
def test_a_peer_comes_back_from_json_and_from_csv_as_it_was(peer: Peer) -> None:
    user = packed(UserRecord(UserFields(7, Profile(7, "Anna", usernames=("other",)), last_seen=9)))
    cells = dict(zip(COLUMNS, map(str, to_cells(user, peer, BOT)), strict=True))
    for entry in (
        from_cells(cells, NOW, BOT, never_unclear),
        from_fields(json.loads(to_json(user, peer, BOT)), NOW, BOT),
    ):
        assert entry.peer == peer


@given(users())
def test_what_is_known_already_changes_nothing(user: UserFields) -> None:
    users = Merged(user)
    before = users.text
    assert (
        users.take(from_fields(json.loads(to_json(packed(UserRecord(user)), None, BOT)), NOW, BOT), NOW + 5)
        is False
    )
    assert users.text == before


@given(users(), users())
def test_a_second_merge_of_the_same_changes_nothing(mine: UserFields, theirs: UserFields) -> None:
    text = to_json(packed(UserRecord(theirs)), None, BOT)
    users = Merged(mine)
    before = users.text
    changed = users.take(from_fields(json.loads(text), NOW, BOT))
    first = users.text
    assert changed is (first != before)
    assert users.take(from_fields(json.loads(text), NOW, BOT), NOW + 9) is False
    assert users.text == first


def test_a_user_with_an_id_only_is_known_since_the_import() -> None:
    users = Merged()
    assert users.take(from_id(7)) is None
    assert (users.user.met, users.user.known_by, users.user.first_seen) == (True, {Way.IMPORT: NOW}, NOW)
    assert users.user.verdict(NOW).access is Access.UNKNOWN
    assert users.take(from_id(7), NOW + 5) is False
    assert users.user.known_by == {Way.IMPORT: NOW}


def test_the_later_profile_holds_whichever_comes_first() -> None:
    def met(name: str, at: int) -> dict[str, Any]:
        return {"id": 7, "first_name": name, "last_seen": at, "known_by": {"message": at}}

    for order in ((("Old", 5), ("New", 9)), (("New", 9), ("Old", 5))):
        users = Merged()
        for name, at in order:
            users.take(from_fields(met(name, at), NOW, BOT))
        user = users.user
        assert (user.first_name, user.last_seen, user.known_by) == ("New", 9, {Way.MESSAGE: 5})


def test_evidence_merges_so_that_an_older_block_undoes_no_newer_message() -> None:
    users = Merged(UserFields(7, Profile(7), evidence=Record.of([Evidence(Kind.MESSAGE, 50)])))
    users.take(from_fields({"id": 7, "evidence": {"bot_stopped": [[40, 3]]}}, NOW, BOT))
    assert users.user.verdict(NOW).access is Access.REACHABLE
    users.take(from_fields({"id": 7, "evidence": {"bot_stopped": [[60, 4]]}}, NOW, BOT))
    assert users.user.verdict(NOW).access is Access.BLOCKED


def test_what_the_user_chose_here_stays() -> None:
    users = Merged(UserFields(7, Profile(7), preferences={"language": "ru"}))
    users.take(from_fields({"id": 7, "preferences": {"language": "en", "else": "x"}}, NOW, BOT))
    assert users.user.preferences == {"language": "ru", "else": "x"}


def test_what_older_versions_kept_among_the_preferences_comes_into_its_place() -> None:
    users = Merged()
    old = {"language": "ru", "join_requests": "-1001:190 -1002:200", "greeted_for_access": "6"}
    users.take(from_fields({"id": 7, "preferences": old, "last_own_id": 8}, NOW, BOT))
    assert users.user.preferences == {"language": "ru"}
    assert users.user.join_requests == {-1001: 190, -1002: 200}
    assert users.user.greeted_access_id == 6


def test_the_names_of_other_programs_are_understood() -> None:
    entry = from_fields(
        {"user_id": "7", "username": "@Anna", "language_code": "ru", "is_premium": "yes"}, NOW, BOT
    )
    assert entry.user is not None
    assert (entry.id, entry.user.profile.usernames, entry.user.language) == (7, ("Anna",), "ru")
    assert entry.user.profile.premium


def test_a_bot_and_a_deleted_account_are_evidence() -> None:
    for flag, access in (("bot", Access.BOT), ("deleted", Access.DEACTIVATED)):
        users = Merged()
        users.take(from_fields({"id": 7, flag: True}, NOW, BOT))
        assert users.user.verdict(NOW).access is access


def test_a_session_s_row_adds_a_user_but_replaces_no_profile() -> None:
    peer = Peer(5, ("anna",), None, "Anna Bell", NOW - 10)
    users = Merged()
    users.take(from_peer(7, peer, BOT, NOW))
    new = users.user
    assert (new.first_name, new.usernames, new.known_by) == ("Anna Bell", ("anna",), {Way.IMPORT: NOW - 10})
    profile = Profile(7, "Anna", "Bell", ("anna", "annie"))
    users = Merged(UserFields(7, profile, last_seen=50, known_by={Way.MESSAGE: 50}))
    before = users.text
    assert users.take(from_peer(7, peer, BOT, NOW)) is False
    assert users.text == before


def test_chats_and_the_bot_itself_are_no_users() -> None:
    assert from_peer(-100, PEER, BOT, NOW).user is None
    assert from_peer(BOT, PEER, BOT, NOW).user is None


def test_an_older_access_hash_replaces_none_and_a_name_stays_with_who_had_it_last() -> None:
    mine = Peer(1, ("anna",), "7", "Anna", 100)
    assert newer(mine, Peer(2, (), None, None, 99), 7, {}) is None
    assert newer(mine, Peer(2, (), None, None, 100), 7, {}) is None
    theirs = Peer(2, ("anna", "moved"), None, None, 101)
    assert newer(mine, theirs, 7, {"moved": UsernameRow(8, 200)}) == Peer(2, ("anna",), "7", "Anna", 101)
    assert newer(None, theirs, 7, {"moved": UsernameRow(8, 50)}) == theirs


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
        ({"id": 7, "preferences": {"join_requests": "x"}}, "join requests that cannot be read"),
        ({"id": 7, "preferences": {"join_requests": f"-1001:{NOW + 2 * 86400}"}}, "join_requests .* future"),
        ({"id": 7, "preferences": {"join_requests": f"{2**64}:5"}}, "join_requests has"),
        ({"id": 7, "preferences": {"join_requests": 5}}, "join requests that cannot be read"),
        ({"id": 7, "preferences": {"greeted_for_access": "-5"}}, "greeted_access_id is out of range"),
        ({"id": 7, "preferences": {"language": ""}}, "preferences has a language that is not"),
        ({"id": 7, "preferences": {"language": "<b>"}}, "preferences has a language that is not"),
        ({"id": 7, "preferences": '{"language": "no language"}'}, "preferences has a language"),
        ({"id": 7, "preferences": ["language"]}, "preferences"),
        ({"id": 7, "preferences": "{"}, "preferences is not JSON"),
        ({"id": 7, "join_requests": {"x": 5}}, "a chat id that is not a number"),
        ({"id": 7, "join_requests": {"-1001": "x"}}, "not a whole number"),
        ({"id": 7, "join_requests": {"-1001": NOW + 2 * 86400}}, "in the future"),
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


@given(st.dictionaries(st.sampled_from([*COLUMNS, "username", "user_id"]), TEXT, max_size=8))
def test_whatever_a_row_holds_it_is_an_entry_or_refused_as_one(cells: dict[str, str]) -> None:
    left_out: list[str] = []
    read = {"id": "7", **{name: cell for name, cell in cells.items() if name in COLUMNS}}
    try:
        entry = from_cells(read, NOW, BOT, lambda column, why: left_out.append(column))
    except EntryError:
        return
    assert len(left_out) == len(set(left_out)) <= len(cells)
    users = Merged()
    users.take(entry)
    text = pack(users._records[entry.id].fields)
    assert pack(unpack(text).fields) == text


@given(st.dictionaries(st.sampled_from([*COLUMNS, "username", "user_id", "chat_id"]), JSON, max_size=8))
def test_whatever_an_object_holds_it_is_an_entry_or_refused_as_one(fields: dict[str, Any]) -> None:
    try:
        entry = from_fields({"id": 7, **fields}, NOW, BOT)
    except EntryError:
        return
    users = Merged()
    users.take(entry)
    text = pack(users._records[entry.id].fields)
    assert pack(unpack(text).fields) == text
