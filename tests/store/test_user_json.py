from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import evidence, profiles
from tgbot.core.access import Access, Evidence, Kind, Record
from tgbot.core.talks import KeptTalk, Step
from tgbot.core.users import Change, Profile, UserFields, Way
from tgbot.store.peers import Peer
from tgbot.store.record import UserRecord
from tgbot.store.transfer.exported import ExportedUser
from tgbot.store.user_json import StoredUser, pack, refreshed, tidied, unpack, user_of


def test_the_packed_fields_are_those_of_a_profile_and_of_a_user_in_their_order() -> None:
    profile = ["profile_language" if name == "language" else name for name in Profile._fields]
    rest = UserFields.__struct_fields__[UserFields.__struct_fields__.index("evidence") + 1 :]
    assert StoredUser.__struct_fields__ == (*profile, *rest, "access", "evidence")


def test_nothing_about_a_person_is_in_a_repr() -> None:
    told = {"id": 7, "first_name": "planted"}
    exported = msgspec.convert(told | {"access_hash": "987654321"}, ExportedUser)
    assert repr(msgspec.convert(told, StoredUser)) == "StoredUser(id=7)"
    assert repr(exported) == "ExportedUser(id=7)"
    assert repr(Peer(987654321, ("planted",), "99966", "planted", 5)) == "Peer(seen=5)"


@given(st.lists(profiles, max_size=5), st.lists(evidence, max_size=10), st.text(max_size=5))
def test_a_user_comes_back_from_json(seen: list[Profile], found: list[Evidence], text: str) -> None:
    record = UserRecord(UserFields(1, Profile(1)))
    for at, profile in enumerate(seen, 1):
        record.see(profile, at, Way.MESSAGE)
    user = record.fields
    user.evidence = Record.of(found)
    record.started(text, 3)
    record.join_requested(-100, 5)
    user.greeted_access_id = 9
    user.preferences[text] = text
    again = unpack(pack(user, Access.BLOCKED))
    assert again.fields == user
    assert (again.counted, again.saved) == (Access.BLOCKED, Access.BLOCKED)
    assert all(isinstance(one, Evidence) and isinstance(one.kind, Kind) for one in again.fields.evidence)
    assert all(isinstance(change, Change) for change in again.fields.history)
    assert all(isinstance(way, Way) for way in again.fields.known_by)
    assert pack(again.fields) == pack(user)
    packed = pack(user, Access.BLOCKED)
    assert refreshed(packed) == (packed, again.user.met)
    assert refreshed(packed).fields == json.loads(packed)
    assert "" not in json.loads(packed).values()
    assert user_of({name: value for name, value in json.loads(packed).items() if name != "access"}) == user
    # As JSONB gives it back: the shorter names first, and blanks.
    order = sorted(json.loads(packed).items(), key=lambda item: (len(item[0]), item[0]))
    changed = json.dumps(dict(order), ensure_ascii=False)
    if not re.search("[\ud800-\udfff]", changed):
        assert tidied(changed) == refreshed(changed).text == packed


@pytest.mark.parametrize(
    "text",
    [
        '{"id":7,"last_own_id":5,"known_by":{"message":5}}',
        '{"id":7,"preferences":{"join_requests":"-1001:190","greeted_for_access":"6","language":"ru"}}',
        '{"id":7,"known_by":{"a way of a plugin":5}}',
    ],
)
def test_what_an_older_version_packed_is_refreshed(text: str) -> None:
    record = unpack(text)
    packed = refreshed(text)
    assert packed.text == pack(record.fields, record.counted) != text
    assert packed.met is record.user.met


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", "{}", '{"id":1,"unheard_of":1}', '{"id":1,"evidence":{"x":1}}']
)
def test_what_is_no_user_is_not_refreshed(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        refreshed(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "1", "{}", '{"id":1,"unheard_of":1}', '{"id":1,"access":"x"}'),
        *(
            '{"id":1,"evidence":{"nothing":[[1]]}}',
            '{"id":1,"evidence":{"sent":[]}}',
            '{"id":1,"evidence":[]}',
        ),
        '{"id":1,"history":[1]}',
        5,
    ],
)
def test_what_is_no_user_is_refused_with_a_value_error(text: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack(text)


def test_lone_surrogates_are_escaped_and_come_back() -> None:
    user = UserFields(1, Profile(1, "\ud800 Ö"), preferences={"\udfff": "x"}, join_requests={-100: 5})
    text = pack(user, Access.UNKNOWN)
    assert text == (
        '{"id":1,"first_name":"\\ud800 Ö","preferences":{"\\udfff":"x"},'
        '"join_requests":{"-100":5},"access":"unknown"}'
    )
    assert unpack(text).fields == user


#: A talk as a later version may keep it: with more fields, and steps with more parts.
LATER = (
    '{"name":"order","key":"m1:5","at":9,"mood":"good","steps":[["ask","size",6,8,true,"M","",{"more":1},2]]}'
)


@pytest.mark.parametrize("more", ["", ',"first_name":"\\ud800"'])
def test_what_a_later_version_adds_to_a_talk_is_passed_over(more: str) -> None:
    user = unpack(f'{{"id":1,"talks":{{"-100":{LATER}}}{more}}}').fields
    talk = KeptTalk("order", "m1:5", 9, steps=(Step("ask", "size", 6, 8, True, "M"),))
    assert user.talks == {-100: talk}


@pytest.mark.parametrize(
    "garbage",
    ["7", '"text"', "[]", "null", "{}", '{"name":"order"}', '{"name":1,"key":"k","at":1}'],
)
def test_a_talk_that_cannot_be_read_ends_and_nothing_else_is_lost(
    garbage: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = (
        f'{{"id":1,"first_name":"planted","data":{{"shop":{{"a":1}}}},"talks":{{"5":{garbage},"6":{LATER}}}}}'
    )
    user = unpack(text).fields
    assert list(user.talks) == [6]
    assert (user.profile.first_name, user.data) == ("planted", {"shop": {"a": 1}})
    assert "planted" not in caplog.text
    assert len(caplog.records) == 1
    assert refreshed(pack(user)).text == pack(user)


@pytest.mark.parametrize("garbage", ["7", '"text"', "[]", "null", '{"x":{}}'])
def test_talks_that_are_none_are_left_out(garbage: str, caplog: pytest.LogCaptureFixture) -> None:
    assert unpack(f'{{"id":1,"talks":{garbage}}}').fields == UserFields(1, Profile(1))
    assert len(caplog.records) == 1


@pytest.mark.parametrize("garbage", ["7", '"text"', "[]", "null", '{"shop":[1],"quiz":{"a":1}}'])
def test_data_that_cannot_be_read_is_left_out(garbage: str, caplog: pytest.LogCaptureFixture) -> None:
    kept = unpack(f'{{"id":1,"first_name":"Anna","data":{garbage}}}').fields
    assert kept == UserFields(1, Profile(1, "Anna"), data={"quiz": {"a": 1}} if "quiz" in garbage else {})
    assert len(caplog.records) == 1


def test_lone_surrogates_within_data_and_talks_come_back() -> None:
    steps = (Step("once", "\udfff", value={"\ud800": ["\udc00"]}, done=True),)
    talk = KeptTalk("order", "m1:5", 9, "\ud800", steps=steps)
    user = UserFields(1, Profile(1), data={"shop\ud800": {"a": "\ud800", "n": 2**70}}, talks={-100: talk})
    text = pack(user)
    assert text.encode().decode() == text
    assert "\\ud800" in text
    assert unpack(text).fields == user
